"""Dictionaries of the user's own: in a primer file, from training, and the way through compressing."""

from __future__ import annotations

import io
import itertools
import lzma
import random

import numpy as np
import pytest

import nzip
from nzip import reference
from nzip.errors import CorruptError, LimitError, ModelMismatchError, NzipError
from nzip.hashes import hash32, text_hash
from nzip.predictors.mix import primer_choice, trials
from nzip.predictors.mix.model import MixPredictor
from nzip.predictors.mix.primer_choice import Start
from nzip.predictors.mix.twin.model import decode_block
from nzip.predictors.mix.words.dictionary import USER, parse
from nzip.predictors.mix.words.options import Words
from nzip.predictors.own_primer import OwnPrimer
from nzip.primer import dictionaries, training
from nzip.primer import file as primer_file
from nzip.varint import u32

LINES = [
    "größe gewicht länge höhe\n", "das gewicht der länge nach\n", "die größe und die höhe\n",
    "nach der höhe das gewicht\n", "Die Länge, DIE GRÖSSE und das Gewicht\n",
]  # fmt: skip
DICTIONARY = "\n".join(
    ["äÄöÖßß", *"äöß", "die", "das", "der", "und", "nach", "größe", "gewicht", "länge", "höhe"]
).encode()


def lines(seed: int, count: int) -> bytes:
    return "".join(random.Random(seed).choices(LINES, k=count)).encode()


OWN = OwnPrimer(lines(1, 60), DICTIONARY)
PACKED = primer_file.pack(OWN)
DATA = lines(2, 12) + b"odd: \x06 \xff \xc3 @" + lines(3, 3)


# --- the file


def test_the_format_is_as_documented():
    """docs/FORMAT.md, "Primer files", read by hand."""
    assert PACKED[:9] == b"\x89NZP\r\n\x1a\n\x82"
    assert PACKED[9:17] == u32(len(OWN.text)) + u32(len(DICTIONARY))
    assert PACKED[17:25] == text_hash(text_hash(OWN.text) + text_hash(DICTIONARY)) == OWN.hash
    assert lzma.decompress(PACKED[25:-4], format=lzma.FORMAT_XZ) == OWN.text + DICTIONARY
    assert PACKED[-4:] == u32(hash32(PACKED[:-4]))
    assert primer_file.unpack(PACKED) == OWN


def sealed(body: bytes) -> bytes:
    return body + u32(hash32(body))


def test_hostile_headers_with_right_hashes_are_refused():
    head, payload = PACKED[:25], PACKED[25:-4]
    for body in (
        head[:8] + b"\x81" + head[9:] + payload,
        head[:8] + b"\x83" + head[9:] + payload,
        head[:13] + u32(0) + head[17:] + payload,
        head[:13] + u32((1 << 20) + 1) + head[17:] + payload,
        head[:9] + u32(len(OWN.text) - 1) + u32(len(DICTIONARY) + 1) + head[17:] + payload,
        head[:17] + bytes(8) + payload,
        head + payload[:-1],
        head + lzma.compress(bytes(5_000_000), preset=0),
        head,
        head[:17],
    ):
        with pytest.raises(NzipError) as error:
            primer_file.unpack(sealed(body))
        assert str(error.value).isprintable()


@pytest.mark.parametrize(
    "content",
    [
        b"\n",
        b"\nthe\nthe",
        b"\nThe",
        b"\nthe\n",
        b"\n" + b"a" * 41,
        b"\n" + b"x\xff" * 100_000,
        "é\né".encode(),
        "éÉ\nthe".encode(),
        "éÉéÉ\né".encode(),
        "€€\n€".encode(),
        "\x80".encode() + b"\nthe",
    ],
)
def test_what_is_no_dictionary_is_refused_in_one_line(content):
    with pytest.raises(CorruptError, match="dictionary is none") as error:
        primer_file.unpack(primer_file.pack(OwnPrimer(b"text", content)))
    assert str(error.value).isprintable() and len(str(error.value)) < 300


def test_a_dictionary_that_is_too_long_is_not_packed():
    with pytest.raises(NzipError, match="1 MiB at most"):
        primer_file.pack(OwnPrimer(b"text", bytes((1 << 20) + 1)))


