"""The mix: context mixing over bits, with experts as further inputs. ``MixPredictor`` is all a user needs;
``create`` is the registry's factory.

``MixPredictor`` is imported when it is first asked for, so that plans, tables and primers can be read without
numba.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nzip.errors import NzipError
from nzip.levels import DEFAULT_LEVEL

if TYPE_CHECKING:
    from nzip.predictors.base import Expert, Predictor
    from nzip.predictors.mix.model import MixPredictor

__all__ = ["MixPredictor", "create"]

WITH_A_LEADER = 5


def create(argument: str | None, experts: tuple[Expert, ...]) -> Predictor:
    """``mix[:LEVEL]`` with ``experts`` as further inputs. Without LEVEL, :data:`DEFAULT_LEVEL`; beside an
    expert that leads, which takes a hundred times as long, ``WITH_A_LEADER``: streams that it does not help
    are coded by that level alone. :class:`NzipError` where LEVEL is none of 0 to 5."""
    if argument is None:
        level = WITH_A_LEADER if any(expert.leads for expert in experts) else DEFAULT_LEVEL
    elif argument in ("0", "1", "2", "3", "4", "5"):
        level = int(argument)
    else:
        raise NzipError(f"mix has the levels 0 to 5, and {argument!r} is none: write mix:3")
    from nzip.predictors.mix.model import MixPredictor  # start-up: numba

    return MixPredictor(level, experts)


def __getattr__(name: str):
    if name != "MixPredictor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nzip.predictors.mix.model import MixPredictor  # start-up: numba

    return MixPredictor
