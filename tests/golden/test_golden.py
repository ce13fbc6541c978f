"""Golden files decode, by every reader: the package's and the reference's. Made by scripts/make_golden.py."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

import nzip
from nzip import reference
from nzip.container.framing import DRAFT

HERE = Path(__file__).parent
MANIFEST = json.loads((HERE / "manifest.json").read_text())
# Reading a primer costs seconds at the higher levels.
SLOW = {f"draft-{DRAFT}/{level}-primed.nz" for level in (2, 4, 5)}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in MANIFEST]


def is_right(name: str, data: bytes) -> bool:
    said = MANIFEST[name]
    return len(data) == said["size"] and hashlib.sha256(data).hexdigest() == said["sha256"]


def test_the_manifest_names_every_file():
    assert {p.relative_to(HERE).as_posix() for p in HERE.glob("draft-*/*")} == set(MANIFEST)


@pytest.mark.parametrize("name", NAMES)
def test_decodes(name, primed_cache):
    assert is_right(name, nzip.decompress((HERE / name).read_bytes()))


@pytest.mark.parametrize(
    "name",
    [
        n
        for n, said in MANIFEST.items()
        if said["level"] in (0, 3)
        and said["size"] <= 600
        and not n.endswith("primed.nz")
        and "embedded" not in n
    ],
)
def test_decodes_by_the_reference(name):
    assert is_right(name, reference.decode((HERE / name).read_bytes()))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        n
        for n, said in MANIFEST.items()
        if "primed" not in n and "head" not in n and 0 <= said["level"] <= 5 and "embedded" not in n
    ],
)
def test_all_decode_by_the_reference(name):
    assert is_right(name, reference.decode((HERE / name).read_bytes()))
