"""From logits to an expert's answer: 256 integers."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors import distribution


@settings(max_examples=200)
@given(st.integers(0, 2**32), st.sampled_from([0, 1e-3, 1, 5, 40]), st.booleans())
def test_the_shares_are_integer_quotients_and_the_first_of_the_likeliest_takes_the_rest(seed, spread, ties):
    """The kernel divides floats, eight at a time; Python's integers say what must come out."""
    logits = (np.random.default_rng(seed).normal(size=256) * spread).astype(np.float32)
    logits = np.rint(logits) if ties else logits
    got, weights_ = np.zeros(256, np.uint32), np.zeros(256, np.int32)
    distribution.distribution(logits, weights_, got)
    w = weights_.tolist()
    expected = [1 + x * ((1 << 24) - 256) // sum(w) for x in w]
    expected[w.index(max(w))] += (1 << 24) - sum(expected)
    assert got.tolist() == expected and (distribution.twin(logits) == got).all()
