"""aarch64 under qemu makes the same bytes, and reads ours: the fast part of scripts/anywhere.py."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from support import ROOT

sys.path.insert(0, str(ROOT / "scripts"))

import anywhere
import anywhere_root

CASES = ("1-text", "1-mixed", "3-text", "3-mixed")


@pytest.mark.anywhere
def test_aarch64_makes_the_same_bytes_and_reads_ours(tmp_path):
    try:
        anywhere_root.command(anywhere_root.default_folder())
    except anywhere_root.RootError as error:
        pytest.skip(str(error))
    out = tmp_path / "anywhere.json"
    script = [sys.executable, str(ROOT / "scripts" / "anywhere.py"), "run", "--out", str(out)]
    script += ["--places", "native", "aarch64", "--cases", *CASES]
    done = subprocess.run(script, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    assert found["places"]["aarch64"]["machine"] == "aarch64"
    for name in CASES:
        case = found["cases"][name]
        assert len(case["streams"]) == 2 and len(set(case["streams"].values())) == 1
        wanted = {"aarch64 of native", "native of aarch64"} | ({"twin of native"} & {*case["decoded"]})
        assert case["decoded"] == dict.fromkeys(wanted, True)


def _results(**changes) -> dict:
    case = {
        "streams": {"native": "a", "aarch64": "a"},
        "bytes": {"native": 1, "aarch64": 1},
        "decoded": {"aarch64 of native": True, "native of aarch64": True},
    }
    places = {"native": {}, "aarch64": {}}
    return {"date": "", "host": {}, "places": places, "failed": [], "cases": {"1-text": case | changes}}


def test_what_differs_is_said():
    assert anywhere.differences(_results()) == []
    for changes in (
        {"streams": {"native": "a", "aarch64": "b"}},
        {"streams": {"native": "a"}},
        {"decoded": {"aarch64 of native": False}},
        {"decoded": {}},
    ):
        found = _results(**changes)
        assert len(anywhere.differences(found)) == 1
        # the way back, from aarch64 to here, has a column of its own
        assert "DIFFERS" in anywhere.table(found)
    other = _results(streams={"native": "b", "aarch64": "b"})
    assert anywhere.differences(anywhere.merged(_results(), other)) == [
        "1-text: native made another stream than before"
    ]


def test_without_a_root_it_says_how_to_get_one(tmp_path):
    with pytest.raises(anywhere_root.RootError, match="anywhere.py prepare"):
        anywhere_root.command(tmp_path)
