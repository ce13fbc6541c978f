"""The analyses of compressed tokens against plain oracles: bit n-grams, stability, prefix perturbation, the
window sweep, and their places in the report."""

import io
import math
import re
import xml.dom.minidom
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tokenizers_lab as lab
from tokenizers_lab.analysis import bits as bit_analysis
from tokenizers_lab.analysis.perturbation import levenshtein, perturbation
from tokenizers_lab.analysis.stability import stability, token_texts
from tokenizers_lab.analysis.window_sweep import window_sweep
from tokenizers_lab.codecs.equal_info import WindowCodec, create
from tokenizers_lab.m1.order_n import OrderN


@pytest.fixture(scope="module")
def m1(english):
    return OrderN.train(english[:120_000], 3, "order-3")


@given(st.lists(st.integers(0, 1), min_size=20, max_size=300), st.integers(1, 6), st.booleans())
def test_bit_ngrams_against_counting(bits, n, aligned):
    array = np.array(bits, np.uint8)
    grams = [tuple(bits[i : i + n]) for i in range(0, len(bits) - n + 1, n if aligned else 1)]
    counts = Counter(grams)
    h = -sum(c / len(grams) * math.log2(c / len(grams)) for c in counts.values())
    values = bit_analysis._ngrams(array, n, aligned)
    assert [tuple(int(x) for x in f"{v:0{n}b}") for v in values.tolist()] == grams
    plug_in, corrected = bit_analysis.kl_from_uniform(values, n)
    assert plug_in == pytest.approx(n - h) and corrected == pytest.approx(
        n - h - (len(counts) - 1) / (2 * len(grams) * math.log(2))
    )


def test_bits_of_random_biased_and_short_streams():
    rng = np.random.default_rng(1)
    random = bit_analysis.bit_ngrams(rng.integers(0, 256, 60_000), 8, 6)
    biased = bit_analysis.bit_ngrams(
        np.concatenate([rng.integers(0, 200, 60_000), [256, 258]]), 8, 6
    )  # specials are no bits
    assert biased["bits"] == random["bits"] == 480_000 and random["control"] == biased["control"]
    for kind in ("overlapping", "aligned"):
        for r, b in zip(random["stream"][kind], biased["stream"][kind]):
            assert abs(r["corrected"]) < 3e-4 and r["p5"] <= r["p50"] <= r["p95"] and b["p5"] > r["p95"]
    assert bit_analysis.bit_ngrams(np.arange(100), 8) is None
    assert bit_analysis.to_bits(np.array([0x8001, 3]), 16).tolist() == [1, *[0] * 14, 1, *[0] * 14, 1, 1]


def test_stability_is_one_where_a_token_is_a_string(bpe, m1, english):
    for codec in (bpe, lab.load("bytes"), create(m1, 16, 16, "stop", 1, "e")):
        (found,) = stability(codec, english[:20_000])
        assert found["stability"] == 1 and found["empty"] == 0 and found["position"] == 0
        assert found["bytes"] * found["tokens"] == pytest.approx(20_000)


def test_texts_of_tokens_by_two_ways(m1, english):
    """By intervals under M1, and by what all cells with the same beginning decode to: they must agree."""
    raw = english[150_000:170_000]
    online, compiled = WindowCodec(m1, 16, 8), create(m1, 16, 8, "stop", 1, "e")
    texts = token_texts(online, raw)
    assert texts == token_texts(compiled, raw) and b"".join(t for _, _, t in texts) == raw
    assert stability(online, raw)[0]["stability"] == 1 > stability(online, raw)[1]["stability"]
    rng = np.random.default_rng(2)
    codec = WindowCodec(m1, 32, 8)
    texts = token_texts(codec, raw[:3000])
    for w in rng.integers(
        0, len(texts) // 4, 20
    ).tolist():  # a text is certain: whatever follows decodes to it
        for known in range(1, 4):
            head = [i for _, i, _ in texts[4 * w : 4 * w + known]]
            sure = b"".join(t for _, _, t in texts[4 * w : 4 * w + known])
            ends = [codec.decode([*head, *rng.integers(0, 256, 4 - known).tolist()]) for _ in range(20)]
            ends += [codec.decode([*head, *[x] * (4 - known)]) for x in (0, 255)]
            assert all(e.startswith(sure) for e in ends)
    assert stability(WindowCodec(m1, 32, 8, "stop", 0), raw[:4000])[3]["stability"] is not None


