"""What NzipFile, Compressor and Decompressor owe their callers: constructors that fail touch nothing, threads
may share them, errors pin nothing, and the manners of Python's own files."""

from __future__ import annotations

import copy
import errno
import io
import lzma
import mmap
import os
import pickle
import threading
import time
from array import array
from concurrent.futures import ThreadPoolExecutor

import pytest
import toys
from odd_files import Failing, RawSink

import nzip
from nzip.errors import NzipError

TOY = toys.ToyPredictor()
DATA = b"".join(b"line %d of many\n" % i for i in range(4000))
PACKED = nzip.compress(DATA, predictor=TOY, block_size=10_000)
EIO = OSError(errno.EIO, "input/output error")


# Constructors that fail ------------------------------------------------------------------------------------


WRONG = [
    {"threads": -1},
    {"threads": "2"},
    {"level": 77},
    {"level": 1, "predictor": "mix:1"},
    {"predictor": "no such thing"},
    {"block_size": 0},
    {"block_size": 1 << 40},
    {"primer": "/no/such/primer"},
    {"primer": b"no primer"},
    {"nonsense": 1},
]


def descriptors():
    return set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("mode", ["w", "a", "x", "r", "wt", "at"])
def test_a_constructor_that_fails_touches_nothing(wrong, mode, tmp_path):
    path, new = tmp_path / "precious", tmp_path / "new"
    path.write_bytes(PACKED)
    before = descriptors()
    target = new if mode == "x" else path
    failed = 0
    try:
        nzip.open(target, mode, **wrong)
    except (TypeError, ValueError, OSError, NzipError):
        failed = 1
    if mode == "r" and "block_size" in wrong:
        failed = 1  # it is not looked at
    assert failed and path.read_bytes() == PACKED and not new.exists()
    assert descriptors() <= before
    held = io.BytesIO(PACKED)
    if mode not in ("x", "r"):
        with pytest.raises((TypeError, ValueError, OSError, NzipError)):
            nzip.open(held, mode, **wrong)
        assert held.getvalue() == PACKED


@pytest.mark.parametrize("wrong", [{"encoding": "no-such"}, {"encoding": "rot13"}, {"newline": "x"}], ids=str)
def test_wrong_words_for_text_touch_nothing(wrong, tmp_path):
    path = tmp_path / "precious"
    path.write_bytes(PACKED)
    before = descriptors()
    for mode in ("wt", "at", "rt"):
        with pytest.raises((LookupError, ValueError)):
            nzip.open(path, mode, predictor=TOY, **wrong)
    with pytest.raises((LookupError, ValueError)):
        nzip.open(tmp_path / "new", "xt", predictor=TOY, **wrong)
    assert path.read_bytes() == PACKED and descriptors() <= before and not (tmp_path / "new").exists()


# Threads ---------------------------------------------------------------------------------------------------


def at_once(call, count=4):
    barrier = threading.Barrier(count)
    errors = []

    def run(number):
        barrier.wait()
        try:
            call(number)
        except Exception as error:  # noqa: BLE001 - told below
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def words(number):
    return [b"<%d:%d>" % (number, i) * (1 + i % 7) for i in range(300)]


def check_permutation(data):
    assert len(data) == sum(len(word) for number in range(4) for word in words(number))
    for number in range(4):
        at = 0
        for word in words(number):  # each thread's writes in its own order, each whole
            at = data.index(word, at) + len(word)


@pytest.mark.parametrize("threads", [1, 3])
def test_four_threads_write_one_file(threads, tmp_path):
    with nzip.open(tmp_path / "file", "wb", predictor=TOY, block_size=100, threads=threads) as file:
        at_once(lambda number: [file.write(word) for word in words(number)])
    with nzip.open(tmp_path / "file", predictor=TOY) as back:
        check_permutation(back.read())


def test_four_threads_feed_one_compressor(monkeypatch):
    compressor = nzip.Compressor(predictor=TOY, block_size=100)
    stream, work, emit = [], compressor._compress, compressor._encoder._emit

    def slowly(*args):  # gives the other threads their chance, in the midst of a call
        emit(*args)
        time.sleep(0.0002)

    def recorded(*args):  # in the order of the calls, which the callers cannot know
        stream.append(work(*args))
        return stream[-1]

    monkeypatch.setattr(compressor._encoder, "_emit", slowly)
    monkeypatch.setattr(compressor, "_compress", recorded)
    at_once(lambda number: [compressor.compress(word) for word in words(number)])
    compressor.flush()
    check_permutation(nzip.decompress(b"".join(stream), predictor=TOY))


def test_four_threads_read_one_file():
    with nzip.NzipFile(io.BytesIO(PACKED), predictor=TOY) as file:
        got = []

        def read(number):
            while part := file.readline():
                got.append(part)

        at_once(read)
        assert sorted(got) == sorted(io.BytesIO(DATA)) and file.tell() == len(DATA)


def test_four_threads_feed_one_decompressor():
    decompressor = nzip.Decompressor(predictor=TOY)
    assert decompressor.decompress(PACKED, 0) == b""
    got = []

    def take(number):
        while not decompressor.eof:
            try:
                got.append(decompressor.decompress(b"", 7))
            except EOFError:  # another thread took the last bytes
                return

    at_once(take)
    assert sum(map(len, got)) == len(DATA)


# Views -----------------------------------------------------------------------------------------------------


def error_of(call):
    """The error that ``call`` raises, with its traceback alive."""
    try:
        call()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    pytest.fail("no error")


def read_into_until_the_end(file, data):
    """What is proven comes first, the error behind it."""
    while file.readinto(data):
        pass


