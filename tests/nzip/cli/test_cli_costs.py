"""``measure --costs`` and ``--curve``, ``explain``: what they write, print and refuse."""

from __future__ import annotations

import json

import numpy as np
import pytest

import nzip

TEXT = b"The mill stood by the stream.\n<b>3 mills</b> stood by it, and \xd1\x8f too.\n" * 12


@pytest.fixture
def file(toys, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(TEXT)
    return path


def test_costs_to_a_file(nzip_cli, file, tmp_path):
    out = tmp_path / "costs.npy"
    ran = nzip_cli("measure", "--predictor", "count", file, "--costs", out)
    assert (ran.code, ran.err) == (0, "") and b"bits per byte" in ran.out
    assert np.array_equal(np.load(out), nzip.costs(TEXT, predictor="count").bits)
    ran = nzip_cli("measure", "--predictor", "count", file, "--costs", out)
    assert ran.code == 1 and "exists" in ran.err and ran.err.count("\n") == 1
    ran = nzip_cli("measure", "--predictor", "count", file, "--costs", out, "-f", "--json")
    said = json.loads(ran.out)
    assert said["schema"] == "nzip.costs/1" and said["size"] == len(TEXT)


def test_costs_of_standard_input_by_block(nzip_cli, file, tmp_path):
    out = tmp_path / "costs.jsonl"
    ran = nzip_cli("measure", "--predictor", "count", "--block-size", "512", "--costs", out, input=TEXT)
    assert ran.code == 0
    head, *rows = map(json.loads, out.read_text().splitlines())
    assert head["size"] == len(rows) == len(TEXT) and [row["start"] for row in rows] == list(range(len(TEXT)))


def test_distributions_to_a_file(nzip_cli, file, tmp_path):
    rows = tmp_path / "rows.npy"
    arguments = "measure", "--predictor", "count", "--block-size", "512", file, "--costs", tmp_path / "c.npy"
    ran = nzip_cli(*arguments, "--distributions", rows)
    assert ran.code == 0
    wanted = nzip.costs(TEXT, predictor="count", block_size=512, distributions=True).distributions
    assert np.array_equal(np.load(rows), wanted)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--costs", "c.csv"), ".npy, .jsonl or .parquet"),
        (("--costs", "c.npy", "--distributions", "d.txt"), "written as .npy"),
        (("--distributions", "d.npy"), "goes with --costs"),
        (("--raw",), "--raw belongs to --costs"),
        (("--curve", "c.txt"), ".json, .svg, .png or .pdf"),
        (("--curve", "c.svg", "--costs", "c.npy"), "give one of them"),
        (("--costs", "c.npy", "--protocol", "windows"), "has no costs"),
        (("--curve", "c.json", "--also", "nothing"), "--also nothing"),
        (("--costs", "no/such/folder/c.npy"), "no/such/folder"),
    ],
)
def test_what_cannot_be(nzip_cli, file, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    ran = nzip_cli("measure", "--predictor", "count", file, *arguments)
    assert ran.code == 1 and said in ran.err and ran.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(
    "verb", [("measure", "--costs", "c.npy"), ("explain",), ("explain", "--html", "p.html")]
)
def test_a_file_that_vanishes_and_a_predictor_that_cannot_tell(nzip_cli, file, tmp_path, monkeypatch, verb):
    monkeypatch.chdir(tmp_path)
    ran = nzip_cli(*verb, "--predictor", "count", "gone.txt")
    assert ran.code == 1 and ran.err == "nzip: gone.txt: no such file or directory\n"
    ran = nzip_cli(*verb, "--predictor", "toy", file)
    assert ran.code == 1 and "toy cannot say what each byte costs" in ran.err and ran.err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_curve_of_several_predictors(nzip_cli, file, tmp_path):
    out = tmp_path / "curve.json"
    ran = nzip_cli("measure", "--predictor", "count", file, "--curve", out, "--also", "runs")
    assert ran.code == 0 and ran.out.count(b"bits per byte") == 2
    found = json.loads(out.read_text())
    assert found["schema"] == "nzip.curve/1" and [line["predictor"] for line in found["lines"]] == [
        "count",
        "runs",
    ]
    line = found["lines"][0]
    assert line["places"][-1] == len(TEXT)
    assert line["bits_per_byte"][-1] == pytest.approx(
        nzip.costs(TEXT, predictor="count").bits_per_byte, abs=1e-5
    )
    pytest.importorskip("matplotlib")
    assert nzip_cli("measure", "--predictor", "count", file, "--curve", tmp_path / "c.svg").code == 0
    assert b"<svg" in (tmp_path / "c.svg").read_bytes()


def test_explain_prints_tables_and_lines(nzip_cli, file):
    ran = nzip_cli("explain", "--predictor", "count", file, "--lines", "2:3")
    said = ran.out.decode()
    assert ran.code == 0 and ran.err == ""
    for word in ("notes.txt under count", "words", "capitals", "tags", "line ends", "mill", "stood by it"):
        assert word in said
    assert "\x1b[" not in said and "2 of 24 lines" in said


def test_explain_against_a_file_and_a_predictor(nzip_cli, file, tmp_path):
    (tmp_path / "other.txt").write_bytes(TEXT[:200])
    ran = nzip_cli("explain", "--predictor", "count", file, "--against", tmp_path / "other.txt")
    assert ran.code == 0 and b"other.txt under count" in ran.out and b"bits there" in ran.out
    ran = nzip_cli("explain", "--predictor", "count", file, "--against", "runs")
    assert ran.code == 0 and b"notes.txt under runs" in ran.out
    ran = nzip_cli("explain", "--predictor", "count", file, "--against", "neither")
    assert ran.code == 1 and "--against neither: no such file, and no predictor" in ran.err
    assert ran.err.count("\n") == 1


def test_explain_as_json_lines(nzip_cli, file):
    ran = nzip_cli("explain", "--predictor", "count", file, "--json")
    head, *lines = map(json.loads, ran.out.splitlines())
    assert head["schema"] == "nzip.explain/1" and len(lines) == TEXT.count(b"\n")
    assert sum(line["bits"] for line in lines) == pytest.approx(head["bits"], abs=0.01)
    symbols = [symbol for line in lines for symbol in line["symbols"]]
    assert sum(symbol["length"] for symbol in symbols) == len(TEXT)
    assert all(symbol["guesses"][0][1] >= symbol["guesses"][1][1] for symbol in symbols)


def test_explain_as_a_page(nzip_cli, file, tmp_path):
    page = tmp_path / "page.html"
    ran = nzip_cli("explain", "--predictor", "count", file, "--html", page)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>") and "notes.txt under count" in text
    assert "http://" not in text.replace("http://www.w3.org", "") and "src=" not in text
    ran = nzip_cli("explain", "--predictor", "count", file, "--html", page)
    assert ran.code == 1 and "exists" in ran.err


def test_explain_of_nothing(nzip_cli, toys, tmp_path):
    (tmp_path / "empty").touch()
    ran = nzip_cli("explain", "--predictor", "count", tmp_path / "empty")
    assert ran.code == 0 and b"nothing to explain" in ran.out
    assert (
        nzip_cli("explain", "--predictor", "count", tmp_path / "empty", "--html", tmp_path / "p.html").code
        == 0
    )


@pytest.mark.parametrize("span", ["3", "3:1", "x:2", "-1:2"])
def test_ranges_of_lines_that_are_none(nzip_cli, file, span):
    ran = nzip_cli("explain", "--predictor", "count", file, "--lines", span)
    assert ran.code == 1 and ran.err.count("\n") == 1


def test_a_page_that_cannot_be_written_is_refused_before_the_work(nzip_cli, file, tmp_path, monkeypatch):
    from nzip import explanation

    def never(*_, **__):
        raise AssertionError("the work was begun")

    monkeypatch.setattr(explanation, "explain", never)
    page = tmp_path / "page.html"
    page.touch()
    for target in (page, tmp_path / "nowhere" / "page.html"):
        ran = nzip_cli("explain", "--predictor", "count", file, "--html", target)
        assert ran.code == 1 and ran.err.count("\n") == 1 and str(target) in ran.err
    assert sorted(tmp_path.iterdir()) == [file, page]


@pytest.mark.parametrize("option", ["--budget=1s", "--verify", "--embed-model"])
def test_explain_has_no_options_of_writing(nzip_cli, file, option):
    ran = nzip_cli("explain", option, file)
    assert ran.code == 1 and "no such option" in ran.err.lower()
