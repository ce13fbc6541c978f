"""``python -m bench profile``: parts that are what they claim, shares that add up. Times themselves are not
tested."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from bench import cli, profile, profile_parts
from nzip.predictors.content import TEXT
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.state import build

TEXT_BYTES = b"The quick brown fox jumps over the lazy dog, and the dog sleeps on.\n" * 40


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("profile")
    (folder / "text").write_bytes(TEXT_BYTES)
    words = [
        "profile",
        "--levels",
        "1",
        "--bytes",
        "2000",
        "--repeat",
        "1",
        "--out",
        str(folder / "profile.json"),
        str(folder / "text"),
    ]
    ran = CliRunner().invoke(cli.main, words)
    assert ran.exit_code == 0, ran.output
    return json.loads((folder / "profile.json").read_text()), ran.output


def test_parts_and_other_add_up_to_the_whole(measured):
    found, output = measured
    (level,) = found["levels"]
    assert found["bytes"] == 2000 and level["level"] == 1
    assert sum(part["ns_per_bit"] for part in level["parts"]) + level["other"] == pytest.approx(
        level["ns_per_bit"]
    )
    assert [part["name"] for part in level["parts"]] == list(profile.NAMES)
    assert sum(part["limit"] for part in level["parts"]) == pytest.approx(level["limit"])
    assert all(0 <= part["limit"] <= part["ns_per_bit"] for part in level["parts"])
    text_plan = plan(1, TEXT)
    assert (
        level["contexts"] == len(text_plan.recipes)
        and level["accesses_per_bit"] == len(text_plan.recipes) / 4
    )
    for word in (
        *profile.NAMES.values(),
        "other",
        "whole",
        "times the sum of the limits",
        "slot accesses a bit",
    ):
        assert word in " ".join(output.split())


def test_the_hashes_that_are_replayed_are_the_kernels(measured):
    """After the kernel has coded the data, the slot of every context of the last byte is there to be
    found."""
    from nzip.coding.binary import STATE_SIZE, start_encoder
    from nzip.predictors.mix.kernel import run

    data = np.frombuffer(TEXT_BYTES, np.uint8)[:2000].copy()
    chosen = plan(1, TEXT)
    hashes = np.zeros((len(data), 2, len(chosen.recipes)), np.uint64)
    profile_parts.contexts(build(chosen, len(data), 0, 1, [0]), data, hashes, True)
    mix = build(chosen, len(data), 0, 1, [0])
    coder, out = np.zeros(STATE_SIZE, np.uint64), np.zeros(22 * len(data) + 4096, np.uint8)
    start_encoder(coder, len(out))
    run(mix, data, np.array([len(data)]), len(data), False, coder, out, np.zeros((0, 1, 0, 0), np.uint32))
    before = mix.slots.copy()
    assert profile_parts.lookups(mix, hashes[-1:]) == hashes[-1].size  # each is known already
    assert (mix.slots != before).sum() <= hashes[-1].size
    strange = hashes[-1:] * np.uint64(0x9E3779B97F4A7C15) + np.uint64(12345)
    assert profile_parts.lookups(mix, strange) < hashes[-1].size


def test_bad_words_are_refused(tmp_path):
    (tmp_path / "short").write_bytes(b"short")
    for words in (["--levels", "7", "corpora"], [str(tmp_path / "short")], ["none"], ["--levels", "x", "y"]):
        ran = CliRunner().invoke(cli.main, ["profile", *words])
        assert ran.exit_code in (1, 2) and ran.output.strip()
