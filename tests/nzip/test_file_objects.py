"""File objects of every manner: nothing yet is not the end, and a short write is not a write."""

import _pyio
import contextlib
import io
import os
import socket
import threading

import pytest
from odd_files import Duck, Raw, RawSink, Sink, unready

from nzip.errors import NzipError
from nzip.io import streams

DATA = bytes(range(256)) * 1000


@pytest.fixture
def ready():
    """A descriptor that can always be read."""
    reader, writer = os.pipe()
    os.write(writer, b"x")
    yield reader
    os.close(reader)
    os.close(writer)


def all_of(source, read=streams.read_some, n=100):
    parts = []
    while part := read(source, n):
        assert len(part) <= n
        parts.append(part)
    return b"".join(parts)


READS = {"some": streams.read_some, "fully": streams.read_fully}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
@pytest.mark.parametrize("buffering", [0, 1 << 13])
def test_a_pipe_that_does_not_block_is_read_to_its_end(read, buffering):
    ours, theirs = os.pipe()
    unready(ours)
    go_on = threading.Event()

    def feed():
        with open(theirs, "wb", buffering=0) as pipe:
            pipe.write(b"first ")
            go_on.wait(60)
            pipe.write(DATA)

    thread = threading.Thread(target=feed)
    thread.start()
    with open(ours, "rb", buffering=buffering) as source:
        if read is streams.read_some:
            assert read(source, 100) == b"first "
        else:
            assert read(source, 6) == b"first "
        threading.Timer(0.1, go_on.set).start()  # until then there is nothing
        assert all_of(source, read) == DATA
    thread.join()


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_scripts(read, ready):
    for nothing in (None, BlockingIOError(), InterruptedError()):
        script = [nothing, b"ab", nothing, nothing, b"c", nothing, b""]
        sources = [
            Raw(script, ready),
            io.BufferedReader(Raw(script, ready)),
            io.BufferedReader(Raw(script, ready), 2),
            Duck(script, ready),
        ]
        if isinstance(nothing, InterruptedError):
            # BufferedReader itself tries again only where the system said so, and passes this one on.
            sources = [sources[0], sources[3]]
        for source in sources:
            assert all_of(source, read, 2 if read is streams.read_some else 3) == b"abc"


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_without_a_descriptor_nothing_yet_is_an_error(read):
    for nothing in (None, BlockingIOError()):
        for source in (
            Raw([b"ab", nothing]),
            io.BufferedReader(Raw([b"ab", nothing])),
            Duck([b"ab", nothing]),
        ):
            with pytest.raises(NzipError, match="gives nothing yet, and has no descriptor"):
                all_of(source, read, 2)


def test_read1_of_a_wrapper_is_not_believed(ready):
    """`BufferedReader.read1` answers b"" where there is nothing yet, and so do those who pass it on."""

    class Wrapper:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

    script = [b"ab", None, b"cd"]
    assert io.BufferedReader(Raw([None])).read1(1) in (b"", None)
    assert all_of(Wrapper(io.BufferedReader(Raw(script, ready)))) == b"abcd"


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_errors_pass_through(read):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"ab")
        ours.settimeout(0.01)
        with ours.makefile("rb") as source:
            assert read(source, 2) == b"ab"
            with pytest.raises(TimeoutError):
                read(source, 2)
    with pytest.raises(OSError, match="broken"):
        read(Duck([OSError(5, "broken")]), 1)


def test_answers_that_no_reader_may_give():
    for read in READS.values():
        with pytest.raises(TypeError, match="binary mode"):
            read(io.StringIO("text"), 2)
        with pytest.raises(NzipError, match="gave 3 bytes where at most 2"):
            read(Duck([b"abc"]), 2)
        assert read(Duck([bytearray(b"ab")]), 2) == b"ab" == read(Duck([memoryview(b"ab")]), 2)
    assert streams.read_fully(Duck([None]), 0) == b""


@pytest.fixture
def writable():
    """A descriptor that can always be written."""
    with open(os.devnull, "wb") as file:
        yield file.fileno()


@pytest.mark.parametrize("data", [DATA[:100], bytearray(DATA[:100]), memoryview(DATA[:100]), b""])
def test_short_writes_are_completed(data, writable):
    blocked = BlockingIOError(11, "try again", 5)
    for script in (
        [],
        [1, 1, 1],
        [None, 7, None, None],
        [BlockingIOError(), 1],
        [blocked, 1],
        [InterruptedError()],
    ):
        sink = RawSink(script, writable)
        if blocked in script:
            sink.taken += bytes(data)[:5]  # those that the error speaks of
        streams.write_all(sink, data)
        assert sink.taken == data or not data
    buffered = RawSink([None, 7, None], writable)
    with io.BufferedWriter(buffered, 4) as file:
        streams.write_all(file, data)
        streams.flush(file)
        assert buffered.taken == data
    streams.flush(object())


def test_none_is_nothing_of_a_raw_file_and_all_of_any_other():
    with pytest.raises(NzipError, match="takes nothing more, and has no descriptor"):
        streams.write_all(RawSink([3, None]), b"abcdef")
    for answer in (None, True, 6):
        sink = Sink(answer)
        streams.write_all(sink, b"abcdef")
        assert sink.taken == [b"abcdef"]


@pytest.mark.parametrize("answer", [0, False, 7, -1])
def test_answers_that_no_writer_may_give(answer):
    with pytest.raises(NzipError, match="of 6 bytes"):
        streams.write_all(Sink(answer), b"abcdef")


@pytest.mark.parametrize("buffering", [0, 1 << 13])
def test_a_pipe_that_does_not_block_takes_all(buffering):
    ours, theirs = os.pipe()
    unready(theirs)
    got = []

    def drain():
        with open(ours, "rb") as pipe:
            got.append(pipe.read())

    thread = threading.Thread(target=drain)
    with open(theirs, "wb", buffering=buffering) as sink:
        threading.Timer(0.1, thread.start).start()  # by then the pipe is full
        for start in range(0, len(DATA), 100_000):
            streams.write_all(sink, DATA[start : start + 100_000])
        streams.flush(sink)
    thread.join()
    assert got == [DATA]


def test_nothing_stays_pinned_by_an_error():
    data = bytearray(b"abcdef")
    for script in ([OSError(28, "full")], [2, OSError(28, "full")], [2, None]):
        try:
            streams.write_all(RawSink(script), data)
        except (OSError, NzipError) as error:
            kept = error
            data.append(0)  # BufferError, were it pinned by the traceback
        else:
            pytest.fail("no error")
    assert kept.__traceback__ is not None


def test_a_buffered_reader_that_was_interrupted_is_not_asked_again(ready):
    """Buffered readers that pass such an error on have lost what they had read: the error is told, and no
    hole is made."""
    for read in (streams.read_fully, streams.read_some):
        for make in (io.BufferedReader, _pyio.BufferedReader):
            source = make(Raw([b"first ", InterruptedError(), b"second"], ready))
            with contextlib.suppress(InterruptedError):
                assert read(source, 100) == b"first "  # as much as there was
