"""What of a primed mix a short text will touch, put in place before it is coded.

Which cache lines of the large tables a text needs follows from the text alone: :func:`note` goes over it as
the kernel will (kernel.py), but codes nothing. These lines are then fetched from the primer's snapshot
(packed.py). What stands elsewhere in the tables does not matter, so that they serve one text
and primer after the other, and nobody puts anything back.

Concession: who decodes does not know the text beforehand, and needs all of the mix; and a long text touches
nearly all of it (``MOST``).
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
from nzip.predictors.mix.constants import NO_DIRECT, REGISTERS, SLOT
from nzip.predictors.mix.history import CLASSES, CODED_CLASSES, advance, fill_registers
from nzip.predictors.mix.packed import OTHER, PAGE, SPAN, Packed, put_number, room
from nzip.predictors.mix.plan import Plan

local_i64, local_u64, prefetch = later(
    "nzip.predictors.mix.intrinsics.vector", "local_i64", "local_u64", "prefetch"
)
ones, lowest = later("nzip.exact.bits", "ones", "lowest")

MOST = 1 << 15  # bytes of the longest text that is worth it
LINE = 64  # bytes of a cache line
_WORDS = PAGE // LINE
_AT_ONCE = 32


class Noted(NamedTuple):
    """What a text will touch. ``lines`` int64: of the slots, ``rows`` int64: of the APMs, each once, those
    first that its first half touches (:func:`halfway`), ``half_lines`` and ``half_rows`` of them;
    ``matches`` int64 (lookups,): entries of the match tables, counted through, as they are looked up."""

    lines: np.ndarray
    rows: np.ndarray
    matches: np.ndarray
    half_lines: int
    half_rows: int


class Stamps(NamedTuple):
    """Which were noted already: those whose stamp is ``turn``. uint8, by line and by row."""

    turn: int
    lines: np.ndarray
    rows: np.ndarray


class Found(NamedTuple):
    """A packed table (packed.py) of which stretches are fetched. ``within`` uint16 (pages * 8,): how many
    bytes of its page differ before each word of ``differs``."""

    differs: np.ndarray
    before: np.ndarray
    within: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, packed: Packed) -> Found:
        within = room(2 * len(packed.differs)).view(np.uint16)
        _count_within(packed.differs, within)
        return cls(packed.differs, packed.before, within, packed.values)


def halfway(size: int) -> int:
    """Bytes of a text of ``size`` bytes that are its first half."""
    return size // 2


def is_told_by_text(plan: Plan) -> bool:
    """Whether what a text touches in mixes of ``plan`` follows from its own bytes, whatever they have read
    before: contexts are of its last bytes and words, a match model asks for few of them, and no map for what
    it expects."""
    registers = {register for recipe in plan.recipes for register, _ in recipe}
    return registers <= _OF_THE_TEXT and max(plan.matches) <= 8 and not plan.third_apm


_OF_THE_TEXT = {at.R_HISTORY, at.R_WORD, at.R_WORD1}


@lean
def look_up(state, data, steps, entries):
    """Fill ``entries`` as :class:`Noted` has them, ``matches``, for the ``steps`` bytes of ``data`` from the
    only lane's position on."""
    setting, match_table = state.setting, state.match_table
    models = i64(setting[at.S_MATCHES])
    lane = state.lanes[0]
    position, history = lane[at.L_POSITION], lane[at.L_HISTORY]
    match_slot = local_u64(2)
    size = match_table.shape[1]
    m = 0
    for _ in range(steps):
        match.hash_matches(data, lane, setting, match_table, match_slot)
        for k in range(models):
            entries[m] = k * size + i64(match_slot[k])
            m += 1
        lane[at.L_HISTORY] = (lane[at.L_HISTORY] << u64(8)) | u64(data[lane[at.L_POSITION]])
        lane[at.L_POSITION] += u64(1)
    lane[at.L_POSITION], lane[at.L_HISTORY] = position, history


