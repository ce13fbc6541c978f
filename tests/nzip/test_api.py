"""The Python API, held against ``lzma``: the same calls on both, the same outcomes."""

from __future__ import annotations

import io
import lzma
import os
import random
import tomllib
from pathlib import Path

import pytest
import toys
from hypothesis import given
from hypothesis import strategies as st

import nzip
from nzip.errors import CorruptError, FormatError, LimitError, NzipError, TruncatedError

TOY = toys.ToyPredictor()
DATA = b"first line\nsecond line\n\nlast line without an end" + bytes(range(256)) * 3
LINES = list(io.BytesIO(DATA))


def compress(data, **options):
    return nzip.compress(data, predictor=TOY, **options)


@pytest.fixture(params=["nzip", "lzma"])
def file_of(request):
    """``file_of(source, mode)``: an NzipFile and an LZMAFile in turn: what holds for one holds for the
    other."""
    if request.param == "lzma":
        return lzma.LZMAFile
    return lambda source, mode="r": nzip.NzipFile(source, mode, predictor=TOY)


@pytest.fixture
def packed(file_of):
    out = io.BytesIO()
    with file_of(out, "w") as file:
        file.write(DATA)
    return out.getvalue()


def test_the_version_is_the_project_s():
    project = tomllib.loads((Path(nzip.__file__).parent.parent / "pyproject.toml").read_text())
    assert nzip.__version__ == project["project"]["version"]


def test_all_names_are_there_and_documented():
    for name in nzip.__all__:
        assert getattr(nzip, name).__doc__
    assert set(nzip.__all__) <= set(dir(nzip))
    with pytest.raises(AttributeError, match="nonsense"):
        _ = nzip.nonsense


def test_errors_are_one_family():
    for error in (FormatError, CorruptError, TruncatedError, nzip.ModelMismatchError, LimitError):
        assert issubclass(error, NzipError)
    assert issubclass(TruncatedError, CorruptError)


# Files -----------------------------------------------------------------------------------------------------


def test_reading(file_of, packed):
    with file_of(io.BytesIO(packed)) as file:
        assert file.readable() and file.seekable() and not file.writable() and not file.closed
        assert file.read(0) == b"" and file.tell() == 0
        assert file.peek(5)[:5] == DATA[:5] and file.tell() == 0
        assert file.read(3) == DATA[:3] and file.tell() == 3
        assert file.readline() == LINES[0][3:]
        assert file.readline(4) == LINES[1][:4]
        assert file.read1(2) == LINES[1][4:6]
        buffer = bytearray(6)
        assert file.readinto(buffer) == 6 and bytes(buffer) == DATA[17:23]
        assert file.readlines() == list(io.BytesIO(DATA[23:]))
        assert file.read() == b"" == file.read(10) == file.readline() == file.peek()
    assert file.closed


def test_seeking(file_of, packed):
    with file_of(io.BytesIO(packed)) as file:
        for offset, whence, want in (
            (10, 0, 10), (0, 0, 0), (500, 0, 500), (-5, 2, len(DATA) - 5), (3, 0, 3), (4, 1, 7 + 2),
            (10**6, 0, len(DATA)),
        ):  # fmt: skip
            if offset == 10**6:
                file.seek(offset, whence)
                assert file.read() == b""
                continue
            assert file.seek(offset, whence) == want
            assert file.read(2) == DATA[want : want + 2]
        with pytest.raises(ValueError):
            file.seek(0, 7)


def test_iteration_and_text(file_of, packed):
    with file_of(io.BytesIO(packed)) as file:
        assert list(file) == LINES
    with io.TextIOWrapper(file_of(io.BytesIO(packed)), "latin-1", newline="") as text:
        assert text.read() == DATA.decode("latin-1")


def test_writing(file_of):
    out = io.BytesIO()
    file = file_of(out, "w")
    assert file.writable() and not file.readable() and not file.seekable()
    assert file.write(DATA[:10]) == 10 and file.tell() == 10
    assert file.write(memoryview(DATA)[10:20]) == 10
    file.writelines([DATA[20:30], bytearray(DATA[30:])])
    for call in (
        file.read,
        file.readline,
        file.peek,
        lambda: file.seek(0),
        lambda: next(file),
        lambda: file.readinto(bytearray(1)),
    ):
        with pytest.raises(io.UnsupportedOperation):
            call()
    file.close()
    file.close()
    assert not out.closed
    with file_of(io.BytesIO(out.getvalue())) as back:
        assert back.read() == DATA
        with pytest.raises(io.UnsupportedOperation):
            back.write(b"x")


