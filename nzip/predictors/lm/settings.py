"""What follows ``lm:`` in a spelling: a model's name or path, then ``,key=value`` settings.

``lm:smollm2-135m``, ``lm:/models/tiny.gguf,window=1024,lanes=1``. The spelling that a file keeps says all
that decoding depends on, but for the number of lanes, which each block keeps."""

from __future__ import annotations

from typing import NamedTuple

from nzip import pretrained
from nzip.errors import NzipError
from nzip.predictors.lm.source import LanguageModel, load
from nzip.predictors.spelling import Part

# Tokens of context: what a decoder of many lanes waits for is their keys and values, so they see less far.
WINDOW, WINDOW_OF_MANY, MANY = 1024, 640, 16
MIN_WINDOW, MAX_WINDOW = 16, 1 << 15
MAX_LANES = 64
AUTO_LANES = 16
# One more lane for so many bytes, until AUTO_LANES: each lane's cold start costs 50 to 90 bytes.
BYTES_PER_LANE = 10_000


class Settings(NamedTuple):
    """``model``: name or path; ``window``: tokens of context, 0 for a number that suits the lanes; ``lanes``:
    0 for a number that suits the size."""

    model: str
    window: int = 0
    lanes: int = 0

    def spelling(self) -> str:
        """The canonical argument, behind ``lm:``."""
        argument = self.model
        if self.window:
            argument += f",window={self.window}"
        if self.lanes:
            argument += f",lanes={self.lanes}"
        return str(Part("lm", argument))

    def lanes_for(self, size: int) -> int:
        """Lanes of a block of ``size`` bytes."""
        return min(self.lanes or max(1, min(AUTO_LANES, size // BYTES_PER_LANE)), max(1, size))

    def window_for(self, lanes: int) -> int:
        """Tokens of context in a block of ``lanes`` lanes."""
        return self.window or (WINDOW if lanes < MANY else WINDOW_OF_MANY)

    def load(self) -> LanguageModel:
        """The model they name. Raises :class:`NzipError` where it is not here or not supported."""
        return load(pretrained.find(self.model))

    def config(self, model: LanguageModel) -> dict:
        """For the passport: what weights and which tokenizer, and the window, where the settings name one."""
        hashes = {"weights": model.weights_hash, "tokenizer": model.vocabulary.hash()}
        return hashes | ({"window": self.window} if self.window else {})


def parse(argument: str | None) -> Settings:
    """The settings in an argument; :class:`NzipError` for what is none."""
    if not argument:
        raise NzipError("lm needs a model: write lm:smollm2-135m or lm:PATH (nzip model list shows names)")
    model, *others = argument.split(",")
    values = {}
    for other in others:
        key, _, value = other.partition("=")
        bounds = {"window": (MIN_WINDOW, MAX_WINDOW), "lanes": (1, MAX_LANES)}.get(key)
        if bounds is None:
            raise NzipError(
                f"lm has no setting {key!r}: it has window and lanes, as in lm:{model},window=1024,lanes=1"
            )
        if not value.isascii() or not value.isdigit() or not bounds[0] <= int(value) <= bounds[1]:
            raise NzipError(f"lm's {key} is a number from {bounds[0]} to {bounds[1]}, not {value!r}")
        values[key] = int(value)
    return Settings(model, **values)
