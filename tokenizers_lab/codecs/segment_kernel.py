"""The cheapest way to cut a text into tokens of a vocabulary, by dynamic programming; :func:`twin` says the same in
Python.

Each token has a cost, a whole number; every single byte must be a token, so there is always a way. From every
place the trie of the vocabulary is walked once, and each token found there may improve on the place where it
ends. Of ways that cost the same the one with the longest last token is taken, and so on before it. Short
pre-tokens are remembered (speed only).

Concession: whole documents without pre-tokens take 12 bytes of memory a byte of text.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.codecs.bpe_kernel import CACHE_BYTES, CACHE_IDS, CACHE_SLOTS
from tokenizers_lab.pretokenize.hashing import hash_bytes
from tokenizers_lab.pretokenize.kernels import next_end
from tokenizers_lab.windows.longest_match import _child


@njit(cache=True, nogil=True)
def first_two(slots):
    """The trie's node of every two bytes, int64 at x << 8 | y, and of one, behind them; -1 where there is
    none."""
    out = np.full(65536 + 256, -1, dtype=np.int64)
    for x in range(256):
        node = _child(slots, np.int64(0), x)
        out[65536 + x] = node
        for y in range(256):
            if node >= 0:
                out[x << 8 | y] = _child(slots, node, y)
    return out


@njit(cache=True, nogil=True)
def _cut(data, start, end, slots, accepts, two, costs, best, back, out, n):
    """Ids of data[start:end] into ``out`` from ``n`` on; returns their end. ``best``, ``back``: room for
    end - start + 1."""
    size = end - start
    for k in range(size + 1):
        best[k] = np.int64(1) << 60
    best[0] = 0
    for k in range(size):
        here = best[k]
        token = accepts[two[65536 + np.int64(data[start + k])]]
        cost = here + costs[token]
        if cost < best[k + 1]:
            best[k + 1] = cost
            back[k + 1] = token
        if k + 2 > size:
            continue
        node = two[np.int64(data[start + k]) << 8 | data[start + k + 1]]
        at = k + 2
        while node >= 0:
            token = accepts[node]
            if token >= 0:
                cost = here + costs[token]
                if cost < best[at]:
                    best[at] = cost
                    back[at] = token
            if at == size:
                break
            node = _child(slots, node, np.int64(data[start + at]))
            at += 1
    return size


@njit(cache=True, nogil=True)
def encode(data, kind, classes, ends, slots, accepts, two, costs, lengths, cache):
    """Ids of ``data``, int32, cut by the splitter ``kind``, or at ``ends`` where kind < 0."""
    out = np.empty(len(data), dtype=np.int32)
    room = 1 << 12
    best = np.empty(room + 1, dtype=np.int64)
    back = np.empty(room + 1, dtype=np.int32)
    n = 0
    i = 0
    piece = 0
    while i < len(data):
        if kind >= 0:
            end = next_end(data, i, len(data), kind, classes)
        else:
            end = ends[piece]
            piece += 1
        size = end - i
        c = np.int64(0)
        if size <= CACHE_BYTES:
            c = np.int64(hash_bytes(data, i, end) >> np.uint64(40)) & (CACHE_SLOTS - 1)
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
        if size > room:
            room = 2 * size
            best = np.empty(room + 1, dtype=np.int64)
            back = np.empty(room + 1, dtype=np.int32)
        at = np.int64(_cut(data, i, end, slots, accepts, two, costs, best, back, out, n))
        m = 0
        while at > 0:  # written backwards, then turned
            out[n + m] = back[at]
            at -= lengths[back[at]]
            m += 1
        for k in range(m // 2):
            other = out[n + k]
            out[n + k] = out[n + m - 1 - k]
            out[n + m - 1 - k] = other
        if size <= CACHE_BYTES and m <= CACHE_IDS:
            cache.length[c] = size
            cache.count[c] = m
            for k in range(size):
                cache.text[c, k] = data[i + k]
            for k in range(m):
                cache.ids[c, k] = out[n + k]
        n += m
        i = end
    return out[:n].copy()


def twin(text: bytes, costs: dict[bytes, int]) -> list[bytes]:
    """One pre-token cut as :func:`encode` does, slow and plain."""
    best = [(0, 0)] + [(1 << 60, 0)] * len(text)
    for end in range(1, len(text) + 1):
        for start in range(end):
            if text[start:end] in costs:
                cost = best[start][0] + costs[text[start:end]]
                if cost < best[end][0]:
                    best[end] = cost, start
    out: list[bytes] = []
    end = len(text)
    while end:
        out.insert(0, text[best[end][1] : end])
        end = best[end][1]
    return out