PINNING = {
    "compress": lambda data: nzip.compress(data, predictor=Failing(ValueError("no")), block_size=1000),
    "measure": lambda data: nzip.measure(data, predictor=Failing(ValueError("no")), block_size=1000),
    "decompress": lambda data: nzip.decompress(data, predictor=TOY),
    "Compressor": lambda data: nzip.Compressor(predictor=Failing(ValueError("no")), block_size=1000).compress(
        data
    ),
    "Decompressor": lambda data: nzip.Decompressor(predictor=TOY).decompress(data),
    "write": lambda data: nzip.NzipFile(
        io.BytesIO(), "w", predictor=Failing(ValueError("no")), block_size=1000
    ).write(data),
    "write, full": lambda data: nzip.NzipFile(RawSink([EIO]), "w", predictor=TOY, block_size=1000).write(
        data
    ),
    "readinto": lambda data: read_into_until_the_end(
        nzip.NzipFile(io.BytesIO(PACKED[:-300]), predictor=TOY), data
    ),
    "wrong mode": lambda data: nzip.Compressor(predictor=TOY).compress(data, 9),
}


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("call", PINNING.values(), ids=PINNING)
def test_an_error_leaves_nothing_pinned(call):
    data = bytearray(b"bytes of no use " * 4096)
    kept = error_of(lambda: call(data))
    data.append(1)  # BufferError where something still looks at it
    mapped = mmap.mmap(-1, len(DATA))
    mapped.write(DATA)  # and so it stands at its end
    kept = error_of(lambda: call(mapped))
    mapped.close()
    assert kept.__traceback__ is not None


def test_every_bytes_like_object_is_taken():
    numpy = pytest.importorskip("numpy")
    for data in (
        array("d", [1, 2]),
        numpy.arange(9, dtype=">i4"),
        numpy.eye(4)[:, ::2],
        memoryview(b"abc")[::-1],
    ):
        raw = memoryview(data).tobytes()
        assert nzip.decompress(nzip.compress(data, predictor=TOY), predictor=TOY) == raw
        out = io.BytesIO()
        with nzip.NzipFile(out, "w", predictor=TOY) as file:
            assert file.write(data) == len(raw)
        assert nzip.decompress(out.getvalue(), predictor=TOY) == raw


# The rest of a file's manners ------------------------------------------------------------------------------


@pytest.mark.parametrize("file_of", [lzma.LZMAFile, lambda *args: nzip.NzipFile(*args, predictor=TOY)])
def test_manners_as_lzma_has(file_of, tmp_path):
    out = io.BytesIO()
    file = file_of(out, "w")
    file.write(b"abc")
    for call in (file.truncate, file.fileno, lambda: file.read(0), file.detach):
        with pytest.raises((OSError, AttributeError)):
            call()
    file.close()
    for call in (
        lambda: file.write(b""),
        lambda: file.writelines([b"x"]),
        file.tell,
        file.fileno,
    ):
        with pytest.raises(ValueError):
            call()
    with file_of(io.BytesIO(out.getvalue()), "r") as file:
        assert file.read(0) == b"" and file.readinto(bytearray()) == 0 and file.readline(0) == b""
        with pytest.raises(ValueError):
            file.read(-7)
        buffer = array("H", [0])
        assert file.readinto(buffer) == 2 and buffer.tobytes() == b"ab"
        with pytest.raises((TypeError, BufferError, ValueError)):
            file.readinto(memoryview(b"constant"))
        assert file.read(None) == b"c" and file.peek(-5) == b""
        with pytest.raises((TypeError, pickle.PicklingError)):
            pickle.dumps(file)
        assert file.seek(-5) == 0
    with pytest.raises(ValueError):
        file_of(tmp_path / "new", "r+")
    assert not (tmp_path / "new").exists()


def test_huge_sizes():
    for size in (1 << 40, 1 << 62, 1 << 70):
        for read in ("read", "read1", "readline"):
            with nzip.NzipFile(io.BytesIO(PACKED), predictor=TOY) as file:
                assert DATA.startswith(getattr(file, read)(size)) and file.tell() > 0


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_no_copies(copied):
    for made in (
        nzip.NzipFile(io.BytesIO(), "w", predictor=TOY),
        nzip.Compressor(predictor=TOY),
        nzip.Decompressor(predictor=TOY),
    ):
        with pytest.raises(TypeError, match="cannot be pickled or copied"):
            copied(made)


def test_a_signal_handler_may_not_write_in_the_midst_of_a_write():
    class Again(toys.ToyPredictor):
        def encode(self, data):
            file.write(b"from a handler")
            return super().encode(data)

    file = nzip.NzipFile(io.BytesIO(), "w", predictor=Again(), block_size=10)
    with pytest.raises(RuntimeError, match="reentrant"):
        file.write(b"0123456789")
    with pytest.raises(RuntimeError, match="reentrant"):
        file.close()


@pytest.mark.parametrize("from_job", [0, 1, 3])
def test_where_no_thread_can_be_had_the_caller_s_does_the_work(from_job, monkeypatch):
    """At the interpreter's end, and where the system has a limit."""
    submit, calls = ThreadPoolExecutor.submit, iter(range(1000))

    def refuse(pool, *job):
        if next(calls) >= from_job:
            raise RuntimeError("can't start new thread")
        return submit(pool, *job)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", refuse)
    assert nzip.compress(DATA, predictor=TOY, block_size=10_000, threads=3) == PACKED
    assert nzip.decompress(PACKED, predictor=TOY, threads=3) == DATA
    with nzip.NzipFile(io.BytesIO(PACKED), predictor=TOY, threads=3) as file:
        assert file.read() == DATA
    with pytest.raises(ValueError, match="no"):
        nzip.compress(DATA, predictor=Failing(ValueError("no")), block_size=10_000, threads=3)
