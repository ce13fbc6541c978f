"""The fast BPE encoder where pre-tokens are lines and the later merges cross words (superwords).

A line is too long to be remembered whole, and too long to be merged from its bytes. But the merges of the
first stage join few pairs of bytes (no merge within words joins a letter to a space behind it), so a line
falls into *units* between which none of them can ever act: those are merged by the first stage alone and
remembered, as words are elsewhere; then all merges run over the few tokens that are left. Merges of lower
rank come first everywhere, so the ids are those of plain BPE over the line: the twin is ``bpe.twin_encode``.

Concession: the cut between the stages is found from the vocabulary, not kept in the file; a wrong one would
cost speed and change nothing.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.codecs.bpe_kernel import CACHE_BYTES, CACHE_IDS, CACHE_SLOTS, NO_RANK, SHORT, _lookup
from tokenizers_lab.pretokenize import WORDS, PreTokenizer
from tokenizers_lab.pretokenize.hashing import hash_bytes
from tokenizers_lab.pretokenize.kernels import next_end


def first_crossing(tokens: list[bytes], merges: np.ndarray) -> int:
    """The first of ``merges`` (a, b, result) whose token is one word by no splitter; their number if none
    is."""
    made = [_whole_characters(tokens[new]) for new in merges[:, 2].tolist()]
    ends = np.concatenate([[0], np.cumsum([len(t) for t in made])]).astype(np.int64)
    arena = np.frombuffer(b"".join(made), dtype=np.uint8)
    crosses = np.diff(ends) > 0
    for name in WORDS:
        which = np.flatnonzero(crosses)
        crosses[which] = ~PreTokenizer(name).are_whole(arena, ends, which)
    found = np.flatnonzero(crosses)
    return int(found[0]) if len(found) else len(made)


def _whole_characters(token: bytes) -> bytes:
    """``token`` without the parts of characters at its ends."""
    start = 0
    while start < len(token) and 0x80 <= token[start] < 0xC0:
        start += 1
    return token[start:].decode("utf-8", "ignore").encode() if start < len(token) else b""


def joins(tokens: list[bytes], merges: np.ndarray) -> np.ndarray:
    """Whether some of ``merges`` puts byte y behind byte x: bool, at x << 8 | y."""
    out = np.zeros(1 << 16, dtype=np.bool_)
    for a, b, _ in merges.tolist():
        out[tokens[a][-1] << 8 | tokens[b][0]] = True
    return out


@njit(cache=True, nogil=True)
def _scan(t, ids, m, slot, limit):
    """Merge ``ids[:m]``, few, by ranks below ``limit``; returns how many are left."""
    for k in range(m - 1):
        slot[k] = _lookup(t, ids[k], ids[k + 1])
    while m > 1:
        lowest = limit
        at = -1
        for k in range(m - 1):
            if slot[k] >= 0 and t.ranks[slot[k]] < lowest:
                lowest = t.ranks[slot[k]]
                at = k
        if at < 0:
            break
        ids[at] = t.results[slot[at]]
        m -= 1
        for k in range(at + 1, m):
            ids[k] = ids[k + 1]
            slot[k] = slot[k + 1]
        if at < m - 1:
            slot[at] = _lookup(t, ids[at], ids[at + 1])
        if at:
            slot[at - 1] = _lookup(t, ids[at - 1], ids[at])
    return m


@njit(cache=True, nogil=True)
def _push(heap, size, value):
    i = size
    while i:
        up = (i - 1) >> 1
        if heap[up] <= value:
            break
        heap[i] = heap[up]
        i = up
    heap[i] = value
    return size + 1


@njit(cache=True, nogil=True)
def _pop(heap, size):
    """Remove the first of ``size`` > 0; the caller has read it."""
    size -= 1
    value = heap[size]
    i = 0
    while True:
        c = 2 * i + 1
        if c >= size:
            break
        if c + 1 < size and heap[c + 1] < heap[c]:
            c += 1
        if heap[c] >= value:
            break
        heap[i] = heap[c]
        i = c
    heap[i] = value
    return size


@njit(cache=True, nogil=True)
def _queue(t, ids, k, j, limit, heap, size):
    s = _lookup(t, ids[k], ids[j])
    if s >= 0 and t.ranks[s] < limit:
        size = _push(heap, size, t.ranks[s] << 32 | k)
    return size


@njit(cache=True, nogil=True)
def _heap(t, ids, m, limit, after, before, heap):
    """As :func:`_scan`, many: a heap of rank << 32 | place over linked ids. ``heap`` has room for 3 m."""
    size = 0
    for k in range(m):
        after[k] = k + 1
        before[k] = k - 1
        if k + 1 < m:
            size = _queue(t, ids, k, k + 1, limit, heap, size)
    while size:
        top = heap[0]
        size = _pop(heap, size)
        k = top & 0xFFFFFFFF
        if ids[k] < 0 or after[k] >= m:
            continue
        j = after[k]
        s = _lookup(t, ids[k], ids[j])
        if s < 0 or t.ranks[s] != top >> 32:
            continue
        ids[k] = t.results[s]
        ids[j] = -1
        after[k] = after[j]
        if after[j] < m:
            before[after[j]] = k
        if before[k] >= 0:
            size = _queue(t, ids, before[k], k, limit, heap, size)
        if after[k] < m:
            size = _queue(t, ids, k, after[k], limit, heap, size)
    n = 0
    for k in range(m):
        if ids[k] >= 0:
            ids[n] = ids[k]
            n += 1
    return n


@njit(cache=True, nogil=True)
def _merged(t, ids, m, limit, slot, after, before, heap):
    if m <= SHORT:
        return _scan(t, ids, m, slot, limit)
    return _heap(t, ids, m, limit, after, before, heap)


@njit(cache=True, nogil=True)
def encode(data, kind, classes, pieces, t, join, limit, cache):
    """As ``bpe_kernel.encode`` for a splitter with a kernel. ``join``: :func:`joins` of the merges with ranks
    below ``limit``, the first stage; ``cache`` holds what that makes of units, and nothing else."""
    out = np.empty(len(data), dtype=np.int32)
    slot = np.empty(SHORT, dtype=np.int64)
    room = 1 << 12
    after = np.empty(room, dtype=np.int32)
    before = np.empty(room, dtype=np.int32)
    heap = np.empty(3 * room, dtype=np.int64)
    n = 0
    for q in range(len(pieces)):
        if pieces[q, 2] >= 0:
            out[n] = pieces[q, 2]
            n += 1
            continue
        i = pieces[q, 0]
        total = pieces[q, 1]
        while i < total:
            end = next_end(data, i, total, kind, classes)
            if end - i > room:
                room = 2 * (end - i)
                after = np.empty(room, dtype=np.int32)
                before = np.empty(room, dtype=np.int32)
                heap = np.empty(3 * room, dtype=np.int64)
            first = n
            while i < end:
                stop = i + 1
                while stop < end and join[np.int64(data[stop - 1]) << 8 | data[stop]]:
                    stop += 1
                size = stop - i
                c = np.int64(0)
                if size <= CACHE_BYTES:
                    c = np.int64(hash_bytes(data, i, stop) >> np.uint64(40)) & (CACHE_SLOTS - 1)
                    if cache.length[c] == size:
                        same = True
                        for k in range(size):
                            if cache.text[c, k] != data[i + k]:
                                same = False
                                break
                        if same:
                            for k in range(cache.count[c]):
                                out[n + k] = cache.ids[c, k]
                            n += cache.count[c]
                            i = stop
                            continue
                for k in range(size):
                    out[n + k] = t.byte_ids[data[i + k]]
                m = _merged(t, out[n:], size, limit, slot, after, before, heap)
                if size <= CACHE_BYTES and m <= CACHE_IDS:
                    cache.length[c] = size
                    cache.count[c] = m
                    for k in range(size):
                        cache.text[c, k] = data[i + k]
                    for k in range(m):
                        cache.ids[c, k] = out[n + k]
                n += m
                i = stop
            n = first + _merged(t, out[first:], n - first, NO_RANK, slot, after, before, heap)
    return out[:n].copy()


@njit(cache=True, nogil=True)
def reached(tokens, kind, classes, t, join, limit, cache):
    """Whether each of ``tokens``, alone, is what its bytes become: bool."""
    out = np.zeros(len(tokens), dtype=np.bool_)
    pieces = np.empty((1, 3), dtype=np.int64)
    for i in range(len(tokens)):
        own = t.arena[t.starts[tokens[i]] : t.starts[tokens[i] + 1]]
        pieces[0, 0] = 0
        pieces[0, 1] = len(own)
        pieces[0, 2] = -1
        ids = encode(own, kind, classes, pieces, t, join, limit, cache)
        out[i] = len(ids) == 1 and ids[0] == tokens[i]
    return out
