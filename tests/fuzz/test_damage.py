"""Random damage: byte-exact output or a clean error, by every way there is to read.

Flips, holes, splices, cuts, insertions, junk behind, alone and together, on streams of several predictors
with one and with many blocks. A clean error is one of ours, of one line, with exit code 2, and whatever came
out before it is the truth so far.
"""

from __future__ import annotations

import io
import os
import random

import pytest
import toys
from hypothesis import given, settings
from hypothesis import strategies as st

import nzip
from nzip.container import index, parser, pipeline, recovery
from nzip.errors import CorruptError, FormatError, NzipError

TEXT = (b"The rain in Spain stays mainly in the plain; " * 12)[:500]
DATA = TEXT + random.Random(7).randbytes(150) + bytes(150)
TOY = toys.ToyPredictor()


@st.composite
def damages(draw):
    """A function that damages bytes; it may happen to change nothing."""
    kind = draw(st.sampled_from(["flip", "hole", "splice", "cut", "drop", "insert", "junk", "swap", "noise"]))
    at, other = draw(st.floats(0, 1)), draw(st.floats(0, 1))
    length = draw(st.integers(1, 80))
    noise = draw(st.binary(min_size=1, max_size=40))
    bit = draw(st.integers(0, 7))

    def damage(data: bytes) -> bytes:
        i, j = int(at * len(data)), int(other * len(data))
        if kind == "flip":
            return data[:i] + bytes([data[i] ^ 1 << bit]) + data[i + 1 :] if i < len(data) else data
        if kind == "hole":
            return data[:i] + bytes(len(data[i : i + length])) + data[i + length :]
        if kind == "splice":
            piece = data[j : j + length]
            return data[:i] + piece + data[i + len(piece) :]
        if kind == "cut":
            return data[:i]
        if kind == "drop":
            return data[:i] + data[i + length :]
        if kind == "insert":
            return data[:i] + noise + data[i:]
        if kind == "junk":
            return data + noise
        if kind == "noise":
            return data[:i] + noise[: len(data) - i] + data[i + len(noise) :]
        i, j = sorted((i, j))
        one, two = data[i : i + length], data[j : j + length]
        if i + length > j or len(one) != len(two):
            return data
        return data[:i] + two + data[i + length : j] + one + data[j + length :]

    return damage


def damaged(stream: bytes, damage_list) -> bytes:
    for damage in damage_list:
        stream = damage(stream)
    return stream


def assert_exact_or_clean(stream: bytes, read) -> None:
    """``read(stream, out)`` puts decoded pieces into the bytearray ``out``."""
    out = bytearray()
    try:
        read(stream, out)
    except NzipError as error:
        assert isinstance(error, CorruptError | FormatError), repr(error)
        assert error.exit_code == 2 and "\n" not in str(error)
        assert DATA.startswith(bytes(out))
    else:
        assert bytes(out) == DATA


def whole(stream, out):
    out += nzip.decompress(stream, predictor=TOY)


def threaded(stream, out):
    for part in pipeline.decode_stream(io.BytesIO(stream), predictor=TOY, threads=2):
        out += part


def pieces(stream, out):
    decompressor = nzip.Decompressor(predictor=TOY)
    for at in range(0, len(stream), 37):
        if decompressor.eof:
            break
        out += decompressor.decompress(stream[at : at + 37], max_length=100)
    while not decompressor.eof and not decompressor.needs_input:
        out += decompressor.decompress(b"", max_length=100)
    if not decompressor.eof:
        raise CorruptError("the stream did not end")


def by_index(stream, out):
    with nzip.NzipFile(io.BytesIO(stream), predictor=TOY) as file:
        file.seek(1)
        file.seek(0)
        while part := file.read(77):
            out += part


STREAMS = {
    "one block": nzip.compress(DATA, predictor=TOY),
    "many blocks": nzip.compress(DATA, predictor=TOY, block_size=90),
    "notes": nzip.skippable_frame(b"note")
    + nzip.compress(DATA, predictor=TOY, block_size=300)
    + nzip.skippable_frame(b""),
}


@pytest.mark.parametrize("read", [whole, threaded, pieces, by_index])
@pytest.mark.parametrize("name", STREAMS)
@settings(max_examples=120)
@given(st.lists(damages(), min_size=1, max_size=3))
def test_exact_or_a_clean_error(name, read, damage_list):
    assert_exact_or_clean(damaged(STREAMS[name], damage_list), read)


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from([b"", STREAMS["one block"][:8], STREAMS["one block"][:22]]))
def test_noise_is_no_stream(noise, start):
    for read in (whole, pieces, by_index):
        if start + noise in STREAMS.values():
            continue
        with pytest.raises((CorruptError, FormatError)):
            read(start + noise, bytearray())


