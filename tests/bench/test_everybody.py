"""The tables of docs/notes/everybody.md are the results file's, cell by cell, by paths that are written
down here once more and not taken from what made the page; and whoever changes a figure
of the page is found out."""

import importlib.util
import json
import random
import re
from functools import cache

import pytest
from support import ROOT

PAGE = (ROOT / "docs" / "notes" / "everybody.md").read_text("utf-8")
RESULTS = json.loads((ROOT / "bench" / "lab" / "everybody.json").read_text("utf-8"))
BLOCK = re.compile(r"<!-- (\w+): written by [^>]*-->\n(.*?)\n<!-- end of \1 -->", re.DOTALL)
# Who has no figure a byte, and wins nothing.
LOSING = {
    name: [k for part in ("domains", "languages") for k, e in t[part].items() if e["accounting"] != "ok"]
    for name, t in RESULTS["tokenizers"].items()
}


@cache
def figure(name: str, table: str, column: str):
    """What the JSON has for a cell, unrounded; None where it has nothing to show."""
    t = RESULTS["tokenizers"][name]
    if table in ("domains", "languages"):
        entry = t[table][column]
        return entry["bytes_per_token"]["value"] if entry["accounting"] == "ok" else None
    if table == "parity":
        return (t["parity"]["gini"] if column == "Gini" else t["parity"]["languages"][column]["parity"])[
            "value"
        ]
    if table == "words":
        return 100 * t["languages"][column]["retention"]["types"]
    every = t["languages"].values()
    if column in ("η", "Rényi 2"):
        key = "utilisation" if column == "η" else "renyi2"
        return sum(e[key] for e in every) / len(every)
    if column.startswith("order 2"):
        entry = t["languages"][column[-2:]]
        bits = entry["held_out"][2] / entry["bytes_per_token"]["value"]
        return bits if entry["accounting"] == "ok" else None
    if column[0] == "%":
        found = t["languages"][column[-2:]].get("morphology")
        return found and found["running"][column[1:-3].lower()]["value"]
    if column.startswith("MB/s"):
        return t["speed"][column[-2:]]["value"]
    paths = {
        "vocabulary": t["vocab"],
        "H₁, en": t["languages"]["en"]["h1"],
        "digits a token": t["digits"]["digits_per_token"],
        "8 digits": t["digits"]["tokens"]["8"],
        "4 spaces": t["indentation"]["4"],
        "16 spaces": t["indentation"]["16"],
        "2 tabs": t["indentation"]["2 tabs"],
    }
    return paths[column]


UNMARKED = ("vocabulary", "H₁, en", "digits a token", "8 digits")
LESS = ("order 2, en", "order 2, tr", "4 spaces", "16 spaces", "2 tabs")


@cache
def best(table: str, column: str) -> set[str]:
    if column in UNMARKED:
        return set()
    digits = 0 if column == "vocabulary" else 2
    values = {n: figure(n, table, column) for n in RESULTS["tokenizers"] if not LOSING[n]}
    values = {n: round(v, digits) for n, v in values.items() if v is not None}
    top = (min if table == "parity" or column in LESS else max)(values.values())
    return {n for n, v in values.items() if v == top}


def wrong(page: str) -> list[str]:
    """The cells of ``page`` that are not as the results file says, as "table: row, column"."""
    out = []
    blocks = dict(BLOCK.findall(page))
    size = [len(RESULTS["tokenizers"]), len(RESULTS["domains"]), len(RESULTS["languages"]), 128]
    if [int(n) for n in re.findall(r"\d+", blocks.pop("size"))] != size or RESULTS["bytes"] != 128 << 10:
        out.append("size")
    losing = {n: bad for n, bad in LOSING.items() if bad}
    for part in blocks.pop("accounting").split("; "):
        name, shown = re.fullmatch(r"`([^`]+)`: (.*)", part).groups()
        bad = losing.pop(name, None)
        if bad is None or shown != ("every text" if len(bad) == sum(size[1:3]) else ", ".join(bad)):
            out.append(f"accounting: {name}")
    out += [f"accounting: {name}" for name in losing]
    for table, text in blocks.items():
        head, _, *rows = ([c.strip() for c in line.strip("|").split("|")] for line in text.splitlines())
        if [row[0].strip("`") for row in rows] != list(RESULTS["tokenizers"]):
            out.append(f"{table}: rows")
        for name, *cells in rows:
            name = name.strip("`")
            for column, cell in zip(head[1:], cells, strict=True):
                value, shown = figure(name, table, column), cell.strip("*")
                digits = len(shown.partition(".")[2])
                good = shown == "–" if value is None else shown == f"{value:.{digits}f}"
                if not good or (cell != shown) != (name in best(table, column)):
                    out.append(f"{table}: {name}, {column}")
    return out


