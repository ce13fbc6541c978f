"""From logits to the 256 integers that an expert answers, and the same in Python's integers, its twin.

The networks of ``ssm``, ``online`` and ``transformer`` end here: softmax in exact arithmetic, then shares of
2**24, none below 1, what rounding leaves over going to the first of the likeliest bytes.

Concession: 256 symbols and 24 bits are written into the loops; tokens have :mod:`nzip.predictors.lm.softmax`.
"""

from __future__ import annotations

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import njit
from nzip.predictors.base import EXPERT_BITS


@njit(nogil=True, cache=True, error_model="numpy")
def distribution(logits, weights, out):
    """Logits float32 (256,) → ``out`` uint32 (256,): at least 1 each, summing to 2**24. ``weights``: scratch,
    int32."""
    numerics.softmax_weights(logits, weights)
    total = np.int64(0)
    top = np.int32(0)
    for i in range(256):
        total += np.int64(weights[i])
        top = max(top, weights[i])
    whole, room = np.float64(total), np.float64((1 << EXPERT_BITS) - 256)
    left = np.int32(1 << EXPERT_BITS)
    for i in range(256):
        # The integer quotient, by vectors: weights are at most 2**28 + 1, so products stay below 2**53 and
        # are exact; the division may round up to the next integer, never further.
        product = np.float64(weights[i]) * room
        share = np.int32(product / whole)
        if np.float64(share) * whole > product:
            share -= np.int32(1)
        out[i] = np.uint32(share + np.int32(1))
        left -= share + np.int32(1)
    for i in range(256):
        if weights[i] == top:  # the first of the likeliest
            out[i] += np.uint32(left)
            break


def twin(logits: np.ndarray) -> np.ndarray:
    """:func:`distribution` by Python's integers: logits float32 (256,) → uint32 (256,)."""
    weights = np.empty(256, np.int32)
    numerics.softmax_weights(logits, weights)
    total = int(weights.sum(dtype=np.int64))
    shares = [1 + int(v) * ((1 << EXPERT_BITS) - 256) // total for v in weights]
    shares[int(weights.argmax())] += (1 << EXPERT_BITS) - sum(shares)
    return np.array(shares, np.uint32)
