"""Slots of a primed mix, kept small (packed.py has the other tables): two bytes a slot, and for what is rare
more.

Most slots have been looked up once, or saw the same half byte each time, so of their 15 nodes four say
something, and few words say what: 254 contents make up three quarters of a table that has read a million
bytes and 16,000 another eighth. So a slot is a number, that of its content, and its check byte. What has no
number follows apart: a larger number, or which of the bytes differ from zero, and these. A cache line is four
slots, so its numbers are eight bytes, and where its rest lies is counted for every page.

Concession: which contents have numbers is told by a sample, and of those that share a key one has none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import inner, later, lean
from nzip.predictors.mix.compiled import i64, u64
from nzip.predictors.mix.constants import NO_DIRECT, SLOT
from nzip.predictors.mix.packed import OTHER, PAGE, SPAN, Followed, room

local_i64, prefetch = later("nzip.predictors.mix.intrinsics.vector", "local_i64", "prefetch")
ones, lowest = later("nzip.exact.bits", "ones", "lowest")

LINE = 64  # bytes of a cache line
_EACH = SLOT // 8  # words of a slot
_LINES = PAGE // LINE
_AT_ONCE = 32
_AT_A_TIME = 1 << 19  # slots that are packed together
_SAMPLED = 1 << 20  # slots that tell which contents are common
_RARER = 1 << 14  # contents with a larger number: these lie in a core's own cache
_KEYS = 18  # bits by which contents are looked up
_K1, _K2 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


class PackedSlots(NamedTuple):
    """``contents`` uint64 (256, 2): slots by number, without their check byte, which is their lowest; 0 is
    the empty one. ``rarer`` uint64 (contents, 2): those with a larger number. ``lines`` uint64 (slots / 4,):
    for each slot the number, and above it the check byte, the first slot's the lowest. ``before`` uint32
    (pages,): bytes of ``values`` before each page's. ``values`` uint8: of each slot whose number is ``OTHER``
    two bytes, the lower first; either 1 and above it the larger number, or a bit for each of its bytes, the
    check byte's nil, and then those that are not zero."""

    contents: np.ndarray
    rarer: np.ndarray
    lines: np.ndarray
    before: np.ndarray
    values: np.ndarray


class FoundSlots(NamedTuple):
    """Of which lines are fetched. ``within`` uint16 (lines,): bytes of ``values`` of the page before each
    line's; of none where few will be fetched, and are counted then."""

    contents: np.ndarray
    rarer: np.ndarray
    lines: np.ndarray
    before: np.ndarray
    values: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, packed: PackedSlots, lasting: bool) -> FoundSlots:
        """``lasting``: to fetch lines of it often."""
        within = room(2 * len(packed.lines) if lasting else 0).view(np.uint16)
        if lasting:
            count_within(packed.lines, packed.before, packed.values, within)
        return cls(*packed, within)


