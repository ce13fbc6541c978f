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
from nzip.predictors.mix.compiled import K1, K2, K3, i64, inlined, u32, u64
from nzip.predictors.mix.constants import NO_DIRECT, REGISTERS, SLOT
from nzip.predictors.mix.history import CLASSES, CODED_CLASSES, advance, fill_registers
from nzip.predictors.mix.packed import PAGE

local_i64, local_u64, prefetch = later(
    "nzip.predictors.mix.intrinsics.vector", "local_i64", "local_u64", "prefetch"
)
ones, lowest = later("nzip.exact.bits", "ones", "lowest")

MOST = 1 << 15  # bytes of the longest text that is worth it
LINE = 64  # bytes of a cache line
_WORDS = PAGE // LINE
_AT_ONCE = 32
# What an entry of a match table holds that was not fetched yet: no place in a text.
UNKNOWN = np.uint32(0xFFFFFFFF)


class Noted(NamedTuple):
    """What a text will touch. ``lines`` int64: of the slots, ``rows`` int64: of the APMs, each once;
    ``matches`` int64 (lookups,): entries of the match tables, counted through, as they are looked up."""

    lines: np.ndarray
    rows: np.ndarray
    matches: np.ndarray


class Stamps(NamedTuple):
    """Which were noted already: those whose stamp is ``turn``. uint32, by line and by row."""

    turn: int
    lines: np.ndarray
    rows: np.ndarray


@lean
def note(state, data, ends, steps, packed, match_bytes, stamps, noted):
    """Fill ``noted`` for the ``steps`` bytes of ``data`` from the only lane's position on; how many of each
    there are. ``packed``: the match tables, of which entries are fetched into ``match_bytes``, the same
    memory as the state's, as they are looked up. Changes ``lanes``, ``history1`` and ``history2`` as coding
    does."""
    setting, lanes, match_table = state.setting, state.lanes, state.match_table
    history1, history2 = state.history1, state.history2
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
    lane = lanes[0]
    for r in range(REGISTERS):
        registers[r] = u64(0)
    turn = u32(stamps.turn)
    size = match_table.shape[1]
    n = 0
    a = 0
    m = 0
    for _ in range(steps):
        position = i64(lane[at.L_POSITION])
        if position >= ends[0]:
            break
        byte = i64(data[position])
        match.hash_matches(data, lane, setting, match_table, match_slot)
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
            line = i64(slot_of(h, groups) >> u64(6))
            if stamps.lines[line] != turn:
                stamps.lines[line] = turn
                noted.lines[n] = line
                n += 1
            h = second_half(h, u64(16 | byte >> 4), beside_from <= i < beside_to)
            line = i64(slot_of(h, groups) >> u64(6))
            if stamps.lines[line] != turn:
                stamps.lines[line] = turn
                noted.lines[n] = line
                n += 1
        for k in range(models):
            entry = k * size + i64(match_slot[k])
            if match_table[k, match_slot[k]] == UNKNOWN:
                place = _place_of(packed.differs, packed.before, entry * 4)
                _fetch(packed.differs, packed.values, place, entry * 4, 4, match_bytes)
            noted.matches[m] = entry
            m += 1
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
                    if stamps.rows[row] != turn:
                        stamps.rows[row] = turn
                        noted.rows[a] = row
                        a += 1
        advance(lane, byte, CODED_CLASSES[byte] if coded else CLASSES[byte], history1, history2)
    return n, a, m


@inlined
def _place_of(differs, before, start):
    """Where the values begin of what differs from ``start`` on."""
    word = start >> 6
    k = i64(before[word // _WORDS])
    for other in range(word // _WORDS * _WORDS, word):
        k += i64(ones(differs[other]))
    return k + i64(ones(differs[word] & ((u64(1) << u64(start & 63)) - u64(1))))


@inlined
def _fetch(differs, values, k, start, length, table):
    """The ``length`` bytes (1 to 64, within 64 that begin together) from ``start`` on of a table of zeros;
    the values from ``k`` on are theirs."""
    rest = differs[start >> 6] >> u64(start & 63)
    if length < LINE:
        rest &= (u64(1) << u64(length)) - u64(1)
    for z in range(length):
        table[start + z] = 0
    while rest:
        table[start + i64(lowest(rest))] = values[k]
        k += 1
        rest &= rest - u64(1)


@lean
def fetch(differs, before, values, places, length, table, fresh):
    """Put stretches of ``length`` bytes in place, by their numbers ``places``, of a table that is ``fresh``
    (uint8, (64,)) everywhere but for what was packed (packed.py). Some at a time: all of them are asked for
    before the first is needed."""
    found = local_i64(_AT_ONCE)
    count = len(places)
    for begin in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - begin)
        for i in range(some):
            start = places[begin + i] * length
            prefetch(differs, u64(start >> 6))
            prefetch(before, u64(start // PAGE))
            prefetch(table, u64(start))
        for i in range(some):
            found[i] = _place_of(differs, before, places[begin + i] * length)
            prefetch(values, u64(found[i]))
        for i in range(some):
            start = places[begin + i] * length
            _fetch(differs, values, found[i], start, length, table)
            for z in range(length):
                table[start + z] ^= fresh[z]


@lean
def fetch_direct(slots, usual, places, values, before, lines, direct):
    """Direct probabilities of ``lines``, whose slots are in place (packed.Followed)."""
    for i in range(len(lines)):
        start = lines[i] * LINE
        for z in range(LINE):
            direct[start + z] = NO_DIRECT if z % SLOT == 0 else usual[slots[start + z]]
        for k in range(before[start // PAGE], before[start // PAGE + 1]):
            if start <= i64(places[k]) < start + LINE:
                direct[places[k]] = values[k]
