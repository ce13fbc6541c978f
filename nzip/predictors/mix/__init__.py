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


def create(argument: str | None, experts: tuple[Expert, ...]) -> Predictor:
    """``mix[:LEVEL]`` with ``experts`` as further inputs. :class:`NzipError` where LEVEL is none of 1 to 5."""
    if argument is None:
        level = DEFAULT_LEVEL
    elif argument in ("1", "2", "3", "4", "5"):
        level = int(argument)
    else:
        raise NzipError(f"mix has the levels 1 to 5, and {argument!r} is none: write mix:3")
    from nzip.predictors.mix.model import MixPredictor  # start-up: numba

    return MixPredictor(level, experts)


def __getattr__(name: str):
    if name != "MixPredictor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nzip.predictors.mix.model import MixPredictor  # start-up: numba

    return MixPredictor
