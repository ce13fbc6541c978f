"""What the merge engine remembers: the arrays of its state, the names of its scalars, and its heap of pairs.

The heap orders pairs by count, then by the smaller pair of ids. It is lazy: an entry whose count has changed
since it was pushed is put right when it comes to the top."""

from __future__ import annotations

from collections import namedtuple

from nzip.exact.jit import njit

# Scalars of the state, in ``meta``.
TOKENS, PAIRS, HEAP, FREE, FREE_COUNT, STAMP, MERGES, ARENA, MAX_LENGTH, MIN_COUNT, POOL, SPECIAL = range(12)
# What ``run`` answers.
DONE, EXHAUSTED, GROW_POOL, GROW_PAIRS, GROW_HEAP, GROW_TOKENS = range(6)

State = namedtuple(
    "State",
    [
        "symbol",
        "next",
        "prev",
        "word",
        "weight",  # places: token id (-1: merged away), links, word; a word's count
        "slots",
        "key",
        "count",
        "head",
        "tail",
        "size",
        "seen",  # pairs: hash slots; (a<<32|b), count, chain, its length, stamp
        "place",
        "link",  # pool of chain nodes
        "heap_count",
        "heap_pair",
        "touched",  # heap; pairs touched by the merge under way
        "arena",
        "token_start",
        "token_size",
        "token_slots",  # bytes of the tokens and a hash of them
        "merge_a",
        "merge_b",
        "merge_id",
        "merge_count",
        "meta",
    ],
)


@njit(cache=True)
def _before(s, c1, p1, c2, p2):
    return c1 > c2 or (c1 == c2 and s.key[p1] < s.key[p2])


@njit(cache=True)
def push(s, count, p):
    i = s.meta[HEAP]
    s.meta[HEAP] = i + 1
    while i > 0:
        up = (i - 1) >> 1
        if not _before(s, count, p, s.heap_count[up], s.heap_pair[up]):
            break
        s.heap_count[i] = s.heap_count[up]
        s.heap_pair[i] = s.heap_pair[up]
        i = up
    s.heap_count[i] = count
    s.heap_pair[i] = p


@njit(cache=True)
def pop(s):
    """Remove the top of a heap that is not empty (the caller has read it)."""
    n = s.meta[HEAP] - 1
    s.meta[HEAP] = n
    if n == 0:
        return
    count = s.heap_count[n]
    p = s.heap_pair[n]
    i = 0
    while True:
        c = 2 * i + 1
        if c >= n:
            break
        if c + 1 < n and _before(s, s.heap_count[c + 1], s.heap_pair[c + 1], s.heap_count[c], s.heap_pair[c]):
            c += 1
        if not _before(s, s.heap_count[c], s.heap_pair[c], count, p):
            break
        s.heap_count[i] = s.heap_count[c]
        s.heap_pair[i] = s.heap_pair[c]
        i = c
    s.heap_count[i] = count
    s.heap_pair[i] = p
