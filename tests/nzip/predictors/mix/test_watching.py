"""Kernels that watch: the same bytes as coding gives, the twin's prices, and nodes as coding sees them."""

from __future__ import annotations

import math

import mix_samples
import numpy as np
import pytest

from nzip.predictors.content import KIND_NAMES, TEXT, Content
from nzip.predictors.mix.ledger import Ledger
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.stream import Streams
from nzip.predictors.mix.twin.kernel import Mix
from nzip.predictors.pricing import BITS_ALONE, Wish


def prices_of_twin(level: int, kind: int, data: bytes) -> np.ndarray:
    """−log2 of what the plain-Python mix gives each byte."""
    mix = Mix(plan(level, kind), len(data))
    found = []
    for byte in data:
        bits = iter([byte >> 7 - i & 1 for i in range(8)])
        cost = 0.0

        def next_bit(p: int, bits=bits) -> int:
            nonlocal cost
            y = next(bits)
            cost -= math.log2((p if y else (1 << 22) - p) / (1 << 22))
            return y

        mix.code_byte(next_bit)
        found.append(cost)
    return np.array(found)


def coded(level: int, kind: int, data: bytes, wish: Wish = BITS_ALONE) -> tuple[bytes, Ledger]:
    ledger = Ledger(wish)
    array = np.frombuffer(data, np.uint8)
    return Streams(level).code(array, Content(kind), 1, None, ledger=ledger)[0], ledger


def test_prices_are_the_twins():
    data = mix_samples.text(900, seed=4)
    payload, ledger = coded(1, TEXT, data)
    assert payload == Streams(1).code(np.frombuffer(data, np.uint8), Content(TEXT), 1, None)[0]
    assert np.abs(ledger.bits - prices_of_twin(1, TEXT, data)).max() < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("level", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("kind", mix_samples.KINDS)
def test_every_plan(level, kind):
    data = mix_samples.sample(kind, 3000, seed=6)
    number = KIND_NAMES.index(kind)
    plain = Streams(level).code(np.frombuffer(data, np.uint8), Content(number), 1, None)[0]
    rows = np.zeros((len(data), 256), np.uint32)

    def take(places, given):
        rows[places] = given

    for wish in (Wish(), Wish(guesses=3, worth=True, rows=take)):
        payload, ledger = coded(level, number, data, wish)
        assert payload == plain
        assert abs(ledger.bits.sum(dtype=float) / 8 - len(payload)) < 3
    assert ledger.unlike == 0, "a node that is looked at is not as coding sees it"
    assert (rows.sum(1, dtype=np.int64) == 1 << 24).all()
    seen = -np.log2(rows[np.arange(len(data)), ledger.coded] / (1 << 24))
    assert abs(seen.sum() / ledger.bits.sum(dtype=float) - 1) < 0.02
    # the likeliest bytes of the distribution are those that the search finds
    best = rows[np.arange(len(data)), ledger.guesses[:, 0]]
    assert (best >= rows.max(1) - 256).all()
    assert np.allclose(best / (1 << 24), ledger.chances[:, 0], atol=1e-3)


@pytest.mark.slow
def test_worth_is_what_zeroed_inputs_cost():
    """Of one bit after nothing was learnt: by hand, from the weights that a plan starts with."""
    data = mix_samples.text(2000, seed=9)
    _, ledger = coded(3, TEXT, data, Wish(worth=True))
    names = [name for name in ledger.names if name]
    assert {"words", "match model", "bytes 0 to 2 back", "bias", "refining maps"} <= set(names)
    total = dict(zip(ledger.names, ledger.total, strict=True))
    assert total["bytes 3 to 5 back"] > 0
    # a file of one byte: only the bias says anything, and little
    _, alone = coded(3, TEXT, b"a", Wish(worth=True))
    assert abs(alone.total).sum() < 1


@pytest.mark.slow
@pytest.mark.parametrize("spelling", ["ssm", "online"])
def test_experts_in_the_compiled_loop(spelling):
    from nzip.predictors.registry import create

    predictor = create(f"mix:1+{spelling}")
    data = mix_samples.text(3000, seed=2)
    params, payload = predictor.encode(data)
    for wish in (Wish(), Wish(guesses=2, worth=True)):
        found = predictor.price(data, wish)
        assert (found.params, found.payload) == (params, len(payload))
        (stream,) = found.streams
        assert abs(stream.bits.sum() / 8 - len(payload)) < 8


def test_experts_in_lock_step(toys):
    """Asked through Python, with side decisions, in several lanes."""
    data = mix_samples.text(900, seed=2)
    for lanes in (1, 3):
        predictor = MixPredictor(1, (toys.RunExpert(),), lanes=lanes)
        params, payload = predictor.encode(data)
        found = predictor.price(data)
        assert (found.params, found.payload) == (params, len(payload))
        assert abs(sum(s.bits.sum() for s in found.streams) / 8 - len(payload)) < 8
