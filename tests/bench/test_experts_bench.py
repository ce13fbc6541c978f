"""``python -m bench experts``: the table's rows are predictors that code, and the speeds are of the same
work."""

from __future__ import annotations

import itertools
import json

import pytest
from click.testing import CliRunner
from support import ROOT

from bench import experts
from bench.cli import main
from bench.experts import PARTS, PRIMED, PRIORS
from nzip.predictors import registry


@pytest.mark.slow
def test_sizes_are_those_of_the_predictors(tmp_path, monkeypatch):
    path = tmp_path / "head.txt"
    path.write_bytes((ROOT / "corpora/samples/alice29.txt").read_bytes()[:3000])
    out = tmp_path / "found.json"
    parts = ["mix:5 without priors", "+priors", "+primer (-5)", "+ssm (-6)"]
    arguments = ["experts", str(path), "--sizes", "1K,9K", "--parts", ",".join(parts), "--out", str(out)]
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0 and "KB/s" in done.output
    cells = json.loads(out.read_text())["cells"]
    assert {cell["size"] for cell in cells} == {1000, 3000}  # the second size is more than the file has
    assert {cell["part"] for cell in cells} == set(parts) and len(cells) == 8
    sizes = [cell["count"] for cell in cells if cell["size"] == 3000]
    assert all(b <= a + 4 for a, b in itertools.pairwise(sizes)) and sizes[-1] < sizes[0]  # no part harms
    for cell in cells:
        spelling, start = PARTS[cell["part"]]
        if start != PRIORS:
            predictor = registry.create(spelling)
            coded = (predictor if start == PRIMED else predictor.with_primer(None)).encode(
                path.read_bytes()[: cell["size"]]
            )
            assert cell["count"] == sum(map(len, coded))
    # What is known is not coded again, unless the bytes are others.
    monkeypatch.setattr(experts, "code", lambda *arguments: pytest.fail("coded again"))
    again = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert again.output.split("KB/s")[1] == done.output.split("KB/s")[1]
    shown = CliRunner().invoke(main, [*arguments, "--kept", "--mean"], catch_exceptions=False)
    gain = 100 * (sizes[3] / sizes[2] - 1)
    assert (
        "3,000 bytes of 1 files: mix:5 without priors" in shown.output
        and f"+ssm (-6) {gain:+.2f}%" in shown.output
    )
    path.write_bytes(b"x" * 3000)
    with pytest.raises(pytest.fail.Exception):
        CliRunner().invoke(main, arguments, catch_exceptions=False)


def test_wrong_words():
    assert CliRunner().invoke(main, ["experts", "x", "--parts", "none"]).exit_code == 2
    assert CliRunner().invoke(main, ["experts"]).exit_code == 2
    assert CliRunner().invoke(main, ["experts", "x", "--kept"]).exit_code == 2


def test_the_engine_is_measured_against_its_own_products():
    from bench.experts import engine_speed

    step, kernel, speed = engine_speed(500, 1)
    assert 0 < step < 3 * kernel and speed > 0
