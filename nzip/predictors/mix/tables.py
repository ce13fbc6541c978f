"""The integers that every mix starts from, read from tables.bin (made by scripts/make_mix_tables.py)."""

import functools
from importlib.resources import files
from typing import NamedTuple

import numpy as np


class Tables(NamedTuple):
    """See scripts/make_mix_tables.py for what each holds."""

    next_state: np.ndarray
    stretch: np.ndarray
    squash: np.ndarray
    reciprocal: np.ndarray
    state_start: np.ndarray
    match_start: np.ndarray
    run_start: np.ndarray
    apm_row: np.ndarray


_LAYOUT = (
    (np.uint8, 512), (np.int16, 4096), (np.int32, 8192), (np.uint32, 1024), (np.uint32, 256), (np.uint32, 128),
    (np.uint32, 128), (np.int32, 16),
)  # fmt: skip


@functools.cache
def tables() -> Tables:
    """The tables, read once per process."""
    raw = files(__package__).joinpath("tables.bin").read_bytes()
    arrays, at = [], 0
    for dtype, count in _LAYOUT:
        little = np.dtype(dtype).newbyteorder("<")
        # copied, because numba tells read-only arrays from others and would compile twice
        arrays.append(np.frombuffer(raw, little, count, at).astype(dtype))
        at += count * little.itemsize
    assert at == len(raw)
    return Tables(*arrays)
