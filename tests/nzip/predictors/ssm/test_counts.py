"""Counts that an expert is fed with: the twin, full rows, and what they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_experts import TEXT

from nzip.predictors.ssm import counts

# A row's count is halved at 250, more than once, and a byte that it knew falls out of it.
FULL = b"b" + b"a" * 800 + b"bab" + b"a" * 300


def said(data: bytes, own: counts.Counts | None = None) -> np.ndarray:
    out = np.zeros((len(data), 256), np.int16)
    counts.take_all(own or counts.new_counts(), np.frombuffer(data, np.uint8), out)
    return out


def agrees(data: bytes) -> None:
    twin, out = counts.Twin(), said(data)
    for t, byte in enumerate(data):
        assert (twin.take(byte) == out[t]).all(), t


@pytest.mark.parametrize("data", [TEXT, FULL, bytes(range(256)) * 2], ids=["text", "full", "all bytes"])
def test_twin_agrees(data):
    agrees(data)


@settings(max_examples=20, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.text("ab", max_size=300).map(str.encode)))
def test_twin_agrees_on_anything(data):
    agrees(data)


def test_it_is_a_distribution_that_knows_what_came():
    p = 2.0 ** (said(TEXT * 2) / 2**counts.UNIT_BITS - 8)
    assert np.abs(p.sum(axis=1) - 1).max() < 0.02  # the logarithm's parabola, cut to its unit
    cost = -np.log2(p[np.arange(len(TEXT) * 2 - 1), np.frombuffer(TEXT * 2, np.uint8)[1:]])
    assert cost[:60].mean() > 5 and cost[len(TEXT) :].mean() < 0.5


def test_what_is_forgotten_was_never_there():
    own = counts.new_counts()
    first = said(TEXT, own)
    assert (said(TEXT, own) != first).any()
    counts.forget(own)
    assert (said(TEXT, own) == first).all()


def test_who_is_not_fed_has_no_counts():
    assert sum(array.nbytes for array in counts.new_counts(fed=False)[:3]) == 0
