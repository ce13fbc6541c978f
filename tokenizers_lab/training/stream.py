"""The validation stream of compression-aware BPE: ids with word borders, merged again and again, and the ways
to write ids as bytes for a compressor."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.pretokenize.bytelevel import BYTE_ORDER

SERIALISATIONS = ("u8", "u16", "leb128", "rank")


@njit(cache=True, nogil=True)
def merged(ids, first, a, b, new):
    """``ids`` with every (a, b) inside a word replaced by ``new``, left to right; ``first[i]``: id i begins a
    word. Returns (ids, first)."""
    out = np.empty(len(ids), dtype=ids.dtype)
    out_first = np.empty(len(ids), dtype=first.dtype)
    n = 0
    i = 0
    while i < len(ids):
        out_first[n] = first[i]
        if ids[i] == a and i + 1 < len(ids) and ids[i + 1] == b and not first[i + 1]:
            out[n] = new
            i += 2
        else:
            out[n] = ids[i]
            i += 1
        n += 1
    return out[:n].copy(), out_first[:n].copy()


class Stream:
    """``Stream.of(text, pre, special)``: the bytes of ``text`` as ids of a vocabulary without merges."""

    def __init__(self, ids: np.ndarray, first: np.ndarray, raw_bytes: int):
        self.ids, self.first, self.raw_bytes = ids, first, raw_bytes

    @classmethod
    def of(cls, text: bytes, pre: PreTokenizer, special: int = 0) -> Stream:
        data = np.frombuffer(text, dtype=np.uint8)
        to_id = np.empty(256, dtype=np.int32)
        to_id[BYTE_ORDER] = np.arange(special, special + 256)
        first = np.zeros(len(data) + 1, dtype=np.bool_)
        first[0] = True
        first[pre.ends(data)] = True
        return cls(to_id[data], first[:-1], len(data))

    def merged(self, a: int, b: int, new: int) -> Stream:
        """A new stream with the pair merged."""
        ids, first = merged(self.ids, self.first, a, b, new)
        return Stream(ids, first, self.raw_bytes)


def serialise(ids: np.ndarray, how: str = "u16") -> bytes:
    """Ids as bytes: ``u8`` (ids below 256), ``u16`` (little endian; ids below 65,536), ``leb128`` (seven bits
    a byte), or ``rank`` (LEB128 of the id's rank by frequency in this very stream, the most frequent 0; ties
    by id)."""
    if how == "u8":
        if len(ids) and int(ids.max()) > 0xFF:
            raise LabError("u8 cannot hold ids above 255")
        return ids.astype(np.uint8).tobytes()
    if how == "u16":
        if len(ids) and int(ids.max()) > 0xFFFF:
            raise LabError("u16 cannot hold ids above 65,535; use leb128 or rank")
        return ids.astype("<u2").tobytes()
    if how == "rank":
        counts = np.bincount(ids)
        order = np.argsort(-counts, kind="stable")
        rank = np.empty(len(counts), dtype=np.int64)
        rank[order] = np.arange(len(counts))
        ids = rank[ids]
    elif how != "leb128":
        raise LabError(f"unknown serialisation {how!r}; known: {', '.join(SERIALISATIONS)}")
    return _leb128(ids.astype(np.int64)).tobytes()


def widths(ids: np.ndarray, how: str) -> np.ndarray:
    """Bytes that each of ``ids`` takes in :func:`serialise`, for ``u8``, ``u16`` and ``leb128``: int64."""
    if how != "leb128":
        return np.full(len(ids), {"u8": 1, "u16": 2}[how], np.int64)
    out = np.ones(len(ids), np.int64)
    for most in (1 << 7, 1 << 14, 1 << 21, 1 << 28):
        out += ids >= most
    return out


@njit(cache=True, nogil=True)
def _leb128(ids):
    """``nzip.varint`` of every id, end to end, compiled: a stream has millions."""
    out = np.empty(5 * len(ids), dtype=np.uint8)
    n = 0
    for i in range(len(ids)):
        v = ids[i]
        while v >= 128:
            out[n] = v & 127 | 128
            v >>= 7
            n += 1
        out[n] = v
        n += 1
    return out[:n]
