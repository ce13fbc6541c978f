"""The fastest level's own kernel does what the general one does, byte for byte and state for state."""

from __future__ import annotations

import dataclasses

import mix_samples
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors.content import AUDIO, BINARY, DNA, EXECUTABLE, IMAGE, TEXT, Content
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import fast_kernel
from nzip.predictors.mix.coder import Input, Output
from nzip.predictors.mix.constants import CODED
from nzip.predictors.mix.contexts import WORD
from nzip.predictors.mix.kernel import FASTEST, best, run
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.state import build
from nzip.predictors.mix.stream import Streams
from nzip.predictors.mix.tables import tables
from nzip.predictors.mix.twin.coder import BinaryDecoder
from nzip.predictors.mix.twin.kernel import Mix

KINDS = (TEXT, CODED, BINARY)
NOTHING = np.zeros((0, 1, 0, 0), np.uint32)
# What the kernel knows of a lane between two calls, and what it changes beside.
LANE = (
    at.L_POSITION, at.L_HISTORY, at.L_WORD, at.L_WORD1, at.L_RATE, at.L_MATCH_AT0, at.L_MATCH_LENGTH0
)  # fmt: skip
TABLES = ("setting", "slots", "state_map", "match_map", "match_table", "weights", "final_weights")


def awkward(seed: int) -> np.ndarray:
    """Text, its copies, long runs, every byte, capitals and the marks of coded words."""
    text = mix_samples.text(3000, seed=seed)
    marks = b"@\x06\x07\x0c\xc5\x81 \x85 ABC Def\n" * 9
    parts = (text, text[:1500], bytes(range(256)) * 2, marks, text[700:2100], b"a" * 900, marks, text)
    return np.frombuffer(b"".join(parts), np.uint8).copy()


def coded(kernel, kind: int, data: np.ndarray, steps: list[int], payload: bytes | None = None):
    """``data`` encoded, or ``payload`` decoded into a copy of it, by calls of so many ``steps`` in turn: the
    payload, the bytes, the mix as it ends."""
    mix = build(plan(0, kind), len(data), 0, 1, [0])
    room = data.copy() if payload is None else np.zeros_like(data)
    bits = Output(len(data)) if payload is None else Input(payload)
    ends = np.array([len(data)], np.int64)
    for turn in range(len(data)):
        if mix.lanes[0, at.L_POSITION] >= len(data):
            break
        many = steps[turn % len(steps)]
        kernel(mix, room, ends, many, payload is not None, bits.coder, bits.buffer, NOTHING)
        assert bits.drain()
    return bits.finish() if isinstance(bits, Output) else payload, room, mix


def same(one, other) -> bool:
    tables_alike = all(np.array_equal(getattr(one, name), getattr(other, name)) for name in TABLES)
    classes = [int(mix.lanes[0, at.L_SHAPE]) & 15 for mix in (one, other)]
    return (
        tables_alike and classes[0] == classes[1] and np.array_equal(one.lanes[0, LANE], other.lanes[0, LANE])
    )


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_general_kernel(kind):
    data = awkward(5)
    fast, _, left = coded(FASTEST[kind], kind, data, [32768])
    general, _, wanted = coded(run, kind, data, [32768])
    assert fast == general and same(left, wanted)
    assert len(fast) < 0.5 * len(data)
    _, out, left = coded(FASTEST[kind], kind, data, [32768], general)
    assert np.array_equal(out, data) and same(left, wanted)
    _, out, left = coded(run, kind, data, [32768], fast)
    assert np.array_equal(out, data) and same(left, wanted)


def test_a_long_match_goes_on_behind_a_byte_that_differs():
    """As the twin says it does; and it is worth its while."""
    text = bytearray(mix_samples.text(1600, seed=8) * 2)
    for place in range(1700, 3200, 60):
        text[place] ^= 1
    data = np.frombuffer(bytes(text), np.uint8)
    payload, _, left = coded(FASTEST[TEXT], TEXT, data, [32768])
    mix, decoder = Mix(plan(0, TEXT), len(data)), BinaryDecoder(payload)
    went_on = 0
    for _ in range(len(data)):
        before = mix.matches[0].length
        mix.code_byte(decoder.decode)
        went_on += before >= 16 and mix.matches[0].length == 1
    assert mix.data == data.tobytes() and went_on > 10
    assert mix.matches[0].length == left.lanes[0, at.L_MATCH_LENGTH0]


