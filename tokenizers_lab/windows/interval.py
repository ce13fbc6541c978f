"""The interval of a window, in plain big integers (:class:`Interval`) and compiled in limbs, for W up to 128.

A window starts with [0, 2**(W + 32)). A *cell* is one of the 2**W aligned stretches of length 2**32. A byte
takes its child: with the interval's size as m·2**e, m < 2**48, and the model's CDF over 2**bits, the child
begins at floor(m·cdf[s] / 2**bits)·2**e. An interval *fits* while it holds a whole cell.

Compiled, positions are eight limbs of 32 bits, low end first; limb 0 is the part below a cell, so cells are
limbs 1 to 4. Only the running sum of an interval's low end needs them: whether an interval fits, and where a
boundary lies within its cell, follow from limb 0 and the mantissa, because a mantissa is at least 2**47 while
its exponent is above 0."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import njit

FRACTION = 32
MANTISSA = 48
LIMBS = 8
CELL_LIMBS = 4
MASK = (1 << 32) - 1
ONE = 1 << 32
HALF_FULL = 1 << 47


class Interval(NamedTuple):
    """[low, low + (m << e)) on the grid of 2**-(W+32)."""

    low: int
    m: int
    e: int

    @property
    def high(self) -> int:
        return self.low + (self.m << self.e)


def root(width: int) -> Interval:
    """The whole of a window of ``width`` bits."""
    places = width + FRACTION
    return Interval(0, 1 << min(places, MANTISSA), max(places - MANTISSA, 0))


def child(interval: Interval, lo: int, hi: int, bits: int) -> Interval:
    """The part of a byte whose CDF entries are lo and hi; m is shifted up again while e allows."""
    a, b = interval.m * lo >> bits, interval.m * hi >> bits
    low, m, e = interval.low + (a << interval.e), b - a, interval.e
    while m < 1 << MANTISSA - 1 and e > 0:
        m, e = m << 1, e - 1
    return Interval(low, m, e)


def fits(interval: Interval) -> bool:
    """Whether a whole cell lies inside."""
    first = -(-interval.low >> FRACTION)
    return (first + 1) << FRACTION <= interval.high


@njit(cache=True, nogil=True)
def begin(low, size, width):
    """The root; ``size`` is [m, e]."""
    low[:] = 0
    places = width + 32
    size[0] = np.int64(1) << min(places, 48)
    size[1] = max(places - 48, 0)


@njit(cache=True, nogil=True)
def add(low, q, e):
    """low += q << e, for 0 ≤ q < 2**49."""
    i = e >> 5
    r = e & 31
    a = (q & MASK) << r
    b = (q >> 32) << r
    t = low[i] + (a & MASK)
    low[i] = t & MASK
    t = low[i + 1] + (a >> 32) + (b & MASK) + (t >> 32)
    low[i + 1] = t & MASK
    t = low[i + 2] + (b >> 32) + (t >> 32)
    low[i + 2] = t & MASK
    i += 3
    while t >> 32 and i < len(low):
        t = low[i] + 1
        low[i] = t & MASK
        i += 1


@njit(cache=True, nogil=True)
def child_fits(low, size, lo, hi, bits):
    """Whether the child with CDF entries lo, hi holds a whole cell."""
    if size[1] > 0:
        return True  # its size is at least 2**34
    a = (size[0] * lo) >> bits
    up = (-(low[0] + a)) & MASK
    return up + ONE <= ((size[0] * hi) >> bits) - a


@njit(cache=True, nogil=True)
def narrow(low, size, lo, hi, bits):
    """Go to the child with CDF entries lo, hi."""
    a = (size[0] * lo) >> bits
    m = ((size[0] * hi) >> bits) - a
    e = size[1]
    add(low, a, e)
    while m < HALF_FULL and e > 0:
        m <<= 1
        e -= 1
    size[0] = m
    size[1] = e