def pack_slots(table: np.ndarray) -> PackedSlots:
    """A table of slots (uint8, whole cache lines)."""
    slots = table.view(np.uint64).reshape(-1, _EACH)
    contents, rarer = _commonest(slots)
    known = np.concatenate([contents[:OTHER], rarer])
    numbers = np.zeros(1 << _KEYS, np.uint16)
    # In turn, so that of two with one key the commoner stays.
    numbers[_keys(known)[::-1] >> np.uint64(64 - _KEYS)] = np.arange(len(known), dtype=np.uint16)[::-1]
    lines = np.empty(len(slots), np.uint16)
    before, values = np.zeros(-(-len(table) // PAGE), np.uint32), []
    room = np.empty((2 + SLOT) * min(_AT_A_TIME, len(slots)), np.uint8)
    done = 0
    for begin in range(0, len(slots), _AT_A_TIME):
        piece = slots[begin : begin + _AT_A_TIME]
        pages = before[begin * SLOT // PAGE :]
        count = pack_some(piece, known, numbers, lines[begin:], pages, room, done)
        values.append(room[:count].copy())
        done += count
    return PackedSlots(contents, rarer, lines.view(np.uint64), before, np.concatenate(values))


def unpack_slots(packed: PackedSlots, table: np.ndarray) -> None:
    """Make ``table`` (uint8) what was packed. It must have the size that it had."""
    spread_slots(packed.contents, packed.rarer, packed.lines, packed.values, table.view(np.uint64))


def unpack_direct(followed: Followed, packed: PackedSlots, slots: np.ndarray, direct: np.ndarray) -> None:
    """Make a fresh table of direct probabilities what ``followed`` says, beside its ``slots``, which are in
    place, and what they were packed into."""
    rows = followed.usual[np.ascontiguousarray(packed.contents).view(np.uint8)]
    rows[:, 0] = NO_DIRECT  # the first byte of a slot is no history
    spread_direct(packed.lines, rows.view(np.uint64), slots, *followed, direct, direct.view(np.uint64))


def _keys(slots: np.ndarray) -> np.ndarray:
    """As :func:`_key`, of each."""
    keys = ((slots[:, 0] >> np.uint64(8)) * np.uint64(_K1)) ^ (slots[:, 1] * np.uint64(_K2))
    return (keys ^ keys >> np.uint64(29)) * np.uint64(_K1)


@inner
def _key(low, high):
    """A hash of a slot's content, from its two words."""
    h = ((low >> u64(8)) * u64(_K1)) ^ (high * u64(_K2))
    return (h ^ h >> u64(29)) * u64(_K1)


def _commonest(slots: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:attr:`PackedSlots.contents` and ``rarer`` of ``slots`` (uint64 (slots, 2)): the empty one, and those
    that save the most. A sample is counted, of every fourth at most: who waits for a head wants no more."""
    step = max(4, -(-len(slots) // _SAMPLED)) if len(slots) > _AT_A_TIME else 1
    slots = slots[::step]
    keys = _keys(slots)
    places = np.argsort(keys)
    keys = keys[places]
    edges = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    counts = np.diff(edges, append=len(keys))
    often = counts > 1  # else a number's content takes as much as is saved
    edges, counts = edges[often], counts[often]
    order = np.argsort(-counts, kind="stable")[: OTHER + _RARER]
    found = slots[places[edges[order]]]
    found[:, 0] &= ~np.uint64(0xFF)
    found = found[found.any(axis=1)]
    contents = np.zeros((256, _EACH), np.uint64)
    first = found[: OTHER - 1]
    contents[1 : 1 + len(first)] = first
    return contents, np.ascontiguousarray(found[OTHER - 1 :][:_RARER])


@lean
def pack_some(slots, known, numbers, lines, before, values, done):
    """Fill ``lines`` (uint16, a slot each) and ``before`` for ``slots``, whole pages but the last, and
    ``values`` from its first on; how many bytes of it. ``known``: contents, those with a larger number from
    ``OTHER`` on; ``numbers`` uint16: these by key; ``done``: bytes of ``values`` before."""
    n = i64(0)
    for i in range(len(slots)):
        if i % (PAGE // SLOT) == 0:
            before[i // (PAGE // SLOT)] = done + n
        low, high = slots[i, 0], slots[i, 1]
        number = i64(numbers[_key(low, high) >> u64(64 - _KEYS)])
        check = low & u64(255)
        low ^= check
        same = known[number, 0] == low and known[number, 1] == high
        lines[i] = (number if same and number < OTHER else OTHER) | i64(check) << 8
        if not same:
            told = 0
            at = n + i64(2)
            for k in range(1, SLOT):
                byte = i64(((low if k < 8 else high) >> u64((k & 7) << 3)) & u64(255))
                values[at] = byte
                at += byte != 0
                told |= (byte != 0) << k
            values[n] = told & 255
            values[n + 1] = told >> 8
            n = at
        elif number >= OTHER:
            larger = (number - OTHER) << 1 | 1
            values[n] = larger & 255
            values[n + 1] = larger >> 8
            n += 2
    return n


@inner
def _others(line):
    """A bit for each slot of a line whose number is ``OTHER``: 255 and one more carries over."""
    return ((line & u64(0x00FF00FF00FF00FF)) + u64(0x0001000100010001)) & u64(0x0100010001000100)


@inner
def _bytes_of(line, values, k):
    """Where in ``values`` the next line's begin, when this one's begin at ``k``."""
    rest = _others(line)
    while rest:
        told = u64(values[k]) | u64(values[k + 1]) << u64(8)
        k += 2 + i64(ones(told if told & u64(1) == u64(0) else u64(0)))
        rest &= rest - u64(1)
    return k


@inner
def _put(told, contents, rarer, values, k, table, word):
    """Put a line in place from ``word`` of a table on; as :func:`_bytes_of`."""
    for _ in range(LINE // SLOT):
        number = i64(told & u64(255))
        table[word] = contents[number, 0] | ((told >> u64(8)) & u64(255))
        table[word + 1] = contents[number, 1]
        if number == OTHER:
            rest = u64(values[k]) | u64(values[k + 1]) << u64(8)
            k += 2
            if rest & u64(1):
                number = i64(rest >> u64(1))
                table[word] |= rarer[number, 0]
                table[word + 1] = rarer[number, 1]
                rest = u64(0)
            while rest:
                place = lowest(rest)
                table[word + i64(place >> u64(3))] |= u64(values[k]) << ((place & u64(7)) << u64(3))
                k += 1
                rest &= rest - u64(1)
        told >>= u64(16)
        word += _EACH
    return k


@lean
def spread_slots(contents, rarer, lines, values, table):
    """All of a table (uint64)."""
    k = 0
    for line in range(len(lines)):
        k = _put(lines[line], contents, rarer, values, k, table, line * (LINE // 8))


@lean
def spread_direct(lines, rows, slots, usual, places, values, before, direct, words):
    """All of a fresh table of direct probabilities (uint16; ``words`` uint64: the same). ``rows`` uint64
    (256, 4): the probabilities of a slot by its number."""
    for line in range(len(lines)):
        told = lines[line]
        for slot in range(line * (LINE // SLOT), (line + 1) * (LINE // SLOT)):
            number = i64(told & u64(255))
            if number == OTHER:
                for node in range(slot * SLOT + 1, (slot + 1) * SLOT):
                    direct[node] = usual[slots[node]]
            elif number:
                for k in range(4):
                    words[slot * 4 + k] = rows[number, k]
            told >>= u64(16)
    for page in range(len(before) - 1):
        for k in range(before[page], before[page + 1]):
            direct[page * SPAN + i64(places[k])] = values[k]


@lean
def count_within(lines, before, values, within):
    """Fill :attr:`FoundSlots.within`."""
    for page in range(len(before)):
        k = i64(before[page])
        for line in range(page * _LINES, min((page + 1) * _LINES, len(lines))):
            within[line] = np.uint16(k - i64(before[page]))
            k = _bytes_of(lines[line], values, k)


@lean
def fetch_slots(packed, places, table):
    """Put the cache lines ``places`` (int64) of a table (uint64) in place. Some at a time: all of them are
    asked for before the first is needed."""
    contents, rarer, lines, before = packed.contents, packed.rarer, packed.lines, packed.before
    values, within = packed.values, packed.within
    counted = len(within) > 0
    found = local_i64(_AT_ONCE)
    count = len(places)
    for begin in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - begin)
        for i in range(some):
            line = places[begin + i]
            prefetch(lines, u64(line))
            prefetch(table, u64(line * (LINE // 8)))
            if counted:
                prefetch(within, u64(line))
        for i in range(some):
            line = places[begin + i]
            found[i] = i64(before[line // _LINES])
            if counted:
                found[i] += i64(within[line])
            if _others(lines[line]):
                prefetch(values, u64(found[i]))
        for i in range(some):
            line = places[begin + i]
            k = found[i]
            if not counted and _others(lines[line]):
                for earlier in range(line - line % _LINES, line):
                    k = _bytes_of(lines[earlier], values, k)
            _put(lines[line], contents, rarer, values, k, table, line * (LINE // 8))
