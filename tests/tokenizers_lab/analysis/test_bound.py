"""The certified bound: the formula is the twin's; below the best of all vocabularies, tried one by one;
mistakes are one line."""

import itertools
import random
from fractions import Fraction

import numpy as np
import pytest

import tokenizers_lab as lab
from tokenizers_lab.analysis import bound as b
from tokenizers_lab.analysis.gap import codec_of, gaps
from tokenizers_lab.codecs.segment_kernel import twin
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.training.counts import count_corpus


def pieces_of(text, pre="gpt2"):
    return dict(count_corpus([text], PreTokenizer(pre)).table.items())


def test_the_formula_is_the_twins():
    rng = random.Random(2)
    for _ in range(20):
        text = "".join(rng.choices("ab c", k=rng.randrange(4, 120))).encode()
        try:
            g, names = b.graph_of(text, longest=5)
        except LabError:
            continue
        prices = np.array([rng.choice([0, 0, 17, 40_000, 90_000]) for _ in g.tokens], np.int32)
        used, earned = np.zeros(len(prices), np.bool_), np.zeros(len(names), np.int64)
        room = rng.randrange(1, len(names) + 1)
        got = int(b.evaluate(g, prices, used, earned)) - int(np.sort(earned)[::-1][:room].sum())
        pieces = pieces_of(text)
        table, start = {}, 0
        for piece, end in zip(pieces, g.ends.tolist()):
            for place in range(start, end):
                for e in range(g.starts[place], g.starts[place + 1]):
                    key = (piece, place - start, place - start + int(g.sizes[e]))
                    assert names[g.tokens[e]] == piece[key[1] : key[2]]
                    table[key] = Fraction(int(prices[e]), b.UNIT)
            start = end
        assert Fraction(got, b.UNIT) == b.twin_bound(pieces, room, table)


def test_no_vocabulary_goes_below():
    """All vocabularies of one or two tokens are tried; the bound is below the best, and near."""
    rng = random.Random(6)
    for _ in range(6):
        words = ["".join(rng.choices("abc", k=rng.randrange(2, 6))) for _ in range(5)]
        text = " ".join(rng.choices(words, k=60)).encode()
        _, names = b.graph_of(text)
        pieces = pieces_of(text)
        single = {bytes([x]): 1 for x in range(256)}
        for room in (1, 2):
            best = min(
                sum(n * len(twin(p, {**single, **dict.fromkeys(some, 1)})) for p, n in pieces.items())
                for some in itertools.combinations(names[:40], room)
            )
            found = b.lower_bound(text, 256 + room, rounds=120)
            if len(names) <= 40:
                assert 0.9 * best <= found.tokens <= best
            assert found.tokens <= found.reached
            everything = b.lower_bound(text, 256 + len(names), rounds=3)
            assert everything.tokens == everything.reached == sum(pieces.values())


def test_codecs_are_held_to_it(english, bpe):
    text = english[:30_000]
    own = lab.train(documents=[text], vocab_size=800)
    superwords = lab.train(documents=[text], vocab_size=800, transition=500)
    found = gaps([own, superwords, bpe], text, 800, labels=["own", "super", "larger"], rounds=100)
    own_row, super_row, larger = found["codecs"]
    assert own_row["outside"] is None and 0 < own_row["gap"] < 0.15
    assert super_row["outside"] == "tokens cross the cuts" and larger["outside"] == "has 2,000 ids"
    assert found["bound"] <= found["reached"] < own_row["tokens"]
    codec = codec_of(found["strings"], found["pre"])
    assert codec.vocab_size == 800 and len(codec.encode(text)) == found["reached"]
    over_lines = gaps([superwords], text[:15_000], 800, pre="lines", longest=12, least=2, rounds=30)
    assert over_lines["codecs"][0]["outside"] is None and over_lines["codecs"][0]["gap"] > 0


def test_the_report_has_it(english, bpe):
    results = lab.analyze(
        [bpe, "gzip"], {"a": english[:30_000]}, labels=["B", "gzip"], compressors=(), bound=2000, dynamic=True
    )
    found = results["bound"]["a"]
    assert [row["codec"] for row in found["codecs"]] == ["B"] and found["codecs"][0]["gap"] > 0
    from tokenizers_lab.report.tables import tables

    table = next(t for t in tables(results) if "best vocabulary" in t.title)
    shorter = next(t for t in tables(results) if "merges of a batch" in t.title)
    assert {row[0] for row in shorter.rows} == {"B", "gzip"}
    assert f"{found['bound']:,} tokens" in table.notes and table.rows[1][0] == "B"


def test_mistakes_are_one_line():
    for arguments, match in (
        ((b"abc abc", 200), "smaller than its alphabet"),
        ((b"", 300), "too small for a bound"),
        ((b"a b c", 300), None),
        ((b"a", 300), "too small for a bound"),
        ((b"abc", 300, 0), "a round or more"),
    ):
        options = {"rounds": arguments[2]} if len(arguments) > 2 else {}
        if match is None:
            assert b.lower_bound(*arguments[:2]).tokens == 3
            continue
        with pytest.raises(LabError, match=match) as caught:
            b.lower_bound(*arguments[:2], **options)
        assert "\n" not in str(caught.value)
    with pytest.raises(LabError, match="no bytes of their own"):
        gaps(["gzip"], b"abc abc", 300)
