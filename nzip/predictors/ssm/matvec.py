"""Packed int8 matrices times an int16 vector: x86 vector code, and plain loops with equal sums.

A matrix (rows, columns), rows a multiple of 64, columns even, is packed as (rows / 16, columns / 2, 16, 2):
one load holds two columns of 16 rows, which ``vpmaddwd`` multiplies by a pair of the vector, repeated 16
times. Sums are int32 and cannot overflow (columns ≤ 512, |vector| ≤ 32767, |weight| ≤ 127), so their order is
free.

Concession: vector code for x86-64 with AVX2 or AVX-512; elsewhere LLVM's own vectors of plain loops, ten
times slower and more."""

from __future__ import annotations

import numpy as np

from nzip.exact import cpu
from nzip.exact.jit import later, njit

ROWS, GROUP = 16, 4  # rows a vector carries, vectors a loop carries


def pack(matrix: np.ndarray) -> np.ndarray:
    """int8 (rows, columns) → int8 (rows / 16, columns / 2, 16, 2)."""
    rows, columns = matrix.shape
    return np.ascontiguousarray(matrix.reshape(rows // ROWS, ROWS, columns // 2, 2).transpose(0, 2, 1, 3))


_wide, _narrow = later("nzip.predictors.ssm.matvec_code", "wide", "narrow")


@njit(nogil=True, cache=True)
def matvec(packed, vector, out, isa):
    """out = matrix · vector: ``packed`` int8 as :func:`pack` makes it, ``vector`` int16 (columns,), ``out``
    int32 (rows,)."""
    blocks, pairs = packed.shape[0], packed.shape[1]
    if isa == cpu.PORTABLE:
        for block in range(blocks):
            part = out[block * ROWS : (block + 1) * ROWS]
            part[:] = 0
            for k in range(pairs):
                a, c = np.int32(vector[2 * k]), np.int32(vector[2 * k + 1])
                for r in range(ROWS):
                    part[r] += np.int32(packed[block, k, r, 0]) * a + np.int32(packed[block, k, r, 1]) * c
        return
    for block in range(0, blocks, GROUP):
        arguments = (
            packed.ctypes.data + block * pairs * 32,
            pairs,
            vector.ctypes.data,
            out.ctypes.data + block * 64,
        )
        if isa == cpu.AVX512:
            _wide(arguments)
        else:
            _narrow(arguments)
