"""What a block's decoding tells of: ranges of the block as they become final, the call filter undone.

Concession: an executable in several lanes is told of when all of it is there, since the filter is undone from
the front.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nzip.predictors.mix.call_filter import call_filter, filter_part


class HandingOn:
    """Between a walk over the lanes and a ``sink`` (:attr:`nzip.predictors.base.Predictor.hands_on`).

    ``block`` uint8 (size,): where the walk puts what it decodes. ``starts``: by lane, where it begins there.
    ``filtered``: the call filter is to be undone; ``plain`` then holds the block without it, which the walk,
    whose contexts are filtered bytes, must not see."""

    def __init__(
        self, sink: Callable[[int, memoryview], None], block: np.ndarray, starts: list[int], filtered: bool
    ):
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
