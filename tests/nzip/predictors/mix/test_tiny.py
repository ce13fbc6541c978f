"""Very short texts: which primers they try, and that what was tried whole is not coded otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from support import cache_of_tables

from nzip.predictors.mix import MixPredictor, primer_choice, primer_grams, primers, stream


@pytest.mark.parametrize("number", range(1, 1 + len(primers.index())))
def test_a_primer_knows_its_own_text_best(number):
    text = np.frombuffer(primers.shipped(number).text[-30_000:-29_000], np.uint8)
    known = primer_grams.known(text)
    assert int(known.argmax()) == number - 1 and known[number - 1] == 1


def test_what_is_kept_is_what_is_made(tmp_path, monkeypatch):
    """With nothing kept, from what is kept, and where that is of another size."""
    monkeypatch.setenv("NZIP_CACHE", cache_of_tables(tmp_path))
    found = []
    for _ in range(2):
        primer_grams._table.cache_clear()
        found.append(primer_grams._table().copy())
    (file,) = (tmp_path / "primed").glob("sequences-*")
    assert file.stat().st_size > 1 << primer_grams.BITS
    file.write_bytes(b"x")
    primer_grams._table.cache_clear()
    found.append(primer_grams._table())
    assert all(np.array_equal(found[0], other) for other in found[1:])
    primer_grams._table.cache_clear()


def test_nothing_is_known_of_what_has_no_sequence():
    for text in (b"", b"abcd"):
        assert not primer_grams.known(np.frombuffer(text, np.uint8)).any()


@pytest.mark.parametrize("size", [1, 5, 300, 4096, 4097])
def test_what_was_tried_is_what_would_be_coded(size, primed_cache, monkeypatch):
    text = primers.shipped(2).text[-60_000:][:size]
    predictor = MixPredictor(1)
    found = predictor.encode(text)
    real = stream.Streams.encode_as

    def anew(*arguments, **named):
        return real(*arguments, **{**named, "kept": None})

    monkeypatch.setattr(stream.Streams, "encode_as", anew)
    assert predictor.encode(text) == found
    assert predictor.decode(*found, size) == text


def test_few_ways_are_tried(primed_cache, monkeypatch):
    tried, real = [], primer_choice.coded

    def counted(*arguments, **named):
        tried.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(primer_choice, "coded", counted)
    primer_choice.choices(np.frombuffer(primers.shipped(2).text[-60_000:][:1000], np.uint8))
    assert 1 <= len(tried) <= 5


def test_what_no_primer_knows_may_start_from_habits(corpus, primed_cache):
    """In Turkish a primer's words stand in the way of -3: its weights and maps alone are 2.5% better."""
    text = corpus("dev/text_tr.txt").read_bytes()[:4000]
    starts = primer_choice.choices(np.frombuffer(text, np.uint8))
    assert not starts[0].primer.habits and starts[-1].primer.habits
    predictor = MixPredictor(3)
    params, payload = predictor.encode(text)
    assert params[1] & primers.HABITS and predictor.decode(params, payload, len(text)) == text
    known = primer_choice.choices(np.frombuffer(primers.shipped(2).text[-60_000:][:4000], np.uint8))
    assert not any(start.primer.habits for start in known)


def test_what_is_behind_after_half_is_given_up(primed_cache):
    """And what is not, takes what it takes otherwise, and says what its half took."""
    text = np.frombuffer(primers.shipped(2).text[-60_000:][:1000], np.uint8)
    docs, halves, payloads = primers.named(2), {}, {}
    size = primer_choice.coded(text, None, docs, halves=halves)
    assert size == primer_choice.coded(text, None, docs) and 0 < halves[None] < size
    ahead = {None: halves[None] - 1}
    assert primer_choice.coded(text, None, docs, payloads=payloads, halves=ahead) == primer_choice.GIVEN_UP
    assert not payloads and ahead == {None: halves[None] - 1}
