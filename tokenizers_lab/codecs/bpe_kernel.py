"""The fast BPE encoder: lowest-ranked pair first, leftmost first, inside each pre-token; compiled by numba.

Short pre-tokens scan an array of ranks; long ones (DNA, ``none``) use a heap over a linked list, so time is n
log n. A direct-mapped cache remembers the ids of short pre-tokens; it changes speed only. The readable twin
is ``twin_encode`` in ``bpe.py``.

Concession: the cache's walk stands here, in ``bpe_wide`` and in ``segment_kernel``, word for word: one
function for the three, inlined or not, made this encoder 12 to 17% slower."""

from __future__ import annotations

from collections import namedtuple

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.pretokenize.hashing import hash_bytes
from tokenizers_lab.pretokenize.kernels import NONE, next_end

NO_RANK = np.int64(1) << 40
CACHE_SLOTS, CACHE_BYTES, CACHE_IDS = 1 << 16, 24, 8
SHORT = 48

# keys: a<<32|b at its hash slot, or -1; rank and result beside it. words*: bytes of whole tokens, hashed
# (empty: unused).
Tables = namedtuple("Tables", ["keys", "ranks", "results", "byte_ids", "word_slots", "starts", "arena"])
Cache = namedtuple("Cache", ["length", "text", "count", "ids"])


def new_cache() -> Cache:
    """An empty cache, about 4.5 MB."""
    return Cache(
        np.zeros(CACHE_SLOTS, np.uint8),
        np.zeros((CACHE_SLOTS, CACHE_BYTES), np.uint8),
        np.zeros(CACHE_SLOTS, np.uint8),
        np.zeros((CACHE_SLOTS, CACHE_IDS), np.int32),
    )


