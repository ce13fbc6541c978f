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
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from nzip.exact.jit import do_without_numba
from nzip.exact.native import hold, release
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import primer_snapshot, touched
from nzip.predictors.mix.packed import LARGE, Entries, room
from nzip.predictors.mix.packed_slots import FoundSlots, fetch_slots
from nzip.predictors.mix.plan import Plan, plan
from nzip.predictors.mix.primer_snapshot import Contexts, Snapshot
from nzip.predictors.mix.primers import Primer
from nzip.predictors.mix.sizes import apm_rows, match_bits
from nzip.predictors.mix.state import Mix, build, memory, zeros
from nzip.predictors.mix.touched import Found, Noted, Stamps
from nzip.predictors.mix.warm_start import fresh_lanes, held, primed, snapshot_name

DEFAULT = 368 << 20  # bytes of snapshots and desks that may stay between files
_MOMENT = 128 << 20  # of snapshots, while one text is coded
_COPIED = ("state_map", "match_map", "run_map", "weights", "final_weights")
_HISTORIES = {"history1": 256, "history2": 65536}
ONCE = 32  # of what ways of coding share: some ten are one text's
_TEXTS = 6  # primers' texts that a desk keeps, with room behind them
_KNOWN = 4  # texts of which a desk knows what they touch
_TURNS = 255
_SIZE = at.PRIMED_SIZE
_ZEROS = np.zeros(touched.LINE, np.uint8)
hold(_ZEROS)


class _Ready:
    """A snapshot of which stretches are fetched. ``name``: nothing where only habits are wanted, and so no
    ``contexts``; ``nbytes``: what all of it holds. ``lasting``: for many texts."""

    def __init__(self, name: str, snapshot: Snapshot, lasting: bool):
        self._found: list[Found | FoundSlots | Entries] = []
        self.learnt, self.contexts = snapshot
        self.name = name.encode() if self.contexts is not None else b""
        self.apm = Found.of(self.learnt.apm)
        self._found.append(self.apm)
        if self.contexts is not None:
            self.slots = FoundSlots.of(self.contexts.slots, lasting)
            self.runs, self.match_table = self.contexts.runs, self.contexts.match_table
            self.match_width = self.match_table.width
            self._found += [self.slots, self.runs, self.match_table]
        for one in self._found:
            hold(one)
        self.nbytes = snapshot.nbytes + self.apm.within.nbytes
        self.nbytes += self.slots.lines.nbytes + self.slots.within.nbytes if self.contexts is not None else 0

    def __del__(self) -> None:
        for one in self._found:
            release(one)


class _Form(NamedTuple):
    """What mixes of one plan have in common. ``mix``: all but the tables, which are small ones; ``slots``,
    ``runs``, ``direct``, ``apm``: the tables' lengths; ``told_by_text``: see touched.py."""

    plan: Plan
    mix: Mix
    slots: int
    runs: int
    direct: int
    apm: int
    apm_row: np.ndarray
    told_by_text: bool


class _Views(NamedTuple):
    """Tables of a mix as uint8, slots as uint64."""

    slots: np.ndarray
    apm: np.ndarray


