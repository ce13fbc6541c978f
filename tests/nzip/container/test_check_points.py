"""Check points: what they prove is kept, handed on before its block ends, and never wrong."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import random
import threading
import time

import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

import nzip
from nzip import codec
from nzip.container import check_points, framing, parser, pipeline, recovery, workers
from nzip.errors import CorruptError, ModelMismatchError, NzipError, TruncatedError
from nzip.predictors.bare import BarePredictor
from nzip.varint import varint

POINT = 64  # decoded bytes of a check point in most tests
CHANCE = random.Random(11)
# Compresses, and no part of it is like another.
TEXT = bytes(CHANCE.choice(b"abcdefgh") for _ in range(700))


@pytest.fixture
def small(monkeypatch):
    """Check points every POINT bytes."""
    monkeypatch.setattr(check_points, "CHECK_POINT", POINT)


def recovered(stream: bytes, predictor, **options) -> tuple[bytes, list[str]]:
    out = bytearray()
    lost = recovery.recover(io.BytesIO(stream), out.extend, predictor=predictor, **options)
    return bytes(out), lost


def proven(out: bytes, truth: bytes, block_size: int = len(TEXT)) -> list[int]:
    """Where the segments of ``out`` begin that are the truth's; the others must be zeros."""
    found = []
    for first in range(0, len(out), block_size):
        for at in range(first, min(first + block_size, len(out)), POINT):
            end = min(at + POINT, first + block_size, len(out))
            got, want = out[at:end], truth[at:end]
            assert got in (want, bytes(len(got))), at
            if got == want:
                found.append(at)
    return found


def blocks(stream: bytes) -> list[parser.Block]:
    events = parser.pull(io.BytesIO(stream), parser.parse(keep_damaged=True))
    return [event for event in events if isinstance(event, parser.Block)]


@pytest.mark.parametrize(
    ("size", "count"),
    [(1, 0), (1 << 16, 0), ((1 << 16) + 1, 1), (1 << 17, 1), (3 << 16, 2), (1 << 30, 16383)],
)
def test_there_is_one_for_every_64_KiB_before_the_end(size, count):
    assert check_points.count(size) == count
    assert check_points.SIZE * count < size / 10_000


def test_a_header_by_hand():
    data = bytes(i * i % 7 for i in range(150_000))
    toy = toys.ToyPredictor()
    stream = nzip.compress(data, predictor=toy)
    (block,) = blocks(stream)
    params, payload = toy.encode(data)
    want = b"\x02" + varint(150_000) + b"\x02" + params + varint(len(payload))
    for part, seed in ((payload, 0), (data, 0), (data[:65536], 0), (data[65536:131072], 1)):
        want += framing.u32(framing.hash32(part, seed))
    assert stream[block.offset :].startswith(want)
    assert block.header.header_size == len(want) + 4


@given(
    st.sampled_from([codec.STORED, codec.CODED]),
    st.integers(1, 1 << 30),
    st.binary(max_size=40),
    st.integers(0, 1 << 30),
    *[st.integers(0, (1 << 32) - 1)] * 4,
)
def test_headers_round_trip(method, size, params, payload_size, stored, decoded, chain, seed):
    if method == codec.STORED:
        params, payload_size, decoded = b"", size, stored
    points = random.Random(seed).randbytes(4 * check_points.count(size))
    header = framing.BlockHeader(method, size, params, min(payload_size, size), stored, decoded, points)
    data, packed = framing.pack_block(header, chain)

    def reading():
        kind = yield 1
        yield (yield from parser.read_block_header(kind[0], chain, 1, 0))

    assert next(parser.pull(io.BytesIO(data), reading())) == packed
    assert packed.header_size == len(data)
    with pytest.raises(TruncatedError):
        next(parser.pull(io.BytesIO(data[:-1]), reading()))
    assert len(framing.pack_index_entry(packed)) < 20 and packed.frame_size <= framing.MAX_FRAME


