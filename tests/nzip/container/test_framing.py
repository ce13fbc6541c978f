"""The frames of docs/FORMAT.md, byte by byte: sizes, the magic, what is refused and how it is said."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest
import toys
import xxhash

import nzip
from nzip.container import framing, passport
from nzip.errors import CorruptError, FormatError, TruncatedError
from nzip.varint import back_varint, varint

TOY = toys.ToyPredictor()


def low32(data, seed=0):
    return struct.pack("<I", xxhash.xxh3_64_intdigest(data, seed) & 0xFFFFFFFF)


def test_a_stream_by_hand():
    """The whole of a one-block stored stream, put together from the specification alone."""
    header = b"\x89NZ\r\n\x1a\n" + bytes([0x80 | framing.DRAFT]) + b"\x00" + b"\x03toy" + TOY.probe()[:4]
    header += low32(header)
    block = b"\x01" + b"\x03" + low32(b"abc")
    block += low32(block, int.from_bytes(header[-4:], "little"))
    end = b"\x05" + bytes([len(header)]) + bytes([len(block) + 3])
    end += bytes([len(end)])
    end += low32(end)
    assert nzip.compress(b"abc", predictor=TOY) == header + block + b"abc" + end


def test_an_end_frame_with_an_index_by_hand():
    data = bytes(range(256)) * 2
    stream = nzip.compress(data, predictor=TOY, block_size=256)
    header_size = 21
    chain = int.from_bytes(stream[header_size - 4 : header_size], "little")
    position, entries = header_size, b""
    for start in (0, 256):
        part = data[start : start + 256]
        head = b"\x01" + b"\x80\x02" + low32(part)
        head += low32(head, chain)
        chain = int.from_bytes(head[-4:], "little")
        assert stream[position : position + len(head)] == head
        position += len(head) + 256
        entries += varint(len(head) + 256) + b"\x80\x02" + head[-4:]
    end = b"\x03\x02" + bytes([header_size]) + entries + struct.pack("<Q", xxhash.xxh3_64_intdigest(data))
    end += back_varint(len(end))
    assert stream[position:] == end + low32(end)


def test_the_specification_is_of_this_draft():
    text = (Path(nzip.__file__).parent.parent / "docs" / "FORMAT.md").read_text(encoding="utf-8")
    assert f"**Draft {framing.DRAFT}.**" in text
    assert framing.MAGIC.hex(" ").upper() in text


def test_small_streams_stay_small():
    """As docs/FORMAT.md says under "What it costs", for a spelling of five letters."""
    toy = toys.ToyPredictor("toy:1")
    assert len(nzip.compress(b"", predictor=toy)) == 31
    assert len(nzip.compress(b"x", predictor=toy)) == 1 + 41
    coded = nzip.compress(b"a" * 5000, predictor=toy)
    payload = len(toy.encode(b"a" * 5000)[1]) + 2
    assert len(coded) - payload <= 54
    for size in (100, 1000, 100_000):
        noise = random.Random(size).randbytes(size)
        assert len(nzip.compress(noise, predictor=TOY)) <= size + 60


@pytest.mark.parametrize("size", [1, 10, 1000, 65_536, 1_000_000])
@pytest.mark.parametrize("block_size", [65_536, 16 << 20])
def test_expansion_is_bounded(size, block_size):
    """At most 0.1% and 64 bytes, on noise, for blocks of 64 KiB and more."""
    noise = random.Random(size).randbytes(size)
    assert len(nzip.compress(noise, predictor=TOY, block_size=block_size)) <= size * 1.001 + 64


@pytest.mark.parametrize(
    ("name", "accident"),
    [
        ("bit 7 stripped", lambda data: bytes(b & 0x7F for b in data)),
        ("CRLF to LF", lambda data: data.replace(b"\r\n", b"\n")),
        ("LF to CRLF", lambda data: data.replace(b"\n", b"\r\n")),
        ("LF to CR", lambda data: data.replace(b"\n", b"\r")),
        ("Latin-1 to UTF-8", lambda data: data.decode("latin-1").encode()),
        ("UTF-8 with replacement", lambda data: data.decode("utf-8", "replace").encode()),
        ("end at ^Z", lambda data: data[: data.index(b"\x1a")]),
    ],
)
def test_text_mode_transfers_are_noticed(name, accident):
    stream = nzip.compress(b"some data", predictor=TOY)
    with pytest.raises((FormatError, TruncatedError)) as caught:
        nzip.decompress(accident(stream), predictor=TOY)
    if name != "end at ^Z":
        assert "text-mode transfer" in str(caught.value)


def test_other_versions_are_refused_in_one_line():
    stream = bytearray(nzip.compress(b"some data", predictor=TOY))
    for kind, said in (
        (0x80 | framing.DRAFT + 1, f"draft {framing.DRAFT + 1}"),
        (1, "version 1"),
        (0, "version 0"),
    ):
        stream[7] = kind
        with pytest.raises(FormatError, match=said) as caught:
            nzip.decompress(stream, predictor=TOY)
        assert f"draft {framing.DRAFT}" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "other", [b"PK\x03\x04" + bytes(100), b"\xfd7zXZ\x00" + bytes(100), b"hello, world", b"x"]
)
def test_what_is_not_ours_is_refused(other):
    with pytest.raises(FormatError, match="not an nzip stream"):
        nzip.decompress(other)


def test_nothing_is_truncated():
    with pytest.raises(TruncatedError, match="empty"):
        nzip.decompress(b"")


@pytest.mark.parametrize("bit", range(4, 8))
def test_reserved_flags_are_refused_by_name(bit):
    header = bytearray(passport.Passport.of(TOY).pack()[:-4])
    header[8] |= 1 << bit
    header += low32(bytes(header))
    with pytest.raises(FormatError, match="feature that this nzip does not know"):
        nzip.decompress(header, predictor=TOY)


def _header(spelling=b"toy", config=None, tail=b""):
    flags = passport.FLAG_CONFIG * (config is not None)
    header = b"\x89NZ\r\n\x1a\n" + bytes([framing.VERSION_BYTE, flags]) + varint(len(spelling)) + spelling
    if config is not None:
        header += varint(len(config)) + config
    header += TOY.probe()[:4]
    return header + low32(header) + tail


@pytest.mark.parametrize(
    "header",
    [
        _header(spelling=b""),
        _header(spelling=b"\xff\xfe"),
        _header(spelling=b"toy\x1b[31m"),
        _header(spelling=b"two words"),
        _header(config=b""),
        _header(config=b"[1]"),
        _header(config=b"{"),
        _header(config=b"[" * 60_000),
        _header(config=b"\xff"),
    ],
)
def test_headers_with_right_hashes_and_wrong_contents_are_refused(header):
    with pytest.raises(CorruptError):
        nzip.decompress(header, predictor=TOY)


def test_lengths_are_bounded_before_anything_is_read():
    """A length of petabytes in a header is damage, not a reason to wait for petabytes."""
    start = b"\x89NZ\r\n\x1a\n" + bytes([framing.VERSION_BYTE, 0])
    with pytest.raises(CorruptError, match="spelling"):
        nzip.decompress(start + varint(1 << 50) + bytes(100))
    header = passport.Passport.of(TOY).pack()
    for block in (b"\x01" + varint(1 << 40), b"\x02\x10" + varint(1 << 20)):
        with pytest.raises(CorruptError, match="block 1"):
            nzip.decompress(header + block + bytes(100), predictor=TOY)


def test_varints_have_one_form():
    """A longer form of the same number is damage: two files that differ must not both be right."""
    header = passport.Passport.of(TOY).pack()
    block = b"\x01" + b"\x83\x00" + low32(b"abc")
    block += low32(block, int.from_bytes(header[-4:], "little"))
    with pytest.raises(CorruptError):
        nzip.decompress(header + block + b"abc", predictor=TOY)


def _block(kind, size, params, payload_size, payload, chain):
    head = bytes([kind]) + varint(size)
    if kind == 2:
        head += varint(len(params)) + params + varint(payload_size)
    head += low32(payload) + (low32(b"") if kind == 2 else b"")
    return head + low32(head, chain) + payload


@pytest.mark.parametrize(
    ("kind", "size", "payload_size", "payload"),
    [(1, 0, 0, b""), (2, 0, 0, b""), (2, 3, 4, b"abcd"), (4, 3, 3, b"abc"), (0, 3, 3, b"abc")],
)
def test_blocks_that_contradict_themselves_are_refused(kind, size, payload_size, payload):
    header = passport.Passport.of(TOY).pack()
    block = _block(kind, size, b"", payload_size, payload, int.from_bytes(header[-4:], "little"))
    with pytest.raises(CorruptError, match="block 1"):
        nzip.decompress(header + block, predictor=TOY)


def test_skippable_frames_are_passed_over_and_hashed():
    stream = nzip.compress(b"abc", predictor=TOY)
    note = nzip.skippable_frame(b"made by a test")
    for data, want in (
        (note + stream, b"abc"),
        (stream + note, b"abc"),
        (stream + note + note + stream, b"abcabc"),
        (nzip.skippable_frame(b"") + stream, b"abc"),
    ):
        assert nzip.decompress(data, predictor=TOY) == want
    with pytest.raises(TruncatedError, match="skippable"):
        nzip.decompress(note)
    for at in range(len(note)):
        for bit in range(8):
            damaged = bytearray(note)
            damaged[at] ^= 1 << bit
            with pytest.raises((CorruptError, FormatError)):
                nzip.decompress(bytes(damaged) + stream, predictor=TOY)
    for cut in range(1, len(note)):
        with pytest.raises(TruncatedError):
            nzip.decompress(note[:cut], predictor=TOY)


def test_a_passport_that_cannot_be_kept_is_refused_when_writing():
    with pytest.raises(ValueError, match="spelling"):
        nzip.compress(b"x", predictor=toys.ToyPredictor("two words"))
    with pytest.raises(ValueError, match="JSON"):
        nzip.compress(b"x", predictor=toys.ToyPredictor(config={"a": (1, 2)}))
    with pytest.raises(ValueError, match="JSON"):
        nzip.compress(b"x", predictor=toys.ToyPredictor(config={"a": "x" * 70_000}))
