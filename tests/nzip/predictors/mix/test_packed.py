"""Tables are packed and unpacked bit for bit, whole and in stretches."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors.mix import packed, touched
from nzip.predictors.mix.constants import NO_DIRECT, SLOT

SIZES = st.integers(1, 40).map(lambda n: n * 64)


def table(size: int, seed: int, filled: float, high: int = 256) -> np.ndarray:
    random = np.random.default_rng(seed)
    found = random.integers(0, high, size, dtype=np.uint16)
    return np.where(random.random(size) < filled, found, 0)


@given(SIZES, st.integers(0, 1 << 30), st.sampled_from([0.0, 0.1, 0.9, 1.0]), st.booleans())
@settings(max_examples=60, deadline=None)
def test_there_and_back(size, seed, filled, against):
    was = table(size, seed, filled).astype(np.uint8)
    fresh = table(size, seed + 1, 0.5).astype(np.uint8) if against else None
    found = np.zeros(size, np.uint8) if fresh is None else fresh.copy()
    small = packed.pack(was, fresh)
    packed.unpack(small, found)
    assert np.array_equal(found, was)
    assert len(small.values) == np.count_nonzero(was if fresh is None else was != fresh)


@given(SIZES, st.integers(0, 1 << 30), st.sampled_from([4, 8, 64]))
@settings(max_examples=60, deadline=None)
def test_stretches(size, seed, length):
    """Some stretches in any order; what is not asked for stays as it is."""
    was, row = table(size, seed, 0.3).astype(np.uint8), table(64, seed + 1, 0.5).astype(np.uint8)
    fresh = np.tile(row, size // length) if length == touched.LINE else np.zeros(size, np.uint8)
    random = np.random.default_rng(seed)
    places = random.permutation(size // length)[: 1 + size // length // 2]
    found = np.full(size, 77, np.uint8)
    small = touched.Found.of(packed.pack(was, fresh))
    if length == touched.LINE:
        touched.fetch_lines(small, places, row, found)
    else:
        touched.fetch(small, places, length, found)
    expected = np.full(size, 77, np.uint8).reshape(-1, length)
    expected[places] = was.reshape(-1, length)[places]
    assert np.array_equal(found, expected.reshape(-1))


@given(SIZES, st.integers(0, 1 << 30), st.sampled_from([0.0, 0.05, 0.7]))
@settings(max_examples=60, deadline=None)
def test_what_follows_from_histories(size, seed, unlike):
    slots = table(size, seed, 0.6, 12).astype(np.uint8)
    direct = (slots.astype(np.uint16) * 1000 + 7).astype(np.uint16)
    direct[slots == 0] = NO_DIRECT
    direct.reshape(-1, SLOT)[:, 0] = NO_DIRECT
    random = np.random.default_rng(seed)
    direct = np.where(
        random.random(size) < unlike, random.integers(0, 1 << 16, size, dtype=np.uint16), direct
    )
    followed = packed.follow(direct, slots)
    usual, places, values, _ = followed
    found = np.full(size, NO_DIRECT, np.uint16)
    packed.spread_direct(packed.pack(slots).differs, slots, usual, places, values, found)
    assert np.array_equal(found, direct)
    if not unlike:
        assert not len(places)
    lines = random.permutation(size // 64)[: 1 + size // 128]
    found = np.zeros(size, np.uint16)
    touched.fetch_direct(slots, *followed, lines, found)
    assert np.array_equal(found.reshape(-1, 64)[lines], direct.reshape(-1, 64)[lines])
