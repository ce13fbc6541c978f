"""The verdict: means, intervals, ranks and ties against hand-made figures; weights; where it is shown."""

import io
import json

import numpy as np
import pyarrow.parquet
import pytest
from rich.cells import cell_len
from rich.console import Console

import tokenizers_lab as lab
from tokenizers_lab.codecs.bytes import BytesCodec
from tokenizers_lab.errors import LabError
from tokenizers_lab.jackknife import half_width, of_sum, student
from tokenizers_lab.report.goals import GOALS, VERSION
from tokenizers_lab.report.results import COLUMNS, Results, write_csv, write_parquet
from tokenizers_lab.report.terminal import cell_text, show, verdict_lines
from tokenizers_lab.report.token_view import pieces, visible
from tokenizers_lab.report.verdict import verdict
from tokenizers_lab.report.weights import matched, read_weights
from tokenizers_lab.report.words import paragraph


class Losing(BytesCodec):
    """Decodes to nothing, and would be the best for everything."""

    spelling = "losing"
    lossless = False
    loss = "all of it"

    def encode(self, data):
        return super().encode(data)[:1]

    def decode(self, ids):
        return b""

    def offsets(self, data, ids=None):
        return np.array([0, len(data)])

    def token_bytes(self, token):
        return None

    def token_lengths(self):
        return None


@pytest.fixture(scope="module")
def results(bpe, english):
    texts = {
        "en.txt": english[:30_000],
        "tr.txt": "İstanbul'da ığüşöç, öğrenciler geldiler.\n".encode() * 500,
        "code.py": b"def f(x):\n    return x + 1\n\n\n" * 600,
    }
    return lab.analyze(
        [bpe, bpe.truncated(400), "bytes", Losing()],
        texts,
        compressors=("lzma",),
        labels=["large [x]", "small", "bytes", "losing"],
        weights={"en": 0.5, "tr.txt": 0.3, "code": 0.2},
    )


def made(values, without=None, accounting=()):
    """Results with one goal: ``values[codec][file]``, and each file's estimates with a group left out."""

    def goal(name, value):
        return {"value": value, "without": (without or {}).get(name, [value - 0.01, value + 0.01])}

    files = list(next(iter(values.values())))
    return {
        "files": [{"name": f, "bytes": 1} for f in files],
        "settings": {
            "weights": {f: 1 / len(files) for f in files},
            "width": 4,
            "strong_bytes": 1 << 20,
            "kgram_bytes": 1 << 20,
        },
        "codecs": [
            {
                "name": n,
                "vocab": 300,
                "files": {
                    f: {
                        "accounting": "lost" if (n, f) in accounting else "ok",
                        "goals": {"nzip": goal(n, v)},
                    }
                    for f, v in of.items()
                },
            }
            for n, of in values.items()
        ],
    }


def test_the_jackknife_is_its_formula():
    thetas = [1.0, 1.2, 0.9, 1.1]
    mean = sum(thetas) / 4
    expected = 3.182446 * (3 / 4 * sum((t - mean) ** 2 for t in thetas)) ** 0.5
    assert half_width(thetas) == pytest.approx(expected)
    assert of_sum([(0.5, thetas), (0.5, thetas)]) == pytest.approx(expected * 0.5**0.5)
    assert half_width([1.0]) is None and of_sum([(1.0, [])]) is None
    assert student(1) == pytest.approx(12.706205) and student(200) == pytest.approx(1.9719, abs=1e-3)


def test_means_ranks_and_ties_by_hand():
    found = verdict(made({"A": {"x": 1.0, "y": 3.0}, "B": {"x": 1.1, "y": 3.1}, "C": {"x": 2.0, "y": 4.0}}))
    cells = {n: found.cells[n]["nzip"] for n in "ABC"}
    assert [cells[n].value for n in "ABC"] == pytest.approx([2.0, 2.1, 3.0])
    # Paired: what every codec loses alike with a stretch tells nothing of their difference.
    assert [cells[n].rank for n in "ABC"] == [1, 2, 3] and not any(cells[n].tied for n in "ABC")
    apart = {"A": [0.0, 2.0], "B": [2.0, 0.0], "C": [0.0, 2.0]}
    found = verdict(made({"A": {"x": 1.0}, "B": {"x": 1.1}, "C": {"x": 90.0}}, apart))
    cells = {n: found.cells[n]["nzip"] for n in "ABC"}
    assert [cells[n].rank for n in "ABC"] == [1, 1, 3] and cells["A"].tied and cells["B"].tied
    assert found.best("nzip") == ["A", "B"]
    # The embedding is the vocabulary's: all three are equal, and exact.
    assert {found.cells[n]["embedding"].half for n in "ABC"} == {0.0}
    assert all(found.cells[n]["embedding"].tied and found.cells[n]["embedding"].rank == 1 for n in "ABC")


