"""Whole streams: round trips at the edges, threads, concatenation, damage, memory, passports."""

from __future__ import annotations

import io
import itertools
import random
import threading
import tracemalloc

import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

import nzip
from nzip import codec
from nzip.container import framing, index, parser, pipeline, recovery
from nzip.errors import CorruptError, FormatError, LimitError, ModelMismatchError, TruncatedError
from nzip.predictors.mix import MixPredictor

TOY = toys.ToyPredictor()
BLOCK = 100


def text(size: int) -> bytes:
    return (b"It is a truth universally acknowledged. " * (size // 40 + 1))[:size]


def compress(data, **options):
    return nzip.compress(data, predictor=TOY, **options)


def decompress(data, **options):
    return nzip.decompress(data, predictor=TOY, **options)


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 7 * BLOCK + 3])
@pytest.mark.parametrize("threads", [1, 3, 0])
def test_round_trips_and_bytes_that_never_depend_on_threads(size, threads):
    for data in (text(size), random.Random(size).randbytes(size), bytes(size)):
        stream = compress(data, block_size=BLOCK, threads=threads)
        assert stream == compress(data, block_size=BLOCK)
        assert decompress(stream, threads=threads) == data
        assert decompress(stream) == data


@pytest.mark.parametrize("size", [pipeline.DEFAULT_BLOCK_SIZE, pipeline.DEFAULT_BLOCK_SIZE + 1])
def test_the_default_block_size(size):
    stream = compress(bytes(size))
    assert decompress(stream) == bytes(size)
    blocks = [
        event for event in parser.pull(io.BytesIO(stream), parser.parse()) if isinstance(event, parser.Block)
    ]
    assert [block.header.size for block in blocks] == [1 << 24, 1][: len(blocks)] and len(blocks) == (
        size > 1 << 24
    ) + 1


def headed(size: int | None) -> int:
    return pipeline.block_size_for(MixPredictor(1), size)


def test_block_sizes_by_hand():
    assert headed(None) == headed(0) == headed(1 << 24) == 16 << 20
    assert headed((1 << 24) + 1) == headed(64 << 20) == 4 << 20
    assert headed(100_000_000) == 6_291_456  # 16 blocks, the last one 5,628,160
    assert headed(128 << 20) == 8 << 20 and headed((128 << 20) + 1) == (4 << 20) + (1 << 16)
    assert headed(1_000_000_000) == 7_864_320  # eight rounds
    for alone in (TOY, MixPredictor(1, primed=False)):
        assert pipeline.block_size_for(alone, 100_000_000) == 16 << 20


@given(st.integers(64 << 20, 1 << 45))
def test_rounds_of_16_blocks_are_full(size):
    block = headed(size)
    assert 4 << 20 <= block <= 8 << 20 and block % (1 << 16) == 0
    rounds, short = divmod(size, 16 * block)
    # What is missing of the last round, all blocks together, is no more than a segment of each block.
    assert not short or 16 * block - short < 16 * (rounds + 1) << 16


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, lambda data: memoryview(data)[::1]])
def test_any_bytes_like_object(kind):
    assert decompress(kind(compress(kind(text(300))))) == text(300)


def test_buffers_of_other_shapes():
    import array

    numbers = array.array("I", range(100))
    assert decompress(compress(numbers)) == numbers.tobytes()
    every_other = memoryview(text(200))[::2]
    assert decompress(compress(every_other)) == text(200)[::2]
    with pytest.raises(TypeError):
        compress("text")


def test_concatenated_streams():
    parts = [text(250), b"", b"x", random.Random(1).randbytes(130)]
    assert decompress(b"".join(compress(part, block_size=BLOCK) for part in parts)) == b"".join(parts)


def test_a_stream_is_written_and_read_without_seeking_and_in_small_pieces():
    class Dribble(io.RawIOBase):
        """A pipe that gives one to three bytes at a time."""

        def __init__(self, data):
            self._data = data
            self._at = 0

        def readable(self):
            return True

        def read(self, n=-1):
            part = self._data[self._at : self._at + min(n, 1 + self._at % 3)]
            self._at += len(part)
            return part

    out = []
    pipeline.encode_stream(Dribble(text(450)), out.append, TOY, block_size=BLOCK)
    assert b"".join(out) == compress(text(450), block_size=BLOCK)
    assert b"".join(pipeline.decode_stream(Dribble(b"".join(out)), predictor=TOY)) == text(450)


