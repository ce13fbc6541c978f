"""The mix hands on what it decodes as it decodes it, executables with their calls made relative again."""

from __future__ import annotations

import io
import random

import mix_samples
import numpy as np
import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

import nzip
from nzip.container import recovery
from nzip.predictors.content import EXECUTABLE
from nzip.predictors.lm import spans
from nzip.predictors.mix import MixPredictor, trials
from nzip.predictors.mix.call_filter import call_filter, filter_part
from nzip.predictors.mix.primer_choice import COLD
from nzip.testing import predictor_hands_on

SIZE = 150_000


def told(predictor, data: bytes) -> list[tuple[int, bytes]]:
    """What a sink is told of while ``data`` is decoded; all of it is right."""
    params, payload = predictor.encode(data)
    found: list[tuple[int, bytes]] = []
    back = predictor.decode(params, payload, len(data), sink=lambda at, part: found.append((at, bytes(part))))
    assert back == data
    assert all(data[at : at + len(part)] == part for at, part in found)
    return found


@pytest.mark.parametrize("kind", ["text", "executable", "image"])
def test_one_lane_is_told_of_in_order(kind):
    data = mix_samples.sample(kind, SIZE)
    predictor = MixPredictor(1, primed=False)
    found = told(predictor, data)
    assert (predictor.encode(data)[0][0] == EXECUTABLE) == (kind == "executable")
    assert b"".join(part for _, part in found) == data and len(found) >= 4
    assert found[1][0] <= 1 << 16  # after the first call of the kernel


@pytest.mark.parametrize("kind", ["text", "executable"])
@pytest.mark.parametrize("lanes", [1, 3])
def test_lanes_are_told_of_in_ranges(kind, lanes, monkeypatch):
    monkeypatch.setattr(trials, "ways", lambda streams, data, content, helpers, kept=None: [(helpers, COLD)])
    data = mix_samples.sample(kind, 7000)
    predictor = MixPredictor(1, (toys.CountingExpert(),), lanes=lanes, primed=False)
    found = told(predictor, data)
    covered = np.zeros(len(data), bool)
    for at, part in found:
        covered[at : at + len(part)] = True
    assert covered.all()
    assert len(found) == 1 if (kind, lanes) == ("executable", 3) else len(found) > lanes


@pytest.mark.parametrize(
    "make",
    [
        lambda: MixPredictor(1, primed=False),
        lambda: MixPredictor(1, (toys.RunExpert(),), lanes=2, primed=False),
    ],
)
def test_the_kit_agrees(make):
    predictor_hands_on(make)


def test_an_executable_keeps_what_came_before_damage():
    data = mix_samples.sample("executable", SIZE)
    stream = bytearray(nzip.compress(data, predictor="mix:1", primer=False))
    stream[len(stream) * 3 // 4] ^= 1
    out = bytearray()
    (lost,) = recovery.recover(io.BytesIO(stream), out.extend)
    assert "0 to 65536 are proven" in lost
    assert out == data[:65536] + bytes(SIZE - 65536)


@given(
    st.lists(st.sampled_from([0xE8, 0xE9, 0, 255, 1, 7]), max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
)
def test_the_call_filter_in_parts_is_the_call_filter(values, cuts):
    array = np.array(values, np.uint8)
    call_filter(array, 1)
    parts, begin, final = array.copy(), 0, b""
    for known in sorted(min(cut, len(array)) for cut in cuts):
        begin = filter_part(parts, -1, begin, known)
        assert begin <= known and parts[: len(final)].tobytes() == final
        final = parts[:begin].tobytes()
    filter_part(parts, -1, begin, len(parts))
    assert parts.tolist() == values


@given(st.lists(st.integers(0, 9), min_size=1, max_size=7), st.data())
def test_ranges_of_spans_are_ranges_of_the_block(lengths, data):
    block = random.Random(1).randbytes(sum(lengths))
    for kind, part in enumerate(spans.split(block, lengths)):
        start = data.draw(st.integers(0, len(part)))
        end = data.draw(st.integers(start, len(part)))
        found: list[tuple[int, memoryview]] = []
        spans.placed(lambda *told, found=found: found.append(told), lengths, kind)(
            start, memoryview(part)[start:end]
        )
        assert b"".join(piece for _, piece in found) == part[start:end]
        assert all(block[at : at + len(piece)] == piece for at, piece in found)
