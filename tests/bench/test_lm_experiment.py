"""What is kept of the language models' experiment is whole, and another folder goes on from it."""

import importlib.util
import json
import xml.etree.ElementTree as tree

import pytest
from support import ROOT

pytest.importorskip("matplotlib")

LAB = ROOT / "bench" / "lab"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("lm_experiment", LAB / "lm_experiment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SERIES = sorted(p.parent for p in (LAB / "lm_experiment").rglob("results.json"))


@pytest.mark.parametrize("kept", SERIES, ids=lambda p: p.name)
def test_another_folder_goes_on_from_what_is_kept(script, kept, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "KEPT", kept)
    script.restore(tmp_path)
    runs = [
        json.loads(p.read_text()) for p in sorted((tmp_path / "results").iterdir()) if p.name.count(".") == 1
    ]
    together = json.loads((kept / "results.json").read_text())
    assert len(runs) == len(together["runs"]) >= 1 and (
        kept.name != "lm_experiment" or len(runs) == together["planned"]
    )
    held = {r["held_out"]["bytes"] for r in runs}
    assert len(held) == 1 and all(
        abs(r["bytes"] / 20e6 - 1) < 1e-3 for r in runs
    )  # judged on the same text, taught on as much


def test_the_pictures_stand_alone():
    pictures = list((LAB / "lm_experiment").rglob("*.svg"))
    assert SERIES and pictures
    for path in pictures:
        text = path.read_text()
        tree.fromstring(text)
        assert "var(" not in text and "currentColor" not in text


def test_the_table_has_a_row_an_arm_best_first(script):
    runs = json.loads((LAB / "lm_experiment" / "results.json").read_text())["runs"]
    rows = [line.strip("| ").split(" | ") for line in script.table().splitlines()]
    assert {row[0] for row in rows[2:]} == {r["arm"] for r in runs} and len(rows) == 2 + len(
        {r["arm"] for r in runs}
    )
    assert rows[0][1] == "bits/byte, 1M" and len(rows[1][0].split("|")) == len(rows[0])
    for row in rows[2:]:
        seeds = [r["held_out"]["bits_per_byte"] for r in runs if r["arm"] == row[0] and r["size"] == "1M"]
        assert (
            float(row[1].split(" ± ")[0]) == pytest.approx(sum(seeds) / len(seeds), abs=6e-5)
            if seeds
            else row[1] == ""
        )
    best = [min(float(cell.split(" ± ")[0]) for cell in row[1:3] if cell) for row in rows[2:]]
    assert best == sorted(best)


def test_curves_and_points_are_means_over_seeds():
    from tokenizers_lab.report.lm_page import plots

    def results(*bits):
        runs = [
            {
                "arm": "a",
                "size": "1M",
                "held_out": {"bits_per_byte": b},
                "cost": {"with_m1": 1e6},
                "curve": [{"bytes": 10**6, "bits_per_byte": b + 1}, {"bytes": 2 * 10**6, "bits_per_byte": b}],
            }
            for b in bits
        ]
        return [drawn for *_, drawn in plots({"runs": runs})]

    assert results(2.0, 3.0, 4.0) == results(3.0) != results(2.0)
