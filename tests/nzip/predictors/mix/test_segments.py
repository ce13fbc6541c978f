"""Any bytes, cut into any streams, come back: layouts, gathering, scattering, and the block as a whole."""

from __future__ import annotations

import itertools
import random

import mix_samples
import numpy as np
import pytest
import toys
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.errors import CorruptError, NzipError
from nzip.predictors.kinds import AUDIO, BINARY, DNA, EXECUTABLE, IMAGE, STORED, TEXT, Content
from nzip.predictors.mix import segments as layout
from nzip.predictors.mix.handing_on import REGION, Scattering
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.segments import Segments, joined
from nzip.predictors.mix.twin.model import decode_block
from nzip.predictors.mix.twin.segments import read_segments

RUNS = st.lists(st.tuples(st.integers(0, 6), st.integers(1, 300)), min_size=1, max_size=60)
CONTENTS = [
    Content(TEXT), Content(BINARY), Content(EXECUTABLE), Content(IMAGE, 12, 3), Content(AUDIO, 4, 4),
    Content(DNA), Content(STORED),
]  # fmt: skip
COLD = MixPredictor(1, primed=False)


def cut(runs: list[tuple[int, int]]) -> tuple[Segments, int]:
    """Segments of ``runs``, their streams numbered without gaps, and how many streams there are."""
    numbers = {stream: i for i, stream in enumerate(dict.fromkeys(stream for stream, _ in runs))}
    streams = np.array([numbers[stream] for stream, _ in runs])
    return joined(streams, np.array([length for _, length in runs])), len(numbers)


@given(RUNS)
def test_a_layout_is_read_as_written_by_kernel_and_twin(runs):
    segments, count = cut(runs)
    packed = layout.pack(segments, count)
    sizes = segments.sizes(count)
    back = layout.read(packed, sizes)
    assert back.streams.tolist() == segments.streams.tolist()
    assert back.lengths.tolist() == segments.lengths.tolist()
    assert read_segments(packed, sizes) == list(
        zip(back.streams.tolist(), back.lengths.tolist(), strict=True)
    )


@given(st.binary(max_size=60), st.lists(st.integers(1, 5000), min_size=2, max_size=9))
def test_any_layout_is_read_or_refused_alike(noise, sizes):
    try:
        back = layout.read(noise, sizes)
    except CorruptError:
        with pytest.raises(CorruptError):
            read_segments(noise, sizes)
    else:
        assert back.sizes(len(sizes)) == sizes
        assert read_segments(noise, sizes) == list(
            zip(back.streams.tolist(), back.lengths.tolist(), strict=True)
        )


def test_turns_cost_little():
    lengths = np.full(20_000, 1024)
    assert len(layout.pack(joined(np.arange(20_000) % 2, lengths), 2)) < 2500
    lengths = np.random.default_rng(5).integers(1, 60, 20_000) * 32
    packed = layout.pack(joined(np.arange(20_000) % 3, lengths), 3)
    assert len(packed) * 8 < 7.5 * 20_000  # 5.9 bits a length cannot be had for less


def test_more_segments_than_a_block_can_have():
    crumbs = joined(np.arange(1000) % 2, np.ones(1000, np.int64))
    with pytest.raises(ValueError, match="segments"):
        layout.pack(crumbs, 2)


@given(RUNS, st.randoms(use_true_random=False))
def test_streams_are_put_back_in_any_pieces(runs, chance):
    segments, count = cut(runs)
    block = np.frombuffer(chance.randbytes(int(segments.lengths.sum())), np.uint8)
    told: list[tuple[int, bytes]] = []
    scattering = Scattering(segments, len(block), lambda at, part: told.append((at, bytes(part))))
    for number in range(count):
        own = layout.gather(block, segments, number)
        edges = sorted({0, len(own), *(chance.randrange(len(own) + 1) for _ in range(3))})
        pieces = list(itertools.pairwise(edges))
        chance.shuffle(pieces)
        take = scattering.stream(number)
        for start, end in pieces:
            take(start, own[start:end].data)
    assert scattering.block.tobytes() == block.tobytes()
    assert b"".join(part for _, part in sorted(told)) == block.tobytes()


def test_a_sink_is_told_of_regions():
    size = 5 * REGION + 100
    chance = np.random.default_rng(3)
    lengths = chance.integers(20, 60, size // 35)
    segments = joined(np.arange(len(lengths)) % 2, lengths)
    block = chance.integers(0, 256, int(segments.lengths.sum())).astype(np.uint8)
    told: list[tuple[int, bytes]] = []
    scattering = Scattering(segments, len(block), lambda at, part: told.append((at, bytes(part))))
    for number in range(2):
        scattering.stream(number)(0, layout.gather(block, segments, number).data)
    assert b"".join(part for _, part in told) == block.tobytes() and len(told) <= 6


@settings(max_examples=40)
@given(st.binary(min_size=1, max_size=400), st.data())
def test_any_bytes_in_any_streams(data, draw):
    runs, left = [], len(data)
    while left:
        length = draw.draw(st.integers(1, left))
        runs.append((draw.draw(st.integers(0, 6)), length))
        left -= length
    segments, count = cut(runs)
    if count == 1:
        return
    kinds = list(dict.fromkeys(stream for stream, _ in runs))
    block = np.frombuffer(data, np.uint8)
    params, payload = COLD.encode_streams(block, [CONTENTS[kind] for kind in kinds], segments)
    progress = np.zeros(1, np.int64)
    told = bytearray()
    assert COLD.decode(params, payload, len(data), progress, lambda at, part: told.extend(part)) == data
    assert progress[0] == len(data) and bytes(told) == data


def mixture() -> tuple[bytes, list[Content], Segments]:
    """Text, machine code and an image in turns."""
    parts, runs = [], []
    samples = [mix_samples.sample(kind, 900, seed=4) for kind in ("text", "executable", "image")]
    for turn in range(9):
        sample = samples[turn % 3][turn * 40 : turn * 40 + 200]
        parts.append(sample)
        runs.append((turn % 3, len(sample)))
    segments, _ = cut(runs)
    return b"".join(parts), [Content(TEXT), Content(EXECUTABLE), Content(IMAGE, 12, 3)], segments


def test_the_twin_reads_streams():
    data, contents, segments = mixture()
    for level in (1, 3):
        coder = MixPredictor(level, primed=False)
        params, payload = coder.encode_streams(np.frombuffer(data, np.uint8), contents, segments)
        assert decode_block(level, params, payload, len(data)) == data


def test_experts_and_lanes_are_a_streams_own():
    data, contents, segments = mixture()

    class TextExpert(toys.CountingExpert):
        def helps(self, data, content):
            return content.kind == TEXT

    predictor = MixPredictor(1, (TextExpert(),), lanes=2, primed=False)
    params, payload = predictor.encode_streams(np.frombuffer(data, np.uint8), contents, segments)
    assert predictor.decode(params, payload, len(data)) == data


def test_damage_is_no_crash():
    data, contents, segments = mixture()
    params, payload = COLD.encode_streams(np.frombuffer(data, np.uint8), contents, segments)
    chance = random.Random(9)
    for case in range(300):
        bad, other = bytearray(params), bytearray(payload)
        for what in (bad, other)[case % 3 :] if case % 3 < 2 else (bad, other):
            what[chance.randrange(min(len(what), 40))] = chance.randrange(256)
        try:
            back = COLD.decode(bytes(bad), bytes(other), len(data))
        except NzipError as error:
            assert "\n" not in str(error)
        else:
            assert len(back) == len(data)
