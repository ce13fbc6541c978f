"""Noise is stored without being coded, and what comes twice is no noise."""

from __future__ import annotations

import numpy as np
import pytest

import nzip
from nzip.predictors.mix import noise


def random_bytes(size: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def coded_size(sample: np.ndarray) -> int:
    """A mix that makes noise no smaller, and anything else."""
    return len(sample) if len(np.unique(sample)) == 256 else len(sample) // 2


@pytest.mark.parametrize("size", [20_000, (1 << 20) + 5, 3 << 20])
def test_noise(size):
    data = random_bytes(size)
    assert noise.is_noise(data, coded_size) and not noise.has_copies(data)
    assert not noise.is_noise(data & 15, coded_size)


@pytest.mark.parametrize("distance", [100_001, (1 << 20) - 3, 2 << 20])
def test_a_second_copy_of_noise_is_none(distance):
    """Wherever the copy stands, and however it lies to what is looked at together."""
    data = random_bytes(3 << 20)
    data[-60_000:] = data[-60_000 - distance : -distance] if distance >= 60_000 else data[:60_000]
    assert noise.has_copies(data) and not noise.is_noise(data, coded_size)


@pytest.mark.parametrize("size", [0, 1, 8, 9])
def test_little_has_no_copies(size):
    assert not noise.has_copies(random_bytes(size))


def test_a_stream_of_noise_takes_its_own_size_and_copies_nothing():
    once = random_bytes(150_000).tobytes()
    for data in (once, once * 2):
        made = nzip.compress(data, 1)
        assert nzip.decompress(made) == data
        assert len(made) < len(once) + 1500
