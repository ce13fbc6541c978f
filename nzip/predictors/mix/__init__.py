"""The mix: context mixing over bits, with experts as further inputs. ``MixPredictor`` is all a user needs."""

from nzip.predictors.mix.model import MixPredictor

__all__ = ["MixPredictor"]
