"""The hash of byte strings that the lab's compiled tables share. For lookups only: every hit is confirmed by
bytes."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit


@njit(cache=True, nogil=True)
def hash_bytes(data, start, end):
    """FNV-1a over 64 bits with a final mix, of ``data[start:end]`` (uint8): uint64."""
    h = np.uint64(0xCBF29CE484222325)
    for i in range(start, end):
        h = (h ^ np.uint64(data[i])) * np.uint64(0x100000001B3)
    h ^= h >> np.uint64(29)
    return h * np.uint64(0x9E3779B97F4A7C15)