def test_an_empty_file(file_of):
    out = io.BytesIO()
    file_of(out, "w").close()
    with file_of(io.BytesIO(out.getvalue())) as file:
        assert file.read() == b"" and file.seek(0, 2) == 0


def test_use_after_closing(file_of, packed):
    file = file_of(io.BytesIO(packed))
    file.close()
    for call in (
        file.read,
        file.tell,
        file.readable,
        file.seekable,
        lambda: file.seek(0),
        lambda: next(iter(file)),
    ):
        with pytest.raises(ValueError):
            call()


def test_names_and_modes(file_of, tmp_path):
    path = tmp_path / "file"
    with file_of(path, "x") as file:
        file.write(b"one")
        assert file.fileno() > 2
    with pytest.raises(FileExistsError):
        file_of(path, "x")
    with file_of(os.fspath(path), "ab") as file:
        file.write(b"two")
    with file_of(path) as file:
        assert file.read() == b"onetwo"
        assert file.seek(2) == 2 and file.read(2) == b"et"
    with file_of(path, "wb") as file:
        file.write(b"three")
    with file_of(path, "rb") as file:
        assert file.read() == b"three"
    with pytest.raises(FileNotFoundError):
        file_of(tmp_path / "missing")
    for mode in ("", "rw", "r+", "q", "rbb"):
        with pytest.raises(ValueError):
            file_of(path, mode)
    with pytest.raises(TypeError):
        file_of(17)


