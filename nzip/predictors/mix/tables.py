"""The integers that every mix starts from, read from tables.bin (made by scripts/make_mix_tables.py)."""

import functools
import pkgutil
from typing import NamedTuple

import numpy as np


class Tables(NamedTuple):
    """See scripts/make_mix_tables.py for what each holds; ``two_inputs`` (uint32, made here) has what a
    probability of 12 bits says to the mixer: its stretch in the lower half, its distance from one half, in
    1/1024, in the upper."""

    next_state: np.ndarray
    stretch: np.ndarray
    squash: np.ndarray
    reciprocal: np.ndarray
    state_start: np.ndarray
    match_start: np.ndarray
    run_start: np.ndarray
    apm_row: np.ndarray
    two_inputs: np.ndarray


_LAYOUT = (
    (np.uint8, 512), (np.int16, 4096), (np.int32, 8192), (np.uint32, 1024), (np.uint32, 256),
    (np.uint32, 128), (np.uint32, 128), (np.int32, 16),
)  # fmt: skip


@functools.cache
def tables() -> Tables:
    """The tables, read once per process."""
    raw = pkgutil.get_data(__package__, "tables.bin") or b""
    arrays: list[np.ndarray] = []
    place = 0
    for dtype, count in _LAYOUT:
        little = np.dtype(dtype).newbyteorder("<")
        # copied, because numba tells read-only arrays from others and would compile twice
        arrays.append(np.frombuffer(raw, little, count, place).astype(dtype))
        place += count * little.itemsize
    assert place == len(raw)
    stretch = arrays[1].view(np.uint16).astype(np.uint32)
    distance = (np.arange(4096) // 4 - 512).astype(np.int16).view(np.uint16).astype(np.uint32)
    arrays.append(stretch | distance << np.uint32(16))
    return Tables(*arrays)
