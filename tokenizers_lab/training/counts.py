"""Counting pre-tokens: any number of files, in blocks, into one table of distinct pre-tokens and their
counts.

Memory holds the table and a few blocks, never the corpus. Blocks are counted on threads (the kernel releases
Python's lock) and merged in block order, so the result is the same for any number of workers. Where the table
outgrows ``max_bytes``, the rarest pre-tokens are dropped (lossy counting) and the loss is reported.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.files import BLOCK
from tokenizers_lab.pretokenize import PreTokenizer, streamed
from tokenizers_lab.pretokenize.classes import class_table
from tokenizers_lab.pretokenize.hashing import hash_bytes
from tokenizers_lab.pretokenize.kernels import NONE, next_end


@njit(cache=True, nogil=True)
def _add(data, start, end, count, slots, offset, length, hashes, counts, arena, used):
    """Count one pre-token; ``used`` = [entries, arena bytes]. The caller keeps room."""
    h = hash_bytes(data, start, end)
    mask = np.int64(len(slots) - 1)
    size = end - start
    at = np.int64(h >> np.uint64(20)) & mask
    while True:
        e = slots[at]
        if e < 0:
            break
        if hashes[e] == h and length[e] == size:
            o = offset[e]
            same = True
            for k in range(size):
                if arena[o + k] != data[start + k]:
                    same = False
                    break
            if same:
                counts[e] += count
                return
        at = (at + 1) & mask
    e = used[0]
    slots[at] = e
    o = used[1]
    offset[e] = o
    length[e] = size
    hashes[e] = h
    counts[e] = count
    arena[o : o + size] = data[start:end]
    used[0] = e + 1
    used[1] = o + size


@njit(cache=True, nogil=True)
def _count_split(data, kind, table, slots, offset, length, hashes, counts, arena, used, start):
    """Split and count from ``start``; returns where it stopped for want of room, or len(data)."""
    n = len(data)
    room = min(len(offset), len(slots) // 2)
    i = start
    while i < n:
        end = next_end(data, i, n, kind, table)
        if used[0] >= room or used[1] + (end - i) > len(arena):
            return i
        _add(data, i, end, 1, slots, offset, length, hashes, counts, arena, used)
        i = end
    return n


@njit(cache=True, nogil=True)
def _count_ends(data, ends, weights, slots, offset, length, hashes, counts, arena, used, first):
    """As :func:`_count_split` over given ``ends`` (and weights) from piece ``first``; returns the piece
    reached."""
    room = min(len(offset), len(slots) // 2)
    for p in range(first, len(ends)):
        a = ends[p - 1] if p else 0
        if used[0] >= room or used[1] + (ends[p] - a) > len(arena):
            return p
        _add(
            data,
            a,
            ends[p],
            weights[p] if len(weights) else 1,
            slots,
            offset,
            length,
            hashes,
            counts,
            arena,
            used,
        )
    return len(ends)


@njit(cache=True, nogil=True)
def _rehash(slots, hashes, entries):
    slots[:] = -1
    mask = np.int64(len(slots) - 1)
    for e in range(entries):
        at = np.int64(hashes[e] >> np.uint64(20)) & mask
        while slots[at] >= 0:
            at = (at + 1) & mask
        slots[at] = e


class CountTable:
    """Distinct pre-tokens with counts; grows by doubling."""

    def __init__(self, entries: int = 1 << 14, arena: int = 1 << 18):
        self._slots = np.full(2 * entries, -1, dtype=np.int32)
        self._offset = np.empty(entries, dtype=np.int64)
        self._length = np.empty(entries, dtype=np.int64)
        self._hashes = np.empty(entries, dtype=np.uint64)
        self._counts = np.empty(entries, dtype=np.int64)
        self._arena = np.empty(arena, dtype=np.uint8)
        self._used = np.zeros(2, dtype=np.int64)

    def __len__(self) -> int:
        return int(self._used[0])

    @property
    def nbytes(self) -> int:
        """Bytes held by the table."""
        return sum(a.nbytes for a in self._arrays())

    @property
    def counts(self) -> np.ndarray:
        return self._counts[: len(self)]

    def _arrays(self):
        return self._slots, self._offset, self._length, self._hashes, self._counts, self._arena, self._used

    def _grow(self, need: int):
        if len(self) >= min(len(self._offset), len(self._slots) // 2):
            for name in ("_offset", "_length", "_hashes", "_counts"):
                old = getattr(self, name)
                setattr(self, name, np.concatenate([old, np.empty_like(old)]))
            self._slots = np.full(2 * len(self._slots), -1, dtype=np.int32)
            _rehash(self._slots, self._hashes, len(self))
        if self._used[1] + need > len(self._arena):
            grown = np.empty(max(2 * len(self._arena), int(self._used[1]) + need), dtype=np.uint8)
            grown[: self._used[1]] = self._arena[: self._used[1]]
            self._arena = grown

    def add_text(self, data: np.ndarray, pre: PreTokenizer) -> CountTable:
        """Split ``data`` (uint8) and count its pre-tokens."""
        if pre.kind < 0:
            return self.add_pieces(data, pre.ends(data))
        at = 0
        while at < len(data):
            at = _count_split(data, pre.kind, class_table(), *self._arrays(), at)
            if at < len(data):
                self._grow(min(len(data) - at, BLOCK) if pre.kind else len(data) - at)
        return self

    def add_pieces(self, data: np.ndarray, ends: np.ndarray, weights=None) -> CountTable:
        """Count the pieces of ``data`` that end at ``ends``, each ``weights[i]`` times (default 1)."""
        weights = np.empty(0, dtype=np.int64) if weights is None else weights
        at = 0
        while at < len(ends):
            at = _count_ends(data, ends, weights, *self._arrays(), at)
            if at < len(ends):
                self._grow(int(ends[at] - (ends[at - 1] if at else 0)))
        return self

    def merge(self, other: CountTable) -> CountTable:
        """Add the counts of ``other``."""
        return self.add_pieces(other._arena, np.cumsum(other._length[: len(other)]), other.counts)

    def items(self):
        """``(pre-token bytes, count)`` in the order first seen."""
        for o, size, count in zip(self._offset[: len(self)], self._length[: len(self)], self.counts):
            yield self._arena[o : o + size].tobytes(), int(count)

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(all pre-tokens end to end as uint8, their ends as int64, their counts as int64)."""
        return self._arena[: self._used[1]], np.cumsum(self._length[: len(self)]), self.counts

    def dropping(self, least: int) -> CountTable:
        """A copy without the pre-tokens that were seen fewer than ``least`` times."""
        data, ends, counts = self.arrays()
        keep = np.flatnonzero(counts >= least)
        out = CountTable()
        starts = np.concatenate([[0], ends[:-1]]) if len(ends) else ends
        pieces = [data[a:b] for a, b in zip(starts[keep], ends[keep])]
        if pieces:
            out.add_pieces(np.concatenate(pieces), np.cumsum(ends[keep] - starts[keep]), counts[keep])
        return out


