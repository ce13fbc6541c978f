"""How a block would be coded, and what a sample of it takes: for estimates, which cannot wait for the block.

:func:`outline` cuts a block into streams as encoding does; a :class:`Part` is one of them, with the ways of
coding it that would be tried. :func:`code_sample` codes stretches of a part into tables as large as the whole
stream would have, because smaller ones stay in the processor's cache and are faster than the real ones are.

Concession: of the ways that are tried a sample takes the likeliest, and of those with and without experts the
smaller; a level that would choose another one after longer trials is guessed a little wrong. An expert that
wants many lanes is timed on as many as suit the sample."""

from __future__ import annotations

import mmap
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nzip.predictors.kinds import BINARY, STORED, Content
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import cutting, primers
from nzip.predictors.mix.coder import CHUNK, Output
from nzip.predictors.mix.noise import is_noise
from nzip.predictors.mix.primer_choice import SHORT, Start
from nzip.predictors.mix.segments import gather
from nzip.predictors.mix.state import Mix
from nzip.predictors.mix.stream import Streams, _put_on, untold
from nzip.predictors.mix.trials import PART, PARTS, SAMPLE, WHOLE, ways

Trial = tuple[int, Start]


class Part(NamedTuple):
    """A stream of a block: its ``data`` (uint8), its ``content``, and the ``trials`` that encoding would
    make, the likeliest first: bits of the experts that help, and a start."""

    data: np.ndarray
    content: Content
    trials: list[Trial]


class Sampled(NamedTuple):
    """What coding a sample took: ``size`` raw bytes and ``coded`` ones; CPU ``seconds`` of coding them, and
    ``fixed`` ones of making ready, which a stream of any length takes once."""

    size: int
    coded: int
    seconds: float
    fixed: float


def outline(streams: Streams, block: np.ndarray) -> list[Part]:
    """``block`` (uint8) as the parts that a predictor with ``streams`` would code, the largest first."""
    words = streams.transforms
    cut = cutting.streams(block, streams.primed and streams.primer is None, words)
    parts = []
    for number, content in enumerate(cut.contents):
        own = block if cut.segments is None else gather(block, cut.segments, number)
        start = cut.starts[number] if cut.segments is not None else None
        if content.kind == STORED and not _noise(own):
            content = Content(BINARY)  # as encoding decides
        if content.kind == STORED:
            trials: list[Trial] = []
        else:
            helpers = sum(e.helps(own, content) << i for i, e in enumerate(streams.experts))
            if start:
                trials = [(streams.readers(helpers, start.form, len(own)), start)]
            else:
                trials = ways(streams, own, content, helpers)
        parts.append(Part(own, content, trials))
    return sorted(parts, key=lambda part: -len(part.data))


def _noise(data: np.ndarray) -> bool:
    return is_noise(data, lambda piece: len(Streams(1).code(piece, Content(BINARY), 1, None)[0]))


def stretches(part: Part, size: int, count: int) -> np.ndarray:
    """``count`` stretches from all over a part, ``size`` bytes together; all of a part that is no longer.
    Where the content has rows, stretches begin where rows begin."""
    data = part.data
    if len(data) <= size or count < 1:
        return data
    each = size // count
    begins = np.linspace(0, len(data) - each, count).astype(np.int64)
    if part.content.stride:
        begins -= begins % part.content.stride
    return np.concatenate([data[begin : begin + each] for begin in begins])


def tried_bytes(part: Part, size: int) -> tuple[float, int]:
    """What encoding a stream of ``size`` bytes like ``part`` codes besides it once: a share of the stream
    (whole trials of short ones) and bytes (samples of long ones)."""
    count = len(part.trials)
    helped = bool(part.trials and part.trials[0][0])
    if helped and count > 1 and size > SHORT:
        return 0.0, count * min(SAMPLE, size)
    if not helped and count > 1 and size > WHOLE:
        return 0.0, count * (PARTS * PART * 3 // 2)
    warm = any(start.primer and not helpers for helpers, start in part.trials)
    return max(0, count - 1) + float(warm and size <= SHORT), 0


def code_sample(streams: Streams, part: Part, sample: np.ndarray, whole: int, trial: Trial) -> Sampled:
    """Code ``sample`` (uint8) as a part of a stream of ``whole`` bytes, in the way of ``trial``."""
    helpers, start = trial
    some = streams.only(helpers).for_form(start.form)
    words, primer = start
    began = time.process_time()
    dictionary = words.dictionary if words else None
    primer = primers.portion(primer, streams.level, dictionary) if primer else None
    coded = words.apply(sample) if words else sample
    form = Content(at.CODED) if dictionary else part.content
    some.kernel(form)
    applied = time.process_time() - began
    lanes = some.lanes_for(len(coded))
    room_for = max(len(coded), whole if lanes == 1 else 0)
    began = time.process_time()
    mix, ends, room, first = some._start(form, lanes, room_for, primer)
    room = room[: first + len(coded)]
    room[first:] = coded
    if lanes == 1:
        ends = np.array([len(room)], np.int64)
    _put_on(room[first:], form)
    if len(sample) < whole:
        _touch(mix)
    fixed = time.process_time() - began
    output = Output(len(coded))
    began = time.process_time()
    if not some._walk(form, mix, ends, room, first, output, False, untold, None):
        return Sampled(len(sample), len(sample), applied + time.process_time() - began, fixed)
    size = len(output.finish())
    return Sampled(len(sample), min(size, len(sample)), applied + time.process_time() - began, fixed)


def _touch(mix: Mix) -> None:
    """Have the system give every page of the tables: a long stream needs each of them once, which a sample's
    speed would count as often as the sample goes into the stream."""
    for table in mix:
        if (
            isinstance(table, np.ndarray)
            and table.nbytes > 1 << 20
            and table.flags.c_contiguous
            and table.flags.writeable
        ):
            pages = table.reshape(-1).view(np.uint8)[:: mmap.PAGESIZE]
            pages[:] = pages.copy()


def coded_so_far(streams: Streams, part: Part, tell: Callable[[int], None] = untold) -> list[tuple[int, int]]:
    """Code all of a part in its likeliest way, no expert asked: pairs of the bytes of it that were read and
    what they took, after each piece of some thousand bytes."""
    start = part.trials[0][1]
    some = streams.only(0)
    words, primer = start
    dictionary = words.dictionary if words else None
    primer = primers.portion(primer, streams.level, dictionary) if primer else None
    coded = words.apply(part.data) if words else part.data
    form = Content(at.CODED) if dictionary else part.content
    mix, ends, room, first = some._start(form, 1, len(coded), primer)
    room[first:] = coded
    _put_on(room[first:], form)
    output = Output(len(coded))
    found: list[tuple[int, int]] = []
    scale = len(part.data) / max(1, len(coded))
    kernel = some.kernel(form)
    nothing = np.zeros((0, 1, 0, 0), np.uint32)
    for begin in range(first, len(room), CHUNK):
        steps = min(CHUNK, len(room) - begin)
        kernel(mix, room, ends, steps, False, output.coder, output.buffer, nothing)
        output.drain()
        done = round((begin + steps - first) * scale)
        found.append((done, output.written))
        tell(done)
    return found
