"""The same text written otherwise; numbers, indentation, common words: by hand, and on the small
vocabularies."""

import pytest

import tokenizers_lab as lab
from tokenizers_lab.analysis import robustness as r
from tokenizers_lab.analysis.digits import digits, indentation
from tokenizers_lab.analysis.retention import retention
from tokenizers_lab.report.tables import tables


def test_changes_do_what_they_say():
    assert r.extra_spaces("a b  c\n d") == "a  b  c\n d"
    assert r.trailing_spaces("a\n\n b \nc") == "a \n\n b \nc"
    assert r.unwrapped("a\nb\n\nc") == "a b\n\nc"
    long = "word " * 40 + "\n" + "x" * 100 + " y\n"
    lines = r.wrapped(long).split("\n")
    assert max(map(len, lines[:-3])) <= 72 and "x" * 100 in lines
    assert r.wrapped(long).replace("\n", " ").split() == long.split()
    assert r.renamed("my_long_name = otherName(_private_thing, XML, plain)") == (
        "myLongName = other_name(_privateThing, XML, plain)"
    )
    assert r.CHANGES["CR LF"]("a\nb\r\n") == "a\r\nb\r\n"
    assert r.CHANGES["NFD"]("é") == "e\u0301" and r.CHANGES["NFKC"]("ﬁ") == "fi"


def test_typos_are_few_and_the_same_each_time():
    text = "the quick brown fox jumps over the lazy dog " * 200
    changed = r.typos(text)
    assert changed == r.typos(text) and changed != text
    words = sum(a != b for a, b in zip(text.split(), changed.split()))
    assert 0.03 < words / len(text.split()) < 0.15 and abs(len(changed) - len(text)) < 100
    assert set(changed) <= set(text)


def test_figures_by_hand(english):
    """Of bytes everything is known: a change of letters changes as many tokens."""
    found = r.robustness(lab.load("bytes"), english[:40_000])
    text = english[:40_000].decode()
    crlf = found["CR LF"]
    assert crlf["length"] == pytest.approx(1 + text.count("\n") / len(text), abs=0.01)
    assert 0 < crlf["changed"] < 0.05
    upper = found["upper case"]
    assert upper["length"] == 1.0 and upper["changed"] > 0.6 and upper["bits_change"] > 0.5
    assert upper["bits_per_byte"] == pytest.approx(upper["bits_before"] * (1 + upper["bits_change"]))
    assert 0 < found["typos"]["bits_change"] < upper["bits_change"]
    assert "NFD" not in found and "renamed identifiers" not in found  # nothing to change in plain English


def test_what_cannot_be_asked(unigram, english):
    assert r.robustness(lab.load("bytes"), b"\xff\xfe" * 5000) is None
    assert r.robustness(lab.load("bytes"), b"short") is None

    class Losing(type(unigram)):
        def decode(self, ids):
            return b""

    losing = Losing(unigram._model)
    found = r.robustness(losing, english[:20_000])
    assert found["typos"]["bits_per_byte"] is None and found["typos"]["changed"] > 0


def test_a_character_that_the_cut_splits_is_no_fault(monkeypatch):
    monkeypatch.setattr(r, "MOST", 5001)
    assert r._text("é".encode() * 5000) == "é" * 2500
    assert r._text("é".encode() * 2500 + b"\xff" * 9000) is None


def test_words_numbers_and_indentation(bpe, english):
    kept = retention(bpe, english)
    assert kept["words"] == 1000 and 0.3 < kept["types"] < kept["running"] < 1
    assert retention(lab.load("bytes"), english)["types"] == 0 and retention(bpe, b"12 _ ..") is None
    assert digits(lab.load("bytes"))["digits_per_token"] == pytest.approx(36 / 44)  # the space, too
    assert indentation(lab.load("bytes"))["8"] == 8 and indentation(lab.load("bytes"))["2 tabs"] == 2


def test_the_report_shows_them(bpe, english):
    results = lab.analyze(
        [bpe, "bytes"],
        {"en": english[:20_000], "bin": bytes(range(256)) * 40},
        compressors=(),
        labels=["bpe", "bytes"],
        robustness=True,
    )
    assert results["codecs"][0]["files"]["bin"]["robustness"] is None
    shown = {t.title: t for t in tables(results)}
    table = shown["en: robustness, tokens that change"]
    assert table.head[:3] == ["codec", "typos", "upper case"] and "%" in table.rows[0][1]
    assert "bin: robustness, tokens that change" not in shown
    assert "+" in shown["en: robustness, bits a byte"].rows[1][1]
    assert len(shown["Numbers and indentation"].rows) == 2 and "en: common words that are one token" in shown
