"""Slots of a primed mix, kept small (packed.py has the other tables): a bit a slot, two bytes for one in use,
and for what is rare more.

Most slots have been looked up once, or saw the same half byte each time, so of their 15 nodes four say
something, and few words say what: 254 contents make up three quarters of a table that has read a million
bytes and 16,000 another eighth. So a slot is a code: the number of its content, and its check byte. What has
no number follows apart: a larger number, or which of the bytes differ from zero, and these. Where a page's
codes begin, and what follows apart, is counted; a primer of 400,000 bytes leaves two slots in three empty.

Concession: which contents have numbers is told by a sample, and of those that share a key one has none.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import inner, later, lean
from nzip.predictors.mix.compiled import i64, u64
from nzip.predictors.mix.constants import NO_DIRECT, SLOT
from nzip.predictors.mix.packed import OTHER, PAGE, SPAN, Followed, room

local_i64, local_u64, prefetch = later(
    "nzip.predictors.mix.intrinsics.vector", "local_i64", "local_u64", "prefetch"
)
ones, lowest = later("nzip.exact.bits", "ones", "lowest")

LINE = 64  # bytes of a cache line
_EACH = SLOT // 8  # words of a slot
_LINES = PAGE // LINE  # 8, and a line has four slots
_AT_ONCE = 32
_AT_A_TIME = 1 << 19  # slots that are packed together
_SAMPLED = 1 << 20  # slots that tell which contents are common
_RARER = 1 << 14  # contents with a larger number: these lie in a core's own cache
_KEYS = 18  # bits by which contents are looked up
_K1, _K2 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F


class PackedSlots(NamedTuple):
    """``contents`` uint64 (256, 2): slots by number, without their check byte, which is their lowest; 0 is
    the empty one. ``rarer`` uint64 (contents, 2): those with a larger number. ``pages`` uint64 (pages,): a
    bit for each of 32 slots that is in use, the first one's the lowest, and from bit 32 on how many are
    before. ``before`` uint32 (pages,): bytes of ``values`` before each page's. ``codes`` uint16 (slots in use
    and one more,): the number, and above it the check byte. ``values`` uint8: of each slot whose number is
    ``OTHER`` two bytes, the lower first; either 1 and above it the larger number, or a bit for each of its
    bytes, the check byte's nil, and then those that are not zero."""

    contents: np.ndarray
    rarer: np.ndarray
    pages: np.ndarray
    before: np.ndarray
    codes: np.ndarray
    values: np.ndarray


class FoundSlots(NamedTuple):
    """Of which lines are fetched. ``lines`` uint64 (lines,): the codes of each line's slots, the first one's
    the lowest, 0 of one that is empty; ``within`` uint16 (lines,): bytes of ``values`` of the page before
    each line's. Of none where few will be fetched, which are put together and counted then, in a quarter
    more time."""

    contents: np.ndarray
    rarer: np.ndarray
    pages: np.ndarray
    before: np.ndarray
    codes: np.ndarray
    values: np.ndarray
    lines: np.ndarray
    within: np.ndarray

    @classmethod
    def of(cls, packed: PackedSlots, lasting: bool) -> FoundSlots:
        """``lasting``: to fetch lines of it often."""
        count = _LINES * len(packed.pages) if lasting else 0
        lines, within = room(8 * count).view(np.uint64), room(2 * count).view(np.uint16)
        if lasting:
            lay_out(packed.pages, packed.codes, packed.before, packed.values, lines, within)
        return cls(*packed, lines, within)


