"""What is written down while the mix codes a stream: bits by coded byte, and where they are wanted the
likeliest bytes, what groups of inputs were worth, and whole distributions.

A ledger is handed down the path that coding takes (stream.py), so that what is priced is what is coded.
Concession: a stream whose experts run in several lanes has its rows in memory all at once; else they are
taken a few thousand at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from nzip.errors import NzipError, Remedy
from nzip.predictors.mix import kernel, watching
from nzip.predictors.mix.coder import CHUNK
from nzip.predictors.mix.input_groups import APMS, groups
from nzip.predictors.mix.plan import Plan
from nzip.predictors.mix.state import Mix
from nzip.predictors.mix.watching import MAX_GROUPS
from nzip.predictors.pricing import Wish


class Ledger:
    """Of one stream; where it is coded more than once, of the last time. ``bits`` float32, by coded byte;
    ``coded`` uint8, those bytes as the mix saw them; ``guesses`` uint8 and ``chances`` float32 (n, k);
    ``names`` of the groups, ``total`` float64, and by coded byte the group that helped most and the one that
    harmed most. ``unlike``: see watching.py."""

    def __init__(self, wish: Wish):
        self.wish = wish
        self._everything = wish.guesses > 0 or wish.worth or wish.rows is not None
        self.bits = np.zeros(0, np.float32)
        self.coded = np.zeros(0, np.uint8)

    def open(
        self, mix: Mix, plan: Plan, experts: tuple[str, ...], room: np.ndarray, first: int, whole: bool
    ) -> Any:
        """``mix``, watched, for the stream in ``room[first:]`` (uint8). ``whole``: it is coded as one, not
        in pieces of at most CHUNK bytes between :meth:`begin` and :meth:`end`."""
        size = len(room) - first
        self._first, self.coded = first, room[first:]
        self.names, of_inputs = groups(plan, experts)
        self.names = (*self.names, *[""] * (MAX_GROUPS - 1 - len(self.names)), APMS)
        wish = self.wish
        if not self._everything:
            self._watched = watching.watched(mix, len(room))
            return self._watched
        rows = size if whole else min(size, CHUNK)
        self._watched = watching.watched(
            mix, len(room), rows, of_inputs if wish.worth else None, wish.guesses, wish.rows is not None
        )
        self.total = np.zeros(MAX_GROUPS)
        self.guesses = np.zeros((size, wish.guesses), np.uint8)
        self.chances = np.zeros((size, wish.guesses), np.float32)
        told = size if wish.worth else 0
        self.best, self.worst = np.zeros(told, np.uint8), np.zeros(told, np.uint8)
        self.gain, self.loss = np.zeros(told, np.float32), np.zeros(told, np.float32)
        self.begin(first)
        return self._watched

    def expect_bytes(self, form: str) -> None:
        """What is coded next is no longer raw bytes but ``form``: :class:`NzipError` where distributions of
        bytes are wanted."""
        if self.wish.rows is not None:
            raise NzipError(
                f"this text is coded as {form}, where bytes have no distributions",
                Remedy("ask for raw bytes with", "raw", True),
            )

    @property
    def kernel(self) -> Any:
        """What codes, for any plan, lanes and experts."""
        return kernel.WATCHING if self._everything else kernel.PRICING

    @property
    def everything(self) -> bool:
        """Whether more is wanted than bits."""
        return self._everything

    def side(self, position: int, bits: float) -> None:
        """A side decision before the byte at ``position`` in the room cost ``bits``."""
        self._watched.prices[position] += bits

    def begin(self, start: int) -> None:
        """The bytes from ``start`` on in the room come next."""
        if self._everything:
            self._watched.watch.window[0] = start

    def end(self, start: int, steps: int) -> None:
        """``steps`` of them are coded."""
        if not self._everything:
            return
        view, at = self._watched.watch, start - self._first
        upto = at + steps
        if self.wish.guesses:
            self.guesses[at:upto], self.chances[at:upto] = view.guesses[:steps], view.chances[:steps]
        if self.wish.worth:
            worth = view.worth[:steps]
            self.total += worth.sum(0, dtype=np.float64)
            each = np.arange(steps)
            self.best[at:upto], self.worst[at:upto] = worth.argmax(1), worth.argmin(1)
            self.gain[at:upto] = worth[each, self.best[at:upto]]
            self.loss[at:upto] = worth[each, self.worst[at:upto]]
        if self.wish.rows is not None:
            self._rows(at, view.rows[:steps])

    def _rows(self, at: int, rows: np.ndarray) -> None:
        """Told in places of the stream; pricing.py makes places of the block of them."""
        assert self.wish.rows is not None
        self.wish.rows(np.arange(at, at + len(rows)), rows)

    def close(self) -> None:
        """The stream is coded."""
        self.bits = self._watched.prices[self._first :]
        self.unlike = int(self._watched.unlike[0])
        del self._watched
