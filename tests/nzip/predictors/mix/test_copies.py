"""Marks are where a plain loop finds them, common words are counted as sets say, and streams with copies of
each other are one."""

from __future__ import annotations

import mix_samples
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nzip
from nzip.predictors.kinds import AUDIO, BINARY, IMAGE, STORED, TEXT, Content
from nzip.predictors.mix import MixPredictor, copies, cutting
from nzip.predictors.segmentation import Pieces


def plain_marks(data: bytes) -> list[tuple[int, int]]:
    return [
        (int.from_bytes(data[i : i + 8], "little"), i)
        for i in range(len(data) - 7)
        if int.from_bytes(data[i : i + 4], "little") * 0x9E3779B1 % 2**32 < 2**24
    ]


@given(st.binary(max_size=3000) | st.builds(lambda n: bytes(n), st.integers(0, 3000)))
def test_marks_are_those_of_the_plain_loop(data):
    words, places = copies.marks(np.frombuffer(data, np.uint8))
    assert list(zip(words.tolist(), places.tolist(), strict=True)) == plain_marks(data)


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 4)), max_size=200))
def test_shared_counts_words_as_sets_do(pairs):
    words = np.array([w for w, _ in pairs], np.uint64)
    owners = np.array([o for _, o in pairs], np.int64)
    sets = [{w for w, o in pairs if o == owner} for owner in range(5)]
    assert copies.shared(words, owners, 5).tolist() == [[len(a & b) for b in sets] for a in sets]


def test_shared_in_several_turns(monkeypatch):
    monkeypatch.setattr(copies, "_STEP", 7)
    test_shared_counts_words_as_sets_do()


NOISE = np.random.default_rng(3).integers(0, 256, 60_000, np.uint8)


def cut_apart(*parts: tuple[Content, np.ndarray]) -> tuple[np.ndarray, Pieces]:
    contents = [content for content, _ in parts]
    lengths = np.array([len(part) for _, part in parts])
    return np.concatenate([part for _, part in parts]), Pieces(contents, np.arange(len(parts)), lengths)


def test_a_copy_joins_the_larger_stream():
    block, pieces = cut_apart(
        (Content(BINARY, 4, 1), NOISE), (Content(BINARY, 6, 1), NOISE[1000:30_001]), (Content(TEXT), NOISE)
    )
    found = cutting._without_copies(block, pieces)
    assert found.contents == [Content(BINARY, 4, 1), Content(TEXT)]  # texts are looked at elsewhere
    assert found.numbers.tolist() == [0, 0, 1]


@pytest.mark.parametrize("kind", [IMAGE, AUDIO])
def test_of_two_alike_in_size_the_telling_content_stays(kind):
    telling = Content(kind, 300, 3)
    for size, expected in ((40_000, telling), (20_000, Content(BINARY))):
        block, pieces = cut_apart((Content(BINARY), NOISE), (telling, NOISE[:size]))
        found = cutting._without_copies(block, pieces)
        assert found.contents == [expected] and found.numbers.tolist() == [0, 0]


def test_a_few_common_words_join_nothing_but_what_is_packed():
    other = np.random.default_rng(4).integers(0, 256, 60_000, np.uint8)
    other[:5000] = NOISE[:5000]
    for content, streams in ((Content(BINARY, 4, 1), 2), (Content(STORED), 1)):
        block, pieces = cut_apart((Content(BINARY), NOISE), (content, other))
        assert len(cutting._without_copies(block, pieces).contents) == streams


def test_a_chain_of_copies_ends_in_one_stream():
    a, b, c = NOISE[:20_000], NOISE[10_000:40_000], NOISE[20_000:60_000]
    block, pieces = cut_apart(*((Content(BINARY, n, 1), part) for n, part in enumerate((a, b, c), 2)))
    found = cutting._without_copies(block, pieces)
    assert found.contents == [Content(BINARY, 4, 1)] and found.numbers.tolist() == [0, 0, 0]


def test_texts_with_copies_are_one_stream():
    """A document that quotes half of the source beside it: two primers, one stream."""
    marks = [copies.marks(part)[0] for part in (NOISE[:20_000], NOISE[15_000:40_000], NOISE[50_000:])]
    wanted, starts = cutting._like_texts([0, 1, 2], marks, [None, None, None])
    assert wanted == [0, 0, 1] and starts == [None, None]


def bitmap(width: int, seed: int) -> bytes:
    stride = width * 3
    rows = max(8, 3000 // stride + 1)
    steps = np.random.default_rng(seed).integers(-3, 4, (rows, stride))
    pixels = (np.cumsum(steps, axis=1) & 255).astype(np.uint8).tobytes()
    size = (54 + len(pixels)).to_bytes(4, "little")
    shape = (40).to_bytes(4, "little") + width.to_bytes(4, "little") + rows.to_bytes(4, "little")
    return b"BM" + size + bytes(4) + (54).to_bytes(4, "little") + shape + b"\1\0\x18\0" + bytes(24) + pixels


def test_more_contents_than_a_block_has_streams():
    """A quarter more pictures, no two of one width: a content each, of which a block cannot have so many."""
    widths = range(20, 20 + 5 * cutting.MOST, 4)
    data = b"".join(bitmap(width, width) for width in widths)
    found = cutting.streams(np.frombuffer(data, np.uint8), False)
    assert 2 < len(found.contents) <= cutting.MOST < len(widths)
    predictor = MixPredictor(1, primed=False)
    params, payload = predictor.encode(data)
    assert predictor.decode(params, payload, len(data)) == data


def test_a_picture_under_two_headers_is_coded_once():
    picture = mix_samples.sample("image", 40_000, seed=9)
    data = mix_samples.sample("binary", 20_000, seed=1) + picture + picture[12_345:]
    assert len(nzip.compress(data, 1, primer=False)) < 1.35 * len(
        nzip.compress(data[:60_000], 1, primer=False)
    )
