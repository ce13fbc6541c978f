"""Whether a stream is noise: what is packed or encrypted, which no mix makes smaller and which is stored.

Two looks, both cheap beside coding: samples of the stream gain nothing from a small mix, and no stretch of it
comes twice (a second copy of a packed file does, and is worth nearly its whole size).

Concession: what gains less than a thousandth is given away, and copies of a few hundred bytes may be missed
(copies.py).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nzip.predictors.mix import copies

# Samples, so many of so many bytes, and what is left of them where they gain nothing.
_PIECES, _PIECE, _NO_GAIN = 3, 6000, 0.999


def is_noise(data: np.ndarray, coded_size: Callable[[np.ndarray], int]) -> bool:
    """Whether ``data`` (uint8) is better stored. ``coded_size``: bytes that a mix makes of a sample."""
    starts = np.linspace(0, max(0, len(data) - _PIECE), _PIECES).astype(np.int64)
    sample = np.concatenate([data[start : start + _PIECE] for start in starts])
    return coded_size(sample) > _NO_GAIN * len(sample) and not has_copies(data)


def has_copies(data: np.ndarray) -> bool:
    """Whether more than a thousandth of ``data`` (uint8) has stood in it before."""
    return copies.repeated(data) > 1 / 1000
