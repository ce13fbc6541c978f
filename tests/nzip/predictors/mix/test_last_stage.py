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
from nzip.predictors.mix.stream import Streams
from nzip.predictors.mix.tables import tables
from nzip.predictors.mix.twin import last_stage as twin
from nzip.predictors.mix.twin.coder import BinaryDecoder
from nzip.predictors.mix.twin.numbers import STRETCH, squash
from nzip.predictors.online.expert import OnlineExpert
from nzip.predictors.ssm.expert import create

likeliest, refine, sureness = last_stage.likeliest, last_stage.refine, last_stage.sureness
ONE = 1 << 22


@njit
def _refine(
    last, z, units, squash, stretch, d, p1, p2, p3, p, opinion, away, expected, level, hits, c0, c1, bit,
    best, sure, shape, age,
):  # fmt: skip
    return refine(
        last, z, units, squash, stretch, d, p1, p2, p3, p, opinion, away, expected, level, hits, c0, c1, bit,
        best, sure, shape, age,
    )  # fmt: skip


@njit
def _likeliest(cumulative, squash):
    best, weight = likeliest(cumulative)
    return best, sureness(cumulative, weight, squash)


def compiled(weights, outputs, *what):
    z = np.full(last_stage.INPUTS, 77, np.int16)  # scratch that holds something
    z[:16] = 0
    z[30:] = 0
    z[: len(outputs)] = outputs
    units = np.full(last_stage.UNITS, 77, np.int16)
    shared = tables()
    return _refine(weights, z, units, shared.squash, shared.stretch, *what)


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
)
def test_equals_its_twin(
    seed, size, outputs, d, maps, opinion, away, match, hits, byte, bit, c1, agrees, other, sure, shape, age
):
    weights = np.random.default_rng(seed).integers(-size, size, last_stage.SIZE).astype(np.int16)
    c0 = (byte | 256) >> (8 - bit)
    best = byte if agrees else other
    what = (d, *maps, opinion, away, *match, hits, c0, c1, bit, best, sure, shape, age)
    assert compiled(weights, outputs, *what) == twin.refine(weights.tolist(), outputs, *what)


def test_shipped_weights_equal_the_twin_and_move_what_is_said():
    chance = np.random.default_rng(3)
    for kind in (CODED, TEXT):
        weights, moved = last_stage.weights(kind), 0
        for _ in range(40):
            outputs = chance.integers(-1500, 1500, 9).tolist()
            maps = chance.integers(1, ONE, 4).tolist()
            bit = int(chance.integers(8))
            c0 = int(chance.integers(1 << bit, 2 << bit))
            what = (int(np.mean(outputs)), *maps, outputs[0], 9, 1, 5, 3, c0, 101, bit, 97, 400, 17, 12)
            found = compiled(weights, outputs, *what)
            assert found == twin.refine(weights.tolist(), outputs, *what)
            moved += abs(found - maps[3]) > maps[3] // 100
        assert moved > 20


def test_zeros_leave_a_probability_as_it_is_but_for_the_stretch_being_rounded():
    zeros = np.zeros(last_stage.SIZE, np.int16)
    for p in (2, 1000, ONE // 3, ONE // 2, ONE - 1000):
        found = compiled(zeros, [0], 0, p, p, p, p, 0, 0, 0, 0, 0, 1, 32, 0, 0, 0, 0, 0)
        assert abs(found - p) <= max(1, p * (ONE - p) // ONE // 200)


def test_the_likeliest_byte_is_the_first_of_equals():
    distribution = np.full(256, 10, np.uint64)
    distribution[[7, 9]] = 5000
    cumulative = np.concatenate([[0], np.cumsum(distribution)]).astype(np.uint64)[None]
    best, sure = _likeliest(cumulative, tables().squash)
    whole = int(distribution.sum())
    assert best == 7
    assert abs(sure / 256 - np.log(5000 / (whole - 5000))) < 1 / 128


@pytest.mark.parametrize("kind", [CODED, TEXT])
def test_no_sum_of_the_shipped_weights_passes_32_bits(kind):
    weights = last_stage.weights(kind).astype(np.int64)
    assert len(weights) == last_stage.SIZE
    first = weights[last_stage.FIRST : last_stage.SECOND].reshape(last_stage.UNITS, -1)
    second = weights[last_stage.SECOND : last_stage.BIAS].reshape(last_stage.UNITS, -1)
    assert (np.abs(first).sum(1) * 4095).max() < 2**31
    assert (np.abs(second).sum(1) * 32767).max() < 2**31


def test_who_has_one():
    words, online = create("words"), OnlineExpert()
    assert len(last_stage.of(5, CODED, (words,))) == last_stage.SIZE
    assert len(last_stage.of(5, TEXT, (create(None), online))) == last_stage.SIZE
    for level, kind, experts in (
        (5, CODED, ()), (3, CODED, (words,)), (5, BINARY, (words,)), (5, CODED, (online, words)),
    ):  # fmt: skip
        assert len(last_stage.of(level, kind, experts)) == 0


def test_what_the_compiled_loop_codes_lock_step_decodes(monkeypatch):
    """And the last stage has a say in it."""
    data = (ROOT / "corpora/samples/alice29.txt").read_bytes()[3000:3600]
    mix = MixPredictor(last_stage.LEVEL, (create(None),), primed=False)
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


def _by_twin(weights: list[int], seen: np.ndarray) -> int:
    """What the twin says of a bit that :func:`last_stage.note` wrote down."""
    z, (c0, c1, likeliest_row, match_row, shape, _) = seen[: last_stage.INPUTS].tolist(), seen[32:].tolist()
    maps = [
        STRETCH.index(z[at]) << 10 for at in (last_stage.BY_BYTE, last_stage.BY_TWO, last_stage.BY_EXPECTED)
    ]
    expected = 0 if not match_row else 1 if match_row % 2 else 2
    bit = c0.bit_length() - 1
    return twin.refine(
        weights, z[:16], z[last_stage.MIXER], *maps, squash(z[last_stage.SAID]), z[last_stage.OPINION],
        z[last_stage.AWAY], expected, (match_row - expected) // 2, z[last_stage.KNOWN] // 32, c0, c1, bit,
        likeliest_row - 1 if likeliest_row else (c0 ^ 1) << (8 - bit) & 255, z[last_stage.SURE], shape,
        z[last_stage.AGE] // 32,
    )  # fmt: skip


@pytest.mark.slow  # a kernel that nothing else needs is compiled
def test_several_lanes_are_what_the_twin_says_of_them():
    """The payload of lock step, decoded with the twin's probabilities alone."""
    data = np.frombuffer((ROOT / "corpora/samples/alice29.txt").read_bytes()[3000:3070], np.uint8)
    decoder = BinaryDecoder(SEVERAL.code(data, Content(TEXT), LANES, None)[0])
    weights, found = last_stage.weights(TEXT).tolist(), []
    noting = kernel.make("staged", cache=False, watch=watching.STAGE)
    for rows in _in_turn(data, noting, noting=True)[1]:
        bits = [decoder.decode(min(kernel.MOST_P, max(1, _by_twin(weights, row)))) for row in rows]
        found.append(int("".join(map(str, bits)), 2))
    edges = [len(data) * lane // LANES for lane in range(LANES + 1)]
    parts = [data[a:b].tolist() for a, b in itertools.pairwise(edges)]
    assert found == [part[step] for step in range(24) for part in parts if step < len(part)]
