"""The compiled stop cell is the plain one, on intervals that windows come to, and where borders of children
fall on borders of cells."""

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenizers_lab.windows.interval import (
    CELL_LIMBS,
    FRACTION,
    LIMBS,
    MASK,
    begin,
    child,
    fits,
    narrow,
    root,
)
from tokenizers_lab.windows.stop_cell import cuts_a_cell, stop_cell, stop_cell_of_limbs

BITS = 12


def cdf_of(rng: random.Random) -> np.ndarray:
    cuts = rng.sample(range(1, 1 << BITS), 255)
    if rng.randrange(2):
        cuts = [i << BITS - 8 for i in range(1, 256)]  # even: borders of cells, at first
    return np.array([0, *sorted(cuts), 1 << BITS], np.int64)


@settings(max_examples=40)  # each goes through a whole window, of dozens of cells
@given(st.randoms(use_true_random=False), st.sampled_from([16, 24, 48, 64, 128]))
def test_compiled_equals_plain(rng, width):
    interval, low, size = root(width), np.zeros(LIMBS, np.int64), np.zeros(2, np.int64)
    begin(low, size, width)
    while True:
        cdf, cell = cdf_of(rng), np.zeros(CELL_LIMBS, np.int64)
        plain = stop_cell(interval, cdf.tolist(), BITS)
        assert stop_cell_of_limbs(low, size, cdf, BITS, cell) == (plain is not None)
        if plain is not None:
            assert sum(int(limb) << 32 * i for i, limb in enumerate(cell)) == plain
        s = rng.randrange(256)
        inner = child(interval, int(cdf[s]), int(cdf[s + 1]), BITS)
        if not fits(inner):
            break
        interval = inner
        narrow(low, size, cdf[s], cdf[s + 1], BITS)
        assert (size[0], size[1]) == (interval.m, interval.e)


@given(st.integers(0, MASK), st.integers(0, 1 << 47), st.integers(1, 1 << 48))
def test_a_cut_cell_lies_inside(start, border, size):
    cell = (start + border) >> FRACTION
    inside = cell << FRACTION >= start and (cell + 1) << FRACTION <= start + size
    assert cuts_a_cell(start, border, size) == (inside and (start + border) % (1 << FRACTION) != 0)