def test_a_kilobyte_pays_nothing():
    toy = toys.ToyPredictor()
    stream = nzip.compress(b"a" * 1000, predictor=toy)
    params, payload = toy.encode(b"a" * 1000)
    framing_before = 21 + (1 + 2 + 1 + len(params) + 1 + 12) + (1 + 1 + 1 + 1 + 4)
    assert len(stream) - len(payload) == framing_before


@pytest.mark.parametrize("block_size", [1000, 300])
def test_damage_at_random_places_loses_what_follows_it_in_its_block(small, block_size):
    toy = toys.HandingToy()
    stream = nzip.compress(TEXT, predictor=toy, block_size=block_size)
    kept = set()
    for block in blocks(stream):
        for _ in range(40):
            at = CHANCE.randrange(block.header.payload_size)
            damaged = bytearray(stream)
            damaged[block.offset + block.header.header_size + at] ^= 1 << CHANCE.randrange(8)
            out, lost = recovered(damaged, toy)
            assert len(out) == len(TEXT) and len(lost) <= 1
            if not lost:  # the last byte's unused bits
                assert out == TEXT and at == block.header.payload_size - 1
                continue
            found = proven(out, TEXT, block_size)
            kept.add(len(found))
            if at > 200:  # bits of damaged payload before which 200 bytes of it are right
                assert found
            first = (block.number - 1) * block_size
            assert out[:first] == TEXT[:first] and f" to {first + block.header.size} are lost" in lost[0]
            assert ("are proven" in lost[0]) == (out[first : first + POINT] == TEXT[first : first + POINT])
    assert len(kept) > 3


def test_every_truncation_keeps_what_was_proven_before_it(small):
    toy = toys.HandingToy()
    stream = nzip.compress(TEXT, predictor=toy, block_size=400)
    lengths = []
    for cut in range(22, len(stream)):
        out, lost = recovered(stream[:cut], toy)
        assert TEXT.startswith(out) and lost and "is lost" in lost[-1]
        assert f"from decoded byte {len(out)} on" in lost[-1]
        lengths.append(len(out))
        got = bytearray()
        with pytest.raises(TruncatedError):
            for part in pipeline.decode_stream(io.BytesIO(stream[:cut]), predictor=toy, sooner=True):
                got += part
        assert got == out
    assert lengths == sorted(lengths) and len(set(lengths)) > 6


