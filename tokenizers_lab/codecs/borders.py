"""Byte offsets of tokens where a library says which characters they come from.

Libraries count characters; the lab's borders are bytes of what was given, which may hold bytes that are no
UTF-8 and stand as U+FFFD in what the library saw. Where several tokens share a character and their bytes are
those of the text, the borders lie inside it.

Concession: tokens that share a character and have other bytes than it (a normalizer's work) all end where it
ends.
"""

from __future__ import annotations

import codecs
import itertools
from collections.abc import Sequence

import numpy as np


def of_characters(raw: bytes, text: str) -> np.ndarray:
    """Byte offset in ``raw`` of each character of ``text``, which is ``raw.decode("utf-8", "replace")``, and
    the end: int64 of shape (characters + 1,)."""
    at = np.zeros(len(text) + 1, dtype=np.int64)
    if "\ufffd" not in text:
        points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
        np.cumsum(1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000), out=at[1:])
    else:  # only then can a character stand for fewer bytes than it has
        at[:] = _replaced(raw, text)
    return at


def _replaced(raw: bytes, text: str) -> list[int]:
    bad: dict[int, int] = {}

    def note(error):
        bad[error.start] = error.end
        return "\ufffd", error.end

    codecs.register_error("tokenizers_lab.note", note)
    raw.decode("utf-8", "tokenizers_lab.note")
    out, at = [0], 0
    for c in text:
        at = bad[at] if at in bad else at + len(c.encode("utf-8"))
        out.append(at)
    return out


def of_tokens(
    raw: bytes, starts: np.ndarray, stops: np.ndarray, tokens: Sequence[bytes | None]
) -> np.ndarray:
    """Offsets as :meth:`tokenizers_lab.codec.Codec.offsets` has them, int64 of shape (tokens + 1,), from the
    ``starts`` and ``stops`` (int64, of whole characters) that a library gives. ``tokens``: the bytes of each,
    None where it has none of its own."""
    out = np.maximum.accumulate(np.concatenate([[0], stops]).astype(np.int64))
    # Tokens that share a character stand in a group.
    borders = [0, *(np.flatnonzero(starts[1:] >= out[1:-1]) + 1).tolist(), len(starts)]
    for first, last in itertools.pairwise(borders):
        if last - first < 2:
            continue
        begin, at = int(out[first]), first
        while at < last and tokens[at] is None:  # the space that a text is begun with
            at += 1
        inside = [token for token in tokens[at:last] if token is not None]
        if 0 < len(inside) == last - at and raw[begin : int(out[last])] == b"".join(inside):
            out[first + 1 : at + 1] = begin
            out[at + 1 : last + 1] = begin + np.cumsum([len(token) for token in inside])
    if len(out) > 1:
        out[-1] = len(raw)  # what a normalizer dropped at the end belongs to the last token
    return out
