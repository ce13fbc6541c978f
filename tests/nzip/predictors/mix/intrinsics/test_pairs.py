"""Inputs in pairs give what single ones give."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit
from test_vector import CASES, arrays, dots, trains

from nzip.predictors.mix.intrinsics import VECTOR
from nzip.predictors.mix.intrinsics.pairs import PAIRS, dot_pairs, local_u32, train_pairs

assert VECTOR == 2 * PAIRS


@njit
def both(weights, offset, words, error):
    pairs = local_u32(8)
    for k in range(8):
        pairs[k] = words[k]
    found = dot_pairs(weights, offset, pairs)
    train_pairs(weights, offset, pairs, error)
    return found


@settings(max_examples=150)
@given(
    seed=CASES["seed"],
    extreme=CASES["extreme"],
    offset=st.integers(0, 2 * VECTOR),
    error=st.sampled_from([-32767, -1, 0, 1, 32767]) | st.integers(-32767, 32767),
)
def test_pairs_are_the_vectors_inputs(seed, extreme, offset, error):
    weights, inputs, n = arrays(seed, 1, extreme)
    wanted = weights.copy()
    total = dots(weights, offset, inputs, n)
    trains(wanted, offset, inputs, n, error)
    assert both(weights, offset, inputs.view(np.uint32), error) == total
    assert np.array_equal(weights, wanted)  # and nothing beside
