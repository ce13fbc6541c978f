"""Adaptive probability maps (APM; also called SSE, secondary symbol estimation): what a prediction has really
meant in a small context.

A row is one context. It has 16 buckets along the prediction's stretch, 15 steps of a nat from -7.5 to 7.5,
each a probability of 22 bits (int32). A prediction reads the two buckets beside it, interpolated, and the
nearer one learns what the bit was. Three maps lie in one array, one behind the other:

* by the byte before: row ``(byte * 17 + nibble) * 16 + node``, APM1_ROWS of them;
* by the byte that a match expects: row ``byte * 256 + bits``, APM3_ROWS of them, where a plan says so, and
  ``bits`` are a one and the bits so far of this byte, or 0 once the match is known to be wrong;
* by a hash (12 bits) of the two bytes before and the nibble: row ``hash * 16 + node``, APM2_ROWS of them.

Where a plan has one map only, that is the last of these, at row 0.

``nibble`` is 0 in a byte's first half and 1 + the first half in its second; ``node`` is a one and the bits so
far of this half. A *base* is a row without its node. Rows start as what says the prediction back
(``tables().apm_row``). The readable twin is twin/apm.py; helpers of kernel.py, which does without APMs where
a plan says so.
"""

import numpy as np

from nzip.exact.jit import later
from nzip.predictors.mix.compiled import K1, clamp, i64, inlined, u64
from nzip.predictors.mix.constants import APM1_ROWS, APM2_ROWS, APM_BUCKETS

(prefetch,) = later("nzip.predictors.mix.intrinsics.vector", "prefetch")
_ROW = u64(APM_BUCKETS.bit_length() - 1)  # log2 of the cells of a row
_NODES = u64(4)  # log2 of the nodes of a base
_STEP = 256  # stretch units between two buckets: a nat
_EDGE = (APM_BUCKETS - 1) * _STEP // 2  # stretch at the outermost buckets


@inlined
def base_by_byte(byte, nibble):
    """Base of the map by the byte before."""
    return (u64(byte) * u64(17) + nibble) << _NODES


@inlined
def base_by_two_bytes(two_bytes, nibble):
    """Base of the map by the two bytes before, which stand above eight free bits."""
    return (((two_bytes | nibble) * K1) >> u64(64 - 12) << _NODES) + u64(APM1_ROWS)


@inlined
def base_by_expected(byte):
    """Base of the map by the byte that a match expects; its node is a one and all bits so far, 0 where the
    match has been wrong."""
    return (byte << u64(8)) + u64(APM1_ROWS + APM2_ROWS)


@inlined
def ask_for(apm, base, node):
    """Ask the cache for the row of ``node``."""
    prefetch(apm, (base + node) << _ROW)


@inlined
def ask_for_next(apm, base, node):
    """Ask for the rows of both nodes that may follow; they lie side by side."""
    row = (base + node * u64(2)) << _ROW
    prefetch(apm, row)
    prefetch(apm, row + u64(APM_BUCKETS))


@inlined
def place_of(stretch):
    """Where a prediction lies in a row, in 1/256 of a bucket."""
    return clamp(stretch, _EDGE - 1) + _EDGE


@inlined
def cell_of(base, node, place):
    """The cell of the bucket below ``place``."""
    return ((base + node) << _ROW) + u64(place >> 8)


@inlined
def refined(apm, cell, place):
    """The probability (22 bits) between the buckets beside ``place``."""
    part = place & (_STEP - 1)
    return (i64(apm[cell]) * (_STEP - part) + i64(apm[cell + u64(1)]) * part) >> 8


@inlined
def nearer(cell, place):
    """The cell that learns."""
    return cell + u64((place & (_STEP - 1)) >> 7)


@inlined
def learn(apm, cell, target, rate):
    """Move a cell towards ``target`` (0 or 2**22) by 2**-rate of the way."""
    apm[cell] += np.int32((target - i64(apm[cell])) >> rate)
