"""Files under NzipFile and the calls on streams that have nothing yet, take less, or fail: once or ever."""

from __future__ import annotations

import errno
import io
import lzma
import os
import threading

import pytest
import toys
from odd_files import Failing, Flaky, NoSeek, Raw, RawSink, unready

import nzip
from nzip.container.raw import RawReader
from nzip.errors import CorruptError, NzipError, TruncatedError

TOY = toys.ToyPredictor()
DATA = b"".join(b"line %d of many\n" % i for i in range(4000))
PACKED = nzip.compress(DATA, predictor=TOY, block_size=10_000)
EIO = OSError(errno.EIO, "input/output error")


def damaged():
    """The fourth block of PACKED is damaged."""
    found = nzip.contents(io.BytesIO(PACKED)).streams[0].blocks[3]
    out = bytearray(PACKED)
    out[found.offset + found.compressed // 2] ^= 1
    return bytes(out)


DAMAGED = damaged()


# Nothing yet, short writes ---------------------------------------------------------------------------------


def pieces(data, size=997):
    """``data`` in a script of pieces, with nothing between them."""
    return [part for at in range(0, len(data), size) for part in (None, data[at : at + size])]


@pytest.fixture
def ready():
    with open("/dev/zero", "rb") as file:
        yield file.fileno()


CALLS = {
    "measure": lambda source: nzip.measure(source, predictor=TOY).raw,
    "contents": lambda source: nzip.contents(source).size,
    "contents, checked": lambda source: nzip.contents(source, check=True).size,
    "recover": lambda source: nzip.recover(source, io.BytesIO(), predictor=TOY),
    "NzipFile.read": lambda source: nzip.NzipFile(source, predictor=TOY).read(),
    "NzipFile lines": lambda source: list(nzip.NzipFile(source, predictor=TOY)),
    "open": lambda source: nzip.open(source, "rt", predictor=TOY, encoding="ascii").read(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("wrap", [lambda raw: raw, io.BufferedReader])
def test_readers_wait(call, wrap, ready):
    assert call(wrap(Raw(pieces(PACKED), ready))) == call(io.BytesIO(PACKED))


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("wrap", [lambda raw: raw, io.BufferedReader])
def test_readers_that_cannot_wait_fail(call, wrap):
    with pytest.raises(NzipError, match="gives nothing yet"):
        call(wrap(Raw(pieces(PACKED))))


def test_writers_write_all():
    writable = os.open(os.devnull, os.O_WRONLY)
    try:
        for script in ([1, None, 2], [None, BlockingIOError(), 0x7FFF]):
            sink = RawSink(script, writable)
            with nzip.NzipFile(sink, "w", predictor=TOY, block_size=10_000) as file:
                file.write(DATA)
                file.flush()
            assert sink.taken == PACKED
            sink = RawSink(script, writable)
            assert nzip.recover(io.BytesIO(PACKED), sink, predictor=TOY) == []
            assert sink.taken == DATA
    finally:
        os.close(writable)
    with (
        pytest.raises(NzipError, match="takes nothing more"),
        nzip.NzipFile(RawSink([3, None]), "w", predictor=TOY),
    ):
        pass


def test_a_pipe_that_does_not_block_end_to_end():
    ours, theirs = os.pipe()
    unready(ours)
    unready(theirs)
    noise = os.urandom(300_000)  # several times what a pipe holds

    def write():
        with open(theirs, "wb") as below, nzip.NzipFile(below, "w", predictor=TOY, block_size=90_000) as file:
            file.write(noise)
            file.flush()

    writer = threading.Thread(target=write)
    writer.start()
    with open(ours, "rb") as below, nzip.NzipFile(below, predictor=TOY) as file:
        assert file.read() == noise
    writer.join()


# After an error --------------------------------------------------------------------------------------------


READS = {
    "read": lambda file: file.read(),
    "read some": lambda file: file.read(100),
    "read very much": lambda file: file.read(1 << 62),
    "read1": lambda file: file.read1(),
    "readline": lambda file: file.readline(),
    "readlines": lambda file: file.readlines(),
    "next": lambda file: next(file),
    "list": lambda file: list(file),
    "peek": lambda file: file.peek(),
    "readinto": lambda file: file.readinto(bytearray(100)),
    "readinto1": lambda file: file.readinto1(bytearray(100)),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("kind", [io.BytesIO, NoSeek])
@pytest.mark.parametrize("threads", [1, 3])
def test_damage_is_told_again_and_again(read, kind, threads):
    for data, error in (
        (DAMAGED, CorruptError),
        (PACKED[:-1], TruncatedError),
        (PACKED[:-400], TruncatedError),
    ):
        file = nzip.NzipFile(kind(data), predictor=TOY, threads=threads)
        with pytest.raises(error) as first:
            while file.read(1000):
                pass
        for _ in range(3):
            with pytest.raises(error) as again:
                read(file)
            assert str(again.value) == str(first.value)
        text = io.TextIOWrapper(file, "latin-1")
        with pytest.raises(error):
            text.read()
        text.close()


def test_what_is_not_damaged_is_reached_by_seeking():
    with nzip.NzipFile(io.BytesIO(DAMAGED), predictor=TOY) as file:
        with pytest.raises(CorruptError):
            file.read()
        assert file.tell() == 0
        assert file.seek(-100, 2) == len(DATA) - 100 and file.read() == DATA[-100:]
        assert file.seek(0) == 0 and file.read(30_000) == DATA[:30_000]
        for _ in range(2):
            with pytest.raises(CorruptError):
                file.read(1)
    with nzip.NzipFile(io.BytesIO(PACKED[:-9]), predictor=TOY) as file:
        assert file.read(10) == DATA[:10]
        for _ in range(2):
            with pytest.raises(TruncatedError):
                file.seek(0, 2)
            with pytest.raises(TruncatedError):
                file.read()
            assert file.tell() == 10


def test_a_wrong_whole_file_hash_is_told_again():
    data = nzip.compress(DATA, predictor=TOY, block_size=10_000)
    at = data.rindex(nzip.compress(DATA, predictor=TOY, block_size=10_000)[-12:])
    for position in range(at - 12, len(data)):
        broken = data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]
        file = nzip.NzipFile(io.BytesIO(broken), predictor=TOY)
        for _ in range(2):
            with pytest.raises(CorruptError):
                file.read()


@pytest.mark.parametrize(
    "error", [EIO, TimeoutError("timed out"), KeyboardInterrupt(), MemoryError()], ids=repr
)
@pytest.mark.parametrize("wrap", [lambda raw: raw, io.BufferedReader])
@pytest.mark.parametrize("seekable", [True, False])
def test_after_an_error_that_passes_the_right_bytes_or_the_error(error, wrap, seekable):
    met = 0
    for at in range(40):
        below = wrap(Flaky(PACKED, at, error, seekable))
        if seekable:
            below = wrap(Flaky(b"before" + PACKED, at, error))
            below.seek(6)
        file = nzip.NzipFile(below, predictor=TOY)
        got, failed = bytearray(), 0
        while failed < 5:
            try:
                part = file.read(17_001)
            except (OSError, KeyboardInterrupt, MemoryError, NzipError):
                failed += 1
                continue
            if not part:
                break
            assert not failed or seekable
            got += part
        met += bool(failed)
        if seekable:
            assert got == DATA and failed <= 1
        else:
            assert got == DATA if not failed else failed == 5 and DATA.startswith(bytes(got))
    assert met > 5


def test_a_wrong_argument_harms_nothing():
    with nzip.NzipFile(NoSeek(PACKED), predictor=TOY) as file:
        assert file.read(5) == DATA[:5]
        for call in (
            lambda: file.read("x"),
            lambda: file.read(-7),
            lambda: file.readinto(b"const"),
            lambda: file.seek(0),
        ):
            with pytest.raises((TypeError, ValueError, BufferError)):
                call()
        assert file.read() == DATA[5:]


def test_a_raw_reader_that_failed_stays_there():
    raw = RawReader(io.BytesIO(DAMAGED), TOY, 1, None)
    with pytest.raises(CorruptError):
        while raw.read(1000):
            pass
    for _ in range(2):
        with pytest.raises(CorruptError):
            raw.read(1)


def test_a_decompressor_that_was_interrupted_stays_there(monkeypatch):
    class Interrupted(toys.ToyPredictor):
        def decode(self, *args):
            raise KeyboardInterrupt

    decompressor = nzip.Decompressor(predictor=Interrupted())
    with pytest.raises(KeyboardInterrupt):
        decompressor.decompress(PACKED)
    for _ in range(2):
        with pytest.raises(NzipError, match="interrupted"):
            decompressor.decompress(b"")
    damaged = nzip.Decompressor(predictor=TOY)
    for _ in range(3):
        with pytest.raises(CorruptError):
            damaged.decompress(DAMAGED)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()], ids=repr)
def test_a_stream_whose_writing_failed_gets_no_end(error):
    out = io.BytesIO()
    file = nzip.NzipFile(out, "w", predictor=Failing(error), block_size=1000)
    with pytest.raises(type(error)):
        file.write(DATA)
    for call in (lambda: file.write(b"more"), file.flush, file.flush_block, file.close):
        with pytest.raises((type(error), NzipError)):
            call()
    size = len(out.getvalue())
    assert file.closed
    file.close()
    assert size == len(out.getvalue())
    with pytest.raises(TruncatedError):
        nzip.decompress(out.getvalue(), predictor=TOY)
    with (
        pytest.raises(type(error)) as caught,
        nzip.NzipFile(out, "w", predictor=Failing(error), block_size=1000) as file,
    ):
        file.write(DATA)
    assert caught.value is error and file.closed
    compressor = nzip.Compressor(predictor=Failing(error), block_size=1000)
    with pytest.raises(type(error)):
        compressor.compress(DATA)
    for _ in range(2):
        with pytest.raises((type(error), NzipError)):
            compressor.flush()


def test_a_full_disk_is_told_by_write_or_close():
    for at in range(30):
        sink = RawSink([50] * at + [OSError(errno.ENOSPC, "full")])
        sink.write_more = sink.write
        try:
            with nzip.NzipFile(sink, "w", predictor=TOY, block_size=10_000) as file:
                file.write(DATA)
        except OSError as error:
            assert error.errno == errno.ENOSPC
        else:
            assert sink.taken == PACKED
            continue
        taken = len(sink.taken)
        file.close()
        assert file.closed and len(sink.taken) == taken < len(PACKED)
        with pytest.raises(NzipError):
            nzip.decompress(sink.taken, predictor=TOY)


def test_the_end_of_a_with_block_that_raised_is_an_end():
    """As with lzma and gzip."""
    for file_of in (lzma.LZMAFile, lambda *args: nzip.NzipFile(*args, predictor=TOY)):
        out = io.BytesIO()
        with pytest.raises(ZeroDivisionError), file_of(out, "w") as file:
            file.write(b"so far")
            _ = 1 / 0
        with file_of(io.BytesIO(out.getvalue()), "r") as file:
            assert file.read() == b"so far"
