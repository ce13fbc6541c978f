"""``python -m bench experts``: the table's columns are predictors that code, and the speeds are of the same work."""

from __future__ import annotations

import json

from click.testing import CliRunner
from support import ROOT

from bench.cli import main
from bench.experts import PARTS
from nzip.predictors import registry


def test_sizes_are_those_of_the_predictors(tmp_path):
    path = tmp_path / "head.txt"
    path.write_bytes((ROOT / "corpora/samples/alice29.txt").read_bytes()[:3000])
    out = tmp_path / "found.json"
    parts = ["mix:5 cold", "+primer (-5)", "+ssm (-6)"]
    arguments = ["experts", str(path), "--sizes", "1K,9K", "--parts", ",".join(parts), "--out", str(out)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and "KB/s" in done.output
    rows = json.loads(out.read_text())
    assert [row["bytes"] for row in rows] == [1000, 3000]  # the second size is more than the file has
    for row in rows:
        data = path.read_bytes()[: row["bytes"]]
        for part in parts:
            spelling, primed = PARTS[part]
            predictor = registry.create(spelling)
            coded = (predictor if primed else predictor.with_primer(None)).encode(data)
            assert row["parts"][part][0] == sum(map(len, coded))
    assert CliRunner().invoke(main, ["experts", str(path), "--parts", "none"]).exit_code == 2
    assert CliRunner().invoke(main, ["experts"]).exit_code == 2


def test_the_engine_is_measured_against_its_own_products():
    from bench.experts import engine_speed

    step, kernel, speed = engine_speed(500, 1)
    assert 0 < step < 3 * kernel and speed > 0