def test_stability_by_hand():
    class Two(type(lab.load("bytes"))):
        """Every other token adds nothing."""

        def encode(self, data):
            return np.array([1, 2, 1, 2, 1, 3], np.uint32)

        def offsets(self, data, ids=None):
            return np.array([0, 1, 1, 2, 3, 3, 6])

    (found,) = stability(Two(), b"abcdef")
    # id 1: texts a, b, ""; id 2: "", c; id 3: def. Pairs with equal text: none. Chances: 6 + 2.
    assert found == {
        "position": 0,
        "tokens": 6,
        "bytes": 1.0,
        "empty": pytest.approx(2 / 6),
        "stability": 0.0,
    }


def _distance(a, b):
    table = {(i, j): max(i, j) for i in range(len(a) + 1) for j in range(len(b) + 1) if not i or not j}
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i, j] = min(
                table[i - 1, j] + 1, table[i, j - 1] + 1, table[i - 1, j - 1] + (a[i - 1] != b[j - 1])
            )
    return table[len(a), len(b)]


@given(st.lists(st.integers(0, 3), max_size=12), st.lists(st.integers(0, 3), max_size=12))
def test_levenshtein(a, b):
    assert levenshtein(np.array(a, np.int64), np.array(b, np.int64)) == _distance(a, b)


def test_a_changed_byte_reaches_far_only_without_windows(m1, english):
    reach = {
        name: perturbation(codec, english, 8)
        for name, codec in (
            ("ei", create(m1, 16, 16, "stop", 1, "e")),
            ("ac", lab.load("ac[m1=order-3]")),
            ("bytes", lab.load("bytes")),
        )
    }
    assert reach["ei"] == perturbation(create(m1, 16, 16, "stop", 1, "e"), english, 8)
    for edit in ("change", "insert", "delete"):
        mean = {name: r["edits"][edit]["mean"] for name, r in reach.items()}
        assert mean["bytes"] <= 1 / 1023 + 1e-9 < mean["ei"] < 0.1 and mean["ac"] > 0.8
        assert all(sum(r["edits"][edit]["histogram"]) == 8 for r in reach.values())
    assert perturbation(lab.load("bytes"), b"short") is None


def test_the_sweep(m1, english):
    raw = english[150_000:166_000]
    got = window_sweep(m1, raw, (16, 32, 128))
    sizes = [w["bytes_per_window"] for w in got["windows"]]
    per_bit = [w["per_token_8"] for w in got["windows"]]
    assert sizes[0] == pytest.approx(
        len(raw) / len(WindowCodec(m1, 16, 16).encode(raw)), rel=1e-3
    ) and per_bit == sorted(per_bit)
    assert (
        per_bit[-1] < got["ac"]["per_token_8"] * 1.01
        and got["windows"][1]["per_token_16"] == 2 * got["windows"][1]["per_token_8"]
    )
    wrong = {r["rule"]: r["wrong"] for r in got["rules"]}
    assert wrong["stop"] == wrong["delay"] == 0 < wrong["greedy"]
    greedy = WindowCodec(m1, 16, 16, "greedy")
    assert greedy.decode(greedy.encode(raw[:2000])) != raw[:2000] and not greedy.lossless
    assert [r["reset"] for r in got["resets"]] == [1, 2, "never"]


def test_all_of_it_in_the_report(english, tmp_path):
    codecs = ["equal-info", "equal-info[v=256]", "gzip", "ac[m1=order-1]"]
    results = lab.compare(
        codecs,
        {"a.txt": english[:60_000]},
        tmp_path / "R.html",
        compressors=(),
        sweep="order-1",
        json_path=tmp_path / "R.json",
    )
    page = (tmp_path / "R.html").read_text()
    for title in (
        "bit n-grams",
        "stability of token",
        "prefix perturbation",
        "window sweep",
        "reach of a changed byte",
        "distance of bit n-grams",
    ):
        assert f"a.txt: {title}" in page
    assert "(of 65,536)" in page and results["codecs"][0]["nominal_vocab"] == 65536
    for drawing in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        xml.dom.minidom.parseString(drawing)
    assert (
        results["codecs"][0]["files"]["a.txt"].get("bit_ngrams") is None
        and results["codecs"][1]["files"]["a.txt"]["bit_ngrams"]["bits"] > 10_000
    )
    from rich.console import Console

    from tokenizers_lab.report.terminal import show

    console = Console(file=io.StringIO(), width=200)
    show(results, console)
    assert "b = 16, M1 never forgets" in console.file.getvalue()