def test_damage_raises(file_of, packed):
    for damaged in (packed[:-1], packed[: len(packed) // 2], packed[:30] + b"?" + packed[31:]):
        with file_of(io.BytesIO(damaged)) as file, pytest.raises((NzipError, EOFError, lzma.LZMAError)):
            file.read()


def test_open(tmp_path):
    path = tmp_path / "notes.nz"
    with nzip.open(path, "wt", predictor=TOY, encoding="utf-8", newline="\n") as file:
        file.write("naïve\ncafé\n")
    with nzip.open(path, "rt", predictor=TOY, encoding="utf-8") as file:
        assert list(file) == ["naïve\n", "café\n"]
    with nzip.open(path, predictor=TOY) as file:
        assert isinstance(file, nzip.NzipFile) and file.read() == "naïve\ncafé\n".encode()
        assert file.mode == "rb" and file.name == os.fspath(path) or file.name == path
    for wrong in (
        {"mode": "rbt"},
        {"mode": "rb", "encoding": "utf-8"},
        {"mode": "rb", "newline": ""},
        {"level": 1},
    ):
        with pytest.raises(ValueError):
            nzip.open(path, **wrong)


def test_a_wrong_level_leaves_the_file_alone(tmp_path):
    path = tmp_path / "precious"
    path.write_bytes(b"precious")
    with pytest.raises(NzipError):
        nzip.open(path, "wb", level=9)
    with pytest.raises(ValueError):
        nzip.open(path, "wb", predictor=TOY, block_size=0)
    assert path.read_bytes() == b"precious"


def test_files_that_cannot_seek():
    class Pipe(io.RawIOBase):
        def __init__(self, data):
            self._data = io.BytesIO(data)

        def readable(self):
            return True

        def read(self, n=-1):
            return self._data.read(n)

    stream = compress(DATA, block_size=100)
    with nzip.NzipFile(Pipe(stream), predictor=TOY) as file:
        assert not file.seekable() and file.read(150) == DATA[:150]
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)
        assert file.read() == DATA[150:]


def test_a_file_object_that_does_not_start_at_0():
    source = io.BytesIO(b"prefix" + compress(DATA, block_size=100))
    source.seek(6)
    with nzip.NzipFile(source, predictor=TOY) as file:
        assert file.read(10) == DATA[:10]
        file.seek(700)
        assert file.read() == DATA[700:]
        file.seek(0)
        assert file.read() == DATA


def test_seeking_decodes_only_what_is_read():
    toy = toys.ToyPredictor()
    data = b"compressible " * 1000
    with nzip.NzipFile(
        io.BytesIO(nzip.compress(data, predictor=toy, block_size=1000)), predictor=toy
    ) as file:
        file.seek(5500)
        assert file.read(100) == data[5500:5600]
        file.seek(5600)
        file.read(100)
        assert toy.decoded_blocks == 1
        assert file.seek(0, 2) == len(data) and toy.decoded_blocks == 1


@given(
    st.lists(st.tuples(st.integers(0, 1200), st.integers(0, 400)), max_size=12),
    st.sampled_from([7, 100, 5000]),
)
def test_random_access_reads_what_a_plain_file_reads(moves, block_size):
    plain = io.BytesIO(DATA)
    packed = (
        compress(DATA[:300], block_size=block_size)
        + nzip.skippable_frame(b"x")
        + compress(DATA[300:], block_size=block_size)
    )
    with nzip.NzipFile(io.BytesIO(packed), predictor=TOY) as file:
        for offset, size in moves:
            assert file.seek(offset) == plain.seek(offset)
            assert file.read(size) == plain.read(size)


def test_threads_in_files():
    out = io.BytesIO()
    with nzip.NzipFile(out, "w", predictor=TOY, block_size=50, threads=3) as file:
        for at in range(0, len(DATA), 33):
            file.write(DATA[at : at + 33])
    assert out.getvalue() == compress(DATA, block_size=50)
    with nzip.NzipFile(io.BytesIO(out.getvalue()), predictor=TOY, threads=3) as file:
        assert file.read() == DATA


def test_flush_block_makes_readable_what_was_written():
    out = io.BytesIO()
    file = nzip.NzipFile(out, "w", predictor=TOY)
    file.write(b"so far")
    file.flush()
    file.flush_block()
    decompressor = nzip.Decompressor(predictor=TOY)
    assert decompressor.decompress(out.getvalue()) == b"so far" and not decompressor.eof
    file.close()


# Pieces ----------------------------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=300), max_size=8), st.sampled_from([1, 10, 100, 10_000]))
def test_a_compressor_gives_what_one_call_gives(parts, block_size):
    compressor = nzip.Compressor(predictor=TOY, block_size=block_size)
    stream = b"".join(map(compressor.compress, parts)) + compressor.flush()
    assert stream == compress(b"".join(parts), block_size=block_size)


def test_compressor_modes():
    compressor = nzip.Compressor(predictor=TOY)
    assert compressor.last_mode == compressor.FLUSH_FRAME
    assert compressor.compress(b"one") == b"" and compressor.last_mode == compressor.CONTINUE
    first = compressor.flush(compressor.FLUSH_BLOCK)
    decompressor = nzip.Decompressor(predictor=TOY)
    assert decompressor.decompress(first) == b"one"
    rest = compressor.compress(b"two", compressor.FLUSH_FRAME)
    assert decompressor.decompress(rest) == b"two" and decompressor.eof
    second = compressor.compress(b"three") + compressor.flush()
    assert nzip.decompress(first + rest + second, predictor=TOY) == b"onetwothree"
    assert nzip.decompress(compressor.flush(), predictor=TOY) == b""
    with pytest.raises(ValueError):
        compressor.flush(compressor.CONTINUE)
    with pytest.raises(ValueError):
        compressor.compress(b"", 3)


@pytest.fixture(params=["nzip", "lzma"])
def unpacker(request):
    """A decompressor of each kind, and a stream of DATA for it."""
    if request.param == "lzma":
        return lzma.LZMADecompressor(), lzma.compress(DATA)
    return nzip.Decompressor(predictor=TOY), compress(DATA, block_size=200)


def test_decompressing_byte_by_byte(unpacker):
    decompressor, stream = unpacker
    out = b""
    for at in range(len(stream)):
        assert not decompressor.eof
        out += decompressor.decompress(stream[at : at + 1])
    assert out == DATA and decompressor.eof and decompressor.unused_data == b""


def test_decompressing_with_max_length(unpacker):
    decompressor, stream = unpacker
    assert decompressor.needs_input and not decompressor.eof
    out = decompressor.decompress(stream + b"behind", max_length=17)
    assert out == DATA[:17] and not decompressor.needs_input and decompressor.unused_data == b""
    assert decompressor.decompress(b"", max_length=0) == b""
    while not decompressor.eof:
        part = decompressor.decompress(b"", max_length=50)
        assert len(part) <= 50
        out += part
    assert out == DATA and decompressor.unused_data == b"behind" and not decompressor.needs_input
    with pytest.raises(EOFError):
        decompressor.decompress(b"more")


def test_decompressing_all_at_once_and_in_cut_pieces(unpacker):
    decompressor, stream = unpacker
    out = decompressor.decompress(stream[:90])
    assert decompressor.needs_input
    assert out + decompressor.decompress(stream[90:]) == DATA and decompressor.eof


def test_a_decompressor_stops_at_the_end_of_its_stream():
    stream = nzip.skippable_frame(b"note") + compress(b"one") + compress(b"two")
    decompressor = nzip.Decompressor(predictor=TOY)
    assert decompressor.decompress(stream) == b"one" and decompressor.unused_data == compress(b"two")


def test_a_decompressor_that_met_damage_stays_there():
    stream = bytearray(compress(DATA))
    stream[60] ^= 1
    decompressor = nzip.Decompressor(predictor=TOY)
    for _ in range(2):
        with pytest.raises(CorruptError):
            decompressor.decompress(stream)
    with pytest.raises(FormatError):
        nzip.Decompressor().decompress(b"certainly not ours")
    with pytest.raises(LimitError):
        nzip.Decompressor(predictor=TOY, memory=1000).decompress(compress(DATA))


# One call --------------------------------------------------------------------------------------------------


def test_one_call_parity_with_lzma():
    for module, options in ((nzip, {"predictor": TOY}), (lzma, {})):
        for data in (b"", b"x", DATA, bytearray(DATA), memoryview(DATA)):
            packed = module.compress(data, **options)
            assert type(packed) is bytes
            back = module.decompress(bytearray(packed), **options)
            assert type(back) is bytes and back == data
        assert (
            module.decompress(module.compress(b"a", **options) + module.compress(b"b", **options), **options)
            == b"ab"
        )


@given(st.binary(max_size=2000), st.integers(1, 3000), st.sampled_from([1, 3]))
def test_round_trips(data, block_size, threads):
    assert (
        nzip.decompress(
            compress(data, block_size=block_size, threads=threads), predictor=TOY, threads=threads
        )
        == data
    )


def test_measure():
    found = nzip.measure(DATA, predictor=TOY, block_size=100)
    assert found == (len(DATA), len(compress(DATA, block_size=100)))
    assert found.bits_per_byte == 8 * found.compressed / len(DATA)
    assert nzip.measure(io.BytesIO(DATA), predictor=TOY) == (len(DATA), len(compress(DATA)))
    empty = nzip.measure(b"", predictor=TOY)
    assert empty.raw == 0 and empty.bits_per_byte != empty.bits_per_byte


@pytest.mark.parametrize(
    "wrong",
    [
        {"level": -1},
        {"level": 10},
        {"level": "3"},
        {"level": True},
        {"level": 1, "predictor": TOY},
        {"block_size": 0},
        {"block_size": (1 << 30) + 1},
        {"threads": -1},
    ],
)
def test_wrong_arguments(wrong):
    options = wrong if "level" in wrong else {"predictor": TOY, **wrong}
    with pytest.raises(ValueError):
        nzip.compress(b"x", **options)


def test_levels_to_come():
    with pytest.raises(NzipError, match="language model"):
        nzip.compress(b"x", 9)


def test_levels_of_the_mix():
    """The default level and the extremes, through the API, on prose and on noise."""
    noise = random.Random(1).randbytes(3000)
    for level in (None, 1, 5):
        for data in (b"", b"x", DATA * 3, noise):
            packed = nzip.compress(data, level)
            assert nzip.decompress(packed) == data
            assert len(packed) <= len(data) * 1.001 + 64
        assert f"mix:{level or 3}".encode() in nzip.compress(b"", level)
