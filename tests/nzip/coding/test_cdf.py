"""cdf.py against its twin, against the real-valued optimum, and pinned by hash."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.coding import cdf as cdfs
from nzip.coding import twin


def shares_of(cdf):
    return np.diff(cdf.astype(np.int64))


def excess_bits(probabilities, cdf):
    """KL divergence in bits a symbol: what coding under ``cdf`` costs above ``probabilities``."""
    q = shares_of(cdf) / float(cdf[-1])
    seen = probabilities > 0
    return float((probabilities[seen] * np.log2(probabilities[seen] / q[seen])).sum())


def best_shares(probabilities, total):
    """The best whole-number shares, each at least 1: hand units out where they save most, p log2((f + 1) /
    f), until none is left. Found by bisection of the price at which symbols stop buying."""
    low, high = 0.0, float(probabilities.max())
    for _ in range(200):
        price = (low + high) / 2
        with np.errstate(divide="ignore", over="ignore"):
            shares = 1 + np.floor(1 / np.expm1(price / probabilities))
        low, high = (price, high) if shares.sum() > total else (low, price)
    with np.errstate(divide="ignore", over="ignore"):
        return 1 + np.floor(1 / np.expm1(high / probabilities))


weights = st.lists(st.one_of(st.integers(0, 3), st.integers(0, 1 << 63)), min_size=1, max_size=64).filter(any)


@given(weights, st.integers(6, 32))
@settings(max_examples=200, deadline=None)
def test_weights_give_a_proper_cdf_equal_to_the_twin(weights, bits):
    cdf = cdfs.from_weights(np.array(weights, np.uint64), bits)
    assert cdf.dtype == np.uint64 and cdf[0] == 0 and cdf[-1] == 1 << bits
    assert shares_of(cdf).min() >= 1
    shift = cdfs._weight_limit(len(weights)) - max(weights).bit_length()
    scaled = [w << shift if shift >= 0 else w >> -shift for w in weights]
    assert sum(scaled) < 1 << 52
    assert cdf.tolist() == twin.quantise(scaled, bits)


@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=64).filter(any), st.integers(6, 32))
@settings(max_examples=100, deadline=None)
def test_probabilities_give_a_proper_cdf(probabilities, bits):
    cdf = cdfs.from_probabilities(probabilities, bits)
    assert cdf[0] == 0 and cdf[-1] == 1 << bits and shares_of(cdf).min() >= 1
    # Only ratios matter, and a power of two changes none.
    if max(probabilities) < 1e299 and min((p for p in probabilities if p), default=1) > 1e-290:
        assert np.array_equal(cdf, cdfs.from_probabilities(np.array(probabilities) * 4, bits))


@pytest.mark.parametrize(
    "symbols,bits",
    [
        (2, 1),
        (256, 8),
        (256, 12),
        (256, 16),
        (256, 24),
        (5000, 16),
        (49152, 16),
        (49152, 24),
        (49152, 32),
        (200_000, 24),
    ],
)
def test_close_to_the_best(symbols, bits):
    rng = np.random.default_rng(symbols + bits)
    for exponent, peak in ((0, 0), (1.1, 0), (1.1, 0.9), (2, 0.999)):
        p = rng.permutation(1 / np.arange(1, symbols + 1) ** exponent)
        p *= (1 - peak) / p.sum()
        p[rng.integers(symbols)] += peak
        p /= p.sum()
        cdf = cdfs.from_probabilities(p, bits)
        assert shares_of(cdf).min() >= 1 and cdf[-1] == 1 << bits
        best = best_shares(p, 1 << bits)
        assert best.sum() <= 1 << bits
        best[: int((1 << bits) - best.sum()) % symbols] += 1  # ties at the price: any may buy
        best = np.concatenate([[0], np.cumsum(best)])
        # Rounding the running sum may move each share by a unit; that shows where units are few.
        assert excess_bits(p, cdf) - excess_bits(p, best) <= 0.03 * symbols / (1 << bits) + 1e-12


def test_rounding_moves_a_share_by_less_than_one_unit():
    rng = np.random.default_rng(7)
    p = rng.dirichlet(np.full(256, 0.5))
    cdf = cdfs.from_probabilities(p, 24)
    w = np.rint(np.ldexp(p, cdfs._weight_limit(256) - 1 - int(np.frexp(p.max())[1])))
    level = cdfs._floor_weight(np.append(w, 1 << 24).astype(np.int64))
    exact = 1 + np.maximum(0, w - level) * ((1 << 24) - 256) / np.maximum(0, w - level).sum()
    assert np.abs(shares_of(cdf) - exact).max() < 1.001


def test_equal_weights_share_evenly_in_a_defined_way():
    assert cdfs.from_weights([5, 5, 5, 5], 24).tolist() == [0, 1 << 22, 1 << 23, 3 << 22, 1 << 24]
    assert shares_of(cdfs.from_weights([1] * 3, 2)).tolist() == [1, 1, 2]
    assert shares_of(cdfs.from_weights([1] * 256, 8)).tolist() == [1] * 256
    assert shares_of(cdfs.from_weights([9, 1], 1)).tolist() == [1, 1]
    assert cdfs.from_weights([7], 24).tolist() == [0, 1 << 24]
    assert shares_of(cdfs.from_weights([1, 0], 24)).tolist() == [(1 << 24) - 1, 1]


def test_cdfs_are_pinned():
    """One hash over all three ways in: any change of a bit on any machine is a change of the format."""
    state, values = 1, []
    for _ in range(3000):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append(state >> 33 + (state >> 20) % 24)
    values = np.array(values)
    digest = hashlib.sha256()
    for n, bits in ((2, 24), (256, 16), (256, 24), (3000, 12), (3000, 24), (3000, 32)):
        digest.update(cdfs.from_weights(values[:n] + 1, bits).astype("<u8").tobytes())
        digest.update(cdfs.from_probabilities((values[:n] + 1) / 2**32, bits).astype("<u8").tobytes())
    logits = (values.astype(np.float32) * np.float32(2.0**-26)).astype(np.float32)
    digest.update(cdfs.from_logits(logits).astype("<u8").tobytes())
    assert digest.hexdigest() == "b7f9fd60d0362d0445eafe762e76a16385ad0d81b1bcb80ad2dddf6ad2f75f12"


def test_logits_become_their_softmax():
    rng = np.random.default_rng(8)
    logits = (rng.standard_normal(49152) * 3).astype(np.float32)
    logits[17] = 20
    cdf = cdfs.from_logits(logits)
    exact = np.exp(logits.astype(np.float64) - 20)
    exact /= exact.sum()
    assert 1 << 28 < cdf[-1] < 2**48 and shares_of(cdf).min() >= 1
    assert excess_bits(exact, cdf) < np.log2(1 + 49152 / 2**28)


def test_forbidden_logits_keep_a_share_of_one():
    cdf = cdfs.from_logits([0.0, -np.inf, -200.0])
    assert shares_of(cdf).tolist() == [2**28 + 1, 1, 1]


@pytest.mark.parametrize(
    "call",
    [
        lambda: cdfs.from_weights([0, 0], 24),
        lambda: cdfs.from_weights([1, -1], 24),
        lambda: cdfs.from_weights([0.5, 0.5], 24),
        lambda: cdfs.from_weights([1] * 257, 8),
        lambda: cdfs.from_weights([1, 2], 33),
        lambda: cdfs.from_weights([1], 0),
        lambda: cdfs.from_weights(np.ones((2, 2), int), 24),
        lambda: cdfs.from_weights(np.array([], int), 24),
        lambda: cdfs.from_probabilities([0.5, np.nan], 24),
        lambda: cdfs.from_probabilities([0.5, np.inf], 24),
        lambda: cdfs.from_probabilities([0.5, -0.1], 24),
        lambda: cdfs.from_probabilities([0.0, 0.0], 24),
        lambda: cdfs.from_logits([0.0, np.nan]),
        lambda: cdfs.from_logits([0.0, np.inf]),
        lambda: cdfs.from_logits([-np.inf, -np.inf]),
    ],
)
def test_bad_distributions_are_refused(call):
    with pytest.raises(ValueError):
        call()
