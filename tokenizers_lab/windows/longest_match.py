"""Longest match over a fixed set of strings: a trie in one hash table, walked compiled; :func:`twin` says the
same in Python."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit

_NODE = 24  # bits of a node's number


@njit(cache=True, nogil=True)
def _slot(key, mask):
    return np.int64((np.uint64(key) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & mask


@njit(cache=True, nogil=True)
def _child(slots, node, byte):
    mask = len(slots) - 1
    key = node << 8 | byte
    at = _slot(key, mask)
    while True:
        entry = slots[at]
        if entry < 0:
            return np.int64(-1)
        if entry >> _NODE == key:
            return entry & ((1 << _NODE) - 1)
        at = (at + 1) & mask


@njit(cache=True, nogil=True)
def build(arena, starts):
    """``(slots, accepts)``: the trie of the strings ``arena[starts[i]:starts[i+1]]``; ``accepts[node]`` is
    the string that ends there or -1; node 0 is the root."""
    size = 1024
    while size < 2 * (len(arena) + 1):
        size *= 2
    slots = np.full(size, -1, dtype=np.int64)
    accepts = np.full(len(arena) + 1, -1, dtype=np.int32)
    nodes = 1
    for i in range(len(starts) - 1):
        node = np.int64(0)
        for k in range(starts[i], starts[i + 1]):
            byte = np.int64(arena[k])
            child = _child(slots, node, byte)
            if child < 0:
                child = np.int64(nodes)
                nodes += 1
                at = _slot(node << 8 | byte, size - 1)
                while slots[at] >= 0:
                    at = (at + 1) & (size - 1)
                slots[at] = (node << 8 | byte) << _NODE | child
            node = child
        accepts[node] = i
    # Most nodes are shared: a table of the right size stays in the processor's cache.
    small = 1024
    while small < 3 * nodes:
        small *= 2
    packed = np.full(small, -1, dtype=np.int64)
    for old in slots:
        if old >= 0:
            at = _slot(old >> _NODE, small - 1)
            while packed[at] >= 0:
                at = (at + 1) & (small - 1)
            packed[at] = old
    return packed, accepts[:nodes].copy()


@njit(cache=True, nogil=True)
def match(data, slots, accepts, ids):
    """The longest string that ``data`` goes on with, again and again, into ``ids``; returns how many. Every
    single byte must be a string."""
    first = np.empty(256, dtype=np.int64)
    for b in range(256):
        first[b] = _child(slots, np.int64(0), b)
    n = 0
    at = 0
    while at < len(data):
        node = first[data[at]]
        best = accepts[node]
        end = at + 1
        i = end
        while i < len(data):
            node = _child(slots, node, np.int64(data[i]))
            if node < 0:
                break
            i += 1
            if accepts[node] >= 0:
                best = accepts[node]
                end = i
        ids[n] = best
        n += 1
        at = end
    return n


def twin(data: bytes, strings: list[bytes]) -> list[int]:
    """:func:`match`, slow and plain."""
    place, longest = {s: i for i, s in enumerate(strings)}, max(map(len, strings))
    out, at = [], 0
    while at < len(data):
        size = next(k for k in range(min(longest, len(data) - at), 0, -1) if data[at : at + k] in place)
        out.append(place[data[at : at + size]])
        at += size
    return out
