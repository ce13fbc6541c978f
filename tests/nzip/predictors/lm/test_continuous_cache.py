"""The cache of hidden states, against a plain NumPy reading of it."""

import numpy as np
import pytest

from nzip.exact import cpu
from nzip.predictors.lm import continuous_cache


def twin_votes(states, tokens, state):
    """Every earlier state's cosine with ``state``; the nearest ones' tokens and their share of the votes."""

    def codes(x):
        return np.rint(x * (127 / np.abs(x).max()))

    cosines = np.array(
        [codes(s) @ codes(state) / np.linalg.norm(codes(s)) / np.linalg.norm(codes(state)) for s in states]
    )
    order = np.argsort(-cosines)[: continuous_cache.NEAREST]
    weights = np.exp(50 * (cosines[order] - cosines[order[0]])) * (cosines[order[0]] - cosines[order] < 0.1)
    votes = {}
    for i, w in zip(order, weights / weights.sum()):
        votes[tokens[i]] = votes.get(tokens[i], 0) + w
    return votes, cosines.max()


def walk(isa, states, tokens, keys, lanes=1):
    """Feed the states in steps of ``lanes``; what each found there."""
    cache = continuous_cache.new(lanes, states.shape[1], keys)
    seen = []
    for at in range(0, len(tokens), lanes):
        here = np.arange(min(lanes, len(tokens) - at))
        continuous_cache.look_up(isa, cache, here, states[at : at + lanes])
        for lane in here:
            n = cache.near[lane]
            seen.append(
                (cache.near_token[lane, :n].copy(), cache.near_mass[lane, :n].copy(), cache.bucket[lane])
            )
        for lane in here:
            cache.near_plain[lane] = 0.1
            continuous_cache.remember(cache, lane, tokens[at + lane])
    return seen, cache


@pytest.fixture(scope="module")
def sequence():
    rng = np.random.default_rng(3)
    middles = rng.normal(size=(6, 64))
    tokens = rng.integers(0, 6, 300)
    states = (middles[tokens] + rng.normal(size=(300, 64)) * 0.9).astype(np.float32)
    return states, (tokens + (rng.random(300) < 0.2)).astype(np.int64)


def test_the_nearest_vote(sequence):
    states, tokens = sequence
    seen, cache = walk(cpu.PORTABLE, states, tokens, 512)
    agree = 0
    for i in range(1, 300):
        votes, _ = twin_votes(states[:i], tokens, states[i])
        got = dict(zip(*seen[i][:2]))
        assert abs(sum(got.values()) - 1) < 1e-5 and list(seen[i][1]) == sorted(seen[i][1], reverse=True)
        # Bins round where the last neighbours are cut off: a vote may differ by what those weigh.
        agree += all(abs(got.get(token, 0) - share) < 0.05 for token, share in votes.items())
    assert agree > 280
    assert cache.trust.max() > 4 * continuous_cache.TRUST  # what it finds is right, so it is trusted


@pytest.mark.parametrize("lanes", [1, 3, 16])
def test_every_instruction_set_agrees_and_old_keys_go(sequence, lanes):
    states, tokens = sequence
    runs = [walk(isa, states, tokens, 64, lanes) for isa in range(cpu.detect() + 1)]
    for seen, cache in runs[1:]:
        assert all(np.array_equal(x, y) for a, b in zip(seen, runs[0][0]) for x, y in zip(a, b))
        assert all(np.array_equal(x, y) for x, y in zip(cache, runs[0][1]))
    assert runs[0][1].seen[0] == 300 and sorted(runs[0][1].token) == sorted(tokens[-64:])


def test_edges():
    cache = continuous_cache.new(2, 0)
    continuous_cache.look_up(cpu.PORTABLE, cache, np.arange(2), np.zeros((2, 0), np.float32))
    continuous_cache.remember(cache, 0, 5)
    assert cache.near.max() == cache.seen[0] == 0
    cache = continuous_cache.new(1, 32, 16)
    for state in (
        np.zeros(32),
        np.full(32, np.nan),
        np.full(32, np.inf),
        np.ones(32),
    ):  # nothing becomes infinite
        continuous_cache.look_up(cpu.detect(), cache, np.zeros(1, np.int64), state[None].astype(np.float32))
        continuous_cache.remember(cache, 0, 1)
    assert (
        np.isfinite(cache.near_mass).all()
        and np.isfinite(cache.trust).all()
        and np.isfinite(cache.norm).all()
    )
