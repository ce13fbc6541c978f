"""Empirical entropies of a file: what its bytes would take if each came from counts of itself, after none,
one or two bytes before it. A floor for models of that order which know the counts; real ones must learn
them, and longer contexts go far below.

Concession: the counts of order 2 take 128 MiB while they are made.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ORDERS = (0, 1, 2)


def entropies(data: bytes) -> list[float | None]:
    """Bits per byte of order 0, 1 and 2: Σ −log2 of each byte's share among those that follow the same
    context, over all bytes but the first ``order``, divided by their number; None where there are none.

    >>> [round(bits, 6) for bits in entropies(b"abababab")]
    [1.0, 0.0, 0.0]
    """
    return [_entropy(data, order) for order in ORDERS]


def _entropy(data: bytes, order: int) -> float | None:
    import numpy as np  # start-up: NumPy

    symbols = np.frombuffer(data, np.uint8)
    count = len(symbols) - order
    if count < 1:
        return None
    code = symbols[order:].astype(np.uint32)
    for back in range(1, order + 1):
        code |= symbols[order - back : len(symbols) - back].astype(np.uint32) << np.uint32(8 * back)
    together = np.bincount(code, minlength=1 << 8 * (order + 1))
    before = together.reshape(-1, 256).sum(axis=1)
    bits = (_weighted(before) - _weighted(together)) / math.log(2)
    return max(0.0, float(bits) / count)


def _weighted(counts: np.ndarray) -> float:
    """Σ n ln n."""
    import numpy as np  # start-up: NumPy

    some = counts[counts > 0].astype(np.float64)
    return float((some * np.log(some)).sum())
