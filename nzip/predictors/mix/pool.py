"""Primed mixes that stay in memory between short texts: for calls that code thousands of small files.

Reading a primed mix from the cache takes as long as coding some ten thousand bytes, and choosing how a text
is coded takes half a dozen of them. Here a mix is lent for one text, and what the text changed is put back
(undo.py), so that the next finds it fresh. Nothing is kept unless somebody opens the pool for many texts
(:meth:`Pool.open`).

Concession: which mixes stay is told by use alone, the least recently used goes first; where texts ask in turn
for more mixes than fit, each is read anew.
"""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from nzip.exact.jit import expect_many_calls
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import undo
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.primers import Primer
from nzip.predictors.mix.state import Mix, memory
from nzip.predictors.mix.warm_start import fresh_lanes, warm

DEFAULT = 320 << 20  # bytes of mixes that may stay


class _Key(NamedTuple):
    """What tells primed mixes apart."""

    level: int
    code: int
    dictionary: int
    hash: bytes


class _Kept(NamedTuple):
    """A mix, and ``room`` uint8: the primer's text, and behind it space for a text."""

    undo: undo.Undo
    room: np.ndarray


class Pool:
    """Primed mixes by level and primer, each lent to one text at a time. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit = 0
        self._held = 0  # bytes of all mixes, lent ones included
        self._free: OrderedDict[_Key, list[_Kept]] = OrderedDict()

    @contextlib.contextmanager
    def open(self, limit: int = DEFAULT) -> Iterator[None]:
        """Keep up to ``limit`` bytes of mixes while the context lasts."""
        expect_many_calls()
        with self._lock:
            before, self._limit = self._limit, max(limit, self._limit)
        try:
            yield
        finally:
            with self._lock:
                self._limit = before
                if not before:
                    self._free.clear()
                    self._held = 0

    def is_open_for(self, size: int) -> bool:
        """Whether a text of ``size`` bytes may be lent a mix."""
        return 0 < size <= undo.MOST and self._limit > 0

    @contextlib.contextmanager
    def lent(self, level: int, primer: Primer, text: np.ndarray) -> Iterator[tuple[Mix, np.ndarray, int]]:
        """For ``text`` (uint8) behind ``primer``, which is what ``level`` reads of it
        (:func:`nzip.predictors.mix.primers.portion`): the mix, the data that a kernel takes, and where the
        text begins in it. Neither may be kept. Where it fails the mix is lost, and nothing else."""
        key = _Key(level, primer.code, primer.dictionary, primer.hash)
        kept = self._take(key) or self._make(level, primer)
        first = len(primer.prefix)
        data = kept.room[: first + len(text)]
        data[first:] = text
        lanes = fresh_lanes([first], plan(level, primer.kind).warm_rate)
        try:
            yield kept.undo.begin(lanes, data, len(text)), data, first
            kept.undo.end()
        except BaseException:
            with self._lock:
                self._held -= _bytes_of(kept)
            raise
        self._give_back(key, kept)

    def _take(self, key: _Key) -> _Kept | None:
        with self._lock:
            free = self._free.get(key)
            return free.pop() if free else None

    def _make(self, level: int, primer: Primer) -> _Kept:
        coming = memory(plan(level, primer.kind), at.PRIMED_SIZE) + len(primer.prefix) + undo.MOST
        with self._lock:
            self._make_room(coming)
        room = np.zeros(len(primer.prefix) + undo.MOST, np.uint8)
        room[: len(primer.prefix)] = np.frombuffer(primer.prefix, np.uint8)
        kept = _Kept(undo.Undo(warm(level, primer, [0], 0)), room)
        with self._lock:
            self._held += _bytes_of(kept)
        return kept

    def _make_room(self, coming: int) -> None:
        """Let go of what was not used for longest until ``coming`` more bytes are within the limit."""
        while self._held + coming > self._limit:
            key = next((key for key, free in self._free.items() if free), None)
            if key is None:
                return
            self._held -= _bytes_of(self._free[key].pop())
            if not self._free[key]:
                del self._free[key]

    def _give_back(self, key: _Key, kept: _Kept) -> None:
        with self._lock:
            if self._held > self._limit:
                self._held -= _bytes_of(kept)
                return
            self._free.setdefault(key, []).append(kept)
            self._free.move_to_end(key)


def _bytes_of(kept: _Kept) -> int:
    return kept.undo.nbytes + kept.room.nbytes


POOL = Pool()
