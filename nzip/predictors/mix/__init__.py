"""The mix: context mixing over bits, with experts as further inputs. ``MixPredictor`` is all a user needs.

It is imported when it is first asked for, so that plans, tables and primers can be read without numba.
"""

__all__ = ["MixPredictor"]


def __getattr__(name: str):
    if name != "MixPredictor":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from nzip.predictors.mix.model import MixPredictor

    return MixPredictor