@settings(max_examples=150)
@given(st.lists(damages(), min_size=1, max_size=2))
def test_a_scrub_never_misses_what_decoding_finds(damage_list):
    """Whatever passes ``list --check`` decodes."""
    stream = damaged(STREAMS["many blocks"], damage_list)
    try:
        for _ in parser.pull(io.BytesIO(stream), parser.parse(payloads="check")):
            pass
    except NzipError:
        return
    assert nzip.decompress(stream, predictor=TOY) == DATA


@settings(max_examples=150)
@given(st.lists(damages(), min_size=1, max_size=2))
def test_recovery_keeps_bytes_in_their_places(damage_list):
    """What recovery gives is the truth or zeros, byte for byte."""
    stream = damaged(STREAMS["many blocks"], damage_list)
    out = bytearray()
    try:
        lost = recovery.recover(io.BytesIO(stream), out.extend, predictor=TOY)
    except NzipError:
        return
    assert len(out) <= len(DATA)
    assert all(got in (want, 0) for got, want in zip(out, DATA, strict=False))
    assert lost or out == DATA


@settings(max_examples=100)
@given(st.lists(damages(), min_size=1, max_size=2))
def test_an_index_is_right_or_refused(damage_list):
    stream = damaged(STREAMS["notes"], damage_list)
    try:
        found = index.read_index(io.BytesIO(stream))
    except NzipError:
        return
    assert found.size == len(DATA)


@pytest.fixture(scope="module")
def mixed():
    """A stream of the fastest mix; made once, since it warms the compiler up."""
    return nzip.compress(DATA, 1, block_size=400)


@settings(max_examples=40)
@given(damage_list=st.lists(damages(), min_size=1, max_size=2))
def test_the_mix_is_exact_or_clean(mixed, damage_list):
    def read(stream, out):
        for part in pipeline.decode_stream(io.BytesIO(stream)):
            out += part

    assert_exact_or_clean(damaged(mixed, damage_list), read)


def test_every_flipped_bit_of_a_mixed_stream(mixed):
    """On headers and end frame all of them, in the payloads one in forty."""
    assert nzip.decompress(mixed) == DATA
    for at in range(len(mixed)):
        for bit in range(8) if at < 60 or at > len(mixed) - 30 else (at % 8,) if at % 5 == 0 else ():
            flipped = bytearray(mixed)
            flipped[at] ^= 1 << bit
            assert_exact_or_clean(bytes(flipped), whole)
            assert bytes(flipped) != mixed


@settings(max_examples=80)
@given(
    st.lists(damages(), min_size=1, max_size=2),
    st.sampled_from([["-dc"], ["test"], ["cat"], ["list", "--check"], ["-l"]]),
)
def test_the_command_line_exits_cleanly(damage_list, command):
    stream = damaged(nzip.compress(DATA, predictor="mix:1", block_size=300), damage_list)
    ran = _command(command, stream)
    assert ran.code in (0, 2), ran
    if ran.code == 2:
        assert ran.err.count("\n") == 1 and ran.err.startswith("nzip: standard input: ")
    if command[0] in ("-dc", "cat"):
        assert DATA == ran.out if ran.code == 0 else DATA.startswith(ran.out)


def _command(arguments, data):
    import sys

    from support import Ran

    from nzip.cli import main

    before = sys.stdin, sys.stdout, sys.stderr
    streams = [io.TextIOWrapper(io.BytesIO(given), encoding="utf-8") for given in (data, b"", b"")]
    sys.stdin, sys.stdout, sys.stderr = streams
    try:
        code = main._guarded(arguments)
        streams[1].flush()
        streams[2].flush()
    finally:
        sys.stdin, sys.stdout, sys.stderr = before
    return Ran(code, streams[1].buffer.getvalue(), streams[2].buffer.getvalue().decode())


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("NZIP_FUZZ", "5000")))
@given(
    st.lists(damages(), min_size=1, max_size=6),
    st.sampled_from(sorted(STREAMS)),
    st.sampled_from([whole, threaded, pieces, by_index]),
)
def test_a_lot_of_damage(damage_list, name, read):
    assert_exact_or_clean(damaged(STREAMS[name], damage_list), read)