def test_memory_covers_the_dictionary(tmp_path):
    path = tmp_path / "own.primer"
    text = OwnPrimer(bytes(1000))
    words = b"\n" + b"\n".join("".join(w).encode() for w in itertools.product("abcdefgh", repeat=5))
    path.write_bytes(primer_file.pack(text._replace(dictionary=words)))
    assert primer_file.load(path, 16 << 20).dictionary == words
    path.write_bytes(path.read_bytes()[:21])  # the head alone is enough to refuse it
    with pytest.raises(LimitError, match="own.primer: needs"):
        primer_file.load(path, 8 << 20)


def test_the_memory_that_is_claimed_is_enough():
    import tracemalloc

    words = b"\n" + b"\n".join("".join(w).encode() for w in itertools.product("abcdefgh", repeat=5))
    parse(DICTIONARY)  # what is loaded once
    tracemalloc.start()
    try:
        found = parse(words)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < primer_file._TABLES * len(words)
    assert found.memory > sum(part.nbytes for part in found.tables) + 50 * len(found.words)


# --- compressing with it


def forms_of(coded: bytes) -> list[str]:
    return [part.form for block in nzip.contents(io.BytesIO(coded)).streams[0].blocks for part in block.parts]


@pytest.fixture
def by_the_dictionary(monkeypatch):
    """Whatever the trials say."""
    real = primer_choice.choices

    def only(data, primed, own, words, dictionary, *others):
        found = real(data, primed, own, words, dictionary, *others)
        wanted = [start for start in found if start.form and start.form.dictionary == dictionary]
        return wanted or ([Start(Words(dictionary), own)] if words and dictionary else found)

    monkeypatch.setattr(trials, "choices", only)


def test_it_pays_and_is_needed(tmp_path):
    rng = random.Random(3)
    words = ["".join(rng.choices("aeilmnorstu", k=8)) for _ in range(150)]
    text = " ".join(rng.choices(words, k=400)).encode()
    own = OwnPrimer(OWN.text, ("\n" + "\n".join(words)).encode())
    packed, text_alone = primer_file.pack(own), primer_file.pack(OwnPrimer(OWN.text))
    coded = nzip.compress(text, 1, primer=packed)
    assert forms_of(coded) == ["words"] and nzip.decompress(coded, primer=packed) == text
    assert len(coded) < 0.9 * len(nzip.compress(text, 1, primer=text_alone))
    other = own._replace(dictionary=own.dictionary + b"\nneu")
    for given in (None, primer_file.pack(other), text_alone):
        with pytest.raises(ModelMismatchError) as error:
            nzip.decompress(coded, primer=given)
        assert own.hash.hex() in str(error.value) and "primer=FILE" in str(error.value)
        assert str(error.value).isprintable()
    path = tmp_path / "own.primer"
    path.write_bytes(PACKED)
    assert nzip.compress(DATA, 1, primer=path, block_size=1024, threads=2) == nzip.compress(
        DATA, 1, primer=path, block_size=1024
    )


@pytest.mark.parametrize("level", [1, 3])
def test_the_twin_reads_it(level, by_the_dictionary):
    data = DATA[:240]
    own = OWN._replace(text=OWN.text[:200])
    predictor = MixPredictor(level, primer=own)
    params, payload = predictor.encode(data)
    assert params[0] & 0x20 and USER in params[:4]
    assert predictor.decode(params, payload, len(data)) == data
    assert decode_block(level, params, payload, len(data), own) == data
    for wrong in (None, OwnPrimer(own.text)):
        with pytest.raises(ModelMismatchError, match="dictionary of the user's own"):
            decode_block(level, params, payload, len(data), wrong)
    with pytest.raises(ModelMismatchError, match="primer=FILE"):
        MixPredictor(level, primer=OwnPrimer(own.text)).decode(params, payload, len(data))
    with pytest.raises(ModelMismatchError, match="is not the one"):
        MixPredictor(level, primer=own._replace(dictionary=DICTIONARY + b"\nneu")).decode(
            params, payload, len(data)
        )
    coded = nzip.compress(data, predictor=predictor)
    assert reference.decode(coded, own) == data


def test_no_expert_joins_it(by_the_dictionary, toys):
    from nzip.predictors import registry

    predictor = registry.create("mix:1+count").with_primer(OWN)
    params, payload = predictor.encode(DATA)
    assert predictor.decode(params, payload, len(DATA)) == DATA
    found = stream_of(params, DATA, payload)
    assert found.form == "" or found.lanes == 255  # raw with the expert, or words without any


