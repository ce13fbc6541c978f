"""Streams of text whose words are codes: chosen where they help, pinned, handed on, and read by the twin."""

from __future__ import annotations

import mix_samples
import numpy as np
import pytest
from support import ROOT

from nzip.errors import CorruptError, ModelMismatchError
from nzip.predictors.kinds import TEXT, Content
from nzip.predictors.mix import primer_choice, stream, trials
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.params import WORDS_DICTIONARY, read
from nzip.predictors.mix.primer_choice import Start
from nzip.predictors.mix.twin import model as twin
from nzip.predictors.mix.words.dictionary import named
from nzip.predictors.mix.words.options import Words

PROSE = (
    b"It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of\n"
    b"foolishness, it was the epoch of belief, it was the epoch of incredulity, it was the season of\n"
    b"light, it was the season of darkness, it was the spring of hope, it was the winter of despair.\n"
)


def descriptor(params: bytes, size: int):
    """Of a block's only stream."""
    return read(params, size, size, False).streams[0].descriptor


@pytest.fixture
def as_words(monkeypatch):
    """Every text is coded as words, lines folded, from nothing."""
    start = Start(Words(named(1), 96), None)
    monkeypatch.setattr(trials, "choices", lambda *_: [start])


def test_words_are_chosen_for_prose_and_for_nothing_else():
    assert primer_choice.choose(np.frombuffer(PROSE, np.uint8), primed=False).form
    for data in (
        b"",
        b"abc",
        mix_samples.dna(5000),
        b"%08d 0x%04x\n" * 300,
        "Съешь же ещё этих".encode() * 90,
    ):
        assert primer_choice.choose(np.frombuffer(data, np.uint8), primed=False).kin[0] != 1
    assert primer_choice.choose(np.frombuffer(PROSE, np.uint8), primed=False, words=False).form is None


@pytest.mark.parametrize("level", [1, 3])
def test_handed_on_and_decoded(level, as_words):
    data = PROSE * 3 + b"\x00\xff\x0c@ odd \x1e bytes" + PROSE
    predictor = MixPredictor(level)
    params, payload = predictor.encode(data)
    found = descriptor(params, len(data))
    assert found.form == "words" and found.words[0] & WORDS_DICTIONARY == 1 and found.pinned == named(1).hash
    given = bytearray(len(data))

    def sink(start, part):
        given[start : start + len(part)] = part

    assert predictor.decode(params, payload, len(data), sink=sink) == data and bytes(given) == data


@pytest.mark.parametrize("level", [1, 5])
def test_the_twin_reads_words(level, as_words):
    data = PROSE[:260]
    params, payload = MixPredictor(level).encode(data)
    assert descriptor(params, len(data)).words
    assert twin.decode_block(level, params, payload, len(data)) == data


def test_a_long_text_takes_the_form_that_is_smaller(monkeypatch):
    data = np.frombuffer(PROSE * 10 + mix_samples.text(70_000, seed=5), np.uint8)
    content, forms = Content(TEXT), [Start(None, None), Start(Words(named(1)), None)]
    monkeypatch.setattr(trials, "choices", lambda *_: forms)
    streams = stream.Streams(1)
    sizes = [len(trials.encode(streams, data, content, start=start)[1]) for start in forms]
    assert sizes[0] != sizes[1] and len(trials.encode(streams, data, content)[1]) == min(sizes)
    monkeypatch.setattr(trials, "WHOLE", 0)  # by what they make of a part
    assert len(trials.encode(streams, data, content)[1]) in sizes


def test_another_dictionary_is_refused(as_words):
    predictor = MixPredictor(1)
    params, payload = predictor.encode(PROSE)
    place = params.index(named(1).hash)
    other = params[:place] + bytes(4) + params[place + 4 :]
    with pytest.raises(ModelMismatchError, match="dictionary english is not the one"):
        predictor.decode(other, payload, len(PROSE))
    with pytest.raises(CorruptError, match="dictionary 62"):
        predictor.decode(params[:1] + bytes([params[1] & 0xC0 | 62]) + params[2:], payload, len(PROSE))
    for bad in (params[:-1], params[:2], params[:1] + b"\0" + params[2:], params + b"x"):
        with pytest.raises(CorruptError):
            predictor.decode(bad, payload, len(PROSE))


def test_damaged_words_are_noticed_or_of_the_right_size(as_words):
    predictor = MixPredictor(1)
    params, payload = predictor.encode(PROSE)
    ended = 0
    for i in range(0, len(payload), 7):
        bad = payload[:i] + bytes([payload[i] ^ 0x55]) + payload[i + 1 :]
        try:
            assert len(predictor.decode(params, bad, len(PROSE))) == len(PROSE)
        except CorruptError:
            ended += 1
    assert ended


def test_a_text_that_words_make_longer_stays_raw(as_words):
    """The samples may be English where the rest is not: a stream of words is never longer than the text."""
    data = "เขียนเป็นไทย ".encode() * 40
    assert len(Words(named(1), 96).apply(np.frombuffer(data, np.uint8))) > len(data)
    params, payload = MixPredictor(1).encode(data)
    assert (
        descriptor(params, len(data)).form == ""
        and MixPredictor(1).decode(params, payload, len(data)) == data
    )


KINDS = {
    "prose": PROSE * 4,
    "lists": b"".join(b"* item %d of the list: see the chapter on item %d\n" % (i, i * 7) for i in range(30)),
    "code": b"".join(b"def f%d(x):\n    return x + %d\n\n" % (i, i) for i in range(40)),
    "german": "Es war die beste und die schlimmste Zeit, das Zeitalter der Größe. ".encode() * 9,
    "odd": PROSE + bytes(range(256)) * 2 + PROSE,
}


@pytest.mark.parametrize("kind", KINDS)
def test_experts_on_raw_bytes_or_words_without_them_whatever_is_smaller(kind, toys, monkeypatch):
    """Where an expert does not lead both are tried on a short stream, and the smaller is kept."""
    from nzip.predictors import registry

    predictor, data = registry.create("mix:1+count"), KINDS[kind]
    params, payload = predictor.encode(data)
    assert predictor.decode(params, payload, len(data)) == data
    sizes, real = [], trials.ways
    for with_experts in (True, False):

        def only(streams, data, content, helpers, kept=None, wanted=with_experts):
            found = real(streams, data, content, helpers, kept)
            return [trial for trial in found if (trial[0] > 0) == wanted] or found[:1]

        monkeypatch.setattr(trials, "ways", only)
        sizes.append(sum(map(len, predictor.encode(data))))
    assert len(params) + len(payload) == min(sizes)


@pytest.mark.parametrize(("words", "tried"), [(9_900, True), (10_400, True), (10_600, False)])
def test_words_that_gain_little_on_the_sample_are_for_the_level_to_judge(words, tried, monkeypatch):
    def coded(sample, form, primer, level=1, keep=True, payloads=None):
        return words if form else 10_000

    monkeypatch.setattr(primer_choice, "coded", coded)
    text = np.frombuffer((ROOT / "corpora/samples/alice29.txt").read_bytes(), np.uint8)
    assert len(text) > primer_choice.SHORT
    forms = {bool(start.form) for start in primer_choice.choices(text)}
    assert forms == ({True, False} if tried else {False})
