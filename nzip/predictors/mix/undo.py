"""What coding a short text changes in a primed mix, told beforehand, so that it can be put back: thousands of
small files are then coded from one mix in memory, each as if it were fresh.

Which cache lines of the large tables a text will touch follows from the text alone: :func:`_note` goes over
it as the kernel will (kernel.py), but codes nothing. These lines are copied before the kernel runs and put
back after it, the small tables are put back whole. The kernel itself is not slowed: it knows nothing of this.

Concession: who decodes does not know the text beforehand; and what is noted is as much as twice what is in
fact changed, so that a long text is better coded from a mix that is read anew (``MOST``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import later, lean
from nzip.predictors.mix import apm as apm_maps
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import match
from nzip.predictors.mix.bit_history import second_half, slot_of
from nzip.predictors.mix.compiled import K1, K2, K3, i64, u64
from nzip.predictors.mix.constants import REGISTERS
from nzip.predictors.mix.history import CLASSES, CODED_CLASSES, advance, fill_registers
from nzip.predictors.mix.primer_snapshot import FIELDS
from nzip.predictors.mix.state import Mix

local_i64, local_u64 = later("nzip.predictors.mix.intrinsics.vector", "local_i64", "local_u64")

MOST = 1 << 15  # bytes of the longest text that is worth noting
LINE = 64  # bytes of a cache line
_WORDS = LINE // 8
# Tables that are small enough to be put back whole.
WHOLE = ("state_map", "match_map", "run_map", "weights", "final_weights", "history1", "history2")


class Noted(NamedTuple):
    """Scratch for one text. ``slots`` int64 (groups,): cache lines of the slot table; ``rows`` int64: of the
    APMs; ``matches`` int64 (lookups, 3): model, entry, what it held."""

    slots: np.ndarray
    rows: np.ndarray
    matches: np.ndarray


@lean
def _note(state, data, ends, steps, slots, rows, matches):
    """Fill the arrays of a :class:`Noted` for the ``steps`` bytes of ``data`` from the only lane's position
    on; how many of each there are. Changes ``lanes``, ``history1`` and ``history2`` as coding does."""
    setting = state.setting
    contexts = i64(setting[at.S_CONTEXTS])
    models = i64(setting[at.S_MATCHES])
    apms, third = setting[at.S_APMS] > 0, setting[at.S_THIRD_APM] > 0
    coded = setting[at.S_CODED] > 0
    beside_from, beside_to = i64(setting[at.S_BESIDE_FROM]), i64(setting[at.S_BESIDE_TO])
    recipes = state.recipes
    groups = u64(state.slots.size // at.SLOT_GROUP)
    registers = local_u64(REGISTERS)
    predicted = local_i64(2)
    match_slot = local_u64(2)
    lane = state.lanes[0]
    for r in range(REGISTERS):
        registers[r] = u64(0)
    n = 0
    a = 0
    m = 0
    for _ in range(steps):
        position = i64(lane[at.L_POSITION])
        if position >= ends[0]:
            break
        byte = i64(data[position])
        match.hash_matches(data, lane, state, match_slot)
        fill_registers(data, registers, lane, state)
        for i in range(contexts):
            h = u64(i + 1) * K3
            for k in range(0, 8, 2):
                r = recipes[i, k]
                if r == u64(at.R_NONE):
                    break
                h = (h + (registers[r] & recipes[i, k + 1])) * K1
                h ^= h >> u64(31)
            h *= K2
            slots[n] = i64(slot_of(h, groups) >> u64(6))
            h = second_half(h, u64(16 | byte >> 4), beside_from <= i < beside_to)
            slots[n + 1] = i64(slot_of(h, groups) >> u64(6))
            n += 2
        for k in range(models):
            matches[m, 0], matches[m, 1] = k, i64(match_slot[k])
            matches[m, 2] = i64(state.match_table[k, match_slot[k]])
            m += 1
        match.find_matches(data, lane, state, match_slot, predicted)
        registers[at.R_EXPECTED] = u64(predicted[0] & 255)
        if apms:
            history = lane[at.L_HISTORY]
            base3 = apm_maps.base_by_expected(registers[at.R_EXPECTED])
            two_bytes = (history & u64(0xFFFF)) << u64(8)
            for bit in range(8):
                c0 = (256 | byte) >> (8 - bit)
                nibble = u64(0) if bit < 4 else u64(byte >> 4) + u64(1)
                node = u64(c0) if bit < 4 else u64(1 << (bit - 4) | ((byte & 15) >> (8 - bit)))
                rows[a] = i64(apm_maps.base_by_byte(i64(history & u64(0xFF)), nibble) + node)
                rows[a + 1] = i64(apm_maps.base_by_two_bytes(two_bytes, nibble) + node)
                a += 2
                if third:
                    rows[a] = i64(base3)
                    rows[a + 1] = i64(base3 + u64(c0))
                    a += 2
        advance(lane, byte, CODED_CLASSES[byte] if coded else CLASSES[byte], state)
    _put_back_matches(state, matches, m)
    return n, a, m


@lean
def _put_back_matches(state, matches, count):
    """The match tables as they were, the last change first."""
    for m in range(count - 1, -1, -1):
        state.match_table[matches[m, 0], matches[m, 1]] = np.uint32(matches[m, 2])


@lean
def _take(table, places, count, words, kept):
    """Copy the runs of ``words`` words of ``table`` (uint64) that begin ``words`` apart, by their numbers."""
    for i in range(count):
        for k in range(words):
            kept[i * words + k] = table[places[i] * words + k]


@lean
def _put(table, places, count, words, kept):
    """The inverse of :func:`_take`."""
    for i in range(count):
        for k in range(words):
            table[places[i] * words + k] = kept[i * words + k]


class Undo:
    """One primed mix and how it was. ``mix``: its arrays, which a kernel may change between :meth:`begin` and
    :meth:`end`."""

    def __init__(self, mix: Mix):
        self.mix = mix
        self._whole = [(getattr(mix, name), getattr(mix, name).copy()) for name in WHOLE]
        beside = ((mix.slots, _WORDS), (mix.runs, 1), (mix.direct, 2 * _WORDS))
        self._large = [  # with how many words of them belong to a group of slots
            (table.view(np.uint64), words)
            for table, words in beside
            if table.nbytes * _WORDS == mix.slots.nbytes * words  # else the plan has none
        ]
        self._apm = mix.apm.view(np.uint64) if mix.setting[at.S_APMS] else None
        self._noted: Noted | None = None
        self._kept: list[tuple[np.ndarray, np.ndarray, int, int, np.ndarray]] = []
        self._matches = 0

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        tables = sum(getattr(self.mix, field).nbytes for field in FIELDS)
        return tables + sum(kept.nbytes for _, kept in self._whole)

    def begin(self, lanes: np.ndarray, data: np.ndarray, size: int) -> Mix:
        """The mix, to code the ``size`` bytes of ``data`` (uint8) from the place of the only one of ``lanes``
        on."""
        contexts, models = int(self.mix.setting[at.S_CONTEXTS]), int(self.mix.setting[at.S_MATCHES])
        noted = Noted(
            np.empty(size * contexts * 2, np.int64),
            np.empty(size * 32 if self._apm is not None else 1, np.int64),
            np.empty((size * max(models, 1), 3), np.int64),
        )
        mix = self.mix._replace(lanes=lanes.copy())
        ends = np.array([len(data)], np.int64)
        slots, rows, self._matches = _note(mix, data, ends, size, *noted)
        self._put_whole_back()
        places = [(table, noted.slots, slots, words) for table, words in self._large]
        if self._apm is not None:
            places.append((self._apm, noted.rows, rows, _WORDS))
        self._kept = [(*place, np.empty(place[2] * place[3], np.uint64)) for place in places]
        for one in self._kept:
            _take(*one)
        self._noted = noted
        return self.mix._replace(lanes=lanes)

    def end(self) -> None:
        """All as it was before :meth:`begin`."""
        assert self._noted is not None
        for one in self._kept:
            _put(*one)
        _put_back_matches(self.mix, self._noted.matches, self._matches)
        self._put_whole_back()
        self._noted, self._kept = None, []

    def _put_whole_back(self) -> None:
        for table, was in self._whole:
            np.copyto(table, was)
