"""The last stage: the compiled one against its twin, what ships, and who has one."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from nzip.exact.jit import njit
from nzip.predictors.content import BINARY, TEXT, Content
from nzip.predictors.mix import MixPredictor, fused, kernel, last_stage, watching
from nzip.predictors.mix.coder import Output
from nzip.predictors.mix.constants import CODED
from nzip.predictors.mix.params import Descriptor
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.state import build
from nzip.predictors.mix.stream import Streams
from nzip.predictors.mix.tables import tables
from nzip.predictors.mix.twin import last_stage as twin
from nzip.predictors.mix.twin.coder import BinaryDecoder
from nzip.predictors.mix.twin.numbers import STRETCH, squash
from nzip.predictors.online.expert import OnlineExpert
from nzip.predictors.ssm.expert import create

likeliest, refine, sureness = last_stage.likeliest, last_stage.refine, last_stage.sureness
learn = last_stage.learn
ONE = 1 << 22
FILES = [name for names in last_stage.FILES.values() for name in names]


@njit
def _refine(
    last, layer, x, z, units, units2, squash, stretch, d, p1, p2, p3, p, opinion, away, others, expected,
    level, hits, c0, c1, bit, best, sure, shape, age,
):  # fmt: skip
    return refine(
        last, layer, x, z, units, units2, squash, stretch, d, p1, p2, p3, p, opinion, away, others, expected,
        level, hits, c0, c1, bit, best, sure, shape, age,
    )  # fmt: skip


@njit
def _learn(layer, c0, units2, error):
    learn(layer, c0, units2, error)


@njit
def _likeliest(cumulative, squash):
    best, weight = likeliest(cumulative)
    return best, sureness(cumulative, weight, squash)


class Compiled:
    """The compiled last stage as its twin is asked."""

    def __init__(self, weights):
        self.mix = last_stage.put_on(build(plan(5, TEXT), 1, 0, 1, [0]), weights)
        self.units2 = np.full(last_stage.UNITS, 77, np.int16)  # scratch that holds something

    def refine(
        self, inputs, outputs, d, p1, p2, p3, p, opinion, away, others, expected, level, hits, c0, *rest
    ):
        z = np.full(last_stage.INPUTS, 77, np.int16)
        z[:16] = 0
        z[: len(outputs)] = outputs
        units, self.c0 = np.full(last_stage.UNITS, 77, np.int16), c0
        mix, x, said = self.mix, np.array(inputs, np.int16), np.array(others, np.int64)
        return _refine(
            mix.last, mix.last_layer, x, z, units, self.units2, mix.squash, mix.stretch, d, p1, p2, p3, p,
            opinion, away, said, expected, level, hits, c0, *rest,
        )  # fmt: skip

    def learn(self, error):
        _learn(self.mix.last_layer, self.c0, self.units2, error)


probability = st.integers(1, ONE - 1)
stretch = st.integers(-4095, 4095)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    size=st.sampled_from([3, 300, 3000]),
    outputs=st.lists(stretch, min_size=1, max_size=16),
    d=stretch,
    maps=st.tuples(probability, probability, probability, probability),
    opinion=stretch,
    away=st.integers(-512, 511),
    others=st.tuples(stretch, stretch),
    match=st.tuples(st.integers(0, 2), st.integers(0, 15)),
    hits=st.integers(0, 40),
    byte=st.integers(0, 255),
    bit=st.integers(0, 7),
    c1=st.integers(0, 255),
    agrees=st.booleans(),
    other=st.integers(0, 255),
    sure=stretch,
    shape=st.integers(0, 255),
    age=st.integers(0, 31),
    errors=st.lists(st.integers(-ONE, ONE), min_size=1, max_size=3),
)
def test_equals_its_twin(
    seed, size, outputs, d, maps, opinion, away, others, match, hits, byte, bit, c1, agrees, other, sure,
    shape, age, errors,
):  # fmt: skip
    weights = np.random.default_rng(seed).integers(-size, size, last_stage.SIZE).astype(np.int16)
    c0 = (byte | 256) >> (8 - bit)
    best = byte if agrees else other
    inputs = np.random.default_rng(seed).integers(-2047, 2048, 100).tolist()
    what = (
        inputs, outputs, d, *maps, opinion, away, others, *match, hits, c0, c1, bit, best, sure, shape, age
    )  # fmt: skip
    fast, slow = Compiled(weights), twin.LastStage(weights.tolist())
    assert fast.refine(*what) == slow.refine(*what)
    for error in errors:
        fast.learn(error)
        slow.learn(error)
        assert fast.refine(*what) == slow.refine(*what)


@pytest.mark.parametrize("name", FILES)
def test_shipped_weights_equal_the_twin_and_move_what_is_said(name):
    chance = np.random.default_rng(3)
    weights, moved, learnt = last_stage.read(name), 0, 0
    fast, slow = Compiled(weights), twin.LastStage(weights.tolist())
    for _ in range(40):
        outputs = chance.integers(-1500, 1500, 9).tolist()
        maps = chance.integers(1, ONE, 4).tolist()
        bit = int(chance.integers(8))
        c0 = int(chance.integers(1 << bit, 2 << bit))
        inputs = chance.integers(-1500, 1500, 100).tolist()
        what = (
            inputs, outputs, int(np.mean(outputs)), *maps, outputs[0], 9, (outputs[1], 0), 1, 5, 3, c0, 101,
            bit, 97, 400, 17, 12,
        )  # fmt: skip
        found = fast.refine(*what)
        assert found == slow.refine(*what)
        moved += abs(found - maps[3]) > maps[3] // 100
        for stage in (fast, slow):
            stage.learn(ONE - found)
        found, before = fast.refine(*what), found
        assert found == slow.refine(*what)
        learnt += found > before
    assert moved > 20
    assert learnt > 20


def test_zeros_leave_a_probability_as_it_is_but_for_the_stretch_being_rounded():
    stage = Compiled(np.zeros(last_stage.SIZE, np.int16))
    for p in (2, 1000, ONE // 3, ONE // 2, ONE - 1000):
        found = stage.refine([0] * 64, [0], 0, p, p, p, p, 0, 0, (0, 0), 0, 0, 0, 1, 32, 0, 0, 0, 0, 0)
        assert abs(found - p) <= max(1, p * (ONE - p) // ONE // 200)


def test_the_likeliest_byte_is_the_first_of_equals():
    distribution = np.full(256, 10, np.uint64)
    distribution[[7, 9]] = 5000
    cumulative = np.concatenate([[0], np.cumsum(distribution)]).astype(np.uint64)[None]
    best, sure = _likeliest(cumulative, tables().squash)
    whole = int(distribution.sum())
    assert best == 7
    assert abs(sure / 256 - np.log(5000 / (whole - 5000))) < 1 / 128


@pytest.mark.parametrize("name", FILES)
def test_no_sum_of_the_shipped_weights_passes_32_bits(name):
    weights = last_stage.read(name).astype(np.int64)
    assert len(weights) == last_stage.SIZE
    first = weights[last_stage.FIRST : last_stage.SECOND].reshape(last_stage.UNITS, -1)
    second = weights[last_stage.SECOND : last_stage.BIAS].reshape(last_stage.UNITS, -1)
    assert (np.abs(first).sum(1) * 4095).max() < 2**31
    assert (np.abs(second).sum(1) * 32767).max() < 2**31


def test_who_has_one():
    words, online, going_on = create("words"), OnlineExpert(), OnlineExpert("words")
    assert last_stage.of(5, CODED, (words,)) is last_stage.read("last_words.i16")
    assert last_stage.of(5, TEXT, (create(None), online)) is last_stage.read("last_text.i16")
    assert last_stage.of(5, CODED, (going_on, words)) is last_stage.read("last_words_online.i16")
    assert last_stage.of(5, TEXT, (going_on, online)) is last_stage.read("last_text_online.i16")
    assert last_stage.of(5, CODED, (going_on,)) is last_stage.read("last_words.i16")
    for level, kind, experts in (
        (5, CODED, ()), (3, CODED, (words,)), (5, BINARY, (words,)), (5, CODED, (online, words)),
    ):  # fmt: skip
        assert len(last_stage.of(level, kind, experts)) == 0


def test_what_the_compiled_loop_codes_lock_step_decodes(monkeypatch):
    """And the last stage has a say in it."""
    data = (ROOT / "corpora/samples/alice29.txt").read_bytes()[3000:3600]
    mix = MixPredictor(last_stage.LEVEL, (create(None), OnlineExpert()), primed=False)
    params, payload = mix.encode(data)
    monkeypatch.setattr(fused, "start", lambda experts: None)
    assert mix.encode(data) == (params, payload)
    assert mix.decode(params, payload, len(data)) == data
    monkeypatch.setattr(last_stage, "of", lambda *_: last_stage.NONE)
    assert mix.encode(data)[1] != payload


LANES = 3
SEVERAL = Streams(last_stage.LEVEL, (create(None),), lanes=LANES, primed=False, raw=True)


def test_several_lanes_code_and_decode_equal_and_it_has_a_say(monkeypatch):
    data = np.frombuffer((ROOT / "corpora/samples/alice29.txt").read_bytes()[3000:3400], np.uint8)
    payload, mix = SEVERAL.code(data, Content(TEXT), LANES, None)
    assert mix.last.size == last_stage.SIZE and len(mix.lanes) == LANES
    said = Descriptor(Content(TEXT), lanes=LANES - 1)
    assert SEVERAL.decode(said, payload, len(data)).tobytes() == data.tobytes()
    monkeypatch.setattr(last_stage, "of", lambda *_: last_stage.NONE)
    assert SEVERAL.code(data, Content(TEXT), LANES, None)[0] != payload


def _in_turn(data: np.ndarray, coding, noting: bool = False) -> tuple[bytes, list[np.ndarray]]:
    """Lock step as it is meant: each lane's byte a call of the kernel ``coding`` for itself, in which the
    other lanes' distributions are nonsense. The payload, and, if a kernel is ``noting``, what the last stage
    sees of each byte's bits (:func:`last_stage.note`)."""
    state, ends, room, _ = SEVERAL._start(Content(TEXT), LANES, len(data), None)
    room[:] = data
    longest = len(data) // LANES + 1
    stage = np.zeros((8 * longest, last_stage.NOTED), np.int16)
    if noting:
        state = watching.Staged(*state, stage=stage)
    edges = [0, *ends.tolist()]
    expert = SEVERAL.experts[0].start(LANES, [room[a:b] for a, b in itertools.pairwise(edges)])
    output, chance, rows = Output(len(data)), np.random.default_rng(5), []
    for step in range(longest):
        ready = np.array([edges[lane] + step < ends[lane] for lane in range(LANES)])
        for lane in np.flatnonzero(ready):
            given = chance.integers(1, 1 << 17, (1, LANES, 1, 256)).astype(np.uint32)
            given[0, lane, 0] = expert.distributions()[lane]
            alone = np.where(np.arange(LANES) == lane, ends, 0)
            coding(state, room, alone, 1, False, output.coder, output.buffer, given)
            rows.append(stage[8 * step : 8 * step + 8].copy())
        symbols = [room[min(edges[lane] + step, len(room) - 1)] for lane in range(LANES)]
        expert.update(np.array(symbols, np.uint8), ready)
    return output.finish(), rows