@pytest.mark.parametrize("steps", [[1], [1, 2, 500, 3], [4999]])
def test_calls_of_any_length_give_the_same(steps):
    data = awkward(6)
    payload, _, wanted = coded(FASTEST[CODED], CODED, data, [32768])
    again, _, left = coded(FASTEST[CODED], CODED, data, steps)
    assert again == payload and same(left, wanted)
    _, out, left = coded(FASTEST[CODED], CODED, data, steps, payload)
    assert np.array_equal(out, data) and same(left, wanted)


@settings(max_examples=60)
@given(
    parts=st.lists(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), max_size=8),
    times=st.integers(1, 6),
    kind=st.sampled_from(KINDS),
)
def test_any_bytes(parts, times, kind):
    data = np.frombuffer(b"".join(parts) * times, np.uint8)
    payload, _, wanted = coded(FASTEST[kind], kind, data, [32768])
    _, out, left = coded(FASTEST[kind], kind, data, [17], payload)
    assert np.array_equal(out, data) and same(left, wanted)


@settings(max_examples=40)
@given(
    st.lists(st.binary(max_size=50) | st.text(max_size=200).map(str.encode), max_size=12), st.integers(1, 5)
)
def test_round_trips(parts, times):
    predictor, data = MixPredictor(0, primed=False), b"".join(parts) * times
    params, payload = predictor.encode(data)
    assert predictor.decode(params, payload, len(data)) == data


def test_damage_never_leaves_the_arrays():
    """Whatever a payload says, so many bytes come out."""
    data = awkward(7)
    payload, _, _ = coded(FASTEST[TEXT], TEXT, data, [32768])
    chance = np.random.default_rng(3)
    for _ in range(20):
        broken = bytearray(payload)
        for at_byte in chance.integers(0, len(broken), 5):
            broken[at_byte] = int(chance.integers(0, 256))
        cut = int(chance.integers(0, len(broken)))
        _, out, mix = coded(FASTEST[TEXT], TEXT, data, [5000], bytes(broken[:cut]))
        assert len(out) == len(data) and mix.lanes[0, at.L_POSITION] == len(data)


def test_which_plans_it_serves():
    for kind, kernel in FASTEST.items():
        assert fast_kernel.serves(plan(0, kind)) and best(plan(0, kind)) is kernel
    assert plan(0, EXECUTABLE) == plan(0, BINARY)
    for kind in (IMAGE, AUDIO, DNA):  # what it would be no good for is as at -1
        assert plan(0, kind, 3) == plan(1, kind, 3) and best(plan(0, kind, 3)) is run
    assert plan(0, BINARY, 24) == plan(1, BINARY, 24)
    assert best(plan(0, TEXT), experts=1) is run
    good = plan(0, TEXT)
    for change in (
        {"fixed": False}, {"apms": True}, {"runs": (0, 1)}, {"direct": (0, 1)}, {"matches": (6, 9)},
        {"matches": (9,)}, {"beside": (0, 0)}, {"sets": (at.SET_PARTIAL,)}, {"recipes": (WORD,) * 7},
        {"recipes": (*good.recipes[:3], ((at.R_ABOVE, 255),))},
    ):  # fmt: skip
        assert not fast_kernel.serves(dataclasses.replace(good, **change)), change
        with pytest.raises(ValueError, match="has not"):
            fast_kernel.make(dataclasses.replace(good, **change), "none")


def test_no_probability_is_certain():
    """The kernel does not look: within its bounds the table holds nothing that the coder could not take."""
    squash = tables().squash.astype(np.int64)
    bounds = squash[at.SQUASH_ZERO + np.array([-fast_kernel.WIDEST, fast_kernel.WIDEST])]
    assert 1 <= bounds[0] < bounds[1] < 1 << at.PROBABILITY_BITS
    assert (np.diff(squash) >= 0).all()


def test_empty_histories_say_nothing_from_the_start():
    """So that the table of meanings may have nothing where the general kernel reads a cell."""
    start = tables().state_start[0]
    assert tables().two_inputs[start >> np.uint32(20)] == 0


def test_the_numbers_in_sizes():
    """Larger than -1's, and far from stored."""
    data = mix_samples.text(20_000, seed=4)
    block = np.frombuffer(data, np.uint8)
    sizes = [len(Streams(level).code(block, Content(TEXT), 1, None)[0]) for level in (0, 1)]
    assert sizes[1] < sizes[0] < 1.15 * sizes[1]
