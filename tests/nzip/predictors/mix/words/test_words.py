"""The transform of words and lines: nothing is lost, whatever the bytes, at once or piecemeal; the twin
agrees; damage is refused; what ships is what was pinned."""

from __future__ import annotations

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from nzip.errors import CorruptError, ModelMismatchError
from nzip.predictors.mix.words import dictionary, lines, twin
from nzip.predictors.mix.words.choice import choose
from nzip.predictors.mix.words.dictionary import USER, build, index, named
from nzip.predictors.mix.words.options import Words

ALICE = (ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()
ENGLISH = named(1)
# A dictionary with letters of its own, one of them (ß) without a capital.
OWN_WORDS = [c.encode() for c in "äößруст"] + [
    b"the",
    "größe".encode(),
    "русь".encode()[:4],
    b"zz",
    "ру".encode() * 9,
]
OWN = build(OWN_WORDS[:9] + OWN_WORDS[10:])
TWINS = {1: twin.shipped("english"), USER: twin.TwinDictionary(OWN.content)}

LONG = max(ENGLISH.words, key=len)  # known by more than its first sixteen letters
PIECES = [
    b"the", b"The", b"THE", b"THEm", b"tHe", b"of", b"thethe", b"zz", b"ZZ", b"zzq", b"A", b"AB", b"ABc",
    b"a" * 50, b"B" * 50, b" ", b"  ", b"\n", b"\r\n", b"\r", b"\n\n", b"\t", b". ", b", ", b"\0", b"\x06",
    b"\x07", b"\x0c", b"@", b"\x1e", b"\x1e ", b"\x7f", b"\x80", b"\xbf", b"\xc0", b"\xc2", b"\xd1",
    b"\xe0", b"\xe2\x80", b"\xf0\x9f\x98", b"\xf5", b"\xff", "é".encode(), "€".encode(), "😀".encode(),
    "größe GRÖßE Größe".encode(), "Русь РУ руру".encode(), "рРр".encode(), b"\x80" * 300, b"word " * 12,
    b"x" * 90 + b" ", LONG, LONG[:-1] + b"z", LONG[:16], LONG.title(),
]  # fmt: skip
HOSTILE = st.one_of(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=3), max_size=60).map(b"".join),
    st.binary(max_size=200),
)
OPTIONS = st.tuples(
    st.sampled_from([None, ENGLISH, OWN]), st.sampled_from([0, 24, 40, 72, 255]), st.booleans()
)


