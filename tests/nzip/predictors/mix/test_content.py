"""What a block holds is told from its bytes; the call filter is undone exactly on any bytes."""

from __future__ import annotations

import struct

import mix_samples
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors.content import MAX_PIXEL, MAX_STRIDE, Content, detect
from nzip.predictors.content import AUDIO, BINARY, DNA, EXECUTABLE, IMAGE, KIND_NAMES, TEXT
from nzip.predictors.mix.call_filter import call_filter


def told(data: bytes) -> Content:
    return detect(np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("size", [6000, 100_000, 400_000])
@pytest.mark.parametrize("kind", mix_samples.KINDS)
def test_kinds(kind, size):
    assert KIND_NAMES[told(mix_samples.sample(kind, size)).kind] == kind


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("alice29.txt", Content(TEXT)), ("text_ja.txt", Content(TEXT)), ("text_ru.txt", Content(TEXT)), ("ui_ar.txt", Content(TEXT)),
        ("three.core.js", Content(TEXT)), ("wiki_en_head.xml", Content(TEXT)), ("flights.csv", Content(TEXT)), ("dpkg.log", Content(TEXT)),
        ("libsqlite3.so", Content(EXECUTABLE)), ("regex_win.pyd", Content(EXECUTABLE)), ("ecoli_536.fna", Content(DNA)),
        ("allium.bmp", None), ("black_canyon.pgm", None), ("front_center.wav", None),
    ],
)  # fmt: skip
def test_real_files(name, content, corpus):
    data = corpus(f"dev/{name}").read_bytes()
    found = told(data)
    if content is not None:
        assert found == content
        return
    if name.endswith(".bmp"):
        width, bits = struct.unpack_from("<i", data, 18)[0], struct.unpack_from("<H", data, 28)[0]
        assert found == Content(IMAGE, (width * bits + 31) // 32 * 4, bits // 8)
    elif name.endswith(".pgm"):
        assert found.kind == IMAGE and found.pixel == 1 and str(found.stride).encode() in data[:40].split()
    else:
        assert found.kind == AUDIO and found.stride == found.pixel == struct.unpack_from("<H", data, 32)[0]


@pytest.mark.parametrize("row", [12, 24, 100, 333])
def test_row_lengths(row):
    """Columns of a table that repeat, vary slowly, or are noise: the shortest true period is found."""
    chance = mix_samples.numbers(row)
    rows = 20_000 // row + 40
    table = np.array(
        [
            [next(chance) % 256 if x % 7 == 3 else (x * 37 + (y >> 4)) % 256 for x in range(row)]
            for y in range(rows)
        ],
        np.uint8,
    )
    assert told(table.tobytes()) == Content(BINARY, row)


def test_noise_has_no_rows():
    noise = np.fromiter((n & 255 for n, _ in zip(mix_samples.numbers(3), range(30_000))), np.uint8)
    assert detect(noise) == Content(BINARY)


HEADERS = [
    b"BM" + struct.pack("<IIIIiiHH", 0, 0, 54, 40, 1 << 30, 1 << 30, 1, 24), b"BM" + struct.pack("<IIIIiiHH", 0, 0, 54, 40, -7, 5, 1, 32),
    b"P6\n", b"P5 0 0 255\n", b"P6\n99999999 3 255\n", b"P5\n#\n", b"P6\n12 12 65535\n",
    b"RIFF____WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 9, 8000, 0, 65535, 16),
    b"RIFF____WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 0, 8000, 0, 0, 8), b"\x7fELF", b"MZ",
]  # fmt: skip


@settings(max_examples=300)
@given(
    st.sampled_from(HEADERS) | st.just(b""),
    st.binary(max_size=200) | st.integers(1, 2000).map(lambda n: bytes(range(256)) * (n // 200)),
)
def test_any_bytes_are_something(header, rest):
    """Lying headers included: what is found always fits a block's parameters."""
    found = told(header + rest)
    assert (
        found.kind in range(len(KIND_NAMES))
        and 0 <= found.stride <= MAX_STRIDE
        and 1 <= found.pixel <= MAX_PIXEL
    )


calls = st.lists(
    st.sampled_from(
        [
            b"\xe8",
            b"\xe9",
            b"\x00",
            b"\xff",
            b"\xe8\x00\x00\x00\x00",
            b"\xe9\xff\xff\xff\xff",
            b"\xe8\xe8\xe8\xe8\xff",
        ]
    )
    | st.binary(max_size=6),
    max_size=60,
).map(b"".join)


@settings(max_examples=1000)
@given(calls)
def test_the_call_filter_is_undone(data):
    array = np.frombuffer(data, np.uint8).copy()
    call_filter(array, 1)
    assert len(array) == len(data)
    call_filter(array, -1)
    assert array.tobytes() == data


@settings(max_examples=200)
@given(calls)
def test_and_the_other_way_round(data):
    array = np.frombuffer(data, np.uint8).copy()
    call_filter(array, -1)
    call_filter(array, 1)
    assert array.tobytes() == data


def test_calls_of_one_function_look_alike():
    code = bytearray(b"\x90" * 400)
    for at in (20, 77, 300):
        code[at : at + 5] = b"\xe8" + struct.pack("<i", 123 - at)
    array = np.frombuffer(bytes(code), np.uint8).copy()
    call_filter(array, 1)
    assert (
        array[20:25].tobytes()
        == array[77:82].tobytes()
        == array[300:305].tobytes()
        == b"\xe8" + struct.pack("<i", 123)
    )