def test_every_figure_of_the_tables_is_the_results_files():
    assert wrong(PAGE) == []
    assert {name for name, _ in BLOCK.findall(PAGE)} == {
        "size", "accounting", "domains", "languages", "parity", "words", "use", "probes",
    }  # fmt: skip


def cells(page: str):
    """(where a figure of a table begins and ends in the page, its table, row, column)"""
    for block in BLOCK.finditer(page):
        if "|" not in block[2]:
            continue
        at = block.start(2)
        head = []
        for number, line in enumerate(block[2].splitlines(keepends=True)):
            parts = line.strip().strip("|").split("|")
            if number == 0:
                head = [c.strip() for c in parts]
            if number > 1:
                place = at + 1
                for column, part in zip(head, parts):
                    found = re.search(r"\d[\d.]*", part)
                    if column != "tokenizer" and found:
                        yield (
                            place + found.start(),
                            place + found.end(),
                            block[1],
                            parts[0].strip(" `"),
                            column,
                        )
                    place += len(part) + 1
            at += len(line)


@pytest.mark.parametrize("seed", range(3))
def test_one_wrong_digit_is_found_and_its_place_told(seed):
    """One figure of every column of every table, one digit of it made another."""
    rng = random.Random(seed)
    by_column = {}
    for cell in cells(PAGE):
        by_column.setdefault((cell[2], cell[4]), []).append(cell)
    assert len(by_column) > 80
    for (table, column), some in by_column.items():
        begin, end, _, name, _ = rng.choice(some)
        at = rng.choice([i for i in range(begin, end) if PAGE[i].isdigit()])
        other = rng.choice([d for d in "0123456789" if d != PAGE[at]])
        assert f"{table}: {name}, {column}" in wrong(PAGE[:at] + other + PAGE[at + 1 :])


def test_a_wrong_count_of_texts_or_a_lossy_one_left_out_is_found():
    assert wrong(PAGE.replace("15 tokenizers of others", "16 tokenizers of others")) == ["size"]
    assert wrong(PAGE.replace("`qwen2`: ta, ar", "`qwen2`: ta")) == ["accounting: qwen2"]
    assert wrong(PAGE.replace("`qwen2`: ta, ar; ", "")) == ["accounting: qwen2"]
    assert wrong(PAGE.replace("**2.52** |", "2.52 |", 1)) == ["domains: llama4, DNA"]


def test_figures_in_the_words_stand_in_the_tables():
    """Those with decimals; "n times" are quotients of two cells."""
    words = PAGE[PAGE.index("## What it shows") : PAGE.index("## Bytes are accounted")]
    tables = "\n".join(text for _, text in BLOCK.findall(PAGE))
    known = set(re.findall(r"\d+\.\d+", tables))
    known |= {f"{float(n):.2f}" for n in known}
    quotients = {
        f"{figure('cl100k_base', 'domains', kind) / figure('qwen2', 'domains', kind):.2f}"
        for kind in ("CSV", "log")
    }
    figures = re.findall(r"\d+\.\d+(?! ?ids)", words)
    assert len(figures) > 30
    for text in figures:
        assert text in known | quotients, text


def test_the_page_is_written_anew_as_it_stands(tmp_path):
    """What makes the page and what holds it agree."""
    spec = importlib.util.spec_from_file_location("everybody", ROOT / "bench" / "lab" / "everybody.py")
    everybody = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(everybody)
    (tmp_path / "page.md").write_text(PAGE, "utf-8")
    everybody.write(tmp_path / "page.md", RESULTS)
    assert (tmp_path / "page.md").read_text("utf-8") == PAGE
