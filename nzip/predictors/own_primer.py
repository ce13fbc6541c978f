"""``OwnPrimer``: a primer of the user's own, as predictors, passports and primer files know it.

It is data alone: what a text or a dictionary means is the mix's affair. Concession: nothing is checked here;
primer files are where they are read (:mod:`nzip.primer.file`)."""

from __future__ import annotations

from typing import NamedTuple

from nzip.hashes import text_hash


class OwnPrimer(NamedTuple):
    """``text``: what the mix reads before each block; ``dictionary``: the content of one by which words are
    coded (its alphabet, then a word a line), or nothing."""

    text: bytes
    dictionary: bytes = b""

    @property
    def hash(self) -> bytes:
        """Eight bytes by which it is known: the text's hash, or the hash of both parts' hashes."""
        own = text_hash(self.text)
        return text_hash(own + text_hash(self.dictionary)) if self.dictionary else own
