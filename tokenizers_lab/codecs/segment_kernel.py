"""The cheapest way to cut a text into tokens of a vocabulary, by dynamic programming; :func:`twin` says the
same in Python.

Each token has a cost, a whole number; every single byte must be a token, so there is always a way. From every
place the trie of the vocabulary (a double array) is walked once, and each token found there may improve on
the place where it ends. Of ways that cost the same the one with the longest last token is taken, and so on
before it. Short pre-tokens are remembered (speed only).

Concession: whole documents without pre-tokens take 12 bytes of memory a byte of text.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.codecs.bpe_kernel import CACHE_BYTES, CACHE_IDS, CACHE_SLOTS
from tokenizers_lab.pretokenize.hashing import hash_bytes
from tokenizers_lab.pretokenize.kernels import next_end

PARENT, BASE, TOKEN, COST = range(4)  # of a node; its child by byte c stands at BASE ^ c, if it says so
_TRIES = 64


@njit(cache=True, nogil=True)
def _place(free, low, bytes_of, count):
    """A base whose ``count`` children stand in free slots, or -1 after some tries."""
    tries = 0
    for s in range(low, len(free)):
        if not free[s]:
            continue
        base = s ^ bytes_of[0]
        good = True
        for k in range(1, count):
            if not free[base ^ bytes_of[k]]:
                good = False
                break
        if good:
            return base
        tries += 1
        if tries == _TRIES:
            break
    return -1


@njit(cache=True, nogil=True)
def double_array(arena, starts, tokens, costs):
    """The trie of the sorted strings arena[starts[i]:starts[i + 1]], which are ``tokens[i]`` and cost
    ``costs[i]``, as a double array, int32 of shape (slots, 4): one read a step, where a hash table takes
    two. Slot 0 is the root; TOKEN is -1 where no string ends, BASE is -1 where none goes on."""
    size = 1024
    out = np.full((size, 4), -1, dtype=np.int32)
    free = np.ones(size, dtype=np.bool_)
    free[0] = False
    low = 1
    fresh = np.int64(256)
    # slot, first and last string, depth
    queue = np.empty((len(arena) + 1, 4), dtype=np.int32)
    queue[0] = np.array([0, 0, len(starts) - 1, 0])
    head = 0
    tail = 1
    bytes_of = np.empty(256, dtype=np.int64)
    first = np.empty(257, dtype=np.int64)
    while head < tail:
        slot = queue[head, 0]
        at = np.int64(queue[head, 1])
        end = np.int64(queue[head, 2])
        depth = queue[head, 3]
        head += 1
        if starts[at] + depth == starts[at + 1]:
            out[slot, TOKEN] = tokens[at]
            out[slot, COST] = costs[at]
            at += 1
        count = 0
        while at < end:
            c = np.int64(arena[starts[at] + depth])
            if count == 0 or bytes_of[count - 1] != c:
                bytes_of[count] = c
                first[count] = at
                count += 1
            at += 1
        if count == 0:
            continue
        first[count] = end
        base = np.int64(_place(free, low, bytes_of, count))
        if base < 0:
            base = np.int64(fresh)
        fresh = max(fresh, (base | 255) + 1)  # no slot is taken from here on
        if fresh + 256 > size:
            size += max(1024, size // 2 // 256 * 256)
            grown = np.full((size, 4), -1, dtype=np.int32)
            grown[: len(out)] = out
            out = grown
            more = np.ones(size, dtype=np.bool_)
            more[: len(free)] = free
            free = more
        out[slot, BASE] = base
        for k in range(count):
            child = base ^ bytes_of[k]
            free[child] = False
            out[child, PARENT] = slot
            queue[tail, 0] = child
            queue[tail, 1] = first[k]
            queue[tail, 2] = first[k + 1]
            queue[tail, 3] = depth + 1
            tail += 1
        while low < size and not free[low]:
            low += 1
    return out


@njit(cache=True, nogil=True)
def two_bytes(nodes):
    """Where two bytes lead from the root of a double array that has all single ones: int32 of shape
    (65,536 + 256,), at first << 8 | second the slot, or -1; behind them where one leads."""
    out = np.full(65536 + 256, -1, dtype=np.int32)
    for a in range(256):
        first = np.int64(nodes[0, BASE] ^ a)
        out[65536 + a] = first
        for b in range(256 if nodes[first, BASE] >= 0 else 0):
            second = np.int64(nodes[first, BASE] ^ b)
            if nodes[second, PARENT] == first:
                out[a << 8 | b] = second
    return out


@njit(cache=True, nogil=True)
def _cut(data, start, end, nodes, pairs, best, back):
    """Ids of data[start:end] into ``back``, each where it ends. ``nodes``: in one dimension, four a slot, and
    read by unsigned places, which cost no look at whether they are below 0. ``best``, ``back``: room for end
    - start + 1."""
    size = end - start
    for k in range(size + 1):
        best[k] = np.int64(1) << 60
    best[0] = 0
    for k in range(size):
        here = best[k]
        byte = np.int64(data[start + k])
        at = k + 1
        slot = np.uint64(pairs[65536 + byte]) << np.uint64(2)
        cost = here + nodes[slot | np.uint64(COST)]
        if cost < best[at]:
            best[at] = cost
            back[at] = nodes[slot | np.uint64(TOKEN)]
        if at == size:
            break
        node = pairs[byte << 8 | data[start + at]]
        while node >= 0:
            at += 1
            slot = np.uint64(node) << np.uint64(2)
            token = nodes[slot | np.uint64(TOKEN)]
            if token >= 0:
                # Written either way: which is cheaper is as good as chance, and a wrong guess costs more.
                cost = here + nodes[slot | np.uint64(COST)]
                other = best[at]
                better = cost < other
                best[at] = cost if better else other
                back[at] = token if better else back[at]
            base = nodes[slot | np.uint64(BASE)]
            if at == size or base < 0:
                break
            child = base ^ np.int32(data[start + at])
            if nodes[np.uint64(child) << np.uint64(2)] != node:  # PARENT
                break
            node = child


@njit(cache=True, nogil=True)
def encode(data, kind, classes, ends, nodes, pairs, lengths, cache):
    """Ids of ``data``, int32, cut by the splitter ``kind``, or at ``ends`` where kind < 0. ``pairs``:
    :func:`two_bytes` of ``nodes``."""
    flat = nodes.reshape(-1)
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
        _cut(data, i, end, flat, pairs, best, back)
        at = size
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