def test_a_lane_is_refined_by_its_own_distributions():
    data = np.frombuffer((ROOT / "corpora/samples/alice29.txt").read_bytes()[3000:3200], np.uint8)
    assert _in_turn(data, kernel.run)[0] == SEVERAL.code(data, Content(TEXT), LANES, None)[0]


def _by_twin(stage: twin.LastStage, seen: np.ndarray) -> int:
    """What the twin says of a bit that :func:`last_stage.note` wrote down."""
    z, rest = seen[: last_stage.INPUTS].tolist(), seen[last_stage.INPUTS :].tolist()
    c0, c1, likeliest_row, match_row, shape, _ = rest
    maps = [
        STRETCH.index(z[at]) << 10 for at in (last_stage.BY_BYTE, last_stage.BY_TWO, last_stage.BY_EXPECTED)
    ]
    inputs = [number for said in z[last_stage.CONTEXT :] for number in (said, 0)]
    expected = 0 if not match_row else 1 if match_row % 2 else 2
    bit = c0.bit_length() - 1
    return stage.refine(
        inputs, z[:16], z[last_stage.MIXER], *maps, squash(z[last_stage.SAID]), z[last_stage.OPINION],
        z[last_stage.AWAY], (z[last_stage.SECOND_SAYS], z[last_stage.THIRD_SAYS]), expected,
        (match_row - expected) // 2, z[last_stage.KNOWN] // 32, c0, c1, bit,
        likeliest_row - 1 if likeliest_row else (c0 ^ 1) << (8 - bit) & 255, z[last_stage.SURE], shape,
        z[last_stage.AGE] // 32,
    )  # fmt: skip


