"""Probabilities, weights or logits to exact integer CDFs, the same on every machine.

Two ways in, for two kinds of model:

* :func:`from_probabilities` and :func:`from_weights` give a total of exactly 2**bits with every symbol at
  least 1. They lose next to nothing against the best such CDF: symbols whose share is under 1 get 1, all
  others share the rest in proportion ("water-filling", the optimum for real-valued shares), and rounding is
  done on the running sum, so that it never piles up.
* :func:`from_logits` gives ``exp2(...) * 2**28 + 1`` and whatever total that has; the coder takes any. It is
  the fast one for large vocabularies, and costs at most log2(1 + n / 2**28) bits a symbol.

Everything is integer arithmetic, but for one IEEE multiplication a symbol (never fused: a floor follows) and
:mod:`nzip.exact.numerics`. :mod:`nzip.coding.twin` holds the readable twin. ``python -m bench coding`` prints
what each total costs for 256 to 49,152 symbols."""

from __future__ import annotations

import numpy as np

from nzip.exact import numerics
from nzip.exact.jit import njit

MAX_BITS = 32
# Weights are scaled to sums below 2**52, so that float64 holds every running sum exactly.
WEIGHT_SUM_BITS = 52
# Rounds of water-filling. Each can only raise the floor; stopping early costs size, never correctness.
ROUNDS = 8


@njit("int64(int64[::1])", cache=True)
def _floor_weight(weights_and_total):
    """The weight worth one unit of the total: symbols below it are raised to 1 (last entry: the total)."""
    n = weights_and_total.size - 1
    total = weights_and_total[n]
    floor = np.int64(0)
    for _ in range(ROUNDS):
        above = np.int64(0)
        mass = np.int64(0)
        for i in range(n):
            w = weights_and_total[i]
            if w > floor:
                above += 1
                mass += w
        if above == 0:  # as many symbols as units: each has its one
            break
        raised = mass // (total - (n - above))
        if raised <= floor:
            break
        floor = raised
    return floor


@njit("void(int64[::1], uint64[::1])", cache=True)
def _fill(weights_and_total, cdf):
    """Write the CDF. Symbol i gets 1 and its part of total - n, in proportion to max(0, weight - floor)."""
    n = weights_and_total.size - 1
    total = weights_and_total[n]
    floor = _floor_weight(weights_and_total)
    mass = np.int64(0)
    for i in range(n):
        mass += max(np.int64(0), weights_and_total[i] - floor)
    if mass == 0:  # total == n
        for i in range(n + 1):
            cdf[i] = np.uint64(i)
        return
    scale = float(total - n) / float(mass)
    running = np.int64(0)
    for i in range(n):
        # running * scale stays below total - n + 1: one rounding of 2**-53 cannot lift it over an integer.
        cdf[i] = np.uint64(i + np.int64(np.floor(float(running) * scale)))
        running += max(np.int64(0), weights_and_total[i] - floor)
    cdf[n] = np.uint64(total)


@njit("void(int32[::1], uint64[::1])", cache=True)
def accumulate(weights, cdf):
    """``cdf`` = 0 and the running sums of ``weights`` (int32, each at least 1)."""
    total = np.uint64(0)
    for i in range(weights.size):
        cdf[i] = total
        total += np.uint64(weights[i])
    cdf[weights.size] = total


def _check_shape(array: np.ndarray, bits: int) -> None:
    if array.ndim != 1 or not array.size:
        raise ValueError(f"one distribution is one row of at least one symbol, not shape {array.shape}")
    if not 1 <= bits <= MAX_BITS:
        raise ValueError(f"a CDF's total is 2**1 to 2**{MAX_BITS}, not 2**{bits}")
    if array.size > 1 << bits:
        raise ValueError(f"{array.size} symbols cannot each have a share of 2**{bits}")


def _weight_limit(n: int) -> int:
    """Bits a single weight may have so that n of them sum to less than 2**52."""
    return WEIGHT_SUM_BITS - (n - 1).bit_length()


def from_weights(weights, bits: int) -> np.ndarray:
    """Integer weights (n,), not negative, not all zero → CDF, uint64 (n + 1,), total 2**bits, every share ≥
    1.

    Weights too large for exact arithmetic are shifted right together, others left; ratios are kept to at
    least 2**-(51 - log2 n) of the largest."""
    weights = np.asarray(weights)
    _check_shape(weights, bits)
    if not np.issubdtype(weights.dtype, np.integer):
        raise ValueError(f"weights are integers, not {weights.dtype}; use from_probabilities")
    if int(weights.min()) < 0 or int(weights.max()) == 0:
        raise ValueError("weights are not negative, and at least one is positive")
    shift = _weight_limit(weights.size) - int(weights.max()).bit_length()
    wide = weights.astype(np.uint64)
    return _quantise(wide << np.uint64(shift) if shift >= 0 else wide >> np.uint64(-shift), bits)


def from_probabilities(probabilities, bits: int) -> np.ndarray:
    """Probabilities float64 (n,), not necessarily normalised → CDF, uint64 (n + 1,), total 2**bits, shares ≥
    1.

    No sum of floats is formed: each probability is scaled by one power of two and rounded to an integer, so
    equal inputs give equal CDFs everywhere. (Where the inputs came from is the caller's care.) ValueError for
    negative, infinite, NaN or all-zero input.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    _check_shape(p, bits)
    peak = float(p.max())
    if not (np.isfinite(p).all() and p.min() >= 0 and peak > 0):
        raise ValueError("probabilities are finite, not negative, and not all zero")
    exponent = int(np.frexp(peak)[1])  # peak < 2**exponent
    return _quantise(np.rint(np.ldexp(p, _weight_limit(p.size) - 1 - exponent)), bits)


def _quantise(weights: np.ndarray, bits: int) -> np.ndarray:
    with_total = np.empty(weights.size + 1, np.int64)
    with_total[:-1] = weights
    with_total[-1] = 1 << bits
    cdf = np.empty(weights.size + 1, np.uint64)
    _fill(with_total, cdf)
    return cdf


def from_logits(logits) -> np.ndarray:
    """Logits float32 (n,), in nats → CDF, uint64 (n + 1,), total between 2**28 and n * (2**28 + 1).

    -inf is allowed (a share of 1); NaN and +inf are a ValueError.
    """
    logits = np.ascontiguousarray(logits, dtype=np.float32)
    _check_shape(logits, MAX_BITS)
    if np.isnan(logits).any() or not np.isfinite(logits.max()):
        raise ValueError("logits are numbers, at least one finite and none +inf")
    weights = np.empty(logits.size, np.int32)
    numerics.softmax_weights(logits, weights)
    cdf = np.empty(logits.size + 1, np.uint64)
    accumulate(weights, cdf)
    return cdf
