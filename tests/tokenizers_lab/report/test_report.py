"""The page: self-contained, well formed, both colour schemes, every table, the same for the same results."""

import io
import re
import xml.dom.minidom

import pytest

import tokenizers_lab as lab
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
