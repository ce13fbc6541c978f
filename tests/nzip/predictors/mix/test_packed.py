"""Tables are packed and unpacked bit for bit, whole and in stretches."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors.mix import packed, packed_slots, touched
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


@given(SIZES, st.integers(0, 1 << 30))
@settings(max_examples=60, deadline=None)
def test_lines(size, seed):
    """Some cache lines in any order; what is not asked for stays as it is."""
    was, row = table(size, seed, 0.3).astype(np.uint8), table(64, seed + 1, 0.5).astype(np.uint8)
    random = np.random.default_rng(seed)
    places = random.permutation(size // 64)[: 1 + size // 128]
    found = np.full(size, 77, np.uint8)
    small = touched.Found.of(packed.pack(was, np.tile(row, size // 64)))
    touched.fetch_lines(small, places, row, found)
    expected = np.full(size, 77, np.uint8).reshape(-1, 64)
    expected[places] = was.reshape(-1, 64)[places]
    assert np.array_equal(found, expected.reshape(-1))


@given(
    SIZES,
    st.integers(0, 1 << 30),
    st.sampled_from([0.0, 0.2, 1.0]),
    st.sampled_from([(np.uint16, 9), (np.uint16, 1 << 16), (np.uint32, 1 << 21), (np.uint32, 1 << 25)]),
)
@settings(max_examples=80, deadline=None)
def test_numbers_there_and_back(size, seed, filled, kind):
    """Whole, and stretches in any order; few numbers and many, of few bytes and more."""
    dtype, high = kind
    random = np.random.default_rng(seed)
    was = np.where(random.random(size) < filled, random.integers(0, high, size), 0).astype(dtype)
    small = packed.pack_entries(was)
    found = np.zeros(size, dtype)
    packed.unpack_entries(small, found)
    assert np.array_equal(found, was)
    for count in (1, 4):
        places = random.permutation(size // count)[: 1 + size // count // 2]
        found = np.full(size, 77, dtype)
        touched.fetch_entries(small, places, count, found.view(np.uint16), found.itemsize // 2, small.width)
        expected = np.full(size, 77, dtype).reshape(-1, count)
        expected[places] = was.reshape(-1, count)[places]
        assert np.array_equal(found, expected.reshape(-1))


def test_what_numbers_take():
    few, many = (table(1 << 14, 3, 0.5, high).astype(np.uint16) for high in (200, 1 << 16))
    some = packed.pack_entries(few)
    assert len(some.values) == np.count_nonzero(few)
    assert len(packed.pack_entries(many).values) > 2.8 * np.count_nonzero(many)
    assert len(packed.pack_entries(many.astype(np.uint32)).values) == 3 * np.count_nonzero(many)


def slots_of(size: int, seed: int, contents: int, noise: float) -> np.ndarray:
    """Slots of so many contents, a share of them noise, some of them full; check bytes of every kind; with
    two seeds of three many are not in use."""
    random = np.random.default_rng(seed)
    known = random.integers(0, 256, (contents, SLOT), dtype=np.uint8)
    known[random.random(known.shape) < 0.6] = 0
    known[0] = 0
    found = known[random.integers(0, contents, size // SLOT)]
    found[:, 0] = random.integers(0, 256, len(found))
    odd = random.random(len(found)) < noise
    found[odd] = random.integers(0, 256, (int(odd.sum()), SLOT), dtype=np.uint8)
    found[random.random(len(found)) < 0.4 * (seed % 3)] = 0
    return found.reshape(-1)


@given(SIZES, st.integers(0, 1 << 30), st.sampled_from([1, 20, 700]), st.sampled_from([0.0, 0.2, 1.0]))
@settings(max_examples=60, deadline=None)
def test_slots_there_and_back(size, seed, contents, noise):
    """Whole, and some lines in any order; what is not asked for stays as it is."""
    was = slots_of(16 * size, seed, contents, noise)
    small = packed_slots.pack_slots(was)
    found = np.full(len(was), 77, np.uint8)
    packed_slots.unpack_slots(small, found)
    assert np.array_equal(found, was)
    random = np.random.default_rng(seed)
    places = random.permutation(len(was) // 64)[: 1 + len(was) // 128]
    expected = np.full(len(was), 77, np.uint8).reshape(-1, 64)
    expected[places] = was.reshape(-1, 64)[places]
    for lasting in (False, True):
        found = np.full(len(was), 77, np.uint8)
        of = packed_slots.FoundSlots.of(small, lasting)
        packed_slots.fetch_slots(of, places, found.view(np.uint64))
        assert np.array_equal(found, expected.reshape(-1))


def test_what_slots_take():
    """Two bytes each where few contents are, and two and a byte for each that is not zero of what is rare;
    next to nothing where they are not in use."""
    common, noise = slots_of(1 << 16, 0, 200, 0.0), slots_of(1 << 16, 3, 1, 1.0)
    nothing = packed_slots.pack_slots(np.zeros(1 << 16, np.uint8))
    assert sum(array.nbytes for array in nothing[2:]) < (1 << 16) // 32
    assert len(packed_slots.pack_slots(common).values) < len(common) // 100
    full = packed_slots.pack_slots(noise)
    assert full.codes.nbytes <= len(noise) // 8 + 2
    assert len(full.values) <= 17 * len(noise) // SLOT


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
    found = np.full(size, NO_DIRECT, np.uint16)
    packed_slots.unpack_direct(followed, packed_slots.pack_slots(slots), slots, found)
    assert np.array_equal(found, direct)
    if not unlike:
        assert not len(followed.places)
    lines = random.permutation(size // 64)[: 1 + size // 128]
    found = np.zeros(size, np.uint16)
    touched.fetch_direct(slots, *followed, lines, found)
    assert np.array_equal(found.reshape(-1, 64)[lines], direct.reshape(-1, 64)[lines])
