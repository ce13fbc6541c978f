"""One file, sampled: what each predictor would make of it, and how long it would take.

At most CAP bytes of the file are looked at, stretches from all over a longer one. The fastest level codes all
of them, which gives its size and how that grows; every other predictor codes small stretches of the same
streams, and its size is that of the fastest times what both made of one and the same stretches. Times are CPU
seconds of this run on this machine: a sample's speed, in tables as large as the file's would be, times the
bytes that the file's coding would take, trials included.

Concession: a stream's ways of being coded are those that the fastest level finds likeliest. Of predictors
that are not the mix a sample is coded as a block of its own."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nzip import codec
from nzip.levels import LEVELS
from nzip.predictors.base import Predictor
from nzip.predictors.mix import MixPredictor, outline
from nzip.predictors.mix.outline import Part
from nzip.predictors.mix.stream import Streams

CAP = 4 << 20  # bytes of a file that are looked at
STRETCH = 1 << 20  # of a longer one
WORK = 0.7  # CPU seconds that a sample should take
LEAST, MOST = 12_000, 192_000  # bytes of a sample
COUNT = 4  # stretches of a sample
SMALL = 0.02  # parts below this share of a block are guessed from the others
WARM = 4096  # bytes that are coded to have the machine code there
FRAMES = 60  # bytes of a stream's header and end, and for each block some more
SLOWEST_GROWTH = 0.9  # size grows at least as bytes to this power

Read = Callable[[int, int], bytes]
"""``read(offset, n)``: n bytes of the file, fewer where it ends."""


class Guess(NamedTuple):
    """Of one file: bytes that it would take, CPU seconds of coding them once, and whether all of it was
    coded."""

    size: float
    seconds: float
    exact: bool


def block_of(read: Read, size: int) -> np.ndarray:
    """The bytes of a file of ``size`` that are looked at, uint8: all, or stretches."""
    if size <= CAP:
        return np.frombuffer(read(0, size), np.uint8)
    begins = np.linspace(0, size - STRETCH, CAP // STRETCH).astype(np.int64)
    return np.frombuffer(b"".join(read(int(begin), STRETCH) for begin in begins), np.uint8)


class Sampled:
    """A block, cut once for all predictors. ``size``: of the file that it stands for, coded in blocks of
    ``block_size``; ``primed``: whether streams may start from what ships."""

    def __init__(self, block: np.ndarray, size: int, block_size: int, primed: bool = True):
        self.block = block
        self.size = size
        self.blocks = max(1, -(-size // block_size))
        self.each = min(size, block_size)  # bytes of a full block
        self.primed = primed
        self._parts: dict[tuple[str, ...], tuple[list[Part], float]] = {}
        self._base: list[tuple[Part, float, float]] = []  # parts, their bytes by the fastest, growth

    def guess(self, predictor: Predictor) -> Guess:
        """What ``predictor`` would make of the file."""
        if not len(self.block):
            return Guess(FRAMES, 0.0, True)
        if not isinstance(predictor, MixPredictor):
            return self._foreign(predictor)
        if not self._base:
            self._measure_base()
        streams = predictor._streams
        parts, cutting = self._outline(streams)
        whole = len(self.block)
        scale = self.each / whole  # of times and streams
        size = seconds = known = 0.0
        exact = whole == self.size and self.blocks == 1
        for part in parts:
            share = len(part.data) / whole
            if share < SMALL and known:
                continue
            stream = round(len(part.data) * scale)
            coded, took, sampled = self._part(streams, part, stream)
            size += coded
            seconds += took
            known += share
            exact = exact and sampled
        per_block = seconds / max(known, 1e-9) + cutting * scale
        total = size / max(known, 1e-9) * self.size / self.each
        limit = self.size + self.blocks * FRAMES
        return Guess(min(total + FRAMES + 12 * self.blocks, limit), per_block * self.size / self.each, exact)

    def _outline(self, streams: Streams) -> tuple[list[Part], float]:
        """The parts for predictors with these experts, and the CPU seconds that cutting took."""
        key = tuple(e.spelling for e in streams.experts)
        if key not in self._parts:
            outline.outline(streams, self.block[: 4 * WARM])  # machine code and snapshots are there now
            began = time.process_time()
            parts = outline.outline(streams, self.block)
            self._parts[key] = parts, time.process_time() - began
        return self._parts[key]

    def _measure_base(self) -> None:
        """Code the parts with the fastest level, whole."""
        streams = Streams(1, primed=self.primed)
        for part in self._outline(streams)[0]:
            if not part.trials or not len(part.data):
                self._base.append((part, float(len(part.data)), 1.0))
                continue
            course = outline.coded_so_far(streams, part)
            self._base.append((part, float(min(course[-1][1], len(part.data))), _growth(course)))

    def _part(self, streams: Streams, part: Part, stream: int) -> tuple[float, float, bool]:
        """Bytes and CPU seconds of a stream of ``stream`` bytes like ``part``, and whether all of it was
        coded."""
        if not part.trials:
            return float(stream), 0.0, True
        base = Streams(1, primed=self.primed)
        alike, whole, growth = self._base_of(part)
        if not alike.trials:
            return float(stream), 0.0, False
        long = whole * (stream / max(1, len(alike.data))) ** growth
        sample = outline.stretches(part, _sample_size(streams), COUNT)
        all_of_it = len(sample) == len(part.data) == stream
        raw = alike.trials[0]
        reference = outline.code_sample(base, alike, sample, stream, raw).coded
        found: dict[int, outline.Sampled] = {}
        for trial in _worth(part.trials):
            outline.code_sample(streams, part, sample[:WARM], 1, trial)  # machine code, snapshots
            found[trial[0]] = outline.code_sample(streams, part, sample, stream, trial)
        best = min(found.values(), key=lambda sampled: sampled.coded)
        share, extra = outline.tried_bytes(part, stream)
        speed = len(sample) / max(best.seconds, 1e-9)
        # with experts a byte takes many times as long as without
        each = sum(found[helpers].seconds for helpers, _ in part.trials) / len(sample)
        seconds = best.fixed + stream * (1 + share) / speed + extra * each / len(part.trials)
        if all_of_it:
            return float(best.coded), seconds, True
        return long * best.coded / max(1, reference), seconds, False

    def _base_of(self, part: Part) -> tuple[Part, float, float]:
        """What the fastest level made of the part of its own that is likest to ``part``."""
        return min(
            self._base,
            key=lambda entry: (
                entry[0].content.kind != part.content.kind,
                abs(len(entry[0].data) - len(part.data)),
            ),
        )

    def _foreign(self, predictor: Predictor) -> Guess:
        """Of a predictor of another kind: a sample coded as a block, all else in proportion."""
        sample = self.block[: min(len(self.block), LEAST)].tobytes()
        codec.encode_block(predictor, sample[:64])
        began = time.process_time()
        coded = codec.encode_block(predictor, sample)
        seconds = time.process_time() - began
        times = self.size / len(sample)
        size = (len(coded.params) + len(coded.payload)) * times + FRAMES + 12 * self.blocks
        return Guess(min(size, self.size + FRAMES * self.blocks), seconds * times, len(sample) == self.size)


def _worth(trials: list[outline.Trial]) -> list[outline.Trial]:
    """Of the ways that would be tried, one for each set of experts, and one without."""
    kept: dict[int, outline.Trial] = {}
    for trial in trials:
        kept.setdefault(trial[0], trial)
    return list(kept.values())


def _sample_size(streams: Streams) -> int:
    """Bytes of a sample: what takes about WORK seconds by the speeds that levels are known for."""
    spelling = "+".join([f"mix:{streams.level}", *(e.spelling for e in streams.experts)])
    known = [entry.speed for entry in LEVELS.values() if entry.spelling == spelling and entry.speed]
    speed = known[0] * 1000 if known else 20_000
    return min(MOST, max(LEAST, round(speed * WORK)))


def _growth(course: list[tuple[int, int]]) -> float:
    """The power of its bytes that a stream's size grew with from its half to its end."""
    end, size = course[-1]
    half = min(course, key=lambda point: abs(point[0] - end / 2))
    if half[0] >= end or half[1] <= 0 or size <= half[1]:
        return 1.0
    power = math.log(size / half[1]) / math.log(end / half[0])
    return min(1.0, max(SLOWEST_GROWTH, power))