class _Desk:
    """Tables for one text at a time, large enough for every plan that was asked for. ``lasting``: for many
    texts, one after the other."""

    def __init__(self, lasting: bool) -> None:
        self._lasting = lasting
        self._mixes: dict[Plan, Mix] = {}
        self._tables: dict[str, np.ndarray] = {}
        self._views: dict[Plan, _Views] = {}
        self._match_table = np.zeros((2, 1 << match_bits(_SIZE)), np.uint32)
        self._matches = self._match_table.reshape(-1).view(np.uint16)
        hold(self._matches)
        self._texts: OrderedDict[bytes, np.ndarray] = OrderedDict()
        self._known: OrderedDict[tuple[Plan, bytes], tuple[bytes, Noted]] = OrderedDict()
        self._turn = 0

    @property
    def nbytes(self) -> int:
        tables = [*self._tables.values(), *self._texts.values(), self._match_table]
        return sum(table.nbytes for table in tables)

    def _table(self, name: str, count: int, kind: type) -> np.ndarray:
        """(count,) of a table, whatever stands in it; stamps begin with zeros."""
        kept = self._tables.get(name)
        if kept is None or len(kept) < count:
            self._forget_mixes()  # they have the old one
            size = count * np.dtype(kind).itemsize
            large = size >= LARGE
            kept = room(size, self._lasting).view(kind) if large else zeros(count, kind)
            self._tables[name] = kept
        return kept[:count]

    def room(self, ready: _Ready, size: int) -> np.ndarray:
        """The primer's text, if it is read, with room for ``size`` bytes behind it."""
        text = ready.contexts.text if ready.contexts is not None else _ZEROS[:0]
        kept = self._texts.pop(ready.name, None)
        if kept is None:
            kept = np.empty(len(text) + touched.MOST, np.uint8)
            kept[: len(text)] = text
            while len(self._texts) >= _TEXTS:
                self._texts.popitem(last=False)
        self._texts[ready.name] = kept
        return kept[: len(text) + size]

    def _mix(self, form: _Form) -> Mix:
        """A mix of the desk's tables, whatever stands in them; the same one each time."""
        mix = self._mixes.get(form.plan)
        if mix is None:
            small = form.mix
            tables = {
                "slots": self._table("slots", form.slots, np.uint8),
                "direct": self._table("direct", form.direct, np.uint16),
                "runs": self._table("runs", form.runs, np.uint16),
                "apm": self._table("apm", form.apm, np.int32),
                "match_table": self._match_table,
            }
            for name in (*_COPIED, *_HISTORIES):
                own = getattr(small, name)
                tables[name] = self._table(name, len(own), own.dtype.type)
            self._table("lines", form.slots // touched.LINE, np.uint8)
            self._table("rows", form.apm // at.APM_BUCKETS, np.uint8)
            mix = small._replace(setting=small.setting.copy(), lanes=small.lanes.copy(), **tables)
            self._mixes[form.plan] = mix
            self._views[form.plan] = _Views(mix.slots.view(np.uint64), _bytes(mix.apm))
            for one in (mix, *self._views[form.plan]):
                hold(one)
        return mix

    def _forget_mixes(self) -> None:
        for mix in self._mixes.values():
            release(mix)
        for views in self._views.values():
            for view in views:
                release(view)
        self._mixes.clear()
        self._views.clear()

    def __del__(self) -> None:
        self._forget_mixes()
        release(self._matches)

    def lay(
        self, form: _Form, ready: _Ready, data: np.ndarray, first: int, rate: int, halved: bool
    ) -> tuple[Mix, Callable[[], None]]:
        """The mix of a snapshot, to code ``data[first:]``; ``halved``: its first half, and what puts the
        other half's lines in place."""
        mix = self._mix(form)
        mix.setting[at.S_PRIMED] = first
        for name in _COPIED:
            np.copyto(getattr(mix, name), getattr(ready.learnt, name))
        lanes = fresh_lanes([first], rate)
        noted = self._noted(form, ready, mix, lanes, data, first)
        np.copyto(mix.lanes, lanes)
        # All of them: what a half changes the other may look up.
        self._fetch_matches(ready, noted.matches)
        self._put_histories(form, ready.contexts, mix)
        if not halved:
            self._fetch(form, ready, mix, noted.lines, noted.rows)
            return mix, _nothing
        self._fetch(form, ready, mix, noted.lines[: noted.half_lines], noted.rows[: noted.half_rows])
        rest = noted.lines[noted.half_lines :], noted.rows[noted.half_rows :]
        return mix, lambda: self._fetch(form, ready, mix, *rest)

    def _fetch(self, form: _Form, ready: _Ready, mix: Mix, lines: np.ndarray, rows: np.ndarray) -> None:
        """Put lines of the slots, and what belongs to them, and rows of the APMs in place."""
        contexts, views = ready.contexts, self._views[form.plan]
        if mix.setting[at.S_APMS]:
            touched.fetch_lines(ready.apm, rows, form.apm_row, views.apm)
        if contexts is None:
            self._empty(mix, lines)
            return
        fetch_slots(ready.slots, lines, views.slots)
        if len(mix.runs) > 1:
            touched.fetch_entries(ready.runs, lines, touched.LINE // at.SLOT, mix.runs, 1, 1)
        if contexts.direct is not None:
            touched.fetch_direct(mix.slots, *contexts.direct, lines, mix.direct)

    def _put_histories(self, form: _Form, contexts: Contexts | None, mix: Mix) -> None:
        """What followed bytes in the primer, where the plan asks for it: else anything will do."""
        if form.told_by_text:
            return
        for name in _HISTORIES:
            np.copyto(getattr(mix, name), 0 if contexts is None else getattr(contexts, name))

    def _noted(
        self, form: _Form, ready: _Ready, mix: Mix, lanes: np.ndarray, data: np.ndarray, first: int
    ) -> Noted:
        """What ``data[first:]`` will touch: noted now, or when it was to be coded with this primer, or any,
        not long ago."""
        key = form.plan, b"" if form.told_by_text else ready.name
        text = data[first:].tobytes()
        known = self._known.pop(key, None)
        if known is None or known[0] != text:
            while len(self._known) >= _KNOWN:
                self._known.popitem(last=False)
            np.copyto(mix.lanes, lanes)
            known = text, self._note(form, ready, mix, data, first)
        self._known[key] = known
        return known[1]

    def _note(self, form: _Form, ready: _Ready, mix: Mix, data: np.ndarray, first: int) -> Noted:
        size, contexts = len(data) - first, int(mix.setting[at.S_CONTEXTS])
        lines, rows = np.empty(2 * contexts * size, np.int64), np.empty(32 * size, np.int64)
        matches = np.empty(int(mix.setting[at.S_MATCHES]) * size, np.int64)
        touched.look_up(mix, data, size, matches)
        follow = not form.told_by_text
        if follow:
            self._fetch_matches(ready, matches)
            self._put_histories(form, ready.contexts, mix)
        stamps, half = self._stamps(form), touched.halfway(size)
        half_lines, half_rows = touched.note(mix, data, half, follow, stamps, lines, rows)
        more = touched.note(mix, data, size - half, follow, stamps, lines[half_lines:], rows[half_rows:])
        count, count_rows = half_lines + more[0], half_rows + more[1]
        return Noted(lines[:count].copy(), rows[:count_rows].copy(), matches, half_lines, half_rows)

    def _stamps(self, form: _Form) -> Stamps:
        self._turn += 1
        found = (
            self._table("lines", form.slots // touched.LINE, np.uint8),
            self._table("rows", form.apm // at.APM_BUCKETS, np.uint8),
        )
        if self._turn > _TURNS:
            self._turn = 1
            self._tables["lines"].fill(0)
            self._tables["rows"].fill(0)
        return Stamps(self._turn, *found)

    def _fetch_matches(self, ready: _Ready, entries: np.ndarray) -> None:
        if ready.contexts is None:
            self._match_table.reshape(-1)[entries] = 0
        else:
            touched.fetch_entries(ready.match_table, entries, 1, self._matches, 2, ready.match_width)

    def _empty(self, mix: Mix, lines: np.ndarray) -> None:
        """Contexts in which nothing was seen."""
        mix.slots.reshape(-1, touched.LINE)[lines] = 0
        if len(mix.runs) > 1:
            mix.runs.reshape(-1, touched.LINE // at.SLOT)[lines] = 0
        if len(mix.direct) == len(mix.slots):
            mix.direct.reshape(-1, touched.LINE)[lines] = at.NO_DIRECT


def _nothing() -> None:
    """All is in place."""


def _bytes(table: np.ndarray) -> np.ndarray:
    return table.reshape(-1).view(np.uint8)


class Pool:
    """Snapshots by name, and desks, each lent to one text at a time. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._limit = 0
        self._holders = 0
        self._snapshots: OrderedDict[tuple[str, bool], _Ready] = OrderedDict()
        self._desks: list[_Desk] = []
        self._forms: dict[Plan, _Form] = {}
        self._once: OrderedDict[tuple, Any] = OrderedDict()

    @contextlib.contextmanager
    def open(self, limit: int = DEFAULT) -> Iterator[None]:
        """Keep up to ``limit`` bytes while the context lasts, for many texts."""
        do_without_numba()
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
                    self._once.clear()

    def once(self, key: tuple, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, never None, which ``key`` says all of: made once for all ways of coding one
        text. The last ONCE are kept: where threads code text after text somebody holds the pool always."""
        if self._limit or not self._holders:
            return make()
        with self._lock:
            found = self._once.get(key)
        if found is None:
            found = make()
            with self._lock:
                if self._holders:  # else it was closed meanwhile, and keeps nothing
                    self._once[key] = found
                while len(self._once) > ONCE:
                    self._once.popitem(last=False)
        return found

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
        snapshots = sum([kept.nbytes for kept in self._snapshots.values()])
        return snapshots + sum(desk.nbytes for desk in self._desks)

    @contextlib.contextmanager
    def lent(self, level: int, primer: Primer, text: np.ndarray) -> Iterator[tuple[Mix, np.ndarray, int]]:
        """For ``text`` (uint8) behind ``primer``, which is what ``level`` reads of it
        (:func:`nzip.predictors.mix.primers.portion`): the mix, the data that a kernel takes, and where the
        text begins in it. None of them may be kept."""
        with self._lent(level, primer, text, False) as (mix, data, first, _):
            yield mix, data, first

    def lent_in_halves(
        self, level: int, primer: Primer, text: np.ndarray
    ) -> contextlib.AbstractContextManager[tuple[Mix, np.ndarray, int, Callable[[], None]]]:
        """As :meth:`lent`, of which only the first half of the text (:func:`touched.halfway`) may be coded
        before the fourth is called: to give up there spares what the other half touches."""
        return self._lent(level, primer, text, True)

    @contextlib.contextmanager
    def _lent(
        self, level: int, primer: Primer, text: np.ndarray, halved: bool
    ) -> Iterator[tuple[Mix, np.ndarray, int, Callable[[], None]]]:
        chosen = plan(level, primer.kind)
        ready = self._ready(chosen, level, primer)
        form = self._form(chosen)
        with self._lock:
            desk = self._desks.pop() if self._desks else None
        desk = desk or _Desk(lasting=self._limit > 0)
        data = desk.room(ready, len(text))
        first = len(data) - len(text)
        data[first:] = text
        mix, rest = desk.lay(form, ready, data, first, chosen.warm_rate, halved)
        yield mix, data, first, rest
        with self._lock:
            if self._holders:
                self._desks.append(desk)
                self._make_room()

    def _ready(self, chosen: Plan, level: int, primer: Primer) -> _Ready:
        name = snapshot_name(level, primer)
        if primer.held is not None:
            return _Ready(name, held(level, primer), self._limit > 0)
        key = name, primer.habits
        with self._lock:
            found = self._snapshots.get(key)
            if found is not None:
                self._snapshots.move_to_end(key)
                return found
            # What comes is not counted yet.
            self._make_room(chosen.slot_bytes * 3 // 8)
        snapshot = primer_snapshot.load(chosen, name, primer.habits, stays=self._limit > 0)
        if snapshot is None:
            with self._lock:  # a whole mix, and what it is packed into
                self._make_room(2 * memory(chosen, _SIZE), desks=True)
            snapshot = primed(level, primer, name)[1]
        found = _Ready(name, snapshot, self._limit > 0)
        with self._lock:
            if self._holders:
                self._snapshots[key] = found
                self._make_room()
        return found

    def _form(self, chosen: Plan) -> _Form:
        form = self._forms.get(chosen)
        if form is None:
            small = build(chosen, 1, 0, 1, [0], rows=1)
            small.setting[at.S_MATCH_BITS] = match_bits(_SIZE)
            slots = chosen.slot_bytes
            self._forms[chosen] = form = _Form(
                chosen,
                small,
                slots,
                slots // at.SLOT if len(small.runs) > 1 else 1,
                slots if len(small.direct) == len(small.slots) else 16,
                len(small.apm) * apm_rows(chosen),
                _bytes(small.apm)[: touched.LINE].copy(),
                touched.is_told_by_text(chosen),
            )
        return form

    def _make_room(self, coming: int = 0, desks: bool = False) -> None:
        """Let go of what was used least recently, so that ``coming`` bytes may come within the limit; with
        ``desks`` of those, too, if need be."""
        limit = (self._limit or _MOMENT) - coming
        while len(self._snapshots) > (coming == 0) and self.held_bytes > limit:
            self._snapshots.popitem(last=False)
        if desks and self.held_bytes > limit:
            self._desks.clear()


POOL = Pool()
