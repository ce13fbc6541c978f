"""An expert coded bare: round trips, size against the ideal code length, lanes, side decisions, damage."""

from __future__ import annotations

import math

import numpy as np
import pytest
import toys

import nzip
from nzip.errors import CorruptError
from nzip.predictors.bare import BarePredictor, split
from nzip.predictors.base import EXPERT_BITS
from nzip.predictors.probe import expert_probe, kilobyte

TEXT = b"so much depends upon a red wheel barrow glazed with rain water beside the white chickens " * 3


@pytest.mark.parametrize("expert", [toys.CountingExpert, toys.RunExpert])
@pytest.mark.parametrize("lanes", [1, 2, 5])
@pytest.mark.parametrize("size", [1, 4, 5, 6, 200])
def test_round_trips(expert, lanes, size):
    predictor = BarePredictor(expert(), lanes)
    for data in (TEXT[:size], bytes(size), bytes(range(256))[:size]):
        params, payload = predictor.encode(data)
        assert BarePredictor(expert(), lanes).decode(params, payload, size) == data


def test_the_payload_has_the_ideal_length():
    """Within a byte or two of -log2 of what the expert itself says."""
    state = toys.CountingExpert().start(1)
    bits = 0.0
    for byte in TEXT:
        bits -= math.log2(state.distributions()[0, byte] / 2**EXPERT_BITS)
        state.update(np.array([byte], np.uint8), np.ones(1, bool))
    _, payload = BarePredictor(toys.CountingExpert()).encode(TEXT)
    assert bits / 8 <= len(payload) <= bits / 8 + 2


def test_side_decisions_are_coded():
    """A run of one byte costs next to nothing once the decisions say so, and decisions cost what they
    must."""
    _, payload = BarePredictor(toys.RunExpert()).encode(b"a" * 300)
    ideal = 299 * -math.log2(20000 / 65536) / 8 + 1
    assert ideal <= len(payload) <= ideal + 3


def test_through_the_format(toys):
    for spelling in ("count", "runs"):
        assert nzip.decompress(nzip.compress(TEXT, predictor=spelling)) == TEXT
    three = BarePredictor(toys.CountingExpert(), 3)
    packed = nzip.compress(TEXT, predictor=three)
    assert nzip.decompress(packed, predictor=three) == TEXT
    with pytest.raises(nzip.ModelMismatchError, match="lanes"):
        nzip.decompress(packed)


def test_split():
    data = np.arange(11, dtype=np.uint8)
    assert [part.tolist() for part in split(data, 3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]
    assert [len(part) for part in split(data[:2], 4)] == [1, 1, 0, 0]


def test_wrong_experts_and_lanes_are_refused():
    class Zero(toys.CountingState):
        def distributions(self):
            rows = super().distributions()
            rows[0, 0] += rows[0, 1]
            rows[0, 1] = 0
            return rows

    class ZeroExpert(toys.CountingExpert):
        def start(self, lanes, data=None):
            return Zero(lanes)

    with pytest.raises(ValueError, match="1 or more"):
        BarePredictor(ZeroExpert()).encode(b"x")
    for lanes in (0, 1025):
        with pytest.raises(ValueError, match="lanes"):
            BarePredictor(toys.CountingExpert(), lanes)

    class Endless(toys.CountingState):
        def side(self, lane):
            return 30000

    class EndlessExpert(toys.CountingExpert):
        def start(self, lanes, data=None):
            return Endless(lanes)

    with pytest.raises(CorruptError, match="side decisions"):
        BarePredictor(EndlessExpert()).decode(b"", b"", 1)


def test_parameters_are_damage():
    with pytest.raises(CorruptError):
        BarePredictor(toys.CountingExpert()).decode(b"x", b"", 1)


def test_the_probe_tells_experts_apart():
    assert len(kilobyte()) == 1024
    assert expert_probe(toys.CountingExpert()) == expert_probe(toys.CountingExpert())
    assert expert_probe(toys.CountingExpert()) != expert_probe(toys.RunExpert())