def test_weights_change_the_means():
    given = made({"A": {"x": 1.0, "y": 3.0}, "B": {"x": 3.0, "y": 1.0}})
    assert verdict(given, {"x": 3, "y": 1}).best("nzip") == ["A"]
    assert verdict(given, {"y": 1}).cells["A"]["nzip"].value == 3.0


def test_what_loses_bytes_is_never_ranked():
    found = verdict(made({"A": {"x": 2.0}, "B": {"x": 1.0}}, accounting={("B", "x")}))
    assert found.order == ["A", "B"] and found.cells["B"]["nzip"].rank is None
    assert found.best("nzip") == ["A"] and found.best("embedding") == ["A"]
    assert "B loses bytes" in paragraph(found)
    # … where the file counts; else it loses nothing that was asked for.
    assert verdict(made({"A": {"x": 2.0, "y": 1.0}}, accounting={("A", "y")}), {"x": 1}).lost == {}


def test_too_short_a_text_tells_nothing_apart():
    found = verdict(made({"A": {"x": 1.0}, "B": {"x": 9.0}}, {"A": [], "B": []}))
    assert found.cells["B"]["nzip"].rank == 1 and found.cells["B"]["nzip"].tied
    assert found.cells["A"]["nzip"].half is None and "Nothing here tells" in paragraph(found)


def test_measured_goals(results):
    files = ("en.txt", "tr.txt", "code.py")
    for codec in results["codecs"][:3]:
        for file in files:
            entry = codec["files"][file]
            counts = entry["counts"]
            for goal in ("bytes_per_token", "fertility"):
                assert entry["goals"][goal]["value"] == pytest.approx(counts[goal]["value"])
            assert entry["goals"]["xz"]["value"] == entry["stream_bits_per_byte"]["lzma"]["bits_per_byte"]
            assert len(entry["goals"]["order2"]["without"]) == 10 and entry["goals"]["speed"]["value"] > 0
    found = results.verdict()
    assert found.weights == {"en.txt": 0.5, "tr.txt": 0.3, "code.py": 0.2}
    assert found.order[-1] == "losing" and set(found.lost) == {"losing"}
    goals = [results["codecs"][0]["files"][f]["goals"] for f in found.weights]
    mean = sum(w * g["bytes_per_token"]["value"] for w, g in zip(found.weights.values(), goals))
    assert found.cells["large [x]"]["bytes_per_token"].value == pytest.approx(mean)
    assert found.best("bytes_per_token") == ["large [x]"] and found.best("embedding") == ["bytes"]


def test_the_terminal_keeps_to_its_room(results):
    for coloured in (False, True):
        lines = verdict_lines(results, coloured)
        assert len(lines) <= 60 and max(cell_len(line.plain) for line in lines) <= 80
    text = "\n".join(line.plain for line in verdict_lines(results))
    assert "large [x]" in text and "en.txt 50%" in text and "!" in text and "*" in text
    assert text == str(results).rstrip("\n")
    many = made({f"a codec with quite a long name {i}": {"x": 1 + i / 10, "y": 2.0} for i in range(40)})
    lines = verdict_lines(many)
    assert len(lines) <= 60 and max(cell_len(line.plain) for line in lines) <= 80
    assert "and 28 more codecs" in "\n".join(line.plain for line in lines)
    console = Console(file=io.StringIO(), width=100)
    show(results, console, everything=True)
    assert "held out" in console.file.getvalue()


@pytest.mark.parametrize("value,half", [(1.23456, 0.0123), (12345.6, 300.0), (0.0001, 1e-9), (99.96, 12.3)])
def test_cells_fit_their_column(value, half):
    from tokenizers_lab.report.verdict import Cell

    for goal in GOALS:
        text = cell_text(goal, Cell(value, half, 12, True))
        assert len(text) <= 12 and text.endswith(" 12=")


def test_intervals_are_rounded_up_where_there_is_little_room():
    from tokenizers_lab.report.goals import BY_KEY
    from tokenizers_lab.report.verdict import Cell

    goal = BY_KEY["bytes_per_token"]
    assert cell_text(goal, Cell(4.6701, 0.0412, 2, False)) == "4.670±.041 2"
    assert cell_text(goal, Cell(4.6701, 0.0412, 1, True)) == "4.670±.05 *="
    assert cell_text(goal, Cell(4.6701, 0.0012, 1, True)) == "4.670±.01 *="
    assert cell_text(goal, Cell(4.6701, 0.04, 12, True)) == "4.670±.1 12="
    assert cell_text(BY_KEY["speed"], Cell(18.44, 3.04, 2, True)) == "18.4±3.0 2="
    assert cell_text(BY_KEY["speed"], Cell(123.4, 13.04, 2, True)) == "123.4±14 2="
    assert cell_text(BY_KEY["embedding"], Cell(77.2, 0.0, 2, False)) == "77.2 2"


