"""Zeros behind the last stream are no damage: tapes and ``bsdtar`` fill their records up. And many streams
are walked once."""

from __future__ import annotations

import io

import pytest
import toys

import nzip
from nzip import reference
from nzip.container import index, parser
from nzip.errors import CorruptError, FormatError, TruncatedError

TOY = toys.ToyPredictor()
DATA = bytes(range(256)) + b"text " * 100
STREAM = nzip.compress(DATA, predictor=TOY, block_size=300)
NOTE = nzip.skippable_frame(b"note")


class Counted(io.BytesIO):
    """A file that counts what is asked of it."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self.reads = self.seeks = self.taken = 0

    def read(self, n=-1):
        data = super().read(n)
        self.reads += 1
        self.taken += len(data)
        return data

    def seek(self, *where):
        self.seeks += 1
        return super().seek(*where)


@pytest.mark.parametrize("zeros", [1, 4, 7, 8, 9, 512, 65_536, 3_000_001])
@pytest.mark.parametrize(
    "stream",
    [STREAM, STREAM + STREAM, NOTE + STREAM + NOTE, nzip.compress(b"", predictor=TOY)],
    ids=["one", "two", "notes", "empty"],
)
def test_zeros_behind_the_last_stream_are_passed_over(stream, zeros):
    want = nzip.decompress(stream, predictor=TOY)
    padded = stream + bytes(zeros)
    assert nzip.decompress(padded, predictor=TOY) == want
    with nzip.NzipFile(io.BytesIO(padded), predictor=TOY) as file:
        assert file.read() == want
        assert file.seek(0, 2) == len(want)
        assert file.seek(0) == 0 and file.read() == want
    assert nzip.contents(io.BytesIO(padded), check=True) == nzip.contents(io.BytesIO(stream), check=True)
    out = io.BytesIO()
    assert nzip.recover(io.BytesIO(padded), out, predictor=TOY) == [] and out.getvalue() == want


@pytest.mark.parametrize("zeros", [0, 1, 4, 513, 100_001])
@pytest.mark.parametrize("stream", [STREAM, STREAM + NOTE, nzip.compress(b"", predictor=TOY)])
def test_what_is_appended_takes_the_place_of_the_zeros(tmp_path, stream, zeros):
    path = tmp_path / "x.nz"
    path.write_bytes(stream + bytes(zeros))
    with nzip.NzipFile(path, "ab", predictor=TOY, block_size=300) as file:
        assert path.read_bytes() == stream + bytes(zeros)  # until there is something to take their place
        file.write(DATA)
    assert path.read_bytes() == stream + STREAM
    memory = io.BytesIO(stream + bytes(zeros))
    memory.seek(0, 2)
    with nzip.NzipFile(memory, "a", predictor=TOY, block_size=300) as file:
        file.write(DATA)
    assert memory.getvalue() == stream + STREAM


def test_what_is_no_padding_is_not_cut(tmp_path):
    """Zeros behind junk, zeros alone, and zeros of the last stream's own hash."""
    path = tmp_path / "x.nz"
    ends_in_zero = next(
        found for found in (nzip.skippable_frame(b"%d" % n) for n in range(5000)) if found.endswith(b"\0")
    )
    for before in (b"junk" + bytes(9), bytes(9), b"", STREAM + b"x" + bytes(7), STREAM + ends_in_zero):
        path.write_bytes(before)
        with nzip.NzipFile(path, "ab", predictor=TOY, block_size=300) as file:
            file.write(DATA)
        assert path.read_bytes() == before + STREAM


def test_the_reference_passes_over_them_too():
    stored = nzip.compress(bytes(range(200)), predictor=TOY)
    assert reference.decode(stored + bytes(513)) == bytes(range(200))


