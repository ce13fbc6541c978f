"""From a distribution over tokens to next-byte distributions: walking the sorted vocabulary as a trie.

All tokens with the bytes so far as a prefix are one range of ranks, so any node's mass is a difference of two
running sums. Inside a token, where the bytes so far are a token themselves, whether it ends here is a
decision of its own; otherwise the next byte's chances are the masses of the node's children.

Concession: only the tokenizer's own segmentation gets the mass; summing over all segmentations (Phan et al.,
Exact Byte-Level Probabilities) costs extra model evaluations for under 1%.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.base import EXPERT_BITS, SIDE_BITS

_WHOLE = np.int64(1 << EXPERT_BITS)
_SIDE = np.int64(1 << SIDE_BITS)


@njit(nogil=True, cache=True)
def running_sums(f, live, candidates, shares, count, sums):
    """``sums`` uint64 (live + 1,): mass of the ranks below each, candidates at their shares."""
    kept = np.empty(count, np.uint32)
    for i in range(count):
        kept[i] = f[candidates[i]]
        f[candidates[i]] = 0
    total = np.uint64(0)
    for i in range(live):
        sums[i] = total
        total += np.uint64(f[i])
    sums[live] = total
    for i in range(count):
        f[candidates[i]] = kept[i]
    # Few candidates: add each share to all sums behind it, in rank order, in one pass.
    order = np.argsort(candidates[:count])
    added = np.uint64(0)
    for k in range(count):
        token = candidates[order[k]]
        added += np.uint64(shares[order[k]])
        end = candidates[order[k + 1]] if k + 1 < count else live
        part = sums[token + 1 : end + 1]
        for i in range(part.size):
            part[i] += added


@njit(nogil=True, cache=True)
def child(blob, offsets, low, high, depth, byte):
    """The range of ranks within low..high whose byte at ``depth`` is ``byte``; all have more bytes than
    that."""
    a, b = low, high
    while a < b:
        middle = (a + b) >> 1
        if blob[offsets[middle] + depth] < byte:
            a = middle + 1
        else:
            b = middle
    first, b = a, high
    while a < b:
        middle = (a + b) >> 1
        if blob[offsets[middle] + depth] <= byte:
            a = middle + 1
        else:
            b = middle
    return first, a


@njit(nogil=True, cache=True)
def fill(blob, offsets, low, high, depth, sums, out):
    """``out`` uint32 (256,), each ≥ 1, summing to 2**EXPERT_BITS: the children's masses."""
    out[:] = 1
    total = sums[high] - sums[low]
    if low >= high or total == 0:
        out[:] = _WHOLE >> 8
        return
    left = _WHOLE - 256
    scale = np.float64(left) / np.float64(total)
    at, best, spent = low, np.int64(0), np.int64(0)
    while at < high:
        byte = np.int64(blob[offsets[at] + depth])
        jump = np.int64(1)
        inside = at
        while inside + jump < high and blob[offsets[inside + jump] + depth] == byte:
            inside += jump
            jump <<= 1
        while jump > 0:
            if inside + jump < high and blob[offsets[inside + jump] + depth] == byte:
                inside += jump
            jump >>= 1
        end = inside + 1
        part = np.int64(np.float64(sums[end] - sums[at]) * scale)
        part = min(part, left - spent)
        out[byte] += np.uint32(part)
        spent += part
        if out[byte] > out[best]:
            best = byte
        at = end
    out[best] += np.uint32(left - spent)


@njit(nogil=True, cache=True)
def end_chance(sums, low, high):
    """Chance, in 1 .. 2**SIDE_BITS - 1, that the token at ``low`` ends here and none of low+1..high goes
    on."""
    own = np.float64(sums[low + 1] - sums[low])
    whole = np.float64(sums[high] - sums[low])
    return min(max(np.int64(own / whole * np.float64(_SIDE)), np.int64(1)), _SIDE - 1)
