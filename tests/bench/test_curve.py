"""``python -m bench curve``: every part of a plan is left out once, and the whole plan is what nzip codes
with."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner

from bench import cli, curve
from nzip.predictors.kinds import IMAGE, TEXT, Content
from nzip.predictors.mix import constants
from nzip.predictors.mix.constants import CODED, SET_HITS
from nzip.predictors.mix.contexts import order
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.stream import Streams

LINES = b"".join(b"%d bottles of beer on the wall, %d bottles of beer.\n" % (n, n) for n in range(99, 39, -1))


def test_each_part_is_left_out_once():
    whole = plan(3, TEXT)
    found = curve.variants(whole)
    finals = len(whole.finals)
    assert finals and whole.third_apm
    assert len(found) == 1 + len(whole.recipes) + len(whole.sets) + finals + 2  # the last APM, and all
    assert (
        order(2) not in found["without order 2"].recipes
        and len(found["without order 2"].recipes) == len(whole.recipes) - 1
    )
    assert SET_HITS not in found["without the set by known contexts"].sets
    assert not found["without the APMs"].apms
    fast = plan(1, TEXT)
    assert len(curve.variants(fast)) == 2 + len(fast.recipes)  # and its run; one set, no APMs
    assert not any("set" in name for name in curve.variants(plan(1, IMAGE)))  # of one set there is no choice


def test_every_selector_has_its_name():
    """Selectors that went once left their names behind, and others' sets were called by them."""
    selectors = {
        name: value for name, value in vars(constants).items() if re.fullmatch("SET_[A-Z0-9_]+", name)
    }
    del selectors["SET_SIZE"]
    assert sorted(selectors.values()) == list(range(len(curve.SET_NAMES)))
    assert curve.SET_NAMES[constants.SET_EXPECTED] == "expected byte"
    assert curve.SET_NAMES[constants.SET_MATCH_HITS] == "match and known contexts"
    assert curve.SET_NAMES[constants.SET_PARTIAL_MATCH] == "bits so far and match"


def test_ranges_of_contexts_follow_the_context_that_went():
    whole = plan(3, CODED)
    begin, end = whole.runs
    found = list(curve.variants(whole).values())[1 : 1 + len(whole.recipes)]
    assert [each.runs for each in found] == [
        (begin - 1, end - 1) if i < begin else (begin, end - 1) for i in range(end)
    ]


@pytest.mark.slow  # compiles every part of a plan
def test_sizes_are_those_of_the_level(tmp_path):
    (tmp_path / "beer").write_bytes(LINES)
    ran = CliRunner().invoke(
        cli.main,
        [
            "curve",
            "--level",
            "1",
            "--raw",
            "--repeat",
            "1",
            "--out",
            str(tmp_path / "curve.json"),
            str(tmp_path / "beer"),
        ],
    )
    assert ran.exit_code == 0, ran.output
    rows = json.loads((tmp_path / "curve.json").read_text())["rows"]
    payload, _ = Streams(1).code(np.frombuffer(LINES, np.uint8), Content(TEXT), 1, None)
    assert abs(rows[0]["sizes"][0] - len(payload)) <= 8  # nzip drops trailing zeros of a payload
    assert rows[0]["size_ratio"] == rows[0]["cpu_ratio"] == 1 and all(row["size_ratio"] > 0.9 for row in rows)
    assert "without order 4" in ran.output


def test_bad_words_are_refused(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    for words in (["none"], [str(tmp_path / "empty")], ["--level", "6", str(tmp_path / "empty")]):
        ran = CliRunner().invoke(cli.main, ["curve", *words])
        assert ran.exit_code in (1, 2) and ran.output.strip()
