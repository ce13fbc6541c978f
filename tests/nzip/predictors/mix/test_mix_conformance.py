"""The mix passes the conformance kit, alone and with experts of every kind as inputs."""

from __future__ import annotations

import functools

import pytest
import toys

from nzip import testing
from nzip.predictors.mix import MixPredictor

# Another process costs seconds of start-up, and the levels share their code.
LEVELS = [
    pytest.param(level, check, id=f"{level}-{check.__name__}")
    for level in (0, 1, 3, 5)
    for check in testing.PREDICTOR_CHECKS
    if level == 3 or check is not testing.predictor_is_process_safe
]


@pytest.mark.parametrize(("level", "check"), LEVELS)
def test_levels(level, check):
    check(functools.partial(MixPredictor, level))


def counting():
    return MixPredictor(1, (toys.CountingExpert(),))


def deciding_on_two_lanes():
    return MixPredictor(1, (toys.RunExpert(),), lanes=2)


@pytest.mark.parametrize(
    "check",
    [testing.predictor_passport, testing.predictor_round_trips, testing.predictor_reports_progress],
    ids=lambda check: check.__name__,
)
@pytest.mark.parametrize("make", [counting, deciding_on_two_lanes])
def test_with_experts(make, check):
    check(make)


def test_threads_run_side_by_side():
    """Blocks are coded on several threads, and Ctrl-C is heard: the kernel lets go of the GIL."""
    from nzip.predictors.mix import kernel

    assert kernel.run.targetoptions.get("nogil")
