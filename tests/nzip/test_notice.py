"""NOTICE against what ships: every source of a primer, every sample, and licences that allow it."""

from __future__ import annotations

import csv
import importlib.util
import re

import pytest
from support import ROOT, corpus_path

NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def recipes():
    spec = importlib.util.spec_from_file_location("make_primers", ROOT / "scripts" / "make_primers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RECIPES


def named(name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", NOTICE) is not None


def test_every_source_of_a_primer_is_named(recipes):
    from nzip.predictors.mix import primers

    sources = {source for recipe in recipes.values() for source, _, _ in recipe}
    assert {source for source in sources if not named(source)} == set()
    assert {entry["name"] for entry in primers.index()} == set(recipes)


def test_no_more_is_named_than_is_used(recipes):
    """A source that left the recipes leaves NOTICE, too."""
    sources = {source for recipe in recipes.values() for source, _, _ in recipe}
    primers_part = NOTICE[NOTICE.index("Primers:") : NOTICE.index("Samples:")]
    found = re.findall(r"(?<![\w.-])(?:\w[\w.-]*)\.(?:txt|xml)(?![\w-])", primers_part)
    assert set(found) == sources


def test_every_sample_is_named():
    with open(ROOT / "nzip" / "benchmark" / "corpora.tsv", encoding="utf-8", newline="") as lines:
        rows = [row["name"] for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)]
    samples = [name.removeprefix("samples/") for name in rows if name.startswith("samples/")]
    assert samples and all(named(name) for name in samples)


FREE = (
    "public domain",
    "MIT",
    "ISC",
    "BSD-3-Clause",
    "PSF-2.0",
    "PostgreSQL licence",
    "CC-BY-SA",
    "CC0",
    "Apache-2.0",
    "BSD-2-Clause",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "curl",
    "Unlicense",
)


def test_every_source_may_be_passed_on(recipes):
    """By the licences that the corpora's manifest gives: one of each source's must be free enough for a
    wheel."""
    with open(corpus_path("MANIFEST.tsv"), encoding="utf-8", newline="") as lines:
        rows = {
            row["path"]: row["licence"]
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    for recipe in recipes.values():
        for source, _, _ in recipe:
            licence = rows[f"train/{source}"]
            assert any(free in licence for free in FREE), f"{source}: {licence}"


def counted() -> set[str]:
    """The sources of the dictionaries."""
    spec = importlib.util.spec_from_file_location("make_words", ROOT / "scripts" / "make_words.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recipes = module.RECIPES.values()
    return {source for recipe in recipes for _, sources in recipe.groups for source in sources}


def test_every_text_whose_words_were_counted_is_named_and_may_be_used():
    pytest.importorskip("scipy", exc_type=ImportError)
    part = NOTICE[NOTICE.index("Dictionaries:") : NOTICE.index("Weights:")]
    found = re.findall(r"(?<![\w.-])(?:\w[\w.-]*)\.(?:txt|xml)(?![\w-])", part)
    assert set(found) == counted()
    with open(corpus_path("MANIFEST.tsv"), encoding="utf-8", newline="") as lines:
        rows = {
            row["path"]: row["licence"]
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    for name in found:
        licence = rows[f"train/{name}"]
        assert any(free in licence for free in (*FREE, "WordNet 3.0 licence")), f"{name}: {licence}"


def mixture() -> dict:
    spec = importlib.util.spec_from_file_location("mixtures", ROOT / "scripts" / "mixtures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {name: text for texts in module.MIXTURES.values() for name, text in texts.items()}


def gathered() -> dict[str, str]:
    """The licences of the texts that have a section of their own (test_gather_texts.py)."""
    with open(ROOT / "scripts" / "gather_texts.tsv", encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["name"]: row["licence"] for row in rows}


def test_every_text_that_trained_the_weights_is_named():
    part = NOTICE[NOTICE.index("Weights:") : NOTICE.index("Licence texts")]
    found = re.findall(r"(?<![\w.-])(?:\w[\w.-]*)\.(?:txt|xml)(?![\w-])", part)
    assert set(found) == set(mixture()) - set(gathered())


def test_every_text_that_trained_the_weights_may_be_used():
    with open(corpus_path("MANIFEST.tsv"), encoding="utf-8", newline="") as lines:
        rows = {
            row["path"]: row["licence"]
            for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    made = gathered()
    for name in mixture():
        licence = made.get(name) or rows[f"train/{name}"]
        assert any(free in licence for free in (*FREE, "WordNet 3.0 licence", "Artistic")), (
            f"{name}: {licence}"
        )