def test_lanes_are_proven_in_ranges(small, monkeypatch):
    monkeypatch.setattr("nzip.predictors.bare._TOLD", 8)
    bare = BarePredictor(toys.CountingExpert(), 3)
    stream = nzip.compress(TEXT, predictor=bare)
    (block,) = blocks(stream)
    damaged = bytearray(stream)
    damaged[block.offset + block.header.header_size + block.header.payload_size * 3 // 4] ^= 4
    out, lost = recovered(damaged, bare)
    found = proven(out, TEXT)
    starts = [0, 234, 467]  # of the lanes: in each, what comes before three quarters
    assert {0, POINT} <= set(found) and len(lost) == 1 and lost[0].count(" to ") >= 6
    for start in starts[1:]:
        first = -(-start // POINT) * POINT
        assert first in found and f"{first} to " in lost[0]
    assert 640 not in found


def test_a_stored_block_loses_only_what_was_touched(small):
    noise = random.Random(3).randbytes(700)
    toy = toys.ToyPredictor()
    stream = bytearray(nzip.compress(noise, predictor=toy))
    (block,) = blocks(stream)
    stream[block.offset + block.header.header_size + 200] ^= 1
    out, lost = recovered(stream, toy)
    assert out == noise[:192] + bytes(64) + noise[256:640] + bytes(60)
    assert "bytes 192 to 256, 640 to 700 are lost" in lost[0] and "0 to 192, 256 to 640 are proven" in lost[0]


def test_a_whole_block_is_compared_segment_by_segment(small):
    """A predictor that hands nothing on gives whole blocks, and their segments are proven all the same."""

    class Local(toys.ToyPredictor):
        def encode(self, data):
            return b"", bytes(len(data) // 2)

        def decode(self, params, payload, size):
            return TEXT[: size - 100] + bytes(100)

    stream = nzip.compress(TEXT, predictor=Local())
    out, lost = recovered(stream, Local())
    assert out == TEXT[:576] + bytes(124) and "0 to 576 are proven" in lost[0]


def test_damage_that_does_not_matter_is_no_loss(small):
    """The stored bytes differ, what they decode to does not: nothing is lost, and reading says so still."""

    class Lenient(toys.HandingToy):
        def encode(self, data):
            params, payload = super().encode(data)
            return params, payload + b"\0"

    stream = bytearray(nzip.compress(TEXT, predictor=Lenient()))
    (block,) = blocks(stream)
    stream[block.offset + block.header.frame_size - 1] = 1
    assert recovered(stream, Lenient()) == (TEXT, [])
    with pytest.raises(CorruptError, match="block 1"):
        nzip.decompress(stream, predictor=Lenient())


def damaged_in_the_middle(toy) -> bytes:
    stream = bytearray(nzip.compress(TEXT, predictor=toy, block_size=500))
    block = blocks(stream)[0]
    stream[block.offset + block.header.header_size + block.header.payload_size // 2] ^= 8
    return bytes(stream)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("background", [False, True])
def test_readers_hand_on_what_came_before_damage_then_the_error(small, threads, background):
    toy = toys.HandingToy()
    got = bytearray()
    with pytest.raises(CorruptError, match="block 1 at byte 21 is damaged"):
        for part in pipeline.decode_stream(
            io.BytesIO(damaged_in_the_middle(toy)),
            predictor=toy, threads=threads, background=background, sooner=True,
        ):  # fmt: skip
            got += part
    assert len(got) >= 2 * POINT and len(got) % POINT == 0 and TEXT.startswith(got)


@pytest.mark.parametrize("seeks", [False, True])
def test_a_file_gives_what_came_before_damage_then_the_error_again_and_again(small, seeks):
    toy = toys.HandingToy()
    got = bytearray()
    with nzip.NzipFile(io.BytesIO(damaged_in_the_middle(toy)), predictor=toy) as file:
        if seeks:
            file.seek(1)
            file.seek(0)

        def read() -> None:
            while data := file.read1(POINT):
                got.extend(data)

        for _ in range(3):
            with pytest.raises(CorruptError, match="block 1"):
                read()
        assert len(got) >= 2 * POINT and TEXT.startswith(got)
        assert file.seek(600) == 600 and file.read(50) == TEXT[600:650]


@pytest.mark.parametrize("seeks", [False, True])
@pytest.mark.parametrize("how", ["read", "readinto"])
def test_a_read_across_damage_gives_what_came_before_it_first(small, seeks, how):
    toy = toys.HandingToy()
    with nzip.NzipFile(io.BytesIO(damaged_in_the_middle(toy)), predictor=toy) as file:
        if seeks:
            file.seek(1)
            file.seek(0)
        buffer = bytearray(len(TEXT))
        got = file.read(len(TEXT)) if how == "read" else bytes(buffer[: file.readinto(buffer)])
        assert len(got) >= 2 * POINT and TEXT.startswith(got) and file.tell() == len(got)
        for call in (lambda: file.read(9), file.read, lambda: file.readinto(buffer), file.readline):
            with pytest.raises(CorruptError, match="block 1"):
                call()
        assert file.tell() == len(got)
    # Whoever asks for all of it asks once, and would take a part for the whole.
    with (
        nzip.NzipFile(io.BytesIO(damaged_in_the_middle(toy)), predictor=toy) as file,
        pytest.raises(CorruptError, match="block 1"),
    ):
        file.read()


class Waiting(toys.HandingToy):
    """Decodes its first check point, and the rest when it is told to."""

    def __init__(self):
        super().__init__()
        self.go_on = threading.Event()
        self.ended = threading.Event()

    def decode(self, params, payload, size, sink=None):
        def told(start, data):
            if start >= 2 * POINT:
                assert self.go_on.wait(60)
            sink(start, data)

        try:
            return super().decode(params, payload, size, told if sink else None)
        finally:
            self.ended.set()


@pytest.mark.parametrize("threads", [1, 2])
def test_bytes_come_before_their_block_ends(small, threads):
    toy = Waiting()
    stream = nzip.compress(TEXT, predictor=toys.HandingToy(), block_size=400)
    with nzip.NzipFile(io.BytesIO(stream), predictor=toy, threads=threads) as file:
        assert file.read1(POINT) == TEXT[:POINT]
        toy.go_on.set()
        assert file.read() == TEXT[POINT:]


def test_a_range_comes_before_its_block_ends(small):
    toy = Waiting()
    with nzip.NzipFile(io.BytesIO(nzip.compress(TEXT, predictor=toys.HandingToy())), predictor=toy) as file:
        file.seek(10)
        assert file.read1(30) == TEXT[10:40]
        file.seek(5)
        assert file.read1(30) == TEXT[5:35] and not toy.go_on.is_set()
        toy.go_on.set()
        assert file.read() == TEXT[35:]


def test_decoding_stops_behind_a_range(small):
    """While the file is open, too: at the end of a range one check point lies ready, and one more is under
    way."""
    toy = toys.HandingToy()
    stream = nzip.compress(TEXT, predictor=toys.HandingToy())
    with nzip.NzipFile(io.BytesIO(stream), predictor=toy) as file:
        for at in (5 * POINT + 3, 2 * POINT, 7 * POINT):  # the second is at hand
            file.seek(at)
            assert file.read1(10) == TEXT[at : at + 10]
            time.sleep(0.1)
            end = (at // POINT + 1) * POINT
            assert end <= toy.reached <= max(end, 6 * POINT) + 2 * POINT + toy.step < len(TEXT)
        assert file.read() == TEXT[at + 10 :] and toy.reached == len(TEXT) and toy.decoded_blocks == 1


def test_what_nobody_waits_for_stops(small):
    toy = Waiting()
    file = nzip.NzipFile(io.BytesIO(nzip.compress(TEXT, predictor=toys.HandingToy())), predictor=toy)
    assert file.read1(10) == TEXT[:10]
    file.close()
    toy.go_on.set()
    assert toy.ended.wait(60) and toy.reached < 5 * POINT


def test_decoding_stops_where_a_check_point_differs(small):
    """The stored bytes are intact, the predictor is not the one that wrote them."""

    class Wrong(toys.HandingToy):
        def decode(self, params, payload, size, sink=None):
            def told(start, data):
                sink(start, data if start < 200 else memoryview(bytes(len(data))))

            return super().decode(params, payload, size, told)

    stream = nzip.compress(TEXT, predictor=toys.HandingToy())
    wrong = Wrong()
    with pytest.raises(CorruptError, match="decoded bytes 192 to 256 of it differ"):
        nzip.decompress(stream, predictor=wrong)
    assert wrong.reached < 300
    inexact = Wrong(exact=False)
    with pytest.raises(ModelMismatchError, match="not exact"):
        nzip.decompress(nzip.compress(TEXT, predictor=toys.HandingToy(exact=False)), predictor=inexact)


def test_a_forked_process_is_told_so(monkeypatch):
    """It has not the thread that decodes, and would wait for it for ever."""
    team = workers.Workers(1, None)
    assert list(team.submit(0, lambda hand_on: hand_on(5), apart=True)) == []
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(NzipError, match="forked"):
        list(team.drain())


@given(
    st.integers(1, 6 * POINT),
    st.lists(st.tuples(st.integers(0, 6 * POINT), st.integers(0, 3 * POINT))),
    st.integers(0, 6 * POINT),
)
def test_ranges_in_any_order_prove_whole_segments(size, ranges, wrong):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_points, "CHECK_POINT", POINT)
        truth = TEXT[:size]
        got = bytearray(truth)
        if wrong < size:
            got[wrong] ^= 1
        found: dict[int, bytes] = {}
        proof = check_points.Proof(
            size, check_points.of(truth), lambda at, data: found.update({at: bytes(data)}), stop=False
        )
        covered = [False] * size
        for start, length in ranges:
            start, end = min(start, size), min(start + length, size)
            proof(start, memoryview(got)[start:end])
            covered[start:end] = [True] * (end - start)
        want = {
            at
            for at in range(0, check_points.count(size) * POINT, POINT)
            if all(covered[at : at + POINT]) and not at <= wrong < at + POINT
        }
        assert set(found) == want
        assert all(truth[at : at + POINT] == data for at, data in found.items())
        proof.whole(got)
        assert len(found) == check_points.count(size) - (wrong < check_points.count(size) * POINT)


def test_zeros_for_what_is_lost_have_a_limit_and_may_be_holes(small):
    toy = toys.HandingToy()
    stream = damaged_in_the_middle(toy)
    whole, lost = recovered(stream, toy)
    gap = 500 - max(n for n in range(0, 500, POINT) if whole[:n] == TEXT[:n])
    assert recovered(stream, toy, max_size=gap) == (whole, lost)
    short, said = recovered(stream, toy, max_size=gap - 1)
    assert short == TEXT[: 500 - gap] + TEXT[500:]
    assert "left out" in said[0] and f"({gap} zeros are more than max_size allows)" in said[0]
    out = bytearray()
    holes = []

    def skip(count):
        holes.append((len(out), count))
        out.extend(b"?" * count)

    assert recovery.recover(io.BytesIO(stream), out.extend, predictor=toy, skip=skip) == lost
    assert holes == [(500 - gap, gap)] and out.replace(b"?", b"\0") == whole


def end_frame(stream: bytes, sizes: list[tuple[int, int]]) -> bytes:
    """``stream``, but its index claims these frames' lengths and decoded sizes."""
    body = bytes([framing.KIND_END]) + varint(len(sizes)) + varint(21)
    for (frame, size), block in zip(sizes, itertools.cycle(blocks(stream))):
        body += varint(frame) + varint(size) + framing.u32(block.header.chain)
    body += bytes(8)
    body += framing.back_varint(len(body))
    last = blocks(stream)[-1]
    return stream[: last.offset + last.header.frame_size] + body + framing.u32(framing.hash32(body))


@pytest.mark.parametrize("claimed", [1 << 60, (1 << 30) + 1, 0])
def test_an_index_that_claims_impossible_sizes_is_damaged(claimed):
    toy = toys.ToyPredictor()
    stream = nzip.compress(TEXT, predictor=toy, block_size=400)
    frames = [block.header.frame_size for block in blocks(stream)]
    lying = end_frame(stream, [(frame, claimed) for frame in frames])
    with nzip.NzipFile(io.BytesIO(lying), predictor=toy) as file, pytest.raises(CorruptError):
        file.seek(0, 2)
    out, lost = recovered(lying, toy)
    assert out == TEXT and "end frame" in lost[0]


def test_an_index_that_claims_a_gigabyte_a_block_does_not_fill_the_disk():
    toy = toys.ToyPredictor()
    stream = nzip.compress(TEXT, predictor=toy, block_size=400)
    frames = [block.header.frame_size for block in blocks(stream)]
    lying = end_frame(stream, [(frame, 1 << 30) for frame in frames])
    written = []
    lost = recovery.recover(
        io.BytesIO(lying), lambda data: None, predictor=toy, skip=written.append, max_size=(1 << 30) + 5
    )
    assert sum(written) <= (1 << 30) + 5 and len(lost) == 2 and "left out" in lost[1]


def test_interrupted_waits_leave_no_circle(small):
    """An error holds nothing that holds the error: what it was raised over is let go with it."""
    import gc
    import weakref

    toy = toys.HandingToy()
    gc.disable()
    try:
        source = io.BytesIO(damaged_in_the_middle(toy))
        seen = weakref.ref(source)
        with contextlib.suppress(CorruptError):
            for _ in pipeline.decode_stream(source, predictor=toy, sooner=True):
                pass
        del source
        assert seen() is None
    finally:
        gc.enable()
