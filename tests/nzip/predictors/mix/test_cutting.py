"""Blocks of mixed content become streams, each of its own, and are smaller for it; others stay one stream."""

from __future__ import annotations

import lzma

import mix_samples
import mixtures
import numpy as np
import pytest

import nzip
from nzip import reference
from nzip.predictors.kinds import BINARY, EXECUTABLE, TEXT, Content
from nzip.predictors.mix import MixPredictor, cutting, primers, texts

PROSE = mix_samples.text(6000, seed=71)
MACHINE = mixtures.machine_code(6000, 3)
TURNS = b"".join(PROSE[i : i + 1000] + MACHINE[i : i + 1000] for i in range(0, 6000, 1000))


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def test_turns_are_two_streams_and_take_less():
    predictor = MixPredictor(1, primed=False)
    found = cutting.streams(array(TURNS), False)
    assert {c.kind for c in found.contents} == {TEXT, EXECUTABLE} and found.segments is not None
    params, payload = predictor.encode(TURNS)
    one = sum(map(len, predictor.encode_streams(array(TURNS), [Content(BINARY)], None)))
    assert len(params) + len(payload) < 0.98 * one
    assert predictor.decode(params, payload, len(TURNS)) == TURNS


@pytest.mark.slow
def test_the_reference_reads_a_file_of_streams():
    data = TURNS[:5000]
    assert reference.decode(nzip.compress(data, predictor="mix:1", primer=False)) == data


def test_what_is_of_one_kind_is_one_stream():
    for kind in mix_samples.KINDS:
        found = cutting.streams(array(mix_samples.sample(kind, 8000, seed=72)), False)
        assert len(found.contents) == 1 and found.segments is None
    assert cutting.streams(array(b""), True).segments is None


def test_crumbs_are_no_streams():
    crumbs = b"".join(PROSE[i : i + 300] + MACHINE[i : i + 30] for i in range(0, 5000, 300))
    assert cutting.streams(array(crumbs), False).segments is None


@pytest.fixture
def languages() -> dict[str, bytes]:
    """Some of two primers' texts."""
    return {
        name: lzma.decompress(primers._read(f"{name}.xz"))[50_000:80_000] for name in ("prose", "cyrillic")
    }


def test_texts_go_by_the_primers_that_know_them(languages):
    prose, cyrillic = languages["prose"], languages["cyrillic"]
    members = [piece[i : i + 5000] for i in range(0, 30_000, 5000) for piece in (prose, cyrillic)]
    block = b"".join(members)
    lengths = np.array([len(m) for m in members])
    kinds, sizes = texts.kinds(array(block), np.cumsum(lengths) - lengths, lengths)
    numbers = [entry["name"] for entry in primers.index()]
    wanted = [numbers.index("prose") + 1, numbers.index("cyrillic") + 1] * 6
    assert kinds.tolist() == wanted and sizes.tolist() == lengths.tolist()
    found = cutting.streams(array(mixtures.archive(members)), True)
    assert [c.kind for c in found.contents].count(TEXT) == 2


def test_a_long_text_is_not_cut_by_shades(languages):
    """Only what a primer does not know at all is another text inside of a piece."""
    prose, cyrillic = languages["prose"], languages["cyrillic"]
    both = prose * 5 + cyrillic * 5
    kinds, sizes = texts.kinds(array(both), np.array([0]), np.array([len(both)]))
    assert len(kinds) == 2 and abs(int(sizes[0]) - len(prose) * 5) <= texts.REGION
    kinds, _ = texts.kinds(array(prose * 10), np.array([0]), np.array([len(prose) * 10]))
    assert len(kinds) == 1
