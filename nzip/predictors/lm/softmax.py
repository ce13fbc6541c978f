"""A model's logits as integer frequencies, and the online bias that is added to them.

The bias per token follows the gradient of the code length, "seen - probability", each token at a rate of its
own that falls as its gradients add up: ``bias += RATE * gradient / sqrt(1 + sum of gradients²)``, after
Adagrad (Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011). So a name is learnt at its second
mention, and a comma is left alone. The bias changes once a step, when all lanes have coded theirs, so that
their frequencies can be computed in parallel. Arithmetic: float32 in written order (numerics.exp2), sums of
integers.

Concession: two passes over the whole vocabulary a token, 70 microseconds for 49,152 tokens; no top-k.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import njit

exp2 = numerics.exp2
_LOG2E = np.float32(numerics.LOG2E)
# Frequencies of one distribution sum to about 2**TOTAL_BITS before candidates.
TOTAL_BITS = 30
_TOTAL = np.float32(2.0**TOTAL_BITS)
_2_28 = np.float32(2.0**28)
RATE = np.float32(0.6)
_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)
_SUMMED = 8192  # tokens whose frequencies' halves sum to less than 2**31
_PART = 1024  # tokens settled at a time, so that their gradients stay in the nearest cache


class Bias(NamedTuple):
    """``value`` float32 (V,), nats added to the logits; ``squares`` float32 (V,), sums of squared
    gradients."""

    value: np.ndarray
    squares: np.ndarray


def new_bias(vocabulary: int) -> Bias:
    """A bias that knows nothing."""
    return Bias(np.zeros(vocabulary, np.float32), np.zeros(vocabulary, np.float32))


@njit(nogil=True, cache=True, error_model="numpy")
def frequencies(logits, bias, e, f):
    """``f`` uint32 (V,): softmax of logits + ``bias`` float32 (V,) as integers ≥ 1 that sum to about 2**30;
    returns the sum.

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
    for a in range(0, n, _SUMMED):
        # Sums of 32 bits, or LLVM works on half as many floats at a time.
        low, high = np.int32(0), np.int32(0)
        part = e[a : min(a + _SUMMED, n)]
        for i in range(part.size):
            v = exp2(np.float32(part[i] - peak))
            part[i] = v
            whole = np.int32(np.float32(v * _2_28))
            low += whole & np.int32(0x3FFF)
            high += whole >> np.int32(14)
        total += (np.int64(high) << 14) + low
    scale = np.float32(_TOTAL / np.float32(np.float32(total) / _2_28))
    total = np.int64(0)
    for a in range(0, n, _SUMMED):
        low, high = np.int32(0), np.int32(0)
        part, own = e[a : min(a + _SUMMED, n)], f[a : min(a + _SUMMED, n)]
        for i in range(part.size):
            share = np.int32(np.float32(part[i] * scale)) + np.int32(1)
            own[i] = share
            low += share & np.int32(0x3FFF)
            high += share >> np.int32(14)
        total += (np.int64(high) << 14) + low
    return total


@njit(nogil=True, cache=True, error_model="numpy")
def settle_bias(bias, f, lanes, symbols, first, last):
    """Let tokens first..last-1 learn from one step. ``bias``: :class:`Bias`; ``f`` uint32 (all lanes, V), by
    which the step was coded; ``lanes`` and ``symbols`` int64 (n,): what each lane saw. Escapes change
    nothing."""
    slope, squares = np.empty(_PART, np.float32), np.empty(_PART, np.float32)
    scale = np.float32(_ONE / _TOTAL)
    for a in range(first, last, _PART):
        b = min(a + _PART, last)
        value, known = bias.value[a:b], bias.squares[a:b]
        slope[:] = _ZERO
        squares[:] = _ZERO
        for k in range(lanes.size):
            if symbols[k] >= bias.value.size:
                continue
            expected = f[lanes[k], a:b]
            for i in range(expected.size):
                p = np.float32(np.float32(np.int32(expected[i])) * scale)
                slope[i] = np.float32(slope[i] - p)
                squares[i] = np.float32(squares[i] + np.float32(p * p))
        for k in range(lanes.size):
            if a <= symbols[k] < b:  # the gradient was 1 - p, not -p
                i = symbols[k] - a
                p = np.float32(np.float32(np.int32(f[lanes[k], symbols[k]])) * scale)
                slope[i] = np.float32(slope[i] + _ONE)
                squares[i] = np.float32(squares[i] + np.float32(_ONE - np.float32(_TWO * p)))
        for i in range(value.size):
            known[i] = np.float32(known[i] + squares[i])
            value[i] = np.float32(
                value[i] + np.float32(np.float32(RATE * slope[i]) / np.sqrt(np.float32(_ONE + known[i])))
            )
