"""The conformance kit: what every predictor and every expert must pass, ours or a stranger's.

>>> import pytest, nzip.testing
>>> @pytest.mark.parametrize("check", nzip.testing.PREDICTOR_CHECKS, ids=lambda check: check.__name__)
... def test_mine(check):
...     check(make_my_predictor)

or all at once, ``nzip.testing.check_predictor(make)`` and ``check_expert(make)``. ``make`` takes nothing and
returns a new instance each time; the checks across processes need one that can be pickled (a function at a
module's top level). A check that fails raises :class:`ConformanceError`, an :class:`AssertionError` that says
what was promised and what was found.

Concession: passing is evidence, not proof. Exactness across machines in particular cannot be checked on one.
"""

from __future__ import annotations

from collections.abc import Callable

from nzip.predictors.base import Expert, Predictor
from nzip.testing.expert_checks import (
    expert_batch_equals_step,
    expert_codes_bare,
    expert_distributions_are_valid,
    expert_is_unmoved_by_use,
    expert_lanes_end_alone,
    expert_probe_is_stable,
    expert_survives_damage,
)
from nzip.testing.predictor_checks import (
    predictor_hands_on,
    predictor_is_process_safe,
    predictor_is_thread_safe,
    predictor_keeps_within_its_memory,
    predictor_leaves_its_input_alone,
    predictor_passport,
    predictor_probe_is_unmoved_by_use,
    predictor_reports_progress,
    predictor_round_trips,
    predictor_starts_from_heads,
    predictor_survives_damage,
)
from nzip.testing.samples import SIZE, ConformanceError, require, samples

__all__ = [
    "EXPERT_CHECKS",
    "PREDICTOR_CHECKS",
    "SIZE",
    "ConformanceError",
    "check_expert",
    "check_predictor",
    "expert_batch_equals_step",
    "expert_codes_bare",
    "expert_distributions_are_valid",
    "expert_is_unmoved_by_use",
    "expert_lanes_end_alone",
    "expert_probe_is_stable",
    "expert_survives_damage",
    "predictor_hands_on",
    "predictor_is_process_safe",
    "predictor_is_thread_safe",
    "predictor_keeps_within_its_memory",
    "predictor_leaves_its_input_alone",
    "predictor_passport",
    "predictor_probe_is_unmoved_by_use",
    "predictor_reports_progress",
    "predictor_round_trips",
    "predictor_starts_from_heads",
    "predictor_survives_damage",
    "require",
    "samples",
]

PREDICTOR_CHECKS = (
    predictor_passport,
    predictor_probe_is_unmoved_by_use,
    predictor_round_trips,
    predictor_leaves_its_input_alone,
    predictor_is_thread_safe,
    predictor_is_process_safe,
    predictor_survives_damage,
    predictor_keeps_within_its_memory,
    predictor_reports_progress,
    predictor_hands_on,
    predictor_starts_from_heads,
)
EXPERT_CHECKS = (
    expert_distributions_are_valid,
    expert_batch_equals_step,
    expert_lanes_end_alone,
    expert_is_unmoved_by_use,
    expert_probe_is_stable,
    expert_codes_bare,
    expert_survives_damage,
)


def check_predictor(make: Callable[[], Predictor]) -> None:
    """Every check for predictors. Raises :class:`ConformanceError` at the first that fails."""
    for check in PREDICTOR_CHECKS:
        check(make)


def check_expert(make: Callable[[], Expert]) -> None:
    """Every check for experts. Raises :class:`ConformanceError` at the first that fails."""
    for check in EXPERT_CHECKS:
        check(make)