def array(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def made(options, raw: bytes) -> Words:
    return Words(options[0], options[1], options[2] and lines.find_crlf(array(raw)))


@settings(max_examples=150)
@given(HOSTILE, OPTIONS)
def test_any_bytes_come_back_and_the_twin_agrees(raw, options):
    words = made(options, raw)
    coded = words.apply(array(raw))
    assert words.undo(coded, len(raw)).tobytes() == raw
    text = raw.replace(b"\r\n", b"\n") if words.crlf else raw
    text = twin.fold(text, words.width) if words.width else text
    of_twin = TWINS[words.dictionary.number] if words.dictionary else None
    assert (twin.encode(text, of_twin) if of_twin else text) == coded.tobytes()
    assert twin.undo(words.params(), coded.tobytes(), of_twin) == raw


@settings(max_examples=60)
@given(HOSTILE, OPTIONS, st.lists(st.integers(0, 40), max_size=30))
def test_piecemeal_gives_the_same_and_what_is_done_stays(raw, options, steps):
    words = made(options, raw)
    coded = words.apply(array(raw))
    out = np.zeros(len(raw), np.uint8)
    # What has not come yet is not looked at: it is another byte until then.
    there = np.full(len(coded), 0x99, np.uint8)
    decoder, upto = words.decoder(out), 0
    for step in steps:
        end = min(len(coded), upto + step)
        there[upto:end] = coded[upto:end]
        upto = end
        done = decoder.feed(there, upto)
        assert out[:done].tobytes() == raw[:done]
    decoder.finish(coded)
    assert decoder.done == len(raw) and out.tobytes() == raw


def test_little_lags_behind():
    """What is not handed on yet is less than a line."""
    words = Words(ENGLISH, 65, lines.find_crlf(array(ALICE)))
    coded = words.apply(array(ALICE))
    decoder = words.decoder(np.zeros(len(ALICE), np.uint8))
    for upto in range(0, len(coded), 1997):
        done = decoder.feed(coded, upto)
        assert len(words.apply(array(ALICE[:done]))) > upto - 65


@settings(max_examples=150)
@given(st.binary(max_size=300), OPTIONS, st.integers(0, 400))
def test_damage_is_refused_or_decodes_within_bounds(coded, options, size):
    words = Words(*options)
    fenced = np.full(size + 64, 0xA5, np.uint8)
    decoder = words.decoder(fenced[32 : size + 32])
    try:
        decoder.feed(array(coded), len(coded) // 2)
        decoder.finish(array(coded))
    except CorruptError:
        pass
    else:
        of_twin = TWINS[words.dictionary.number] if words.dictionary else None
        params = words.params()
        assert twin.undo(params, coded, of_twin) == fenced[32 : size + 32].tobytes()
    assert (fenced[:32] == 0xA5).all() and (fenced[size + 32 :] == 0xA5).all()


NO_ENCODER = [
    b"\xff\xff\xbf", b"\xc0", b"\xc0\xc0", b"\xc0a", b"\xc0\xc0\xc0\x80", b"\x0ca", b"\x0c", b"\x06",
    b"\x07", b"@", b"@ ", b"@@a", b"\x07@a", b"A", b"\x0c\x80", b"\x0c\xc3",
]  # fmt: skip


@pytest.mark.parametrize("coded", NO_ENCODER)
def test_what_no_encoder_writes_is_refused(coded):
    for size in range(5):
        with pytest.raises(CorruptError):
            Words(ENGLISH).undo(array(coded), size)
    with pytest.raises(CorruptError):
        twin.decode(coded, TWINS[1])


def test_too_much_or_too_little_is_refused():
    raw = array(ALICE[:1000])
    for words in (Words(ENGLISH), Words(ENGLISH, 65), Words(None, 65)):
        coded = words.apply(raw)
        for size in (0, 1, 999, 1001):
            with pytest.raises(CorruptError):
                words.undo(coded, size)
        with pytest.raises(CorruptError):
            words.undo(coded[:-1], 1000)


def test_long_lines_pass_the_buffer():
    """More than the decoder's buffer, and nothing in it that ends a word."""
    for raw in (b"x" * 100_000, b"the \x80" * 30_000, b"\x80" * 100_000 + b" a", b"\x1e" * 70_000 + b" b c"):
        words = Words(ENGLISH, 255)
        assert words.undo(words.apply(array(raw)), len(raw)).tobytes() == raw


def test_wrapped_text_folds_well():
    crlf = lines.find_crlf(array(ALICE))
    text = ALICE.replace(b"\r\n", b"\n") if crlf else ALICE
    width = lines.find_width(array(text))
    folded = lines.fold(array(text), width).tobytes()
    assert folded.count(b"\n") < 0.6 * text.count(b"\n") and folded.count(b"\x1e") < 20
    assert lines.find_width(array(text.replace(b"\n", b" "))) == 0
    code = (ROOT / "corpora" / "samples" / "sqlite3.slice.c").read_bytes()
    assert len(lines.fold(array(code), 80)) < 1.01 * len(code)


def test_params_say_it_all():
    for words in (
        Words(ENGLISH),
        Words(ENGLISH, 65),
        Words(OWN, 24, True),
        Words(None, 255),
        Words(None, 0, True),
    ):
        params = words.params()
        assert len(params) == Words.length(params[0]) <= 2
        assert Words.parse(params, OWN) == words
    assert Words.parse(b"\0") is None
    for bad in (b"", b"\x01\x40", b"\x81", b"\x81\x05", b"\x3e", b"\x81\x40\x40"):
        with pytest.raises(CorruptError):
            Words.parse(bad)
    with pytest.raises(ModelMismatchError, match="dictionary of the user"):
        Words.parse(Words(OWN).params())


def test_a_dictionary_that_could_not_be_coded_is_refused():
    for bad in (
        [],
        [b"the", b"the"],
        [b"The"],
        [b"a b"],
        [b""],
        [b"a" * 41],
        ["ä".encode() + b"x"],
        ["漢".encode()],
    ):
        with pytest.raises(ValueError):
            build(bad)
    with pytest.raises(ValueError):
        build([b"the"], "ä")
    with pytest.raises(CorruptError):
        named(len(index()) + 1)


def test_what_ships_is_what_was_pinned():
    """Codes are the format: they may change with its draft number alone."""
    for number, entry in enumerate(index(), 1):
        found = named(number)
        assert found.hash.hex() == entry["hash"][:8] and found.number == number
        assert twin.shipped(found.name).codes[found.words[2000]] == twin.code(2000)
    files = (ROOT / "nzip" / "predictors" / "mix" / "words").glob("*.xz")
    assert sum(path.stat().st_size for path in files) <= 400_000


def test_golden():
    """The coded bytes of a known text, by hash."""
    words = choose(array(ALICE))
    assert words is not None and words.dictionary == ENGLISH
    coded = words.apply(array(ALICE))
    assert (len(coded), xxhash.xxh3_64_hexdigest(coded.tobytes())) == GOLDEN


GOLDEN = (92791, "9c74ca789b67d6b5")


def test_what_is_no_english_stays():
    assert choose(array("Широка страна моя родная, много в ней лесов, полей и рек! ".encode() * 50)) is None
    assert choose(array(bytes(range(256)) * 20)) is None


def test_a_damaged_file_is_told(monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", "off")  # where it may lie unpacked
    real = dictionary.pkgutil.get_data

    def get_data(package, name):
        return b"no xz" if name == "english.xz" else real(package, name)

    monkeypatch.setattr(dictionary.pkgutil, "get_data", get_data)
    named.cache_clear()
    try:
        with pytest.raises(ModelMismatchError, match="damaged"):
            named(1)
    finally:
        named.cache_clear()
