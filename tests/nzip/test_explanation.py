"""Where bits go: sums that agree, kinds, words, pages that fit and say what they left out."""

from __future__ import annotations

import base64
import json
import re
import zlib

import mix_samples
import numpy as np
import pytest

import nzip
from nzip.explanation import Explanation, kinds
from nzip.explanation.page import _template, page
from nzip.explanation.tables import joined
from nzip.predictors.pricing import Guesses, PricedStream, Worth
from nzip.pricing import BlockCosts


@pytest.fixture
def found(toys):
    data = b"To be, or <i>not</i> to be:\r\nthat is 42.\n" * 9
    return nzip.explain(data, predictor="count", name="play")


def test_every_sum_is_the_whole(found):
    total = found.total
    assert total / 8 == pytest.approx(found.payload, abs=8)
    for rows in (found.kinds(), found.lines(), found.segments):
        assert sum(row.bits for row in rows) == pytest.approx(total)
        assert sum(row.bytes for row in rows) == found.size
    assert found.by_byte().sum() == pytest.approx(total)
    word = next(word for word in found.words() if word.word == b"that")
    assert word.times == 9 and word.dearest >= word.bits / 9
    assert found.data[word.place : word.place + 4] == b"that"


def test_kinds_of_bytes():
    data = b'A b\n<a href="x">12</a>. \xd0\x96\x00 3 < 4'
    names = [kinds.KINDS[k] for k in kinds.of_bytes(data)]
    assert names[:4] == ["capitals", "spaces", "words", "line ends"]
    assert names[4] == names[15] == "tags" and names[16] == "digits"
    assert names[data.index(b"\xd0")] == "words" and names[data.index(b"\x00")] == "control bytes"
    assert names[data.index(b"< 4")] == "punctuation"


def test_words_are_symbols_of_the_mix():
    data = mix_samples.text(6000, seed=3)
    found = nzip.explain(data, level=1, inputs=False, guesses=0)
    assert found.segments[0].form == "words" and found.guesses.shape == (len(found.bits), 0)
    assert found.total / 8 == pytest.approx(found.payload, abs=8)


def packed(html: str) -> list[dict]:
    return json.loads(re.search(r'id="data">(.*?)</script>', html, re.DOTALL)[1])


def column(pane: dict, name: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(pane["columns"][name])), np.uint8)


def test_the_page_holds_all_of_a_small_file(found):
    (pane,) = packed(page(found))
    assert column(pane, "text").tobytes() == found.data
    assert column(pane, "lengths").sum() == found.size
    bits = (column(pane, "low") + column(pane, "high").astype(int) * 256) / 64
    assert np.abs(bits - found.bits).max() < 1 / 64
    assert np.array_equal(column(pane, "guess0"), found.guesses[:, 0])
    assert np.abs((column(pane, "chance0") / 255) ** 3 - found.chances[:, 0]).max() < 0.01
    assert "bytes are drawn" not in page(found)


def test_the_page_of_a_large_file_says_what_it_left_out(toys):
    found = nzip.explain(mix_samples.text(12_000), predictor="count", name="large")
    limit = 20_000 + 200_000 + len(_template())  # room for symbols, and for all else
    html = page(found, limit=limit)
    assert len(html) <= limit
    (pane,) = packed(html)
    assert 0 < pane["size"] < found.size
    assert found.data.startswith(column(pane, "text").tobytes())
    assert f"the first {pane['size']:,} of {found.size:,} bytes are drawn" in html


def test_two_panes(found, toys):
    other = nzip.explain(found.data, predictor="runs", name="play")
    one, two = packed(found.html(other))
    assert one["name"] == "play under count" and two["name"] == "play under runs"


