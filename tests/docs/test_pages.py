"""The front page keeps its size, its commands and its links; so do the pages behind it."""

from __future__ import annotations

import re
import runpy
import tomllib

import pytest
from support import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


def _anchors(text: str) -> set[str]:
    """What a heading is called in a link, as GitHub makes it."""
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    broken = []
    for target, anchor in _LINK.findall(text):
        if target.startswith(("http:", "https:")):
            continue
        path = (page.parent / target).resolve() if target else page
        if not path.exists() or (anchor and anchor not in _anchors(path.read_text(encoding="utf-8"))):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_paths_that_are_named_exist(page):
    named = re.findall(
        r"`((?:nzip|tokenizers_lab|bench|tests|scripts|corpora|docs)/[\w./-]*)`",
        page.read_text(encoding="utf-8"),
    )
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_page_is_reached_from_the_front():
    reached, left = set(), [ROOT / "README.md"]
    while left:
        page = left.pop()
        if page in reached:
            continue
        reached.add(page)
        for target, _ in _LINK.findall(page.read_text(encoding="utf-8")):
            path = (page.parent / target).resolve()
            if target.endswith(".md") and path.exists():
                left.append(path)
    assert set(PAGES) - reached == set()


def test_the_front_page_is_short():
    assert len(README.split()) <= 900


def test_the_front_page_says_what_the_format_promises():
    from nzip.container.framing import DRAFT

    assert f"draft {DRAFT}" in README


def test_ci_finds_the_test_command():
    """As .ci/run takes it: the line that begins with python3 in the block behind the marker."""
    block = README.partition("<!-- test command -->\n```sh\n")[2].partition("```")[0]
    (command,) = [line for line in block.splitlines() if line.startswith("python3")]
    assert "-m pytest" in command and "-c constraints.txt" in command


def test_installing_always_takes_the_constraints():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for line in re.findall(r"pip install [^`\n]*", text):
            if "'.[" in line or line.endswith(" ."):
                assert "-c constraints.txt" in line, f"{page.name}: {line}"
            assert "nzip[" not in line, f"{page.name}: {line}"


def test_extras_that_are_named_exist():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {
        extra
        for page in PAGES
        for group in re.findall(r"'\.\[([\w,]+)\]'", page.read_text(encoding="utf-8"))
        for extra in group.split(",")
    }
    assert named and named <= extras.keys()


def test_the_layers_of_the_page_are_those_that_are_held():
    """docs/ARCHITECTURE.md lists the floors as import-linter's contracts do."""
    page = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    drawn = "\n".join(line[21:].strip() for line in page.splitlines() if line.startswith("    "))
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    held = [contract for contract in contracts if contract.get("containers")]
    assert len(held) == 3
    for contract in held:
        floors = [floor for floor in contract["layers"] if floor != "__main__"]
        assert "\n".join(floors) in drawn, contract["name"]


def test_the_drawing_has_every_floor_and_is_what_the_script_draws():

    drawing = (ROOT / "docs" / "architecture.svg").read_text("utf-8")
    script = runpy.run_path(str(ROOT / "scripts" / "draw_architecture.py"), run_name="drawn")
    assert drawing == script["draw"](), "python scripts/draw_architecture.py"
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    floors = [
        layer
        for c in contracts
        for layer in c.get("layers", ())
        if c["type"] == "layers" and "containers" in c
    ]
    drawn = set(re.findall(r"\w+", " ".join(re.findall(r'class="t[ m]*"[^>]*>([^<]*)<', drawing))))
    named = {name for layer in floors for name in re.findall(r"\w+", layer)} - {
        "__main__",
        "predictors",
        "coding",
    }
    assert named <= drawn and drawn - named <= {"binary", "symbols", "cdf"}
