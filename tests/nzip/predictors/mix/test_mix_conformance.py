"""The mix passes the conformance kit, alone and with experts of every kind as inputs."""

from __future__ import annotations

import functools

import pytest
import toys

from nzip import testing
from nzip.predictors.mix import MixPredictor

# Another process costs seconds of start-up, and the levels share their code. The primers that -5 reads take
# twenty seconds, and start a stream as those of -1 and -3 do.
LEVELS = [
    pytest.param(level, primed, check, id=f"{level}{'' if primed else '-cold'}-{check.__name__}", marks=marks)
    for level, primed, marks in (
        (0, True, ()), (1, True, ()), (3, True, ()), (5, False, ()), (5, True, pytest.mark.slow),
    )
    for check in testing.PREDICTOR_CHECKS
    if level == 3 or check is not testing.predictor_is_process_safe
]  # fmt: skip


@pytest.mark.parametrize(("level", "primed", "check"), LEVELS)
def test_levels(level, primed, check):
    check(functools.partial(MixPredictor, level, primed=primed))


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