@njit(cache=True)
def fill_pairs(pairs, ranks, results):
    """Hash table of pairs (int64 a<<32|b), twice as many slots as a power of two above their number."""
    size = 16
    while size < 2 * len(pairs) + 2:
        size *= 2
    keys = np.full(size, -1, dtype=np.int64)
    out_ranks = np.zeros(size, dtype=np.int64)
    out_results = np.zeros(size, dtype=np.int32)
    for i in range(len(pairs)):
        at = np.int64((np.uint64(pairs[i]) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & (size - 1)
        while keys[at] >= 0 and keys[at] != pairs[i]:
            at = (at + 1) & (size - 1)
        keys[at] = pairs[i]
        out_ranks[at] = ranks[i]
        out_results[at] = results[i]
    return keys, out_ranks, out_results


@njit(cache=True)
def fill_words(starts, arena, known):
    """Hash slots of the bytes of the ``known`` tokens (token i is arena[starts[i]:starts[i+1]])."""
    size = 16
    while size < 2 * len(starts):
        size *= 2
    slots = np.full(size, -1, dtype=np.int32)
    for i in range(len(starts) - 1):
        if starts[i] == starts[i + 1] or not known[i]:
            continue
        at = np.int64(hash_bytes(arena, starts[i], starts[i + 1]) >> np.uint64(20)) & (size - 1)
        while slots[at] >= 0:
            at = (at + 1) & (size - 1)
        slots[at] = i
    return slots


@njit(cache=True)
def _lookup(t, a, b):
    """Slot of the pair, or -1."""
    key = np.int64(a) << 32 | np.int64(b)
    mask = np.int64(len(t.keys) - 1)
    at = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
    while t.keys[at] >= 0:
        if t.keys[at] == key:
            return at
        at = (at + 1) & mask
    return -1


@njit(cache=True)
def _whole(t, data, i, end, h):
    """The id of the token spelled data[i:end], or -1."""
    mask = np.int64(len(t.word_slots) - 1)
    at = np.int64(h >> np.uint64(20)) & mask
    while t.word_slots[at] >= 0:
        w = t.word_slots[at]
        if t.starts[w + 1] - t.starts[w] == end - i:
            same = True
            for k in range(end - i):
                if t.arena[t.starts[w] + k] != data[i + k]:
                    same = False
                    break
            if same:
                return w
        at = (at + 1) & mask
    return -1


@njit(cache=True)
def _short(t, data, i, end, out, n, ids, slot):
    """Merge a short pre-token in small arrays; returns the new number of ids in ``out``."""
    m = end - i
    for k in range(m):
        ids[k] = t.byte_ids[data[i + k]]
    for k in range(m - 1):
        slot[k] = _lookup(t, ids[k], ids[k + 1])
    while m > 1:
        lowest = NO_RANK
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
    for k in range(m):
        out[n + k] = ids[k]
    return n + m


@njit(cache=True)
def _sift(rank, place, size):
    i = size - 1
    r = rank[i]
    p = place[i]
    while i:
        up = (i - 1) >> 1
        if rank[up] < r or (rank[up] == r and place[up] < p):
            break
        rank[i] = rank[up]
        place[i] = place[up]
        i = up
    rank[i] = r
    place[i] = p


@njit(cache=True)
def _long(t, data, start, end, out, n):
    """Merge a long pre-token with a heap of (rank, place)."""
    m = end - start
    ids = np.empty(m, dtype=np.int32)
    after = np.arange(1, m + 1).astype(np.int32)
    before = np.arange(-1, m - 1).astype(np.int32)
    after[m - 1] = -1
    rank = np.empty(m, dtype=np.int64)
    place = np.empty(m, dtype=np.int32)
    size = 0
    for k in range(m):
        ids[k] = t.byte_ids[data[start + k]]
    for k in range(m - 1):
        s = _lookup(t, ids[k], ids[k + 1])
        if s >= 0:
            rank[size] = t.ranks[s]
            place[size] = k
            size += 1
            _sift(rank, place, size)
    while size:
        r = rank[0]
        k = place[0]
        size -= 1
        if size:
            lr = rank[size]
            lp = place[size]
            i = 0
            while True:
                c = 2 * i + 1
                if c >= size:
                    break
                if c + 1 < size and (
                    rank[c + 1] < rank[c] or (rank[c + 1] == rank[c] and place[c + 1] < place[c])
                ):
                    c += 1
                if lr < rank[c] or (lr == rank[c] and lp < place[c]):
                    break
                rank[i] = rank[c]
                place[i] = place[c]
                i = c
            rank[i] = lr
            place[i] = lp
        if ids[k] < 0 or after[k] < 0:
            continue
        j = after[k]
        s = _lookup(t, ids[k], ids[j])
        if s < 0 or t.ranks[s] != r:
            continue
        ids[k] = t.results[s]
        ids[j] = -1
        after[k] = after[j]
        if after[j] >= 0:
            before[after[j]] = k
        for side in range(2):
            left = k if side else before[k]
            if left < 0 or after[left] < 0:
                continue
            s = _lookup(t, ids[left], ids[after[left]])
            if s >= 0:
                if size == len(rank):  # never more than two new entries a merge, and a merge frees one
                    rank = np.concatenate((rank, np.empty(size, dtype=np.int64)))
                    place = np.concatenate((place, np.empty(size, dtype=np.int32)))
                rank[size] = t.ranks[s]
                place[size] = left
                size += 1
                _sift(rank, place, size)
    k = 0
    while k >= 0:
        out[n] = ids[k]
        n += 1
        k = after[k]
    return n


@njit(cache=True, nogil=True)
def encode(data, kind, classes, ends, pieces, t, whole_words, cache):
    """Ids of ``data``, int32. ``pieces`` (start, end, id or -1): what is one added token, and what is not.
    Pre-tokens of those that are not come from the splitter ``kind``, or from ``ends`` where kind < 0."""
    out = np.empty(len(data), dtype=np.int32)
    ids = np.empty(SHORT, dtype=np.int32)
    slot = np.empty(SHORT, dtype=np.int64)
    n = 0
    piece = 0
    for q in range(len(pieces)):
        if pieces[q, 2] >= 0:
            out[n] = pieces[q, 2]
            n += 1
            continue
        i = pieces[q, 0]
        total = pieces[q, 1]
        while i < total:
            if kind >= 0:
                end = next_end(data, i, total, kind, classes)
            else:
                end = ends[piece]
                piece += 1
            size = end - i
            if size == 1:
                out[n] = t.byte_ids[data[i]]
                n += 1
                i = end
                continue
            h = np.uint64(0)
            c = 0
            if size <= CACHE_BYTES or whole_words:
                h = hash_bytes(data, i, end)
            if size <= CACHE_BYTES:
                c = np.int64(h >> np.uint64(40)) & (CACHE_SLOTS - 1)
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
                        i = end
                        continue
            first = n
            w = _whole(t, data, i, end, h) if whole_words else -1
            if w >= 0:
                out[n] = w
                n += 1
            elif size <= SHORT:
                n = _short(t, data, i, end, out, n, ids, slot)
            else:
                n = _long(t, data, i, end, out, n)
            if size <= CACHE_BYTES and n - first <= CACHE_IDS:
                cache.length[c] = size
                cache.count[c] = n - first
                for k in range(size):
                    cache.text[c, k] = data[i + k]
                for k in range(n - first):
                    cache.ids[c, k] = out[first + k]
            i = end
    return out[:n].copy()


@njit(cache=True, nogil=True)
def reached(tokens, t, whole_words, cache, classes):
    """Whether each of ``tokens``, cut out alone and as one pre-token, is what its bytes become: bool."""
    out = np.zeros(len(tokens), dtype=np.bool_)
    pieces = np.empty((1, 3), dtype=np.int64)
    ends = np.empty(0, dtype=np.int64)
    for i in range(len(tokens)):
        own = t.arena[t.starts[tokens[i]] : t.starts[tokens[i] + 1]]
        pieces[0, 0] = 0
        pieces[0, 1] = len(own)
        pieces[0, 2] = -1
        ids = encode(own, NONE, classes, ends, pieces, t, whole_words, cache)
        out[i] = len(ids) == 1 and ids[0] == tokens[i]
    return out


@njit(cache=True, nogil=True)
def decode(ids, starts, arena):
    """The bytes of ids that are known to be in range, uint8."""
    total = 0
    for i in range(len(ids)):
        total += starts[ids[i] + 1] - starts[ids[i]]
    out = np.empty(total, dtype=np.uint8)
    n = 0
    for i in range(len(ids)):
        for k in range(starts[ids[i]], starts[ids[i] + 1]):
            out[n] = arena[k]
            n += 1
    return out
