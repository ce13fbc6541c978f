"""The engine of BPE training: pair counts, their places, a heap, and one kernel that applies a merge.

All pre-tokens lie end to end as linked lists of token ids; each pair knows its count and the chain of places
where it was formed; a heap orders pairs by (count, then the smaller pair of ids first): Hugging Face's tie
rule. A merge visits its places only, so training is linear in what changes: one pre-token of ten megabytes
(DNA) costs no more than a million short ones. Arrays grow by doubling *between* merges, never inside one.

Concession: one quirk of Hugging Face's trainer is kept on purpose, for equality: a merged pair's count stays
behind, so a pair that forms again later (through another way to spell the same token) starts from it.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.pretokenize.hashing import hash_bytes
from tokenizers_lab.training.state import (
    ARENA,
    DONE,
    EXHAUSTED,
    FREE,
    FREE_COUNT,
    GROW_HEAP,
    GROW_PAIRS,
    GROW_POOL,
    GROW_TOKENS,
    HEAP,
    MAX_LENGTH,
    MERGES,
    MIN_COUNT,
    PAIRS,
    POOL,
    SPECIAL,
    STAMP,
    TOKENS,
    pop,
    push,
)


@njit(cache=True)
def _find(s, key):
    """Index of a pair, or -1."""
    mask = np.int64(len(s.slots) - 1)
    at = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
    while True:
        p = s.slots[at]
        if p < 0 or s.key[p] == key:
            return p
        at = (at + 1) & mask


@njit(cache=True)
def _pair(s, key):
    """Index of a pair, made if new. Room is the caller's care."""
    mask = np.int64(len(s.slots) - 1)
    at = np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
    while True:
        p = s.slots[at]
        if p < 0:
            break
        if s.key[p] == key:
            return p
        at = (at + 1) & mask
    p = s.meta[PAIRS]
    s.slots[at] = p
    s.key[p] = key
    s.count[p] = 0
    s.head[p] = -1
    s.size[p] = 0
    s.seen[p] = 0
    s.meta[PAIRS] = p + 1
    return p