def test_the_page_opens_with_it(results):
    page = lab.write_report(results)
    assert page.index('id="verdict"') < page.index('id="views"') < page.index("<details")
    assert "large [x]" in page and "loses bytes" in page
    assert "scrolls sideways" in page and "<script" not in page
    assert page.count('<span class="t0"') > 10
    for element in ("section", "details", "table", "div"):
        assert page.count(f"<{element}") == page.count(f"</{element}>") > 0
    other = lab.write_report(results, weights={"tr": 1})
    assert "Means over files: tr.txt 100%." in other and other != page
    shown = results._repr_html_()
    assert shown.startswith('<div class="tokenizers-lab">') and "<table" in shown and ":root" not in shown
    assert repr(results) == "<Results: 4 codecs on 3 files>"


def test_tables_for_other_programs(results, tmp_path):
    write_csv(results, tmp_path / "v.csv")
    write_parquet(results, tmp_path / "v.parquet")
    lines = (tmp_path / "v.csv").read_text().splitlines()
    assert lines[0] == ",".join(COLUMNS)
    rows = results.rows()
    assert len(lines) == 1 + len(rows) and {row["schema"] for row in rows} == {VERSION}
    table = pyarrow.parquet.read_table(tmp_path / "v.parquet")
    assert table.to_pylist() == rows and table.schema.metadata[b"tokenizers_lab"] == b"%d" % VERSION
    means = [r for r in rows if r["file"] == "" and r["goal"] == "bytes_per_token"]
    assert {r["codec"]: r["rank"] for r in means} == {"large [x]": 1, "small": 2, "bytes": 3, "losing": None}


def test_json_keeps_all_of_it(results, tmp_path):
    (tmp_path / "R.json").write_text(json.dumps(results))
    from tokenizers_lab.report import read_results

    again = read_results(tmp_path / "R.json")
    assert isinstance(again, Results) and str(again) == str(results) and again["tokenizers_lab"] == VERSION
    again["tokenizers_lab"] = 1
    del again["settings"]
    (tmp_path / "old.json").write_text(json.dumps(again))
    old = read_results(tmp_path / "old.json")
    assert str(old) == "" and "without a verdict" in old._repr_html_() and old.rows() == []
    assert 'id="verdict"' not in lab.write_report(tmp_path / "old.json")


def test_passages_are_the_text(results):
    import base64

    for view in results["views"]:
        raw = base64.b64decode(view["bytes"])
        assert 0 < len(raw) <= 320
        for name in ("large [x]", "small", "bytes"):
            assert view["codecs"][name]["ends"][-1] == len(raw)
            shown = "".join(p.text for p in pieces(view, name))
            if raw.isascii():
                assert shown == visible(raw)
        assert [p.token for p in pieces(view, "bytes")] == list(raw)
    assert visible("a\tĞ\n".encode() + b"\xff\x1b") == "a→Ğ↵\\xff\\u001b"


def test_weights_are_read():
    assert read_weights("en=.5, tr=0,a=b=1e1") == {"en": 0.5, "tr": 0.0, "a=b": 10.0}
    assert read_weights(None) is None and matched(None, ["a", "b"]) == {"a": 0.5, "b": 0.5}
    found = matched({"a.txt": 3, "b": 1}, ["a.txt", "x/b.py.gz", "c"])
    assert found == {"a.txt": 0.75, "x/b.py.gz": 0.25, "c": 0}


@pytest.mark.parametrize("text", ["", ",", "en", "en=", "=1", "en=x", "en=-1", "en=nan", "en=inf", "a=1,a=2"])
def test_weights_that_are_none(text):
    with pytest.raises(LabError, match="--weights"):
        read_weights(text)


@pytest.mark.parametrize(
    "weights,match",
    [
        ({"de": 1}, "'de', which is no file here; the files: en.txt, en.py"),
        ({"en": 1}, "may mean en.txt or en.py"),
        ({"en.txt": 0}, "all 0"),
        ({"en.txt": -1}, "0 or more"),
        ({"en.txt": "x"}, "0 or more"),
    ],
)
def test_weights_of_no_file(weights, match):
    with pytest.raises(LabError, match=match):
        matched(weights, ["en.txt", "en.py"])
    with pytest.raises(LabError, match=match):
        lab.analyze(["bytes"], {"en.txt": b"abc", "en.py": b"abc"}, weights=weights)
