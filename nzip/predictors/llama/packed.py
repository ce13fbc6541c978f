"""How a matrix of small integers lies in memory for the kernels: :class:`Packed`, in blocks of 16 rows and
groups of 32 columns.

One leading axis for the layers:

* ``codes`` uint8 (layers, blocks, groups, 256 or 512). 4 bits: byte ``64*c + 4*row + j`` holds column ``8*c +
  j`` in its low and ``8*c + 4 + j`` in its high half; 7 bits: byte ``64*c + 4*row + j`` is column ``4*c +
  j``.
* ``d`` uint8 (layers, blocks, groups, 16): the group's integer scale. ``m`` int16 (layers, blocks, groups/2,
  16, 2): its integer offset. ``rs`` float32 (layers, blocks*16): the row's scale. weight = (code*d + m) * rs.

:func:`nzip.predictors.llama.quantised.pack` makes it. What follows is padded: blocks to 16 rows, columns to
two groups; padding weighs nothing.

Concession: one layout serves AVX2, AVX-512 and plain loops; none of them would have chosen all of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

GROUP = 32
ROWS = 16
CODE_BYTES = {4: 256, 7: 512}
OFFSET7 = 64
MAX_D = {4: 255, 7: 31}


class Packed(NamedTuple):
    """A matrix of every layer, packed; see the module's docstring. ``rows`` and ``cols`` are the true shape
    without padding."""

    bits: int
    codes: np.ndarray
    d: np.ndarray
    m: np.ndarray
    rs: np.ndarray
    rows: int
    cols: int


def aligned(shape, dtype) -> np.ndarray:
    """An empty array whose data starts on a cache line."""
    dtype = np.dtype(dtype)
    size = int(np.prod(shape)) * dtype.itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)


def padded_cols(cols: int) -> int:
    """Columns as the kernels read them: a multiple of two groups."""
    return -(-cols // 64) * 64