def test_inputs_have_the_same_colour_in_every_page():
    from nzip.explanation.colours import COLOURS, group_colours
    from nzip.predictors.mix import input_groups
    from nzip.predictors.mix.plan import plan

    named = {input_groups.APMS, *(name for _, name in input_groups._BY_REGISTER)}
    for level in range(6):
        named |= set(input_groups.groups(plan(level, 0), ())[0])
    assert named <= set(COLOURS) and len(set(COLOURS.values())) == len(COLOURS)
    some = group_colours(["ssm", "bias", "words", "online", "ssm"])
    assert some["words"] == group_colours(["words"])["words"] == COLOURS["words"]
    assert len(set(some.values())) == 4


def test_guesses_out_of_a_large_vocabulary():
    names = [f"token {i}".encode() for i in range(1000)]
    guesses = Guesses(np.array([[3, 999], [700, -1]], np.int32), np.full((2, 2), 0.125, np.float32), names)
    each = np.full(2, 4, np.int32)
    stream = PricedStream("text", "tokens", "", 8, 2, np.array([0, 4]), each, np.ones(2), None, guesses)
    found = Explanation(
        name="t", predictor="lm:t", data=b"one two ", **joined([BlockCosts(0, 8, 2, "coded", (stream,))], 2)
    )
    (pane,) = packed(page(found))
    numbers = [column(pane, f"guess{k}") + 256 * column(pane, f"guessHigh{k}").astype(int) for k in (0, 1)]
    chances = [column(pane, f"chance{k}") for k in (0, 1)]
    assert numbers[0].tolist() == [3, 700] and numbers[1][0] == 999
    assert pane["names"][0][999] == "token 999"
    assert chances[0].all() and chances[1].tolist()[1] == 0


def test_what_a_page_says_is_escaped(toys):
    found = nzip.explain(b"</script><b>&amp;\n" * 20, predictor="count", name="<script>x")
    html = page(found)
    assert "<script>x" not in html and html.count("</script>") == 2
    assert "&lt;script&gt;x" in found.html()


def test_in_a_notebook(found):
    shown = found._repr_html_()
    assert "<table" in shown and "bits" in shown and "&lt;</span>" in shown
    assert "bits per byte" in repr(found)


def test_worth_and_guesses_of_streams_are_joined():
    """Two streams in turns, one with inputs: groups get one numbering, symbols keep their order."""
    worth = Worth(
        ("words", "", "bias"), np.array([5.0, 0, -1]), np.array([0, 2], np.uint8),
        np.array([4, 1], np.float32), np.array([2, 0], np.uint8), np.array([-2, 0], np.float32),
    )  # fmt: skip
    names = [bytes([b]) for b in range(256)]
    guesses = Guesses(np.array([[98], [99]], np.int32), np.full((2, 1), 0.5, np.float32), names)
    each = np.ones(2, np.int32)
    one = PricedStream("text", "", "", 2, 1, np.array([0, 3]), each, np.array([3.0, 4]), worth, guesses)
    two = PricedStream("image", "", "", 2, 1, np.array([1]), np.full(1, 2, np.int32), np.array([9.0]))
    found = joined([BlockCosts(0, 4, 2, "coded", (one, two))], 1)
    assert found["starts"].tolist() == [0, 1, 3] and found["stream"].tolist() == [0, 1, 0]
    assert found["groups"] == ("words", "bias")
    assert [found["groups"][i] for i in found["helped"]][::2] == ["words", "bias"]
    assert found["gain"].tolist() == [4, 0, 1] and found["loss"].tolist() == [-2, 0, 0]
    assert found["guesses"][:, 0].tolist() == [98, -1, 99]
    assert [(row.group, row.bits) for row in found["inputs"]] == [("words", 5.0), ("bias", -1.0)]
    assert found["segments"][0].pieces == 2


@pytest.mark.slow
def test_inputs_of_the_mix():
    data = mix_samples.text(5000, seed=3)
    found = nzip.explain(data, level=1)
    assert {row.group for row in found.inputs} >= {"words", "match model", "bias", "bytes 0 to 2 back"}
    assert max(row.bits for row in found.inputs) > 0 and found.gain.max() > 0
    assert found.chances.max() <= 1 and (np.diff(found.chances, axis=1) <= 0).all()
    assert json.loads(next(found.json_lines()))["inputs"]
