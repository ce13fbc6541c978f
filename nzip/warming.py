"""Compiles ahead what levels need, so that nobody waits later: for container images and CI.

Small samples are coded and decoded as users' files will be, of text in both of its forms and of what is no
text. Machine code then lies in nzip's cache, in both forms (:mod:`nzip.exact.native`).

Concession: contents that are rare (pictures, sound, DNA) share a kernel that is compiled here, but primers
are not read ahead: which ones are wanted the files say.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from nzip.exact.compiling import Compiling
from nzip.levels import LEVELS, levels_below, spelling_of
from nzip.predictors.base import Predictor
from nzip.predictors.kinds import BINARY, IMAGE, TEXT, Content
from nzip.predictors.mix import MixPredictor, cutting, primers
from nzip.predictors.mix.constants import CODED
from nzip.predictors.mix.stream import Streams
from nzip.predictors.mix.words import dictionary
from nzip.predictors.mix.words.options import Words
from nzip.predictors.registry import create

_SAMPLE, _LONG = 3000, 40_000


class Warmed(NamedTuple):
    """A level that is ready: ``compiled`` functions in so many ``seconds``; 0 where all were there."""

    level: int
    compiled: int
    seconds: float


ALL = tuple(level for level, known in LEVELS.items() if known.spelling)


def warm(levels: Iterable[int] = ALL) -> Iterator[Warmed]:
    """Compile what ``levels`` need that is not in the cache yet, one after the other, and tell of each.
    Raises :class:`nzip.NzipError` for a level that does not exist."""
    sample = np.frombuffer(primers.shipped(1).text[:_LONG], np.uint8)
    text = sample[:_SAMPLE]
    binary = (np.arange(_SAMPLE, dtype=np.int64) ** 2 >> 7).astype(np.uint8)
    for level in levels:
        began, before = time.perf_counter(), Compiling.done
        _look(sample)
        for number in (level, *(below for below, _ in levels_below(level))):
            _use(create(spelling_of(number)), (text, binary))
        yield Warmed(level, Compiling.done - before, time.perf_counter() - began)


def _look(text: np.ndarray) -> None:
    """What looks at a long block, and what makes coded text of a primer and tables of a dictionary."""
    block = text.tobytes() + np.arange(len(text) // 8, dtype=np.int64).tobytes()
    cutting.streams(np.frombuffer(block, np.uint8), False, True)
    words = Words(dictionary.by_name("english"), 72)
    words.undo(words.apply(text), len(text))
    dictionary.build([b"the", b"of"], "")


def _use(predictor: Predictor, samples: tuple[np.ndarray, np.ndarray]) -> None:
    """Code and decode ``samples``, the first a text, with all that ``predictor`` may take for it."""
    for data in samples:
        params, payload = predictor.encode(data.tobytes())
        predictor.decode(params, payload, len(data))
    predictor.probe()
    if isinstance(predictor, MixPredictor):
        for mix in {1, predictor.level}:  # 1 tries how a text is best coded, at every level
            for kind in (TEXT, CODED, BINARY, IMAGE):
                Streams(mix).code(samples[0], Content(kind), 1, None)