def pack_slots(table: np.ndarray) -> PackedSlots:
    """A table of slots (uint8, whole cache lines)."""
    slots = table.view(np.uint64).reshape(-1, _EACH)
    contents, rarer = _commonest(slots)
    known = np.concatenate([contents[:OTHER], rarer])
    numbers = np.zeros(1 << _KEYS, np.uint16)
    # In turn, so that of two with one key the commoner stays.
    numbers[_keys(known)[::-1] >> np.uint64(64 - _KEYS)] = np.arange(len(known), dtype=np.uint16)[::-1]
    before, values = np.zeros(-(-len(table) // PAGE), np.uint32), []
    codes = np.zeros(len(before) * PAGE // SLOT, np.uint16)
    room = np.empty((2 + SLOT) * min(_AT_A_TIME, len(slots)), np.uint8)
    done = 0
    for begin in range(0, len(slots), _AT_A_TIME):
        piece = slots[begin : begin + _AT_A_TIME]
        count = pack_some(piece, known, numbers, codes[begin:], before[begin * SLOT // PAGE :], room, done)
        values.append(room[:count].copy())
        done += count
    used = codes != 0
    counts = np.count_nonzero(used.reshape(-1, PAGE // SLOT), axis=1)
    pages = (np.cumsum(counts) - counts).astype(np.uint64) << np.uint64(32)
    pages |= np.packbits(used, bitorder="little").view(np.uint32)
    # And one more, which who reads four at a time may look at.
    in_use = np.concatenate([codes[used], np.zeros(1, np.uint16)])
    return PackedSlots(contents, rarer, pages, before, in_use, np.concatenate(values))


def unpack_slots(packed: PackedSlots, table: np.ndarray) -> None:
    """Make ``table`` (uint8) what was packed. It must have the size that it had."""
    contents, rarer, pages, _, codes, values = packed
    spread_slots(contents, rarer, pages, codes, values, table.view(np.uint64))


def unpack_direct(followed: Followed, packed: PackedSlots, slots: np.ndarray, direct: np.ndarray) -> None:
    """Make a fresh table of direct probabilities what ``followed`` says, beside its ``slots``, which are in
    place, and what they were packed into."""
    rows = followed.usual[np.ascontiguousarray(packed.contents).view(np.uint8)]
    rows[:, 0] = NO_DIRECT  # the first byte of a slot is no history
    words = direct.view(np.uint64)
    spread_direct(packed.pages, packed.codes, rows.view(np.uint64), slots, *followed, direct, words)


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
def pack_some(slots, known, numbers, codes, before, values, done):
    """Fill ``codes`` (uint16, a slot each) and ``before`` for ``slots``, whole pages but the last, and
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
        codes[i] = (number if same and number < OTHER else OTHER) | i64(check) << 8
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
def _in_use(page, line):
    """Which of the four slots of a line of a page are in use, a bit each."""
    return (page >> u64((line & 7) << 2)) & u64(15)


@inner
def _codes_before(page, line):
    """Where the codes of a line of a page begin."""
    inside = page & ((u64(1) << u64((line & 7) << 2)) - u64(1))
    return i64(page >> u64(32)) + i64(ones(inside))


@inner
def _line(used, codes, k):
    """The codes of a line from the ``k``-th on, a slot's in 16 bits, the first one's the lowest; 0 of those
    that are not in use."""
    first = used & u64(1)
    second = (used >> u64(1)) & u64(1)
    third = (used >> u64(2)) & u64(1)
    one = u64(k)  # of unsigned places none is asked whether it counts from the end
    two = one + first
    three = two + second
    four = three + third
    told = u64(codes[one]) * first | (u64(codes[two]) * second) << u64(16)
    return told | (u64(codes[three]) * third) << u64(32) | (u64(codes[four]) * (used >> u64(3))) << u64(48)


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
def spread_slots(contents, rarer, pages, codes, values, table):
    """All of a table (uint64)."""
    k = 0
    at = i64(0)
    for line in range(len(table) // (LINE // 8)):
        used = _in_use(pages[line // _LINES], line)
        told = _line(used, codes, at)
        at += i64(ones(used))
        k = _put(told, contents, rarer, values, k, table, line * (LINE // 8))


@lean
def spread_direct(pages, codes, rows, slots, usual, places, values, before, direct, words):
    """All of a fresh table of direct probabilities (uint16; ``words`` uint64: the same). ``rows`` uint64
    (256, 4): the probabilities of a slot by its number."""
    at = 0
    for page in range(len(pages)):
        rest = pages[page] & u64(0xFFFFFFFF)
        while rest:
            slot = page * (PAGE // SLOT) + i64(lowest(rest))
            number = i64(codes[at]) & 255
            at += 1
            if number == OTHER:
                for node in range(slot * SLOT + 1, (slot + 1) * SLOT):
                    direct[node] = usual[slots[node]]
            elif number:
                for k in range(4):
                    words[slot * 4 + k] = rows[number, k]
            rest &= rest - u64(1)
    for page in range(len(before) - 1):
        for k in range(before[page], before[page + 1]):
            direct[page * SPAN + i64(places[k])] = values[k]


@lean
def lay_out(pages, codes, before, values, lines, within):
    """Fill :attr:`FoundSlots.lines` and ``within``."""
    at = i64(0)
    for page in range(len(pages)):
        k = i64(before[page])
        for line in range(page * _LINES, (page + 1) * _LINES):
            within[line] = np.uint16(k - i64(before[page]))
            used = _in_use(pages[page], line)
            lines[line] = _line(used, codes, at)
            k = _bytes_of(lines[line], values, k)
            at += i64(ones(used))


@lean
def fetch_slots(packed, places, table):
    """Put the cache lines ``places`` (int64) of a table (uint64) in place. Some at a time: all of them are
    asked for before the first is needed."""
    contents, rarer, pages, before = packed.contents, packed.rarer, packed.pages, packed.before
    codes, values, lines, within = packed.codes, packed.values, packed.lines, packed.within
    laid_out = len(lines) > 0
    found, told = local_i64(_AT_ONCE), local_u64(_AT_ONCE)
    count = len(places)
    for begin in range(0, count, _AT_ONCE):
        some = min(_AT_ONCE, count - begin)
        for i in range(some):
            line = places[begin + i]
            prefetch(table, u64(line * (LINE // 8)))
            if laid_out:
                prefetch(lines, u64(line))
                prefetch(within, u64(line))
            else:
                prefetch(pages, u64(line >> 3))
        if not laid_out:
            for i in range(some):
                line = places[begin + i]
                found[i] = _codes_before(pages[line >> 3], line)
                prefetch(codes, u64(found[i]))
        for i in range(some):
            line = places[begin + i]
            if laid_out:
                told[i] = lines[line]
                found[i] = i64(before[line >> 3]) + i64(within[line])
            else:
                told[i] = _line(_in_use(pages[line >> 3], line), codes, found[i])
                found[i] = i64(before[line >> 3])
            if _others(told[i]):
                prefetch(values, u64(found[i]))
        for i in range(some):
            line = places[begin + i]
            k = found[i]
            if not laid_out and _others(told[i]):
                page = pages[line >> 3]
                at = i64(page >> u64(32))
                for earlier in range(line & ~7, line):
                    used = _in_use(page, earlier)
                    k = _bytes_of(_line(used, codes, at), values, k)
                    at += i64(ones(used))
            _put(told[i], contents, rarer, values, k, table, line * (LINE // 8))