def stream_of(params, data, payload):
    from nzip.predictors.mix import params as parameters

    return parameters.read(params, len(data), len(payload), True).streams[0].descriptor


def test_a_text_that_it_does_not_suit_is_not_worse():
    """Of English the shipped dictionary is still tried, and raw bytes of anything."""
    prose = b"It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 9
    alone = nzip.compress(prose, 1, primer=primer_file.pack(OwnPrimer(OWN.text)))
    assert len(nzip.compress(prose, 1, primer=PACKED)) <= len(alone)
    noise = random.Random(1).randbytes(3000)
    assert nzip.decompress(nzip.compress(noise, 1, primer=PACKED), primer=PACKED) == noise


def test_a_long_stream_takes_it_where_the_sample_gains(monkeypatch):
    data = np.frombuffer(lines(5, 6000), np.uint8)
    primer = primer_choice.primers.Primer(USER, "own", OWN.text, b"1234")
    dictionary = parse(DICTIONARY)
    # A sample that gains much says enough; what gains little is for the level to say, and never left out,
    # since it was found good for such texts.
    for gained, wanted in ((20, [True]), (9, [True, False]), (1, [False, True]), (-1, [False, True])):
        sizes = {True: 100 - gained, False: 100}
        monkeypatch.setattr(
            primer_choice,
            "coded",
            lambda sample, form, primer, *_, sizes=sizes, **__: sizes[form is not None],
        )
        found = primer_choice.choices(data, True, primer, True, dictionary)
        assert [start.form is not None for start in found] == wanted
        assert all(start.primer is primer for start in found)


def test_memory_counts_it():
    assert MixPredictor(1, primer=OWN).memory(1000) > MixPredictor(1, primer=OwnPrimer(OWN.text)).memory(1000)


# --- training

LETTERS = "abdefgiklmnorstuäöß"


def language(seed: int) -> list[str]:
    """Words of a made-up language, none like another."""
    rng = random.Random(seed)
    return ["".join(rng.choices(LETTERS, k=rng.randint(4, 9))) for _ in range(600)]


def texts(count: int, size: int) -> list[bytes]:
    """Of sentences in which kinds of words take turns."""
    words, found = language(1), []
    for seed in range(count):
        rng, text = random.Random(seed), ""
        while len(text) < size:
            text += " ".join(rng.choice(words[200 * k : 200 * k + 200]) for k in (0, 1, 2, 0, 1)) + ".\n"
        found.append(text.encode())
    return found


def test_training_tries_and_keeps_what_helps():
    samples = texts(40, 4000)
    steps: list[tuple[int, int]] = []
    found = training.train(samples, 32 << 10, progress=lambda done, total: steps.append((done, total)))
    assert found.trial.words and found.trial.after < 0.99 * found.trial.before
    assert len(parse(found.primer.dictionary).words) == found.trial.words
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1] == (dictionaries.STEPS, dictionaries.STEPS) and len(steps) > 4
    data = texts(43, 4000)[-1]
    alone = primer_file.pack(OwnPrimer(found.primer.text))
    own = primer_file.pack(found.primer)
    assert len(nzip.compress(data, 3, primer=own)) < 0.98 * len(nzip.compress(data, 3, primer=alone))
    random.Random(3).shuffle(samples)
    assert nzip.train_primer(samples, 32 << 10) == own
    assert nzip.train_primer(samples, 32 << 10, dictionary=False) == alone


def test_little_text_is_not_tried():
    found = training.train(texts(5, 2000), 8 << 10)
    assert found.trial == dictionaries.NOTHING and not found.primer.dictionary


def test_a_dictionary_that_does_not_help_is_left_out(monkeypatch):
    monkeypatch.setattr(dictionaries, "coded", lambda sample, form, *_, **__: 1000 - 4 * (form is not None))
    found = training.train(texts(40, 4000), 32 << 10)
    assert found.trial.words == 0 and found.trial.before and not found.primer.dictionary


def test_what_is_held_out():
    assert dictionaries.held_out([1000] * 20) == []
    held = dictionaries.held_out([1000] * 100)
    assert len(held) >= dictionaries.PLACES and min(held) > 5 and max(held) < 95
    assert dictionaries.held_out([200_000]) == []
    many = dictionaries.held_out([16_000] * 1000)
    assert 4 * 2 <= len(many) <= 4 * 4
