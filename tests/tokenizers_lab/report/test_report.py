"""The page: self-contained, well formed, both colour schemes, every table, the same for the same results."""

import io
import os
import re
import sys
import xml.dom.minidom
from pathlib import Path

import pytest

import tokenizers_lab as lab
from tokenizers_lab.cli.main import main
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.report.tables import number, tables, with_interval


@pytest.fixture(scope="module")
def results(bpe, english):
    texts = {"a & <b>.txt": english[:15_000], "tr.txt": "İstanbul'da ığüşöç ".encode() * 60}
    return lab.analyze(
        [bpe, bpe.truncated(400)], texts, compressors=("gzip", "zstd"), domains=True, labels=["A [x]", "B"]
    )


def test_the_page_needs_nothing_else(results, tmp_path):
    page = lab.write_report(results, tmp_path / "R.html")
    assert (tmp_path / "R.html").read_text() == page
    assert (
        not re.search(r"(?:src|href)\s*=\s*[\"'](?!#)", page.replace("xlink:href", "x"))
        and "@import" not in page
        and "<script" not in page
    )
    addresses = set(re.findall(r"https?://[^\s\"'<>]+", page))
    assert all("w3.org" in a for a in addresses)  # names of XML, never fetched
    assert "prefers-color-scheme: dark" in page and "currentColor" in page and "var(--s0)" in page
    assert "#010203" not in page and "#0a0b00" not in page  # every placeholder became a variable
    assert "a &amp; &lt;b&gt;.txt" in page and "a & <b>" not in page


def test_pictures_are_well_formed_and_ids_unique(results):
    page = lab.write_report(results)
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 3 * 2 + 1 + 1  # the second file is too short for prefix perturbation
    for drawing in drawings:
        xml.dom.minidom.parseString(drawing)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for used in re.findall(r"(?:xlink:href=\"#|url\(#)([^\")]+)", page):
        assert used in ids


def test_the_same_results_give_the_same_page(results):
    assert lab.write_report(results) == lab.write_report(results)


def test_every_table_is_in_page_and_terminal(results):
    from rich.console import Console

    from tokenizers_lab.report.terminal import show

    page = lab.write_report(results)
    console = Console(file=io.StringIO(), width=240)
    show(results, console)
    text = console.file.getvalue()
    found = tables(results)
    assert {t.title.split(": ")[-1] for t in found} >= {
        "length",
        "entropies",
        "use of the vocabulary",
        "UTF-8",
        "Domain mismatch",
        "bits per byte of the token stream",
        "Vocabulary overlap",
        "Glitch candidates",
    }
    import html

    for table in found:
        assert html.escape(table.title) in page and table.title in text
        for row in table.rows:
            assert len(row) == len(table.head)
            assert f"<td>{html.escape(row[0])}</td>" in page and row[0] in text
    assert "A [x]" in text  # names are not markup


def test_results_files_are_checked(tmp_path):
    for text, error in (
        ("{", DataError),
        ("[]", DataError),
        ('{"tokenizers_lab": 3, "codecs": []}', DataError),
        ('{"tokenizers_lab": 2, "codecs": []}', DataError),
    ):
        (tmp_path / "R.json").write_text(text)
        with pytest.raises(error):
            lab.write_report(tmp_path / "R.json")
    with pytest.raises(LabError):
        lab.write_report(tmp_path / "none.json")


def test_figures_for_people():
    assert number(None) == "–" and number(1234567) == "1,234,567" and number(1.23456) == "1.235"
    assert (
        with_interval({"value": 1.0, "low": 0.5, "high": 1.5}) == "1.000 (0.500–1.500)"
        and with_interval(None) == "–"
    )


def test_learning_curves_say_what_they_show():
    from tokenizers_lab.report.lm_page import _shown_part

    arms = [("A", [{"held_out": {"bytes": 1_000_000}}]), ("B", [{"held_out": {"bytes": 1_000_000}}])]
    text = _shown_part({"eval_bytes": 262_144}, arms)
    assert "that fit into 262,144 bytes" in text and "the tables: 1,000,000 bytes" in text
    assert _shown_part({}, arms) == ""  # results of old do not say


def test_names_that_are_no_text_stand_in_results_tables_and_pages(tmp_path, bpe, monkeypatch):
    """Of files and codecs, on a terminal that knows ASCII only; they ended with exit code 3."""
    odd, codec = (
        os.fsdecode(os.fsencode(tmp_path) + b"/\xff.txt"),
        os.fsdecode(os.fsencode(tmp_path) + b"/\xfe.json"),
    )
    Path(odd).write_bytes("the cat é 日本\n".encode() * 50)
    bpe.save(codec)
    for words in (
        ["analyze", odd, "--codec", codec, "--json", "R.json", "--compressors", "none"]
        + ["--csv", "R.csv", "--parquet", "R.parquet"],
        ["report", "R.json", "-o", "R.html", "--csv", "S.csv", "--parquet", "S.parquet"],
        ["dataset", "build", odd, "--codec", codec, "-o", "d", "--workers", "1"],
        ["dataset", "info", "d"],
        ["dataset", "sample", "d"],
    ):
        out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code in (0, None), words
    page = (tmp_path / "R.html").read_text("utf-8")
    assert "\ufffd.txt" in page and "\ufffd.txt" in (tmp_path / "S.csv").read_text("utf-8")


def test_results_of_a_stranger_with_half_characters_make_a_page(tmp_path, bpe):
    (tmp_path / "a.txt").write_bytes(b"the cat\n" * 50)
    lab.analyze([bpe], [tmp_path / "a.txt"], compressors=(), labels=["mine"], json_path=tmp_path / "R.json")
    text = (tmp_path / "R.json").read_text().replace('"mine"', '"mi\\ud800ne"')
    (tmp_path / "R.json").write_text(text)
    lab.write_report(tmp_path / "R.json", tmp_path / "R.html")
    assert "mi?ne" in (tmp_path / "R.html").read_text("utf-8")