@pytest.mark.parametrize("tail", [b"x", STREAM, NOTE, bytes(100) + b"\1" + bytes(9)])
def test_only_zeros_may_follow_zeros(tail):
    padded = STREAM + bytes(1000)
    with pytest.raises(CorruptError, match="at byte") as caught:
        nzip.decompress(padded + tail, predictor=TOY)
    where = len(padded) + len(tail) - len(tail.lstrip(b"\0"))
    assert f"byte {where}:" in str(caught.value)
    with nzip.NzipFile(io.BytesIO(padded + tail), predictor=TOY) as file, pytest.raises(CorruptError):
        file.seek(0, 2)


def test_zeros_alone_are_no_stream():
    for size in (1, 8, 100_000):
        with pytest.raises(FormatError, match="not an nzip stream"):
            nzip.decompress(bytes(size))
        with nzip.NzipFile(io.BytesIO(bytes(size))) as file, pytest.raises(FormatError):
            file.seek(0, 2)
    with pytest.raises((CorruptError, TruncatedError)):
        nzip.decompress(NOTE + bytes(100))


def test_an_end_frame_whose_hash_ends_in_zeros_is_found():
    """With zeros behind it, and without: where the frame ends cannot be seen then."""
    found = 0
    for i in range(2000):
        stream = nzip.compress(b"%04d" % i, predictor=TOY, block_size=2)
        if stream[-1]:
            continue
        found += 1
        for padding in (0, 1, 2, 3, 100):
            file = io.BytesIO(stream + bytes(padding))
            assert index.read_backwards(file).size == 4
        if found == 2:
            break
    assert found == 2


def test_a_decompressor_leaves_zeros_as_unused_data():
    decompressor = nzip.Decompressor(predictor=TOY)
    assert decompressor.decompress(STREAM + bytes(20)) == DATA
    assert decompressor.eof and decompressor.unused_data == bytes(20)


def test_the_end_is_found_behind_zeros_in_one_pass():
    file = Counted(STREAM + bytes(10 << 20))
    assert index.read_index(file).size == len(DATA)
    assert file.taken < (10 << 20) + (1 << 17)


def many(count: int) -> bytes:
    return nzip.compress(b"one of many", predictor=TOY) * count


def walked(count: int, walk) -> tuple[int, int, int]:
    file = Counted(many(count))
    walk(file)
    return file.reads, file.seeks, file.taken


@pytest.mark.parametrize(
    "walk",
    [
        index.read_index,
        nzip.contents,
        lambda file: nzip.recover(file, io.BytesIO(), predictor=TOY),
        lambda file: [
            file
            for file in [nzip.NzipFile(file, predictor=TOY)]
            if file.seek(5) and file.read() and file.close()
        ],
    ],
    ids=["index", "list", "recover", "read"],
)
def test_many_streams_are_walked_once(walk):
    """Ten times the streams, ten times the reads and seeks."""
    few, more = walked(20, walk), walked(200, walk)
    assert all(b <= 10 * a + 40 for a, b in zip(few, more))
    assert more[2] < 4 * len(many(200))


def test_streams_that_are_alike_ask_their_predictor_once():
    class Probed(toys.ToyPredictor):
        probes = 0

        def probe(self):
            self.probes += 1
            return super().probe()

    stream = nzip.compress(b"a" * 100, predictor=TOY)
    toy, other = Probed(), nzip.compress(b"a" * 100, predictor=toys.ToyPredictor("other"))
    assert nzip.decompress(stream * 50, predictor=toy) == b"a" * 5000
    assert toy.probes == 1
    with nzip.NzipFile(io.BytesIO(stream * 50), predictor=toy) as file:
        file.seek(7)
        assert len(file.read()) == 4993
    assert toy.probes == 2
    with pytest.raises(nzip.ModelMismatchError, match="other"):
        nzip.decompress(stream + other, predictor=toy)
    events = parser.pull(io.BytesIO(stream * 3), parser.parse())
    assert sum(isinstance(event, parser.StreamStart) for event in events) == 3