def test_memory_does_not_grow_with_the_stream():
    """Four MB of zeros in blocks of 64 KB, and a stream of them: neither is ever held whole."""

    class Zeros:
        left = 4 << 20

        def read(self, n):
            n = min(n, self.left)
            self.left -= n
            return bytes(n)

    sizes = []
    tracemalloc.start()
    try:
        stored = io.BytesIO()
        pipeline.encode_stream(Zeros(), stored.write, toys.ToyPredictor(salt=3), block_size=1 << 16)
        stored.seek(0)
        for data in pipeline.decode_stream(stored, predictor=toys.ToyPredictor(salt=3)):
            sizes.append(len(data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sizes == [1 << 16] * 64
    assert peak < 3 << 20


# Damage ----------------------------------------------------------------------------------------------------

STREAM = compress(text(220) + random.Random(2).randbytes(60), block_size=BLOCK)
WHOLE = text(220) + random.Random(2).randbytes(60)


def assert_refused(damaged: bytes) -> None:
    """Every way of reading refuses it in one line, and what comes out before is a prefix of the truth."""
    out = bytearray()
    with pytest.raises((CorruptError, FormatError)) as caught:
        for data in pipeline.decode_stream(io.BytesIO(damaged), predictor=TOY):
            out += data
    assert WHOLE.startswith(out)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_every_truncation_is_noticed():
    for cut in range(len(STREAM)):
        assert_refused(STREAM[:cut])
        with pytest.raises(TruncatedError):
            decompress(STREAM[:cut])


def test_every_flipped_bit_is_noticed():
    for at in range(len(STREAM)):
        for bit in range(8):
            damaged = bytearray(STREAM)
            damaged[at] ^= 1 << bit
            assert_refused(bytes(damaged))


def test_every_flipped_bit_of_the_headers_is_noticed_without_decoding():
    """``list --check`` reads hashes alone and finds what decoding finds, but for a decoded hash itself."""
    for at in range(len(STREAM)):
        for bit in range(8):
            damaged = bytearray(STREAM)
            damaged[at] ^= 1 << bit
            with pytest.raises((CorruptError, FormatError)):
                for _ in parser.pull(io.BytesIO(bytes(damaged)), parser.parse(payloads="check")):
                    pass


@pytest.mark.parametrize(
    "junk", [b"\1", b"junk", bytes(1000) + b"\1", bytes(8) + STREAM, STREAM[:20], b"\x89NZ", STREAM[8:]]
)
def test_junk_behind_the_end_is_refused(junk):
    with pytest.raises(CorruptError):
        decompress(STREAM + junk)


def frames(stream: bytes) -> list[bytes]:
    """A stream's header, its blocks, and its end frame."""
    events = list(parser.pull(io.BytesIO(stream), parser.parse()))
    bounds = [0, events[0].header_size]
    for event in events[1:-1]:
        bounds.append(event.offset + event.header.frame_size)
    bounds.append(len(stream))
    return [stream[a:b] for a, b in itertools.pairwise(bounds)]


def test_blocks_cannot_be_moved_dropped_repeated_or_taken_from_elsewhere():
    """Each block is right by itself; the chain notices that it is not where it was written."""
    head, one, two, three, end = frames(STREAM)
    _, *others, _ = frames(compress(WHOLE[:100] + text(180)[::-1], block_size=BLOCK))
    assert others[0] == one
    for blocks in (
        [two, one, three],
        [one, one, three],
        [one, three],
        [one, two],
        [one, others[2], three],
        [one, two, three, others[1]],
        [one, two, three, three],
        [one, two, others[2]],
        [],
    ):
        assert_refused(b"".join([head, *blocks, end]))
    other_start = frames(compress(text(300)[::-1], block_size=BLOCK))[1]
    with pytest.raises(CorruptError, match="block 2"):
        decompress(b"".join([head, other_start, two, three, end]))


def test_an_end_frame_from_elsewhere_is_refused():
    head, *blocks, _ = frames(STREAM)
    for other in (compress(text(280), block_size=BLOCK), compress(b""), compress(b"x")):
        assert_refused(b"".join([head, *blocks, frames(other)[-1]]))


def test_a_wrong_whole_file_hash_is_noticed():
    """An end frame whose own hash is right but whose file hash is another's."""
    head, *blocks, _ = frames(STREAM)
    events = list(parser.pull(io.BytesIO(STREAM), parser.parse()))
    entries = b"".join(framing.pack_index_entry(e.header) for e in events if isinstance(e, parser.Block))
    forged = framing.pack_end(len(head), len(blocks), 0, entries, 12345).data
    with pytest.raises(CorruptError, match="whole-file hash"):
        decompress(b"".join([head, *blocks, forged]))


def test_a_predictor_that_decodes_otherwise_is_noticed():
    class Wrong(toys.ToyPredictor):
        def decode(self, params, payload, size):
            return bytes(size)

    with pytest.raises(CorruptError, match="other bytes"):
        nzip.decompress(compress(text(300)), predictor=Wrong())

    class Short(toys.ToyPredictor):
        def decode(self, params, payload, size):
            return super().decode(params, payload, size)[:-1]

    with pytest.raises(CorruptError, match="other bytes"):
        nzip.decompress(compress(text(300)), predictor=Short())


def test_blocks_before_the_damage_are_given_out():
    for threads in (1, 4):
        damaged = bytearray(STREAM)
        damaged[-120] ^= 1
        out = bytearray()
        with pytest.raises(CorruptError):
            for data in pipeline.decode_stream(io.BytesIO(damaged), predictor=TOY, threads=threads):
                out += data
        assert out == WHOLE[:200]


# Limits ----------------------------------------------------------------------------------------------------


def test_a_block_s_buffer_is_never_changed_while_a_job_reads_it():
    """Blocks are handed over without being copied: a slow job sees its own bytes to the end, and so does who
    keeps what was written."""
    gate = threading.Event()

    class Slow(toys.ToyPredictor):
        def encode(self, data):
            before = bytes(data)
            gate.wait(10)
            assert data == before
            return super().encode(data)

    noise = random.Random(9).randbytes(3 * BLOCK)
    for threads in (1, 3):
        written: list = []
        gate.clear()
        encoder = pipeline.StreamEncoder(
            written.append, Slow(), block_size=BLOCK, threads=threads, background=threads > 1
        )
        threading.Timer(0.05, gate.set).start()
        source = bytearray(noise)
        encoder.write(source)
        source[:] = bytes(len(source))  # the caller's buffer is the caller's again
        encoder.write(noise)
        encoder.finish()
        encoder.close()
        assert decompress(b"".join(written)) == noise + noise


def test_stored_and_coded_blocks_are_copied_once_on_each_way():
    """What is read in pieces is put together, no more: beside a block of 8 MiB there is no second one."""
    size = 8 << 20

    class Plain(toys.ToyPredictor):
        """Copies nothing: a block of two equal halves is coded as one of them, others as themselves."""

        def encode(self, data):
            return b"", data[: size // 2] if data == whole else data

        def decode(self, params, payload, size):
            return whole

    class Pieces(io.BytesIO):
        def read(self, n=-1):
            return super().read(min(n, 1 << 16))

        read1 = read

    whole = random.Random(4).randbytes(size // 2) * 2
    noise = random.Random(3).randbytes(size)
    for data in (noise, whole):
        stream: list = []
        peaks = []
        tracemalloc.start()
        try:
            pipeline.encode_stream(Pieces(data), stream.append, Plain())
            peaks.append(tracemalloc.get_traced_memory()[1])
            packed = b"".join(stream)
            del stream
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for decoded in pipeline.decode_stream(Pieces(packed), predictor=Plain()):
                assert decoded == data
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        finally:
            tracemalloc.stop()
        assert max(peaks) < 1.3 * size, peaks


def test_max_size():
    stream = compress(text(1000), block_size=BLOCK)
    assert decompress(stream, max_size=1000) == text(1000)
    toy = toys.ToyPredictor()
    with pytest.raises(LimitError, match="999"):
        nzip.decompress(stream, max_size=999, predictor=toy)
    assert toy.decoded_blocks == 9
    assert LimitError("").exit_code == 1


def test_memory_limits_say_what_would_do():
    toy = toys.ToyPredictor(memory=300 << 20)
    stream = nzip.compress(text(300), predictor=toy)
    assert nzip.decompress(stream, predictor=toy) == text(300)
    with pytest.raises(LimitError, match=f"memory={300 << 20}") as caught:
        nzip.decompress(stream, predictor=toy, memory=200 << 20)
    assert "\n" not in str(caught.value)
    with pytest.raises(LimitError):
        nzip.decompress(
            nzip.compress(b"a" * 300, predictor=toys.ToyPredictor(memory=1 << 40)),
            predictor=toys.ToyPredictor(memory=1 << 40),
        )
    assert nzip.decompress(stream, predictor=toy, memory=300 << 20) == text(300)


def test_memory_limits_hold_threads_back():
    running = [0, 0]

    class Watched(toys.ToyPredictor):
        def decode(self, params, payload, size):
            import time

            running[0] += 1
            running[1] = max(running)
            time.sleep(0.005)
            running[0] -= 1
            return super().decode(params, payload, size)

    toy = Watched(memory=100 << 20)
    stream = nzip.compress(text(1200), predictor=toy, block_size=BLOCK)
    assert nzip.decompress(stream, predictor=toy, threads=8, memory=250 << 20) == text(1200)
    assert running[1] <= 2
    running[:] = [0, 0]
    assert nzip.decompress(stream, predictor=toy, threads=8, memory=1 << 30) == text(1200)
    assert running[1] >= 3


def test_a_claimed_size_does_not_allocate():
    """A block of 1 GiB that is not there: refused, with next to no memory taken."""
    header = frames(compress(b""))[0]
    chain = int.from_bytes(header[-4:], "little")
    head, _ = framing.pack_block(framing.BlockHeader(codec.STORED, 1 << 30, b"", 1 << 30, 0, 0), chain)
    tracemalloc.start()
    try:
        with pytest.raises(TruncatedError):
            decompress(header + head + bytes(1000))
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


# Passports -------------------------------------------------------------------------------------------------


def test_another_model_is_refused_before_anything_is_decoded():
    stream = nzip.compress(
        text(500), predictor=toys.ToyPredictor(config={"weights": "aaaa", "n": 1}), block_size=BLOCK
    )
    for other, said in (
        (toys.ToyPredictor(salt=3, config={"weights": "aaaa", "n": 1}), "probe"),
        (toys.ToyPredictor(config={"weights": "bbbb", "n": 1}), "weights is bbbb, the file's aaaa"),
        (toys.ToyPredictor(exact=False, config={"weights": "aaaa", "n": 1}), "exact"),
    ):
        with pytest.raises(ModelMismatchError, match=said):
            nzip.decompress(stream, predictor=other)
        assert other.decoded_blocks == 0
    assert ModelMismatchError("").exit_code == 1


def test_a_missing_predictor_is_named():
    stream = nzip.compress(text(100), predictor=toys.ToyPredictor("no-such-thing:4"))
    with pytest.raises(ModelMismatchError, match="no-such-thing:4"):
        nzip.decompress(stream)


def test_stored_blocks_need_no_predictor():
    noise = random.Random(5).randbytes(300)
    assert nzip.decompress(nzip.compress(noise, predictor=toys.ToyPredictor("no-such-thing:4"))) == noise


def test_a_predictor_that_is_not_exact_carries_its_environment():
    toy = toys.ToyPredictor(exact=False)
    stream = nzip.compress(text(300), predictor=toy)
    start = next(parser.pull(io.BytesIO(stream), parser.parse()))
    assert not start.passport.exact
    assert start.passport.environment["python"]
    assert nzip.decompress(stream, predictor=toy) == text(300)

    class Drifting(toys.ToyPredictor):
        def decode(self, params, payload, size):
            return super().decode(params, payload, size)[::-1]

    with pytest.raises(ModelMismatchError, match="not exact"):
        nzip.decompress(stream, predictor=Drifting(exact=False))


def test_a_predictor_that_is_not_exact_is_verified_while_compressing():
    class Drifting(toys.ToyPredictor):
        def decode(self, params, payload, size):
            return super().decode(params, payload, size)[::-1]

    with pytest.raises(ModelMismatchError, match="not exact"):
        nzip.compress(text(300), predictor=Drifting(exact=False))
    assert nzip.compress(text(300), predictor=Drifting(exact=False), verify=False)
    assert nzip.compress(text(300), predictor=Drifting())
    with pytest.raises(RuntimeError):
        nzip.compress(text(300), predictor=Drifting(), verify=True)


# Index and recovery ----------------------------------------------------------------------------------------


def test_the_index_is_the_same_from_either_end():
    file = io.BytesIO(
        nzip.skippable_frame(b"note")
        + STREAM
        + compress(b"")
        + compress(b"one block")
        + STREAM
        + nzip.skippable_frame(b"")
    )
    backwards, forwards = index.read_backwards(file), index._forwards(file)
    assert backwards.entries == forwards.entries
    assert backwards.streams == forwards.streams
    assert backwards.size == 2 * len(WHOLE) + 9
    for number, entry in enumerate(backwards.entries):
        assert backwards.read(number).header.size == entry.size
    assert backwards.find(0) == 0 and backwards.find(backwards.size) is None and backwards.find(-1) is None


def test_the_index_reads_few_bytes():
    class Counted(io.BytesIO):
        taken = 0

        def read(self, n=-1):
            data = super().read(n)
            self.taken += len(data)
            return data

    file = Counted(compress(random.Random(3).randbytes(500_000), block_size=50_000))
    found = index.read_index(file)
    assert len(found.entries) == 10 and file.taken < 1000
    found.read(7)
    assert file.taken < 52_000


def test_every_flipped_bit_is_noticed_through_the_index():
    for at in range(len(STREAM)):
        for bit in range(8):
            damaged = bytearray(STREAM)
            damaged[at] ^= 1 << bit
            out, refused = bytearray(), False
            try:
                with nzip.NzipFile(io.BytesIO(damaged), predictor=TOY) as file:
                    file.seek(1)
                    file.seek(0)
                    out += file.read()
            except (CorruptError, FormatError):
                refused = True
            # Only the whole-file hash, inside the end frame's hash, can stay unread.
            assert refused, (at, bit)


def test_recovery_keeps_the_other_blocks():
    toys_only = [frame for frame in frames(STREAM)]
    offsets = list(itertools.accumulate(map(len, toys_only)))
    cases = {
        offsets[1] - 3: (100, 200, 280),  # payload of block 1
        offsets[1] + 1: (0, 100, 200),  # header of block 2, found through the index
        offsets[3] - 1: (0, 200, 280),
    }
    for at in cases:
        damaged = bytearray(STREAM)
        damaged[at] ^= 0x10
        number = sum(at >= offset for offset in offsets[:3])
        start, size = (number - 1) * BLOCK, min(BLOCK, len(WHOLE) - (number - 1) * BLOCK)
        out = bytearray()
        lost = recovery.recover(io.BytesIO(damaged), lambda d, out=out: out.extend(d), predictor=TOY)
        assert len(lost) == 1 and f"{start} to {start + size}" in lost[0]
        assert out == WHOLE[:start] + bytes(size) + WHOLE[start + size :]


def test_recovery_without_an_index():
    head, one, two, three, _ = frames(STREAM)
    out = bytearray()
    lost = recovery.recover(io.BytesIO(head + one + two[:-2] + b"??" + three[:-1]), out.extend, predictor=TOY)
    assert out == WHOLE[:100] + bytes(100)
    assert len(lost) == 2 and "everything from decoded byte 200 on" in lost[1]
    with pytest.raises(FormatError):
        recovery.recover(io.BytesIO(b"not ours at all"), out.extend, predictor=TOY)
    with pytest.raises(CorruptError):
        recovery.recover(io.BytesIO(STREAM[:9] + b"?" + STREAM[10:]), out.extend, predictor=TOY)
    assert recovery.recover(io.BytesIO(STREAM), out.extend, predictor=TOY) == []
