"""A model's logits as integer frequencies, and the online bias that is added to them.

The bias per token follows the gradient of the code length: after each step ``bias += rate * (seen - probability)``, at a
rate that falls from FIRST_RATE to LAST_RATE with the tokens seen. It changes once a step, when all lanes have coded theirs, so that their frequencies can be computed in parallel.
Arithmetic: float32 in written order (numerics.exp2), sums of integers.

Concession: two passes over the whole vocabulary a token, 50 microseconds for 49,152 tokens; no top-k.
"""

from __future__ import annotations

import numpy as np

from nzip import numerics
from nzip.jit import njit

exp2 = numerics.exp2
_LOG2E = np.float32(numerics.LOG2E)
# Frequencies of one distribution sum to about 2**TOTAL_BITS before candidates.
TOTAL_BITS = 30
_TOTAL = np.float32(2.0**TOTAL_BITS)
_2_28 = np.float32(2.0**28)
FIRST_RATE, LAST_RATE, RATE_FALL = np.float32(0.6), np.float32(0.1), np.float32(1000.0)


@njit(nogil=True, cache=True, error_model="numpy")
def frequencies(logits, bias, e, f):
    """``f`` uint32 (V,): softmax of logits + bias as integers ≥ 1 that sum to about 2**30; returns the sum.

    logits float32 (≥ V,), of which the first V count; ``e`` float32 (V,) is scratch."""
    n = bias.size
    top = np.int32(-(2**31))
    for i in range(n):
        v = np.float32(np.float32(logits[i] + bias[i]) * _LOG2E)
        e[i] = v
        b = v.view(np.int32)
        top = max(top, np.int32(b ^ ((b >> np.int32(31)) & np.int32(0x7FFFFFFF))))
    peak = np.int32(top ^ ((top >> np.int32(31)) & np.int32(0x7FFFFFFF))).view(np.float32)
    total = np.int64(0)
    for i in range(n):
        v = exp2(np.float32(e[i] - peak))
        e[i] = v
        total += np.int32(np.float32(v * _2_28))
    scale = np.float32(_TOTAL / np.float32(np.float32(total) / _2_28))
    total = np.int64(0)
    for i in range(n):
        v = np.int32(np.float32(e[i] * scale)) + np.int32(1)
        f[i] = v
        total += v
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def settle_bias(bias, f, lanes, symbols, rate, first, last):
    """For tokens first..last-1: take ``rate`` times each lane's probability off the bias and add ``rate`` for
    the token it saw. ``f`` uint32 (all lanes, V), ``lanes`` and ``symbols`` int64 (n,); escapes change nothing."""
    step = np.float32(rate / _TOTAL)
    mine = bias[first:last]
    for k in range(lanes.size):
        if symbols[k] >= bias.size:
            continue
        seen = f[lanes[k], first:last]
        for i in range(mine.size):
            mine[i] = mine[i] - np.float32(np.float32(np.int32(seen[i])) * step)
    for k in range(lanes.size):
        if first <= symbols[k] < last:
            bias[symbols[k]] = bias[symbols[k]] + rate


def bias_rate(seen: int) -> np.float32:
    """The rate after ``seen`` tokens of all lanes together."""
    return max(LAST_RATE, np.float32(FIRST_RATE / np.float32(np.float32(1.0) + np.float32(np.float32(seen) / RATE_FALL))))
