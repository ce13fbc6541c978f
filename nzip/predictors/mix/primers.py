"""Primer texts: what the mix reads before a block, so that it starts warm.

Each primer is a few hundred kilobytes of one kind of text (made by scripts/make_primers.py; sources and
licences in NOTICE). The encoder picks one (primer_choice.py), or none; the block's params name it and pin its
hash. The decoder reads the same text first.

Which primers are worth trying tells the share of a block's distinct six-byte sequences that each knows. That
must not cost: instead of whole texts it looks at *signatures*, the sorted hashes of one in 32 of a primer's
sequences. Concession: a primer that shares no letters with the text is never chosen, although it might warm
the weights a little."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np

from nzip.errors import CorruptError, ModelMismatchError
from nzip.exact.dependencies import dependencies
from nzip.hashes import text_hash
from nzip.predictors.kinds import TEXT
from nzip.predictors.mix.constants import CODED, K1, K2
from nzip.predictors.mix.primer_index import HABITS, HEAD, USER, index
from nzip.predictors.mix.primer_index import read as _read
from nzip.predictors.mix.words.dictionary import Dictionary
from nzip.predictors.mix.words.options import Words

__all__ = [
    "HABITS", "HEAD", "USER", "Primer", "index", "named", "pin", "portion", "scores", "sequences", "shares",
    "shipped", "signatures",
]  # fmt: skip

GRAM = 6
KEEP = 32  # one in KEEP sequences stands in a signature
HASH_BYTES = 4
_SAMPLE = 1 << 14
_K1, _K2 = np.uint64(K1), np.uint64(K2)


# Bytes of a primer that each level reads, from its end: all of what is coded, and of raw bytes most.
READS = {0: 1_200_000, 1: 1_200_000, 2: 1_200_000, 3: 1_200_000, 4: 1_200_000, 5: 2_000_000}


class Holder(Protocol):
    """Keeps what reading a primer gave (heads.py)."""

    def get(self, name: str, make: Callable[[], Any], /) -> Any:
        """The snapshot of that name, which ``make`` makes where it is not there."""

    def coded(self, dictionary: Dictionary, /) -> bytes:
        """The primer's text, its words coded."""

    def signature(self) -> np.ndarray:
        """:func:`sequences` of the primer's text."""


class Primer(NamedTuple):
    """``number`` (1 to 125 ship with the package, 126 is a stream's head, 255 the user's own), its text, or
    what reads it when it is needed, and the first bytes of its hash. ``habits``: only what reading it taught
    the weights and maps is kept, what it says is forgotten. ``width``: where the text's lines were wrapped,
    or 0; ``dictionary``: the number of the one by which the words of ``text`` are coded, or 0; ``made_from``:
    by which the text is known without being read, or nothing; ``held``: where its snapshots are in memory,
    None: in the cache."""

    number: int
    name: str
    read: bytes | Callable[[], bytes]
    hash: bytes
    habits: bool = False
    width: int = 0
    dictionary: int = 0
    made_from: bytes = b""
    held: Holder | None = None

    @property
    def text(self) -> bytes:
        """What is read. Raises :class:`ModelMismatchError` where what is installed is damaged."""
        return self.read if isinstance(self.read, bytes) else self.read()

    @property
    def kind(self) -> int:
        """The kind of content by whose plan it is read."""
        return CODED if self.dictionary else TEXT

    @property
    def code(self) -> int:
        """The primer as a byte of a block's params."""
        return self.number | HABITS if self.habits else self.number

    @property
    def prefix(self) -> bytes:
        """What stands before the block's bytes, for matches to reach back into."""
        return b"" if self.habits else self.text


def portion(primer: Primer, level: int, dictionary: Dictionary | None = None) -> Primer:
    """What ``level`` reads of a primer before a stream whose words ``dictionary`` codes: the last bytes of
    its text, or of its text coded likewise, lines folded."""
    if primer.held is None:
        return _portion_of(primer, level, dictionary)
    # All of a head, which is kept only as long as the head is.
    text = primer.text if dictionary is None else primer.held.coded(dictionary)
    return primer._replace(read=text, dictionary=dictionary.number if dictionary is not None else 0)


@functools.lru_cache(maxsize=24)  # thousands of short texts ask for the same ones
def _portion_of(primer: Primer, level: int, dictionary: Dictionary | None) -> Primer:
    made_from = b""
    if primer.made_from:
        made_from = primer.made_from + b"%d" % READS[level]
        if dictionary is not None:
            made_from += dictionary.hash + _coding()
    return primer._replace(
        read=functools.partial(_portion, primer.read, READS[level], primer.width, dictionary),
        dictionary=dictionary.number if dictionary is not None else 0,
        made_from=made_from,
    )