@pytest.mark.slow  # a kernel that nothing else needs is compiled
def test_several_lanes_are_what_the_twin_says_of_them():
    """The payload of lock step, decoded with the twin's probabilities alone."""
    data = np.frombuffer((ROOT / "corpora/samples/alice29.txt").read_bytes()[3000:3070], np.uint8)
    decoder = BinaryDecoder(SEVERAL.code(data, Content(TEXT), LANES, None)[0])
    stage, found = twin.LastStage(last_stage.read("last_text.i16").tolist()), []
    noting = kernel.make("staged", cache=False, watch=watching.STAGE)
    for rows in _in_turn(data, noting, noting=True)[1]:
        bits = []
        for row in rows:
            p = min(kernel.MOST_P, max(1, _by_twin(stage, row)))
            bits.append(decoder.decode(p))
            stage.learn((bits[-1] << 22) - p)
        found.append(int("".join(map(str, bits)), 2))
    edges = [len(data) * lane // LANES for lane in range(LANES + 1)]
    parts = [data[a:b].tolist() for a, b in itertools.pairwise(edges)]
    assert found == [part[step] for step in range(24) for part in parts if step < len(part)]


def test_the_last_layer_goes_on_learning_in_the_kernel():
    data = np.frombuffer(b"no byte of this is above 127. " * 3, np.uint8)
    streams = Streams(last_stage.LEVEL, (OnlineExpert("words"), create("words")), primed=False)
    _, mix = streams.code(data, Content(CODED), 1, None)
    before = last_stage.put_on(mix, last_stage.read("last_words_online.i16")).last_layer
    moved = (mix.last_layer != before).reshape(-1, last_stage.UNITS).any(1)
    assert moved[0] and moved[1] and moved[2]
    assert not moved[3] and not moved[192:].any()  # bits after a one at first
