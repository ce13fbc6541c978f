"""How far off estimates are: the arithmetic on made-up rows, and the command over a few KB."""

import json

import pytest
from click.testing import CliRunner
from support import ROOT

from bench import estimates
from bench.cli import main


def test_the_errors():
    rows = [
        {"estimated_size": 110, "size": 100, "estimated_cpu": 1.0, "cpu": 1.0},
        {"estimated_size": 95, "size": 100, "estimated_cpu": 0.5, "cpu": 1.0},
        {"estimated_size": 100, "size": 100, "estimated_cpu": 1.25, "cpu": 1.0},
    ]
    found = estimates.errors(rows)
    assert found["size_median"] == pytest.approx(0.05) and found["size_largest"] == pytest.approx(0.1)
    assert found["cpu_median"] == pytest.approx(0.25) and found["cpu_largest"] == pytest.approx(0.5)
    assert estimates.errors([]) == {}


def test_the_command(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes((ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()[:4000])
    out = tmp_path / "e.json"
    ran = CliRunner().invoke(main, ["estimates", "--levels", "1", "--out", str(out), str(path)])
    assert ran.exit_code == 0 and "size, median" in ran.output
    (row,) = json.loads(out.read_text())["rows"]
    assert row["bytes"] == 4000 and abs(row["estimated_size"] / row["size"] - 1) < 0.1
    ran = CliRunner().invoke(main, ["estimates", str(tmp_path / "gone")])
    assert ran.exit_code == 1 and "not here" in ran.output