@functools.lru_cache(maxsize=8)
def _portion(
    read: bytes | Callable[[], bytes], size: int, width: int, dictionary: Dictionary | None
) -> bytes:
    text = read if isinstance(read, bytes) else read()
    return (text if dictionary is None else _coded(text, width, dictionary))[-size:]


@functools.lru_cache(maxsize=8)
def _coded(text: bytes, width: int, dictionary: Dictionary) -> bytes:
    return Words(dictionary, width).apply(np.frombuffer(text, np.uint8)).tobytes()


@functools.cache
def _coding() -> bytes:
    """A hash of the code that :func:`_coded` runs."""
    return dependencies(Words.apply).encode()


def pin(primer: Primer | None, dictionary: Dictionary | None) -> bytes:
    """By which a stream pins what is read before it: the first bytes of the primer's hash, of the
    dictionary's, or of the hash of both; none of neither."""
    read = [part.hash for part in (primer, dictionary) if part is not None]
    return text_hash(b"".join(read))[:HASH_BYTES] if len(read) == 2 else b"".join(read)


# For `nzip primer list`.
WHAT_FOR = {
    "prose": "English prose, books and speeches",
    "docs": "English manuals and help",
    "wiki": "wiki markup, the XML of dumps",
    "code": "source code: Python, JavaScript, TypeScript, C++, CSS",
    "data": "JSON, CSS, SVG",
    "european": "European languages in Latin letters",
    "cyrillic": "Russian and Ukrainian",
    "asian": "Chinese, Japanese, Vietnamese, Tamil",
}


@functools.lru_cache(maxsize=8)
def shipped(number: int) -> Primer:
    """The primer of that number, its text unread. :class:`CorruptError` if there is none."""
    if not 1 <= number <= len(index()):
        raise CorruptError(f"a block that names primer {number}, and there are {len(index())}")
    entry = index()[number - 1]
    known = bytes.fromhex(entry["hash"])
    return Primer(
        number, entry["name"], functools.partial(_text_of, number), known[:HASH_BYTES],
        width=entry["width"], made_from=b"%d %s" % (entry["bytes"], known),
    )  # fmt: skip


@functools.lru_cache(maxsize=8)
def _text_of(number: int) -> bytes:
    import lzma  # start-up: a primer that is in the cache already is not unpacked

    entry = index()[number - 1]
    text = lzma.decompress(_read(entry["name"] + ".xz"))
    if text_hash(text).hex() != entry["hash"]:
        raise ModelMismatchError(f"the installed primer {entry['name']} is damaged: reinstall nzip")
    return text


def named(code: int) -> Primer:
    """The shipped primer that a block's params name, whole or its habits, its text unread. Errors as
    :func:`shipped`."""
    return shipped(code & ~HABITS)._replace(habits=code & HABITS > 0)


def sequences(data: np.ndarray) -> np.ndarray:
    """Distinct hashes (sorted uint32) of the sampled six-byte sequences of ``data`` (uint8)."""
    if len(data) < GRAM:
        return np.zeros(0, np.uint32)
    wide = data.astype(np.uint64)
    h = np.zeros(len(data) - GRAM + 1, np.uint64)
    for k in range(GRAM):
        h = h * _K1 + wide[k : len(h) + k]
    h = (h * _K2) >> np.uint64(24)
    found = np.sort(h[h % np.uint64(KEEP) == 0].astype(np.uint32))
    # As np.unique, which imports numpy.ma at its first call.
    return found[np.concatenate([[True], found[1:] != found[:-1]])] if len(found) else found


@functools.cache
def signatures() -> tuple[np.ndarray, ...]:
    """What each shipped primer knows, as :func:`sequences` says it."""
    raw = np.frombuffer(_read("signatures.bin"), "<u4")
    edges = np.cumsum([0] + [entry["signature"] for entry in index()])
    return tuple(raw[a:b] for a, b in pairwise(edges))


def scores(data: np.ndarray) -> list[float]:
    """For each shipped primer the share of ``data``'s distinct sequences that it knows, 0 to 1."""
    return shares(data, signatures())


def shares(data: np.ndarray, signatures: Sequence[np.ndarray]) -> list[float]:
    """As :func:`scores`, for each of ``signatures``, none of them empty."""
    size = len(data)
    if size > 16 * _SAMPLE:
        starts = np.linspace(0, size - _SAMPLE, 16).astype(np.int64)
        data = np.concatenate([data[s : s + _SAMPLE] for s in starts])
    found = sequences(data)
    if not len(found):
        return [0.0] * len(signatures)
    known = []
    for signature in signatures:
        place = np.minimum(np.searchsorted(signature, found), len(signature) - 1)
        known.append(float((signature[place] == found).mean()))
    return known
