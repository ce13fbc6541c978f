"""Primed mixes for short texts: one set of tables, and many primers' snapshots beside it.

To try how a text is coded best takes half a dozen primed mixes, and to set up a whole one takes as long as
coding some ten thousand bytes. Here a *desk* has room for the tables of a mix, of which only what a text will
touch is put in place (touched.py), from snapshots that stay in memory between texts: for a moment, as long as
somebody codes (:meth:`Pool.held`), or for calls that code thousands of files (:meth:`Pool.open`).

Concession: which snapshots stay is told by use alone, the least recently used goes first.
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
from nzip.predictors.mix import primer_snapshot, touched
from nzip.predictors.mix.packed import Packed, pack
from nzip.predictors.mix.plan import Plan, plan
from nzip.predictors.mix.primer_snapshot import Contexts, Snapshot
from nzip.predictors.mix.primers import Primer
from nzip.predictors.mix.sizes import match_bits
from nzip.predictors.mix.state import Mix, build, zeros
from nzip.predictors.mix.warm_start import fresh_lanes, held, primed, snapshot_name

DEFAULT = 320 << 20  # bytes of snapshots and desks that may stay between files
_MOMENT = 128 << 20  # of snapshots, while one text is coded
_COPIED = ("state_map", "match_map", "run_map", "weights", "final_weights")
_TEXTS = 6  # primers' texts that a desk keeps, with room behind them
_SIZE = at.PRIMED_SIZE
_ZEROS = np.zeros(touched.LINE, np.uint8)
# Of match tables that nothing was read into.
_ENTRIES = 2 << match_bits(_SIZE)
_NO_MATCHES = pack(np.zeros(_ENTRIES * 4, np.uint8))


class _Form(NamedTuple):
    """What mixes of one plan have in common. ``mix``: all but the tables, which are small ones."""

    mix: Mix
    slots: int
    runs: int
    direct: int
    apm_row: np.ndarray


class _Desk:
    """Tables for one text at a time, large enough for every plan that was asked for."""

    def __init__(self) -> None:
        self._tables: dict[str, np.ndarray] = {}
        self._match_table = np.full((2, 1 << match_bits(_SIZE)), touched.UNKNOWN, np.uint32)
        self._texts: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._turn = 0
        self._left: np.ndarray | None = None  # entries of the match tables that were fetched

    @property
    def nbytes(self) -> int:
        tables = [*self._tables.values(), *self._texts.values(), self._match_table]
        return sum(table.nbytes for table in tables)

    def _table(self, name: str, count: int, kind: type) -> np.ndarray:
        """(count,) of a table, whatever stands in it; stamps begin with zeros."""
        kept = self._tables.get(name)
        if kept is None or len(kept) < count:
            self._tables[name] = kept = zeros(count, kind)
        return kept[:count]

    def room(self, key: bytes, text: np.ndarray, size: int) -> np.ndarray:
        """``text`` with room for ``size`` bytes behind it."""
        kept = self._texts.pop(key, None)
        if kept is None:
            kept = np.empty(len(text) + touched.MOST, np.uint8)
            kept[: len(text)] = text
            while len(self._texts) >= _TEXTS:
                self._texts.popitem(last=False)
        self._texts[key] = kept
        return kept[: len(text) + size]

    def lay(self, form: _Form, snapshot: Snapshot, data: np.ndarray, first: int, rate: int) -> Mix:
        """The mix of a snapshot, to code ``data[first:]``."""
        learnt, contexts = snapshot
        self._turn += 1
        apms = len(form.mix.apm)
        setting = form.mix.setting.copy()
        setting[at.S_PRIMED] = first
        mix = form.mix._replace(
            setting=setting,
            slots=self._table("slots", form.slots, np.uint8),
            direct=self._table("direct", form.direct, np.uint16),
            runs=self._table("runs", form.runs, np.uint16),
            apm=self._table("apm", apms, np.int32),
            match_table=self._match_table,
            **{field: getattr(learnt, field).copy() for field in _COPIED},
            lanes=fresh_lanes([first], rate),
        )
        packed = _NO_MATCHES if contexts is None else contexts.match_table
        noted = self._note(mix._replace(**_histories(contexts)), data, first, packed)
        matches = _bytes(self._match_table)
        touched.fetch(*packed, noted.matches, 4, matches, _ZEROS)
        self._left = noted.matches
        if mix.setting[at.S_APMS]:
            touched.fetch(*learnt.apm, noted.rows, touched.LINE, _bytes(mix.apm), form.apm_row)
        self._fetch_contexts(mix, contexts, noted.lines)
        return mix._replace(**_histories(contexts))

    def _note(self, mix: Mix, data: np.ndarray, first: int, packed: Packed) -> touched.Noted:
        """What ``data[first:]`` will touch."""
        if self._left is not None:
            self._match_table.reshape(-1)[self._left] = touched.UNKNOWN
            self._left = None
        size = len(data) - first
        models, contexts = int(mix.setting[at.S_MATCHES]), int(mix.setting[at.S_CONTEXTS])
        noted = touched.Noted(
            np.empty(2 * contexts * size, np.int64),
            np.empty(32 * size, np.int64),
            np.empty(models * size, np.int64),
        )
        stamps = touched.Stamps(
            self._turn,
            self._table("lines", len(mix.slots) // touched.LINE, np.uint32),
            self._table("rows", len(mix.apm) // at.APM_BUCKETS, np.uint32),
        )
        mix = mix._replace(lanes=mix.lanes.copy())
        counts = touched.note(
            mix, data, np.array([len(data)], np.int64), size, packed, _bytes(mix.match_table), stamps, noted
        )
        return touched.Noted(*(places[:count] for places, count in zip(noted, counts, strict=True)))

    def _fetch_contexts(self, mix: Mix, contexts: Contexts | None, lines: np.ndarray) -> None:
        with_runs, with_direct = len(mix.runs) > 1, len(mix.direct) == len(mix.slots)
        if contexts is None:
            mix.slots.reshape(-1, touched.LINE)[lines] = 0
            if with_runs:
                mix.runs.reshape(-1, touched.LINE // at.SLOT)[lines] = 0
            if with_direct:
                mix.direct.reshape(-1, touched.LINE)[lines] = at.NO_DIRECT
            return
        touched.fetch(*contexts.slots, lines, touched.LINE, mix.slots, _ZEROS)
        if with_runs:
            touched.fetch(*contexts.runs, lines, 8, _bytes(mix.runs), _ZEROS)
        if with_direct and contexts.direct is not None:
            touched.fetch_direct(mix.slots, *contexts.direct, lines, mix.direct)


def _histories(contexts) -> dict[str, np.ndarray]:
    if contexts is None:
        return {"history1": np.zeros(256, np.uint32), "history2": np.zeros(65536, np.uint32)}
    return {"history1": contexts.history1.copy(), "history2": contexts.history2.copy()}


def _bytes(table: np.ndarray) -> np.ndarray:
    return table.reshape(-1).view(np.uint8)


class Pool:
    """Snapshots by name, and desks, each lent to one text at a time. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit = 0
        self._holders = 0
        self._snapshots: OrderedDict[tuple[str, bool], Snapshot] = OrderedDict()
        self._desks: list[_Desk] = []
        self._forms: dict[Plan, _Form] = {}

    @contextlib.contextmanager
    def open(self, limit: int = DEFAULT) -> Iterator[None]:
        """Keep up to ``limit`` bytes while the context lasts, for many texts."""
        expect_many_calls()
        with self._holding(limit):
            yield

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep what the ways of coding one text share while the context lasts."""
        with self._holding(0):
            yield

    @contextlib.contextmanager
    def _holding(self, limit: int) -> Iterator[None]:
        with self._lock:
            before, self._limit = self._limit, max(limit, self._limit)
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._limit = before
                self._holders -= 1
                if not self._holders:
                    self._snapshots.clear()
                    self._desks.clear()
                    self._forms.clear()

    def let_go(self) -> None:
        """Something large comes: only what is kept for many texts stays."""
        with self._lock:
            if not self._limit:
                self._snapshots.clear()
                self._desks.clear()

    @staticmethod
    def takes(size: int) -> bool:
        """Whether a text of ``size`` bytes is short enough."""
        return 0 < size <= touched.MOST

    @property
    def most(self) -> int:
        """Bytes of snapshots and desks that may be held beside what codes."""
        return max(self._limit, _MOMENT)

    @property
    def held_bytes(self) -> int:
        """Bytes of what is kept and nobody uses now."""
        snapshots = sum(kept.nbytes for kept in self._snapshots.values())
        return snapshots + sum(desk.nbytes for desk in self._desks)

    @contextlib.contextmanager
    def lent(self, level: int, primer: Primer, text: np.ndarray) -> Iterator[tuple[Mix, np.ndarray, int]]:
        """For ``text`` (uint8) behind ``primer``, which is what ``level`` reads of it
        (:func:`nzip.predictors.mix.primers.portion`): the mix, the data that a kernel takes, and where the
        text begins in it. None of them may be kept."""
        chosen = plan(level, primer.kind)
        name = snapshot_name(level, primer)
        snapshot = self._snapshot(chosen, name, level, primer)
        form = self._form(chosen)
        with self._lock:
            desk = self._desks.pop() if self._desks else None
        desk = desk or _Desk()
        prefix = snapshot.contexts.text if snapshot.contexts is not None else np.zeros(0, np.uint8)
        data = desk.room(name.encode() if len(prefix) else b"", prefix, len(text))
        data[len(prefix) :] = text
        yield desk.lay(form, snapshot, data, len(prefix), chosen.warm_rate), data, len(prefix)
        with self._lock:
            if self._holders:
                self._desks.append(desk)
                self._make_room()

    def _snapshot(self, chosen: Plan, name: str, level: int, primer: Primer) -> Snapshot:
        if primer.held is not None:
            return held(level, primer)
        key = name, primer.habits
        with self._lock:
            found = self._snapshots.get(key)
            if found is not None:
                self._snapshots.move_to_end(key)
                return found
        found = primer_snapshot.load(chosen, name, primer.habits)
        if found is None:
            found = primed(level, primer, name)[1]
        with self._lock:
            if self._holders:
                self._snapshots[key] = found
                self._make_room()
        return found

    def _form(self, chosen: Plan) -> _Form:
        form = self._forms.get(chosen)
        if form is None:
            small = build(chosen, 1, 0, 1, [0])
            small.setting[at.S_MATCH_BITS] = match_bits(_SIZE)
            slots = chosen.slot_bytes
            self._forms[chosen] = form = _Form(
                small,
                slots,
                slots // at.SLOT if len(small.runs) > 1 else 1,
                slots if len(small.direct) == len(small.slots) else 16,
                _bytes(small.apm)[: touched.LINE].copy(),
            )
        return form

    def _make_room(self) -> None:
        limit = self._limit or _MOMENT
        while len(self._snapshots) > 1 and self.held_bytes > limit:
            self._snapshots.popitem(last=False)


POOL = Pool()
