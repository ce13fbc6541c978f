"""Short streams, which are coded by several predictors; the smallest is kept (:mod:`nzip.levels` says why).

Concession: they are coded one after the other, on one core, and all of them count as one block's progress.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from nzip.container import passport
from nzip.container.embedded_models import Model
from nzip.container.meter import Meter
from nzip.container.writer import HashedBlock, StreamWriter, code_block

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor


class Lesser(NamedTuple):
    """Another way of coding a stream that is one block, of ``most`` bytes at most: by what ``predictor``
    makes."""

    most: int
    predictor: Callable[[], Predictor]


class Alone(NamedTuple):
    """A stream's only block, by the predictor ``spelling``: its header and its payload."""

    spelling: str
    writer: StreamWriter
    head: bytes
    payload: bytes | memoryview


def smallest(
    predictors: Iterable[Predictor], data: memoryview, models: tuple[Model, ...], verify: bool, meter: Meter
) -> Alone:
    """``data`` as a stream of one block, by that of ``predictors`` that makes it smallest, the first of equal
    ones. ``models``, ``verify``, ``meter``: as of :class:`nzip.container.pipeline.StreamEncoder`."""
    found = []
    with meter.block(len(data)) as progress, contextlib.ExitStack() as stack:
        for predictor in predictors:
            stack.enter_context(predictor.sharing())
            block = code_block(predictor, data, verify=verify, progress=progress)
            found.append((_size(predictor, block, models), predictor, block))
        _, predictor, block = min(found, key=lambda one: one[0])
        # Only who wins is probed: to code a kilobyte more for each was an eighth of the time.
        writer = StreamWriter(passport.Passport.of(predictor), models)
    writer.saw(data)
    return Alone(predictor.spelling, writer, *writer.block(block))


def _size(predictor: Predictor, block: HashedBlock, models: tuple[Model, ...]) -> int:
    """Bytes of the stream's header and its only block."""
    writer = StreamWriter(passport.Passport.unprobed(predictor), models)
    head, payload = writer.block(block)
    return len(writer.header()) + len(head) + len(payload)