@lean
def note(state, data, steps, follow, stamps, lines, rows):
    """Fill ``lines`` and ``rows`` (:class:`Noted`) for the ``steps`` bytes of ``data`` from the only lane's
    position on; how many of each there are. ``follow``: matches are followed, for which what is looked up
    must be in place. Changes ``lanes``, ``history1``, ``history2`` and, where it follows, ``match_table`` as
    coding does."""
    setting, lanes, match_table = state.setting, state.lanes, state.match_table
    history1, history2 = state.history1, state.history2
    contexts = i64(setting[at.S_CONTEXTS])
    apms, third = setting[at.S_APMS] > 0, setting[at.S_THIRD_APM] > 0
    coded = setting[at.S_CODED] > 0
    beside_from, beside_to = i64(setting[at.S_BESIDE_FROM]), i64(setting[at.S_BESIDE_TO])
    recipes = state.recipes
    groups = u64(state.slots.size // at.SLOT_GROUP)
    registers = local_u64(REGISTERS)
    predicted = local_i64(2)
    match_slot = local_u64(2)
    lane = lanes[0]
    for r in range(REGISTERS):
        registers[r] = u64(0)
    turn = np.uint8(stamps.turn)
    n = 0
    a = 0
    for _ in range(steps):
        byte = i64(data[i64(lane[at.L_POSITION])])
        fill_registers(data, registers, lane, setting, history1, history2)
        for i in range(contexts):
            h = u64(i + 1) * K3
            for k in range(0, 8, 2):
                r = recipes[i, k]
                if r == u64(at.R_NONE):
                    break
                h = (h + (registers[r] & recipes[i, k + 1])) * K1
                h ^= h >> u64(31)
            h *= K2
            # Written in any case, and kept where it was not noted yet: a branch would be guessed badly.
            line = i64(slot_of(h, groups) >> u64(6))
            lines[n] = line
            n += stamps.lines[line] != turn
            stamps.lines[line] = turn
            h = second_half(h, u64(16 | byte >> 4), beside_from <= i < beside_to)
            line = i64(slot_of(h, groups) >> u64(6))
            lines[n] = line
            n += stamps.lines[line] != turn
            stamps.lines[line] = turn
        if follow:
            match.hash_matches(data, lane, setting, match_table, match_slot)
            match.find_matches(data, lane, setting, lanes, match_table, match_slot, predicted)
            registers[at.R_EXPECTED] = u64(predicted[0] & 255)
        if apms:
            history = lane[at.L_HISTORY]
            base3 = apm_maps.base_by_expected(registers[at.R_EXPECTED])
            two_bytes = (history & u64(0xFFFF)) << u64(8)
            for bit in range(8):
                c0 = (256 | byte) >> (8 - bit)
                nibble = u64(0) if bit < 4 else u64(byte >> 4) + u64(1)
                node = u64(c0) if bit < 4 else u64(1 << (bit - 4) | ((byte & 15) >> (8 - bit)))
                for k in range(4 if third else 2):
                    if k == 0:
                        row = i64(apm_maps.base_by_byte(i64(history & u64(0xFF)), nibble) + node)
                    elif k == 1:
                        row = i64(apm_maps.base_by_two_bytes(two_bytes, nibble) + node)
                    else:
                        row = i64(base3 + (u64(c0) if k == 2 else u64(0)))
                    rows[a] = row
                    a += stamps.rows[row] != turn
                    stamps.rows[row] = turn
        advance(lane, byte, CODED_CLASSES[byte] if coded else CLASSES[byte], history1, history2)
    return n, a


@lean
def _count_within(differs, within):
    """Fill :attr:`Found.within`."""
    for page in range(0, len(differs), _WORDS):
        k = u64(0)
        for word in range(page, page + _WORDS):
            within[word] = np.uint16(k)
            k += ones(differs[word])


@lean
def fetch_entries(packed, places, count, table, size, width):
    """Put stretches of ``count`` (1 or 4) numbers in place, by their numbers ``places``, of a table (uint16;
    packed.Entries) of which each takes ``size`` (1 or 2) places. Some at a time: all of them are asked for
    before the first is needed."""
    filled, before, within = packed.filled, packed.before, packed.within
    values, usual = packed.values, packed.usual
    found = local_i64(_AT_ONCE)
    mask = (u64(1) << u64(count)) - u64(1)
    asked = len(places)
    for begin in range(0, asked, _AT_ONCE):
        some = min(_AT_ONCE, asked - begin)
        for i in range(some):
            start = places[begin + i] * count
            prefetch(filled, u64(start >> 6))
            prefetch(within, u64(start >> 6))
            prefetch(table, u64(start * size))
        for i in range(some):
            start = places[begin + i] * count
            word = start >> 6
            found[i] = i64(before[word // _WORDS]) + i64(within[word])
            inside = filled[word] & ((u64(1) << u64(start & 63)) - u64(1))
            prefetch(values, u64(found[i] + i64(ones(inside)) * width))
        for i in range(some):
            start = places[begin + i] * count
            told = filled[start >> 6]
            k = found[i] + i64(ones(told & ((u64(1) << u64(start & 63)) - u64(1)))) * width
            rest = (told >> u64(start & 63)) & mask
            for z in range(count * size):
                table[start * size + z] = 0
            while rest:
                place = (start + i64(lowest(rest))) * size
                if width > 1:
                    put_number(values, k, width, table, place)
                elif values[k] != OTHER:
                    table[place] = usual[values[k]]
                else:
                    rare = found[i] + i64(ones(told))
                    for earlier in range(found[i], k):
                        rare += 2 * (values[earlier] == OTHER)
                    table[place] = values[rare] | i64(values[rare + 1]) << 8
                k += width
                rest &= rest - u64(1)


@lean
def fetch_lines(packed, lines, fresh, table):
    """Put the cache lines ``lines`` (int64) of a table (uint8; packed.Packed) in place that is ``fresh``
    (uint8, (64,)) everywhere but for what was packed."""
    differs, before, within, values = packed.differs, packed.before, packed.within, packed.values
    found = local_i64(_AT_ONCE)
    count = len(lines)
    for begin in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - begin)
        for i in range(some):
            line = lines[begin + i]
            prefetch(differs, u64(line))
            prefetch(within, u64(line))
            prefetch(table, u64(line * LINE))
        for i in range(some):
            line = lines[begin + i]
            found[i] = i64(before[line // _WORDS]) + i64(within[line])
            prefetch(values, u64(found[i]))
        for i in range(some):
            line = lines[begin + i]
            start = line * LINE
            for z in range(LINE):
                table[start + z] = fresh[z]
            rest = differs[line]
            k = found[i]
            while rest:
                table[start + i64(lowest(rest))] ^= values[k]
                k += 1
                rest &= rest - u64(1)


@lean
def fetch_direct(slots, usual, places, values, before, lines, direct):
    """Direct probabilities of ``lines``, whose slots are in place (packed.Followed)."""
    for i in range(len(lines)):
        start = lines[i] * LINE
        for z in range(LINE):
            direct[start + z] = NO_DIRECT if z % SLOT == 0 else usual[slots[start + z]]
        page = start // SPAN
        for k in range(before[page], before[page + 1]):
            place = page * SPAN + i64(places[k])
            if start <= place < start + LINE:
                direct[place] = values[k]
