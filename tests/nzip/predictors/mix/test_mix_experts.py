"""Experts as further inputs of the mix: they help, decide, share lanes in a fixed order, run in batch or step
by step."""

from __future__ import annotations

import itertools

import mix_samples
import numpy as np
import pytest
import toys
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.errors import CorruptError
from nzip.predictors.base import EXPERT_BITS, Expert, ExpertState
from nzip.predictors.mix import trials
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.primer_choice import Start
from nzip.predictors.own_primer import OwnPrimer

TEXT = mix_samples.text(900, seed=21)


@pytest.fixture(scope="module", autouse=True)
def raw_with_experts():
    """Texts are coded with the experts that help, raw, however small words would be."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            trials,
            "ways",
            lambda streams, data, content, helpers, kept=None: [(helpers, Start(None, streams.primer))],
        )
        yield


class OracleState(ExpertState):
    """Knows a text by heart, and says so of each byte with odds of 255 : 1, lane by lane."""

    def __init__(self, texts):
        self.texts, self.at = texts, np.zeros(len(texts), np.int64)

    def distributions(self):
        rows = np.full((len(self.texts), 256), 1 << EXPERT_BITS - 16, np.uint32)
        for lane, text in enumerate(self.texts):
            symbol = text[self.at[lane]] if self.at[lane] < len(text) else 0
            rows[lane, symbol] = 0
            rows[lane, symbol] = (1 << EXPERT_BITS) - int(rows[lane].sum())
        return rows

    def update(self, symbols, active):
        self.at[active] += 1


class OracleExpert(Expert):
    """Has read ``text``; a lane begins where the mix cuts it."""

    spelling = "oracle"

    def __init__(self, text: bytes):
        self.text = text

    def start(self, lanes, data=None):
        edges = [len(self.text) * lane // lanes for lane in range(lanes + 1)]
        return OracleState([self.text[a:b] for a, b in itertools.pairwise(edges)])

    def memory(self, block_size, lanes):
        return 2 * block_size + lanes * 2048


class StrictExpert(toys.CountingExpert):
    """Order 0 that looks ahead when it is given the data, and step by step otherwise: equal integers both
    ways."""

    spelling = "strict"

    def __init__(self):
        self.batches, self.steps = 0, 0

    def start(self, lanes, data=None):
        if data is None:
            self.steps += 1
            return super().start(lanes)
        self.batches += 1
        return AheadState(lanes, data)


class AheadState(ExpertState):
    """All of a run's distributions computed at the start."""

    def __init__(self, lanes, data):
        self.rows = []
        for lane in data:
            state, found = toys.CountingState(1), []
            for symbol in [*lane.tolist(), 0]:
                found.append(state.distributions()[0])
                state.update(np.array([symbol], np.uint8), np.array([True]))
            self.rows.append(found)
        self.at = [0] * lanes

    def distributions(self):
        return np.stack([rows[min(at, len(rows) - 1)] for rows, at in zip(self.rows, self.at, strict=True)])

    def update(self, symbols, active):
        for lane in np.flatnonzero(active):
            self.at[lane] += 1


def size(predictor, data=TEXT) -> int:
    params, payload = predictor.encode(data)
    assert predictor.decode(params, payload, len(data)) == data
    return len(payload)


@pytest.mark.parametrize("level", [1, 3])
def test_an_expert_that_knows_makes_it_smaller(level):
    alone = size(MixPredictor(level, primed=False))
    helped = size(MixPredictor(level, (OracleExpert(TEXT),), primed=False))
    assert helped < 0.15 * alone


def test_an_expert_that_is_wrong_does_little_harm():
    alone = size(MixPredictor(3, primed=False))
    assert size(MixPredictor(3, (OracleExpert(TEXT[::-1]),), primed=False)) < 1.12 * alone


def test_several_experts():
    """The order is part of the spelling; each of two adds what it knows."""
    first, second = OracleExpert(TEXT[:450] + bytes(450)), OracleExpert(bytes(450) + TEXT[450:])
    both = MixPredictor(1, (first, second, toys.CountingExpert()), primed=False)
    assert both.spelling == "mix:1+oracle+oracle+count"
    assert size(both) < 0.75 * min(size(MixPredictor(1, (e,), primed=False)) for e in (first, second))


@pytest.mark.parametrize("lanes", [1, 2, 3, 8])
def test_side_decisions(lanes):
    """Decisions of an expert's own go through the same coder: 1.7 bits for each byte that comes again (this
    toy's probability never moves), and next to nothing for the byte itself."""
    data = b"".join(bytes([65 + i % 26]) * (3 + i * i % 40) for i in range(60))
    assert size(MixPredictor(1, (toys.RunExpert(),), lanes=lanes, primed=False), data) < 0.27 * len(data)


@pytest.mark.parametrize("level", [1, 3])
@pytest.mark.parametrize("lanes", range(1, 9))
def test_lanes_in_lock_step(lanes, level):
    """Matches reach over lanes but never into what the decoder does not know yet; uneven lanes end alone."""
    data = (mix_samples.text(130, seed=22) * 4 + b"abc" * 60)[: 600 + lanes]
    assert size(
        MixPredictor(level, (toys.CountingExpert(), toys.RunExpert()), lanes=lanes, primed=False), data
    ) < 0.7 * len(data)


@settings(max_examples=25)
@given(st.binary(max_size=120) | st.integers(1, 90).map(lambda n: b"abc" * n), st.integers(1, 8))
def test_any_bytes_on_any_lanes(data, lanes):
    size(MixPredictor(1, (toys.RunExpert(), toys.CountingExpert()), lanes=lanes, primed=False), data)


def test_more_lanes_than_bytes():
    for data in (b"", b"a", b"ab"):
        size(MixPredictor(1, (toys.RunExpert(),), lanes=150, primed=False), data)


@pytest.mark.parametrize("lanes", [1, 3])
def test_batch_equals_step(lanes):
    """The encoder's expert computes ahead, the decoder's goes byte by byte; without looking ahead the bytes
    are the same."""
    expert = StrictExpert()
    predictor = MixPredictor(1, (expert,), lanes=lanes, primed=False)
    params, payload = predictor.encode(TEXT)
    assert predictor.decode(params, payload, len(TEXT)) == TEXT
    assert (expert.batches, expert.steps) == (1, 1)
    assert (params, payload) == MixPredictor(1, (toys.CountingExpert(),), lanes=lanes, primed=False).encode(
        TEXT
    )


def test_experts_beside_a_primer():
    """A mix that has read a primer takes experts, on lanes, too."""
    text = mix_samples.text(2000, seed=23)
    data, primer = text[500:900] + TEXT[:200], OwnPrimer(text)
    cold = size(MixPredictor(3, (toys.CountingExpert(),), lanes=2, primed=False), data)
    assert size(MixPredictor(3, (toys.CountingExpert(),), lanes=2, primer=primer), data) < 0.8 * cold


def test_another_number_of_lanes_is_refused():
    params, payload = MixPredictor(1, (toys.CountingExpert(),), lanes=2, primed=False).encode(TEXT)
    with pytest.raises(CorruptError, match="lanes"):
        MixPredictor(1, (toys.CountingExpert(),), lanes=3, primed=False).decode(params, payload, len(TEXT))


@settings(max_examples=40)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 400))
def test_damage_is_no_crash(noise, at):
    predictor = MixPredictor(1, (toys.RunExpert(),), lanes=3, primed=False)
    params, payload = predictor.encode(TEXT[:300])
    damaged = payload[:at] + noise + payload[at + len(noise) :]
    assert len(predictor.decode(params, damaged, 300)) == 300
