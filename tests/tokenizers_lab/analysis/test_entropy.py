"""Entropies and efficiencies against scipy, textbook cases, plain counting, and tokenization-scorer with the
true V."""

import math
import random
from collections import Counter

import numpy as np
import pytest
import scipy.stats
import tokenization_scorer
from hypothesis import given
from hypothesis import strategies as st

from tokenizers_lab.analysis.efficiency import efficiency, renyi
from tokenizers_lab.analysis.entropy import conditional_entropies, held_out, miller_madow, plug_in
from tokenizers_lab.analysis.estimate import GROUPS, groups_of, interval, ratio

STREAMS = st.lists(st.integers(0, 9), min_size=60, max_size=300)


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50).filter(sum))
def test_plug_in_is_scipys(counts):
    assert plug_in(counts) == pytest.approx(scipy.stats.entropy(counts, base=2), abs=1e-9)


def test_textbook_cases():
    assert (
        plug_in([1, 1]) == 1.0 and plug_in([5]) == 0.0 and plug_in([4, 2, 1, 1]) == 1.75
    )  # Cover & Thomas, example 2.1.1
    assert miller_madow([4, 2, 1, 1]) == pytest.approx(1.75 + 3 / (16 * math.log(2)))
    assert renyi([4, 2, 1, 1], 2) == pytest.approx(-math.log2(0.25 + 0.0625 + 2 / 64))
    assert renyi([4, 2, 1, 1], math.inf) == 1.0 and renyi([4, 2, 1, 1], 1) == 1.75
    period = conditional_entropies(np.tile([0, 1, 2, 3], 500), 4, 1.0)
    assert (
        period[0]["value"] == pytest.approx(2.0)
        and abs(period[1]["value"]) < 0.01
        and period[1]["held_out"] < 0.2
    )


@given(STREAMS)
def test_block_entropies_equal_plain_counting(ids):
    found = conditional_entropies(np.array(ids), 10, 2.0, 5)
    before = 0.0
    for entry in found:
        k = entry["k"]
        grams = Counter(tuple(ids[i : i + k]) for i in range(len(ids) - k + 1))
        block = scipy.stats.entropy(list(grams.values()), base=2)
        assert entry["value"] == pytest.approx(block - before, abs=1e-9) and entry["types"] == len(grams)
        assert entry["per_byte"] == pytest.approx(entry["value"] / 2)
        before = block


@given(STREAMS)
def test_jackknife_equals_leaving_groups_out(ids):
    ids = np.array(ids)
    entry = conditional_entropies(ids, 10, 1.0, 1)[0]
    group = groups_of(len(ids))
    loo = [scipy.stats.entropy(np.bincount(ids[group != g]), base=2) for g in range(GROUPS)]
    expected = interval(entry["value"], loo)
    assert entry["low"] == pytest.approx(expected["low"], abs=1e-9) and entry["high"] == pytest.approx(
        expected["high"], abs=1e-9
    )


def test_jackknife_interval_is_the_textbook_one_for_a_mean():
    rng = np.random.default_rng(1)
    x = rng.normal(size=GROUPS)
    got = ratio(x, np.ones(GROUPS))
    low, high = scipy.stats.t.interval(0.95, GROUPS - 1, x.mean(), scipy.stats.sem(x))
    assert (got["low"], got["high"]) == (pytest.approx(low, abs=1e-5), pytest.approx(high, abs=1e-5))


def test_held_out_equals_a_plain_model():
    rng = random.Random(2)
    ids = [0]
    for _ in range(800):
        ids.append((ids[-1] + rng.choice([1, 1, 1, 2])) % 6)
    odd = groups_of(len(ids)) % 2
    counts: dict = {}
    for i, s in enumerate(ids):
        if not odd[i]:
            for k in range(4):
                if i - k < 0 or odd[i - k] != odd[i]:
                    break
                counts.setdefault(tuple(ids[i - k : i]), Counter())[s] += 1
    bits, covered, scored = np.zeros(4), np.zeros(4), 0
    for i, s in enumerate(ids):
        if odd[i]:
            p, alive = 1 / 6, True
            for k in range(4):
                context = tuple(ids[i - k : i])
                alive = alive and (k == 0 or (i - k >= 0 and odd[i - k] == odd[i])) and context in counts
                if alive:
                    seen = counts[context]
                    p = (seen[s] + len(seen) * p) / (sum(seen.values()) + len(seen))
                    covered[k] += 1
                bits[k] -= math.log2(p)
            scored += 1
    for k, (value, coverage) in enumerate(held_out(np.array(ids), 6, 4)):
        assert value == pytest.approx(bits[k] / scored) and coverage == pytest.approx(covered[k] / scored)


def test_plug_in_undersamples_and_held_out_does_not():
    ids = np.random.default_rng(3).integers(0, 64, 4000)
    h = conditional_entropies(ids, 64, 1.0)
    assert h[3]["value"] < 0.1 and h[3]["held_out"] > 5.9 and h[2]["corrected"] > h[2]["value"]
    assert h[0]["low"] < 6.0 < h[0]["corrected"] + 0.05 and h[4]["coverage"] < 0.01


@given(STREAMS)
def test_efficiencies_equal_tokenization_scorer_with_the_true_v(ids):
    vocab = 16
    words = [" ".join(map(str, ids))]
    got = efficiency(np.array(ids), vocab)
    for alpha in (2.0, 2.5, 3.0):
        p = np.bincount(ids) / len(ids)
        mine = got["renyi"][str(alpha)]["value"]
        assert mine == pytest.approx(math.log2((p[p > 0] ** alpha).sum()) / (1 - alpha) / 4)
        # The package divides by the observed types; its entropy is what can be compared.
        theirs = tokenization_scorer.score(words, metric="renyi_entropy", power=alpha)
        assert mine * 4 == pytest.approx(theirs, abs=1e-6)
    assert got["utilisation"]["value"] * 4 == pytest.approx(
        tokenization_scorer.score(words, metric="shannon_entropy"), abs=1e-6
    )
    assert got["redundancy"]["value"] == pytest.approx(1 - got["utilisation"]["value"])
    assert got["kl_uniform"]["value"] == pytest.approx(
        scipy.stats.entropy(np.bincount(ids, minlength=vocab), np.ones(vocab), base=2), abs=1e-9
    )


def test_utilisation_uses_the_true_vocabulary():
    got = efficiency(np.tile(np.arange(4), 100), 16, 8)
    assert got["utilisation"]["value"] == pytest.approx(0.5) and got["utilisation_of_used"] == pytest.approx(
        2 / 3
    )
    assert got["observed_types"] == 4 and got["utilisation"]["held_out"] > 0.5