@njit(cache=True)
def rehash_pairs(s):
    s.slots[:] = -1
    mask = np.int64(len(s.slots) - 1)
    for p in range(s.meta[PAIRS]):
        at = np.int64((np.uint64(s.key[p]) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(24)) & mask
        while s.slots[at] >= 0:
            at = (at + 1) & mask
        s.slots[at] = p


@njit(cache=True)
def _chain(s, p, place):
    """Append a place to a pair's chain."""
    if s.meta[FREE] >= 0:
        node = s.meta[FREE]
        s.meta[FREE] = s.link[node]
    else:
        node = s.meta[POOL]
        s.meta[POOL] = node + 1
    s.meta[FREE_COUNT] -= 1
    s.place[node] = place
    s.link[node] = -1
    if s.head[p] < 0:
        s.head[p] = node
    else:
        s.link[s.tail[p]] = node
    s.tail[p] = node
    s.size[p] += 1


@njit(cache=True)
def first_pairs(s, start):
    """Count the pairs at the places from ``start``; returns the place where the pair table must grow, or the
    end."""
    n = len(s.symbol)
    room = min(len(s.key), len(s.slots) // 2)
    for i in range(start, n):
        j = s.next[i]
        if j < 0:
            continue
        if s.meta[PAIRS] >= room:
            return i
        p = _pair(s, np.int64(s.symbol[i]) << 32 | np.int64(s.symbol[j]))
        s.count[p] += s.weight[s.word[i]]
        _chain(s, p, i)
    return n


@njit(cache=True)
def first_heap(s):
    for p in range(s.meta[PAIRS]):
        if s.count[p] > 0:
            push(s, s.count[p], p)


@njit(cache=True)
def best(s):
    """The pair on top of the heap with its true count, or -1 if none is left. Not removed."""
    while s.meta[HEAP] > 0:
        p = s.heap_pair[0]
        if s.heap_count[0] != s.count[p]:
            pop(s)
            if s.count[p] > 0:
                push(s, s.count[p], p)
            continue
        if s.head[p] < 0:
            pop(s)
            continue
        if s.count[p] < s.meta[MIN_COUNT]:
            return -1
        return p
    return -1


@njit(cache=True)
def drop_best(s):
    """Remove the pair that :func:`best` named (vetoed, or set aside)."""
    pop(s)


@njit(cache=True)
def push_back(s, p):
    push(s, s.count[p], p)


@njit(cache=True)
def room_for(s, p):
    """DONE, or which arrays must grow before the pair ``p`` (or -1) may be merged."""
    size = s.size[p] if p >= 0 else 0
    fresh = min(2 * size, 2 * s.meta[TOKENS] + 2)
    if s.meta[MAX_LENGTH]:  # pairs never counted for their length are made when they are counted down
        fresh *= 2
    if s.meta[FREE_COUNT] < 2 * size:
        return GROW_POOL
    if s.meta[PAIRS] + fresh > min(len(s.key), len(s.slots) // 2):
        return GROW_PAIRS
    if s.meta[HEAP] + fresh + 64 > len(s.heap_count):
        return GROW_HEAP
    if s.meta[MERGES] + 1 >= len(s.merge_a) or s.meta[TOKENS] + 1 >= min(
        len(s.token_start), len(s.token_slots) // 2
    ):
        return GROW_TOKENS
    return DONE


@njit(cache=True)
def token_for(s, a, b, make):
    """The id of the token spelled a+b; made if new and ``make``, else -1."""
    size = s.token_size[a] + s.token_size[b]
    o = s.meta[ARENA]
    s.arena[o : o + s.token_size[a]] = s.arena[s.token_start[a] : s.token_start[a] + s.token_size[a]]
    s.arena[o + s.token_size[a] : o + size] = s.arena[s.token_start[b] : s.token_start[b] + s.token_size[b]]
    mask = np.int64(len(s.token_slots) - 1)
    at = np.int64(hash_bytes(s.arena, o, o + size) >> np.uint64(20)) & mask
    while True:
        t = s.token_slots[at]
        if t < 0:
            break
        if s.token_size[t] == size:
            same = True
            for k in range(size):
                if s.arena[s.token_start[t] + k] != s.arena[o + k]:
                    same = False
                    break
            if same:
                return t
        at = (at + 1) & mask
    if not make:
        return -1
    t = s.meta[TOKENS]
    s.token_slots[at] = t
    s.token_start[t] = o
    s.token_size[t] = size
    s.meta[TOKENS] = t + 1
    s.meta[ARENA] = o + size
    return t


@njit(cache=True)
def rehash_tokens(s):
    s.token_slots[:] = -1
    mask = np.int64(len(s.token_slots) - 1)
    for t in range(s.meta[TOKENS]):
        if s.token_size[t] == 0:
            continue
        at = (
            np.int64(
                hash_bytes(s.arena, s.token_start[t], s.token_start[t] + s.token_size[t]) >> np.uint64(20)
            )
            & mask
        )
        while s.token_slots[at] >= 0:
            at = (at + 1) & mask
        s.token_slots[at] = t


@njit(cache=True)
def _touch(s, key, weight, place, touched):
    p = _pair(s, key)
    s.count[p] += weight
    _chain(s, p, place)
    if s.seen[p] != s.meta[STAMP]:
        s.seen[p] = s.meta[STAMP]
        s.touched[touched] = p
        touched += 1
    return touched


@njit(cache=True)
def apply(s, p, new):
    """Merge the pair ``p`` into the token ``new`` at all its places."""
    key = s.key[p]
    a = np.int32(key >> 32)
    b = np.int32(key & 0xFFFFFFFF)
    s.meta[STAMP] += 1
    touched = 0
    node = s.head[p]
    s.head[p] = -1
    s.size[p] = 0
    new_size = s.token_size[new]
    longest = s.meta[MAX_LENGTH]
    while node >= 0:
        i = s.place[node]
        following = s.link[node]
        s.link[node] = s.meta[FREE]
        s.meta[FREE] = node
        s.meta[FREE_COUNT] += 1
        node = following
        if s.symbol[i] != a:
            continue
        j = s.next[i]
        if j < 0 or s.symbol[j] != b:
            continue
        w = s.weight[s.word[i]]
        x = s.prev[i]
        y = s.next[j]
        if x >= 0:
            left = np.int64(s.symbol[x])
            s.count[_pair(s, left << 32 | np.int64(a))] -= w
            if longest == 0 or s.token_size[left] + new_size < longest:
                touched = _touch(s, left << 32 | np.int64(new), w, x, touched)
        s.symbol[i] = new
        s.symbol[j] = -1
        s.next[i] = y
        if y >= 0:
            s.prev[y] = i
            right = np.int64(s.symbol[y])
            s.count[_pair(s, np.int64(b) << 32 | right)] -= w
            if longest == 0 or s.token_size[right] + new_size < longest:
                touched = _touch(s, np.int64(new) << 32 | right, w, i, touched)
    for k in range(touched):
        q = s.touched[k]
        if s.count[q] > 0:
            push(s, s.count[q], q)
    m = s.meta[MERGES]
    s.merge_a[m] = a
    s.merge_b[m] = b
    s.merge_id[m] = new
    s.merge_count[m] = s.count[p]
    s.meta[MERGES] = m + 1


@njit(cache=True)
def run(s, target_tokens, most_merges):
    """Merge the most frequent pair until there are ``target_tokens`` tokens or ``most_merges`` merges were
    made."""
    made = 0
    while s.meta[TOKENS] < target_tokens and made < most_merges:
        p = best(s)
        if p < 0:
            return EXHAUSTED
        answer = room_for(s, p)
        if answer != DONE:
            return answer
        size = s.token_size[s.key[p] >> 32] + s.token_size[s.key[p] & 0xFFFFFFFF]
        if s.meta[ARENA] + size > len(s.arena):
            return GROW_TOKENS
        pop(s)
        new = token_for(s, s.key[p] >> 32, s.key[p] & 0xFFFFFFFF, True)
        if new < s.meta[SPECIAL]:
            continue  # it spells a special token: set aside for good
        apply(s, p, new)
        made += 1
    return DONE


@njit(cache=True)
def top_pairs(s, most):
    """The ``most`` most frequent pairs, best first; the heap is left as it was. May return fewer."""
    out = np.empty(most, dtype=np.int64)
    n = 0
    while n < most:
        p = best(s)
        if p < 0:
            break
        fresh = True
        for k in range(n):
            if out[k] == p:
                fresh = False
        pop(s)
        if fresh:
            out[n] = p
            n += 1
    for k in range(n):
        push(s, s.count[out[k]], out[k])
    return out[:n]
