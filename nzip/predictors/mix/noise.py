"""Whether a stream is noise: what is packed or encrypted, which no mix makes smaller and which is stored.

Two looks, both cheap beside coding: samples of the stream gain nothing from a small mix, and no stretch of it
comes twice (a second copy of a packed file does, and is worth nearly its whole size).

Concession: what gains less than a thousandth is given away; and copies are found by marks, some 256 bytes
apart, so copies of a few hundred bytes may be missed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Samples, so many of so many bytes, and what is left of them where they gain nothing.
_PIECES, _PIECE, _NO_GAIN = 3, 6000, 0.999
_STEP = 1 << 20  # bytes that are looked at together
_MARK, _BITS = 0x9E3779B1, 8  # one place in 2**_BITS is a mark, by the four bytes that stand there


def is_noise(data: np.ndarray, coded_size: Callable[[np.ndarray], int]) -> bool:
    """Whether ``data`` (uint8) is better stored. ``coded_size``: bytes that a mix makes of a sample."""
    starts = np.linspace(0, max(0, len(data) - _PIECE), _PIECES).astype(np.int64)
    sample = np.concatenate([data[start : start + _PIECE] for start in starts])
    return coded_size(sample) > _NO_GAIN * len(sample) and not has_copies(data)


def has_copies(data: np.ndarray) -> bool:
    """Whether more than a thousandth of ``data`` (uint8) has stood in it before."""
    found = [_marks(data[at : at + _STEP + 8]) for at in range(0, len(data), _STEP)]
    marks = np.concatenate(found) if found else np.zeros(0, np.uint64)
    return len(marks) - len(np.unique(marks)) > len(marks) / 1000


def _marks(data: np.ndarray) -> np.ndarray:
    """The eight bytes at each mark, uint64."""
    if len(data) < 9:
        return np.zeros(0, np.uint64)
    wide = data.astype(np.uint32)
    words = wide[:-3] | wide[1:-2] << np.uint32(8) | wide[2:-1] << np.uint32(16) | wide[3:] << np.uint32(24)
    at = np.flatnonzero((words[:-5] * np.uint32(_MARK)) >> np.uint32(32 - _BITS) == 0)
    return words[at].astype(np.uint64) | words[at + 4].astype(np.uint64) << np.uint64(32)
