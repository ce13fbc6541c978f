"""What the mix's compiled helpers share: how they are compiled, the integer types, and the hashes' multipliers.

Concession: helpers serve the mix's kernel alone. They have no wrappers, so plain Python cannot call them.
"""

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.mix import constants as at

u64, u32, i64 = np.uint64, np.uint32, np.int64
K1, K2, K3 = u64(at.K1), u64(at.K2), u64(at.K3)

# Without wrappers of their own helpers compile in half the time, and without reference counting (they own no
# memory, but take the whole Mix) level 1 runs 1.7 times as fast.
helper = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
# What is called for every bit: part of the caller's own machine code, whatever LLVM thinks of its size.
inlined = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True)


@inlined
def clamp(x, bound):
    """``x`` within -bound .. bound."""
    return min(bound, max(-bound, x))
