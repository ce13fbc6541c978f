"""Experts that read text coded as words, beside those that read raw bytes: each is asked about streams in its
own form, and what is encoded decodes, in the compiled loop as in lock step."""

from __future__ import annotations

import numpy as np
import pytest
from small_experts import random_weights
from support import ROOT

from nzip.errors import CorruptError, NzipError
from nzip.predictors.bare import BarePredictor
from nzip.predictors.kinds import TEXT as TEXT_KIND
from nzip.predictors.kinds import Content
from nzip.predictors.mix import MixPredictor, fused, params, primer_choice, stream, trials
from nzip.predictors.mix.params import Descriptor
from nzip.predictors.mix.primer_choice import COLD, Start
from nzip.predictors.mix.words import choice
from nzip.predictors.mix.words.dictionary import named
from nzip.predictors.online.expert import OnlineExpert
from nzip.predictors.ssm.expert import SsmExpert

ENGLISH = named(1)
TEXT = (ROOT / "corpora/samples/alice29.txt").read_bytes()[2000:3500]
TEXT_ARRAY = np.frombuffer(TEXT, np.uint8)
FORM = choice.with_lines(TEXT_ARRAY, ENGLISH)
CODED = SsmExpert("coded.expert", random_weights(3, words=ENGLISH.hash))
RAW = SsmExpert("raw.expert", random_weights(4))
OTHER = SsmExpert("other.expert", random_weights(5, words=named(2).hash))
ADAPTED = OnlineExpert("coded.expert", random_weights(3, words=ENGLISH.hash))
EITHER = OnlineExpert()
CONTENT = Content(TEXT_KIND)


def forced(monkeypatch, start: Start) -> None:
    """Streams start so, with every expert that reads the form."""
    monkeypatch.setattr(
        trials,
        "ways",
        lambda streams, data, content, helpers, kept=None: [
            (streams.readers(helpers, start.form, len(data)), start)
        ],
    )


@pytest.mark.parametrize("form", [FORM, None], ids=["words", "raw"])
def test_each_form_is_asked_of_those_who_read_it(form, monkeypatch):
    forced(monkeypatch, Start(form, None))
    experts = (CODED, RAW, OTHER, EITHER)
    reading = (CODED, EITHER) if form else (RAW, EITHER)
    said, payload = MixPredictor(1, experts, primed=False).encode(TEXT)
    alone, same = MixPredictor(1, reading, primed=False).encode(TEXT)
    assert payload == same
    described = params.read(said, len(TEXT), len(payload), True).streams[0].descriptor
    assert described.lanes == 255 - (0b1001 if form else 0b1010) and bool(described.words) == bool(form)
    assert MixPredictor(1, experts, primed=False).decode(said, payload, len(TEXT)) == TEXT
    assert MixPredictor(1, reading, primed=False).decode(alone, same, len(TEXT)) == TEXT


def test_the_compiled_loop_is_the_lock_step(monkeypatch):
    forced(monkeypatch, Start(FORM, None))
    predictor = MixPredictor(1, (CODED, ADAPTED), primed=False)
    compiled = predictor.encode(TEXT)
    monkeypatch.setattr(fused, "start", lambda experts: None)
    assert predictor.encode(TEXT) == compiled
    assert predictor.decode(*compiled, len(TEXT)) == TEXT


def test_words_are_handed_on_as_they_come(monkeypatch):
    forced(monkeypatch, Start(FORM, None))
    predictor, out = MixPredictor(1, (CODED,), primed=False), bytearray()
    said, payload = predictor.encode(TEXT * 4)
    got = bytearray(4 * len(TEXT))
    places = []

    def sink(at, part):
        places.append(at)
        got[at : at + len(part)] = part

    out = predictor.decode(said, payload, 4 * len(TEXT), sink=sink)
    assert got == out == TEXT * 4 and len(places) > 1


def test_what_no_writer_writes_is_refused(monkeypatch):
    """Words under an expert that reads raw bytes, or another dictionary."""
    forced(monkeypatch, Start(FORM, None))
    said, payload = MixPredictor(1, (CODED,), primed=False).encode(TEXT)
    for other in (RAW, OTHER):
        with pytest.raises(CorruptError, match="do not read its form"):
            MixPredictor(1, (other,), primed=False).decode(said, payload, len(TEXT))


def test_one_that_starts_from_nothing_is_idle_beside_one_that_knows_words():
    adapted = OnlineExpert("raw.expert", random_weights(6))
    streams = stream.Streams(1, (ADAPTED, adapted, EITHER, CODED), primed=False)
    assert streams.readers(0b1111, FORM, len(TEXT)) == 0b1001
    assert streams.readers(0b1110, FORM, len(TEXT)) == 0b1100  # nobody learns on
    assert streams.readers(0b1111, None, len(TEXT)) == 0b0110
    other = FORM._replace(dictionary=named(2))
    assert streams.readers(0b1111, other, len(TEXT)) == 0b0100


def test_several_lanes_have_no_words():
    streams = stream.Streams(1, (CODED, RAW), lanes=3, primed=False)
    assert streams.readers(0b11, FORM, len(TEXT)) == 0 and streams.readers(0b11, None, len(TEXT)) == 0b10
    predictor = MixPredictor(1, (CODED, RAW), lanes=3, primed=False)
    said, payload = predictor.encode(TEXT)
    assert predictor.decode(said, payload, len(TEXT)) == TEXT


