"""``python -m bench coding`` on 20 KB: the bound holds, and the claims printed are computed, not assumed."""

import itertools
import json

import numpy as np
import pytest
from click.testing import CliRunner

from bench import cli, coding


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    out = tmp_path_factory.mktemp("coding") / "coding.json"
    ran = CliRunner().invoke(cli.main, ["coding", "--bytes", "20000", "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    return json.loads(out.read_text()), ran.output


def test_every_coder_keeps_the_bound_and_gives_its_symbols_back(measured):
    found, output = measured
    assert found["within_bound"] and "every coder within the bound" in output
    for line in found["coders"]:
        assert line["round_trip"] and line["bytes"] > 10_000
        if "constriction" not in line["name"]:
            assert -1 <= line["excess_bytes"] <= line["bound_bytes"]
            assert line["bound_bytes"] == pytest.approx(8 + 1e-4 * line["ideal_bytes"])


def test_a_total_of_2_to_the_16_ruins_a_large_vocabulary_and_2_to_the_24_does_not(measured):
    lines = measured[0]["totals"]
    large = {line["shape"]: line["excess"] for line in lines if line["alphabet"] == 49152}
    for excess in large.values():
        costs = [excess[str(bits)] for bits in coding.TOTALS]
        assert all(a >= b - 1e-12 for a, b in itertools.pairwise(costs))
    assert large["p(max) 0.9"]["16"] > 1.5 and large["p(max) 0.999"]["16"] > 1.9
    assert large["p(max) 0.9"]["24"] < 0.005 and large["p(max) 0.9"]["28"] < 1e-5
    small = [line["excess"] for line in lines if line["alphabet"] == 256]
    assert all(excess["16"] < 0.005 and excess["24"] < 1e-6 for excess in small)


def test_a_coder_over_the_bound_fails_the_command(monkeypatch):
    honest = coding.binary_coder

    def wasteful(size, rng):
        line = honest(size, rng)
        return {**line, "excess_bytes": line["bound_bytes"] + 1}

    monkeypatch.setattr(coding, "binary_coder", wasteful)
    ran = CliRunner().invoke(cli.main, ["coding", "--bytes", "2000"])
    assert ran.exit_code == 1 and "MISSED THE BOUND" in ran.output


def test_shapes_are_distributions():
    for alphabet in (256, 49152):
        for _, exponent, peak in coding.SHAPES:
            p = coding.zipf(alphabet, exponent, peak)
            assert p.sum() == pytest.approx(1) and p.min() > 0 and p.max() >= peak
            assert np.array_equal(p, coding.zipf(alphabet, exponent, peak))