@dataclass
class CorpusCounts:
    """What counting a corpus gave: the table, raw bytes, pre-tokens, and what lossy counting dropped."""

    table: CountTable
    bytes: int = 0
    documents: int = 0
    dropped: int = 0
    threshold: int = 0

    def absorb(self, table: CountTable, pre: PreTokenizer, max_bytes: int) -> None:
        """Add the counts of ``table``; where the sum outgrows ``max_bytes``, drop the rarest, a count at a
        time. Without pre-tokenizer every piece is unique, so there what comes after the limit is left out
        instead."""
        if pre.kind == NONE and len(self.table) and self.table.nbytes + table.nbytes > max_bytes:
            self.dropped += int(table.counts.sum())
            return
        self.table.merge(table)
        while pre.kind != NONE and self.table.nbytes > max_bytes and len(self.table) > 1024:
            self.threshold += 1
            smaller = self.table.dropping(self.threshold + 1)
            self.dropped += int(self.table.counts.sum() - smaller.counts.sum())
            self.table = smaller


def count_corpus(
    documents, pre: PreTokenizer, workers: int = 1, max_bytes: int = 1 << 30, progress=None
) -> CorpusCounts:
    """Count the pre-tokens of ``documents``: an iterable of documents, each bytes-like, ``str`` (as UTF-8),
    or an iterable of bytes blocks (a file read piecewise). ``progress(bytes)`` is called as blocks are
    counted."""
    out = CorpusCounts(CountTable())
    pending: deque = deque()

    def absorb(size, table):
        out.absorb(table, pre, max_bytes)
        out.bytes += size
        if progress:
            progress(size)

    with ThreadPoolExecutor(max(1, workers)) as pool:
        for group in _groups(documents, pre, out):
            pending.append((sum(map(len, group)), pool.submit(_count_group, group, pre)))
            if len(pending) > max(1, workers):
                size, future = pending.popleft()
                absorb(size, future.result())
        while pending:
            size, future = pending.popleft()
            absorb(size, future.result())
    return out


def _count_group(group, pre) -> CountTable:
    table = CountTable()
    for piece in group:
        table.add_text(piece, pre)
    return table


def _groups(documents, pre, out):
    """Safe pieces gathered to about a block each; never depends on the number of workers."""
    group, size = [], 0
    for document in documents:
        out.documents += 1
        if isinstance(document, str):
            document = document.encode("utf-8")
        blocks = (
            _slices(document)
            if isinstance(document, (bytes, bytearray, memoryview, np.ndarray))
            else document
        )
        for piece in streamed(pre, blocks):
            group.append(piece)
            size += len(piece)
            if size >= BLOCK:
                yield group
                group, size = [], 0
    if group:
        yield group


def _slices(document):
    view = memoryview(document).cast("B")
    if len(view) <= 2 * BLOCK:
        return [view]
    return [view[i : i + BLOCK] for i in range(0, len(view), BLOCK)]
