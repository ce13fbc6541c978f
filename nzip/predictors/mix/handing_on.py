"""What a block's decoding tells of: ranges as they become final, the call filter undone, and streams put back
to where they belong in the block.

Concessions: an executable in several lanes is told of when all of it is there, since the filter is undone
from the front; a block of several streams is told of in whole regions of 64 KiB, so that a million small
segments are no million calls.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nzip.predictors.mix.call_filter import call_filter, filter_part
from nzip.predictors.mix.segments import Segments, scatter
from nzip.predictors.mix.words.options import Words

REGION = 1 << 16  # bytes, as many as a check point of the container proves

Sink = Callable[[int, memoryview], None]


class HandingOn:
    """Between a walk over the lanes and a ``sink`` (:attr:`nzip.predictors.base.Predictor.hands_on`).

    ``block`` uint8 (size,): where the walk puts what it decodes. ``starts``: by lane, where it begins there.
    ``filtered``: the call filter is to be undone; ``plain`` then holds the block without it, which the walk,
    whose contexts are filtered bytes, must not see."""

    def __init__(self, sink: Sink, block: np.ndarray, starts: list[int], filtered: bool):
        self._sink = sink
        self._block = block
        self._given = list(starts)  # by lane, up to where it was told of
        self._filtered = filtered
        self._copied = 0
        self.plain = np.empty_like(block) if filtered else block

    def reached(self, lane: int, place: int) -> None:
        """The lane's bytes are decoded up to ``place`` in the block."""
        if self._filtered:
            if len(self._given) > 1:
                return
            self.plain[self._copied : place] = self._block[self._copied : place]
            self._copied = place
            undone = filter_part(self.plain, -1, self._given[0], place)
            if place < len(self._block):
                place = undone
        self._tell(lane, place)

    def finish(self) -> np.ndarray:
        """All is decoded: the block, uint8 (size,)."""
        if self._filtered and len(self._given) > 1:
            self.plain[:] = self._block
            call_filter(self.plain, -1)
            self._given = [0]
            self._tell(0, len(self.plain))
        return self.plain

    def _tell(self, lane: int, place: int) -> None:
        given = self._given[lane]
        if place > given:
            self._given[lane] = place
            self._sink(given, self.plain[given:place].data.toreadonly())


class Undoing:
    """As :class:`HandingOn`, of a stream whose words and lines are transformed: ``coded`` uint8 (length,) is
    where the walk puts it, ``plain`` uint8 (size,) what it stands for. ``sink`` may be None."""

    def __init__(self, sink: Sink | None, coded: np.ndarray, size: int, words: Words):
        self._sink = sink
        self._coded = coded
        self._given = 0
        self.plain = np.empty(size, np.uint8)
        self._decoder = words.decoder(self.plain)

    def reached(self, lane: int, place: int) -> None:
        """The coded stream, of one lane, is there up to ``place``."""
        self._decoder.feed(self._coded, place)
        self._tell()

    def finish(self) -> np.ndarray:
        """All is decoded: the stream, uint8 (size,). :class:`CorruptError` where it is none."""
        self._decoder.finish(self._coded)
        self._tell()
        return self.plain

    def _tell(self) -> None:
        done = self._decoder.done
        if self._sink is not None and done > self._given:
            self._sink(self._given, self.plain[self._given : done].data.toreadonly())
        self._given = done


Told = HandingOn | Undoing


class Scattering:
    """A block that its streams are put into, one after the other, and a ``sink`` that is told of it.

    ``block`` uint8 (size,) is whole once every stream of ``segments`` was."""

    def __init__(self, segments: Segments, size: int, sink: Sink | None):
        self.block = np.empty(size, np.uint8)
        self._segments = segments
        self._ends = np.cumsum(segments.lengths, dtype=np.int64)
        self._sink = sink
        # By region, the bytes that are still to come.
        self._left = np.full(-(-size // REGION), REGION, np.int32)
        if size % REGION:
            self._left[-1] = size % REGION

    def stream(self, number: int) -> Sink:
        """What takes ranges of one stream, each of its bytes once."""
        mine = np.flatnonzero(self._segments.streams == number)
        lengths = self._segments.lengths[mine]
        places = self._ends[mine] - lengths
        own = np.cumsum(lengths, dtype=np.int64) - lengths

        def take(start: int, part: memoryview | np.ndarray) -> None:
            first, end = scatter(
                self.block, np.frombuffer(part, np.uint8), start, own, places, lengths, self._left, REGION
            )
            if self._sink is not None and end > first:
                self._tell(first // REGION, -(-end // REGION))

        return take

    def _tell(self, first: int, end: int) -> None:
        """Tell of the regions from ``first`` to before ``end`` that have become whole."""
        assert self._sink is not None
        whole = np.flatnonzero(self._left[first:end] == 0) + first
        for run in np.split(whole, np.flatnonzero(np.diff(whole) > 1) + 1) if len(whole) else ():
            self._left[run] = -1
            start = int(run[0]) * REGION
            self._sink(start, self.block[start : (int(run[-1]) + 1) * REGION].data.toreadonly())
