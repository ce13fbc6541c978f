"""Blocks are cut where their content changes, and stay whole where it does not."""

from __future__ import annotations

import random
import struct
import zlib

import mix_samples
import mixtures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nzip.predictors.kinds import BINARY, DNA, EXECUTABLE, IMAGE, STORED, TEXT, Content
from nzip.predictors.segmentation import Pieces, cut
from nzip.predictors.segmentation.known import HEADERS

TEXT_SAMPLE = mix_samples.text(20_000, seed=61)


def pieces(data: bytes) -> Pieces:
    found = cut(np.frombuffer(data, np.uint8))
    assert int(found.lengths.sum()) == len(data) and len(found.numbers) == len(found.lengths)
    return found


def told(data: bytes) -> list[tuple[Content, int]]:
    """Neighbouring pieces of one content joined."""
    found, out = pieces(data), []
    for number, length in zip(found.numbers.tolist(), found.lengths.tolist(), strict=True):
        if out and out[-1][0] == found.contents[number]:
            out[-1] = (out[-1][0], out[-1][1] + length)
        elif length:
            out.append((found.contents[number], length))
    return out


@settings(max_examples=60)
@given(st.binary(max_size=3000) | st.binary(max_size=50).map(lambda b: b * 70))
def test_any_bytes_are_cut(data):
    pieces(data)


@pytest.mark.parametrize("kind", mix_samples.KINDS)
def test_one_content_is_one_piece(kind):
    data = mix_samples.sample(kind, 20_000, seed=62)
    assert max(length for _, length in told(data)) >= 0.98 * len(data)


def test_turns_are_cut_where_they_change():
    machine = mixtures.machine_code(20_000, 1)
    data = b"".join(TEXT_SAMPLE[i : i + 1000] + machine[i : i + 1000] for i in range(0, 20_000, 1000))
    found = told(data)
    assert len(found) == 40 and {c.kind for c, _ in found} == {TEXT, EXECUTABLE}
    assert all(abs(length - 1000) < 40 for _, length in found)


def test_text_of_other_alphabets_is_text():
    russian = "".join(f"Все счастливые семьи похожи друг на друга, {i}. " for i in range(400)).encode()
    french = "".join(f"Dès l'été, la forêt s'éveillait, {i}. " for i in range(400)).encode("latin-1")
    for data in (russian, french):
        assert told(data) == [(Content(TEXT), len(data))]


def test_noise_and_nucleotides():
    chance = random.Random(3)
    noise = zlib.compress(chance.randbytes(60_000))
    dna = bytes(chance.choice(b"ACGT") for _ in range(30_000))
    found = told(TEXT_SAMPLE + noise + TEXT_SAMPLE + dna)
    kinds = dict.fromkeys((TEXT, BINARY, STORED, DNA), 0)
    for content, length in found:
        kinds[content.kind] += length
    assert kinds[STORED] > 50_000 and kinds[DNA] > 29_500 and abs(kinds[TEXT] - 40_000) < 600


def bmp(width: int, height: int) -> bytes:
    rows = b"".join(bytes((x + y) % 256 for x in range(3 * width)) for y in range(height))
    head = b"BM" + struct.pack("<IHHI", 54 + len(rows), 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(rows), 0, 0, 0, 0) + rows


def test_a_picture_in_the_middle():
    picture = bmp(64, 40)
    found = told(TEXT_SAMPLE + picture + TEXT_SAMPLE)
    assert [content for content, _ in found] == [Content(TEXT), Content(IMAGE, 192, 3), Content(TEXT)]
    assert found[1][1] == len(picture)


def test_members_of_an_archive():
    members = [TEXT_SAMPLE[:5000], bmp(32, 40), b"", mixtures.machine_code(9000, 2)]
    data = mixtures.archive(members)
    for tail in (b"", TEXT_SAMPLE[:4000]):
        found = told(data + tail)
        assert [c.kind for c, _ in found if c != HEADERS][:3] == [TEXT, IMAGE, EXECUTABLE]
        assert sum(n for c, n in found if c == HEADERS) == len(data) - sum(map(len, members))
    for cut_at in range(0, len(data), 997):
        pieces(data[:cut_at])


def test_headers_that_lie():
    chance = random.Random(5)
    good = mixtures.archive([TEXT_SAMPLE[:3000], bmp(20, 20)])
    for _ in range(60):
        bad = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            bad[chance.randrange(len(bad))] = chance.randrange(256)
        pieces(bytes(bad))
    size = bytearray(bmp(20, 20) + TEXT_SAMPLE)
    size[22:26] = b"\xff\xff\xff\x7f"
    pieces(bytes(size))
    pieces(b"BM\0\0\0\0\0\0\0\0" * 500)
    pieces(b"RIFF\xff\xff\xff\xffWAVEfmt " * 300)