def test_both_forms_are_tried_with_their_readers_and_a_short_text_without():
    streams = stream.Streams(1, (CODED, RAW), primed=False)
    tried = {
        (helpers, start.form is not None) for helpers, start in trials.ways(streams, TEXT_ARRAY, CONTENT, 3)
    }
    assert (
        (0b01, True) in tried
        and (0, True) in tried
        and tried
        <= {
            (0b10, False),
            (0, False),
            (0b01, True),
            (0, True),
        }
    )
    assert trials.ways(streams, TEXT_ARRAY, CONTENT, 0)[0][0] == 0
    # where nobody reads words, words go alone
    alone = stream.Streams(1, (RAW,), primed=False)
    tried = {
        (helpers, start.form is not None) for helpers, start in trials.ways(alone, TEXT_ARRAY, CONTENT, 1)
    }
    assert (0, True) in tried and (1, True) not in tried


@pytest.mark.parametrize("times", [1, 50], ids=["short", "long"])
def test_what_is_plainly_behind_without_experts_is_not_tried_with_them(times, monkeypatch):
    streams, data = stream.Streams(1, (CODED, RAW), primed=False), np.tile(TEXT_ARRAY, times)
    assert (len(data) > primer_choice.SHORT) == (times > 1)
    sizes = {(None, 0): 1000, (FORM, 0): 900, (None, 2): 700, (FORM, 1): 600}
    asked = []

    def encode(self, data, content, helpers, start, *rest):
        asked.append((start.form, helpers))
        return Descriptor(content), bytes(sizes[start.form, helpers] - 1)

    monkeypatch.setattr(stream.Streams, "encode_as", encode)
    words, raw = (0b01, Start(FORM, None)), (0b10, COLD)
    bare = [(0, start) for _, start in (words, raw)] * (times == 1)

    def left():
        kept = {}
        found = trials.worth(streams, data, CONTENT, [raw, words, *bare], kept)
        assert len(kept) == len(bare)
        return found

    assert left() == ([words, *bare] if times == 1 else [words])
    sizes[FORM, 0] = 1001
    assert left() == ([raw, *bare] if times == 1 else [raw])
    sizes[FORM, 0] = 980
    assert left() == ([raw, words, *bare] if times == 1 else [words])
    sizes[FORM, 1] = 701
    assert left() == ([raw, words, *bare] if times == 1 else [raw])
    both = [(0, raw[1]), (0, words[1])]
    sizes[FORM, 1] = sizes[None, 2] = 978  # a gain that may be lost
    assert left() == ([raw, words, *bare] if times == 1 else [raw, *both])
    sizes[FORM, 1] = sizes[None, 2] = 981  # none
    assert left() == ([raw, words, *bare] if times == 1 else both)


def test_what_ships_has_a_network_for_each_form():
    for make in (SsmExpert, lambda: OnlineExpert("ssm")):
        both = make()
        words = both.reading(ENGLISH.hash)
        assert (
            both.reading(b"") is both and words.reads == ENGLISH.hash and words is both.reading(ENGLISH.hash)
        )
        assert words.weights.digest == SsmExpert("words").weights.digest != both.weights.digest
        assert both.reading(named(2).hash) is both.reading(b"lines") is None
        assert both.config() == {} and both.memory(1, 1) >= words.memory(1, 1)  # the probe tells what ships
    assert CODED.reading(b"") is RAW.reading(ENGLISH.hash) is None and RAW.reading(b"") is RAW
    assert EITHER.reading(b"") is EITHER.reading(ENGLISH.hash) is EITHER.reading(b"lines") is EITHER
    own = stream.Streams(1, (SsmExpert(),))
    assert own.told_forms() == [b"", ENGLISH.hash] and own.transforms
    assert not stream.Streams(1, (RAW,)).transforms and not stream.Streams(1, (EITHER,)).transforms


def test_alone_it_codes_nothing():
    with pytest.raises(NzipError, match=r"reads text coded as words.*mix:5\+ssm:coded.expert"):
        BarePredictor(CODED)
    assert BarePredictor(EITHER).spelling == "online"


def test_the_probe_hears_every_expert():
    probes = {MixPredictor(1, experts).probe() for experts in ((CODED, RAW), (RAW,), (CODED,), (OTHER, RAW))}
    assert len(probes) == 4


def test_experts_may_know_a_text_that_no_primer_knows(monkeypatch):
    """Whether a short one starts from nothing is told with experts, and only where it may be so."""
    asked = []

    def coded(streams, data, content, progress, start, ledger):
        asked.append((streams.primed, ledger))
        return Descriptor(content), bytes(10 if streams.primed else 5)

    monkeypatch.setattr(trials, "_best", coded)
    foreign = np.frombuffer(b"qzx7 kvw3 jqp9 " * 20, np.uint8)
    experts = stream.Streams(1, (EITHER,))
    assert len(trials.encode(experts, foreign, CONTENT)[1]) == 5
    ledger = object()
    assert len(trials.encode(experts, foreign, CONTENT, ledger=ledger)[1]) == 5
    assert asked == [(True, None), (False, None)] * 2 + [(False, ledger)]
    asked.clear()
    assert len(trials.encode(experts, TEXT_ARRAY, CONTENT)[1]) == 10  # the primers know it
    assert len(trials.encode(stream.Streams(1), foreign, CONTENT)[1]) == 10  # no experts
    long = np.tile(foreign, primer_choice.SHORT // len(foreign) + 1)
    assert len(trials.encode(experts, long, CONTENT)[1]) == 10
    assert len(trials.encode(experts, foreign, CONTENT, start=COLD)[1]) == 10  # told
    assert all(primed for primed, _ in asked)
