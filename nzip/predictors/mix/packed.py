"""Tables that are mostly as they began, kept small: which bytes differ, and by what.

A primed mix is some dozens to hundreds of megabytes, of which a fifth says something; but that fifth is
spread over all pages, as hashes are, so that neither holes in a file nor mapped pages would save anything
(docs/notes/snapshots.md has the figures). Here a bit a byte says whether it differs from the fresh table's,
and the bytes that differ follow one another; of tables that begin as zeros it is a bit a number
(:class:`Entries`). Both ways out are compiled: the whole table (:func:`spread`), or the stretches of it that
a short text will touch (touched.py), found by counts that are kept for every page.

Concession: to pack takes NumPy some passes over a piece of the table after the other; it is done once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip import memory
from nzip.exact.jit import inner, later, lean
from nzip.predictors.mix.compiled import i64, u64
from nzip.predictors.mix.constants import NO_DIRECT, SLOT

ones, lowest = later("nzip.exact.bits", "ones", "lowest")

PAGE = 512  # bytes for which there is a count: their bits are one cache line
_PIECE = 1 << 23  # bytes of a table that are looked at together
LARGE = 1 << 20


class Packed(NamedTuple):
    """``differs`` uint64 (pages * 8,): a bit a byte, the first byte's the lowest; ``before`` uint32 (pages,):
    how many bytes before each page differ; ``values`` uint8: those, exclusive-or'ed with the fresh ones."""

    differs: np.ndarray
    before: np.ndarray
    values: np.ndarray


def room(size: int, lasting: bool = True) -> np.ndarray:
    """uint8 (size,), whatever stands in it, of pages of its own where it is large: given back to the system
    as soon as nobody holds it, where an allocator would keep a hole. ``lasting``: of large pages, which are
    faster; but of all of them the system must find room and make it zero, where one short text touches a
    tenth."""
    return np.empty(size, np.uint8) if size < LARGE else memory.zeros(size, lasting)


def pack(table: np.ndarray, fresh: np.ndarray | None = None) -> Packed:
    """``table`` against ``fresh``, of its shape and type, or against zeros."""
    changed = table.reshape(-1).view(np.uint8)
    against = None if fresh is None else fresh.reshape(-1).view(np.uint8)
    pages = -(-len(changed) // PAGE)
    differs, counts = np.empty(pages * PAGE // 8, np.uint8), np.empty(pages, np.int64)
    values = []
    for begin in range(0, len(changed), _PIECE):
        piece = changed[begin : begin + _PIECE]
        if against is not None:
            piece = piece ^ against[begin : begin + _PIECE]
        told = np.zeros(-(-len(piece) // PAGE) * PAGE, np.bool_)
        np.not_equal(piece, 0, out=told[: len(piece)])
        first, count = begin // PAGE, len(told) // PAGE
        counts[first : first + count] = np.count_nonzero(told.reshape(-1, PAGE), axis=1)
        differs[begin // 8 : (begin + len(told)) // 8] = np.packbits(told, bitorder="little")
        values.append(piece[told[: len(piece)]])
    before = (np.cumsum(counts) - counts).astype(np.uint32)
    return Packed(differs.view(np.uint64), before, np.concatenate(values) if values else changed[:0])


def unpack(packed: Packed, table: np.ndarray) -> None:
    """Make the fresh ``table`` what was packed. It must have the size that it had."""
    spread(*packed, table.reshape(-1).view(np.uint8))


@lean
def spread(differs, before, values, table):
    """All of a table (uint8) that is fresh."""
    k = 0
    for word in range(len(differs)):
        rest = differs[word]
        place = word << 6
        while rest:
            table[place + i64(lowest(rest))] ^= values[k]
            k += 1
            rest &= rest - u64(1)


class Entries(NamedTuple):
    """A table of whole numbers of which most are 0. ``filled`` uint64 (pages * 8,): a bit for each that is
    not, the first one's the lowest. ``values`` uint8: of each of these words the numbers that are not 0,
    three bytes each or four, the lowest first; of a table of uint16 a byte each, which of ``usual`` uint16
    (256,) it is, or ``OTHER``, and after these two bytes for each that is another. ``before`` uint32
    (pages + 1,): where in ``values`` each page of ``PAGE`` numbers begins; ``within`` uint16 (pages * 8,):
    bytes of its page before each word's."""

    filled: np.ndarray
    before: np.ndarray
    within: np.ndarray
    values: np.ndarray
    usual: np.ndarray

    @property
    def width(self) -> int:
        """Bytes of a number, but for what is not usual."""
        if len(self.usual):
            return 1
        page = int(np.argmax(self.before > 0))  # behind the first numbers that there are
        count = int(np.unpackbits(self.filled[: page * PAGE // _WORD].view(np.uint8)).sum())
        return int(self.before[page]) // count if count else 3


OTHER = 255  # the number of what is not usual
_WORD = 64


def pack_entries(table: np.ndarray) -> Entries:
    """``table``: uint16 or uint32."""
    numbers = table.reshape(-1)
    told = np.zeros(-(-len(numbers) // PAGE) * PAGE, np.bool_)
    np.not_equal(numbers, 0, out=told[: len(numbers)])
    filled = np.packbits(told, bitorder="little").view(np.uint64)
    counts = np.count_nonzero(told.reshape(-1, _WORD), axis=1)
    some = numbers[told[: len(numbers)]]
    if table.dtype == np.uint32:
        width = 3 if not len(some) or some.max() < 1 << 24 else 4
        values = np.ascontiguousarray(some.view(np.uint8).reshape(-1, 4)[:, :width]).reshape(-1)
        return Entries(filled, *_places(counts * width), values, np.zeros(0, np.uint16))
    often = np.bincount(some, minlength=1 << 16)
    usual = np.zeros(256, np.uint16)
    usual[:OTHER] = np.argsort(-often, kind="stable")[:OTHER]
    number_of = np.full(1 << 16, OTHER, np.uint8)
    number_of[usual[:OTHER]] = np.arange(OTHER)
    codes = number_of[some]
    rare = codes == OTHER
    words = np.repeat(np.arange(len(counts)), counts)
    others = np.bincount(words[rare], minlength=len(counts))
    # Each word's numbers stand behind what is rare of the words before.
    shift = 2 * (np.cumsum(others) - others)
    values = np.empty(len(codes) + 2 * int(others.sum()), np.uint8)
    values[np.arange(len(codes)) + np.repeat(shift, counts)] = codes
    at = np.cumsum(counts)[words[rare]] + 2 * np.arange(int(others.sum()))
    values[at], values[at + 1] = some[rare] & 255, some[rare] >> 8
    return Entries(filled, *_places(counts + 2 * others), values, usual)


def _places(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """:attr:`Entries.before` and ``within``, by the bytes of each word."""
    begins = np.concatenate([[0], np.cumsum(sizes)])
    before = begins[:: PAGE // _WORD]
    within = begins[:-1] - np.repeat(before[:-1], PAGE // _WORD)
    return before.astype(np.uint32), within.astype(np.uint16)


def unpack_entries(packed: Entries, table: np.ndarray) -> None:
    """Make ``table``, all zeros, what was packed. It must have the size and type that it had."""
    flat = table.reshape(-1)
    spread_entries(
        packed.filled, packed.values, packed.usual, flat.view(np.uint16), flat.itemsize // 2, packed.width
    )


@inner
def put_number(values, k, width, table, place):
    """A number of ``width`` bytes (3 or 4) to two places of a table (uint16)."""
    table[place] = values[k] | i64(values[k + 1]) << 8
    table[place + 1] = values[k + 2] | (i64(values[k + 3]) << 8 if width > 3 else 0)


@lean
def spread_entries(filled, values, usual, table, size, width):
    """All of a table (uint16) of numbers that take ``size`` (1 or 2) of its places; ``width``: as
    :attr:`Entries.width`."""
    k = i64(0)
    for word in range(len(filled)):
        rest = filled[word]
        rare = k + i64(ones(rest))
        while rest:
            place = ((word << 6) + i64(lowest(rest))) * size
            if width == 1:
                number = values[k]
                table[place] = usual[number]
                if number == OTHER:
                    table[place] = values[rare] | i64(values[rare + 1]) << 8
                    rare += 2
            else:
                put_number(values, k, width, table, place)
            k += width
            rest &= rest - u64(1)
        if width == 1:
            k = rare


class Followed(NamedTuple):
    """A table of direct probabilities, one for each byte of a slot table, told by the bit histories there: a
    young history is all that its probability has seen. ``usual`` uint16 (256,): by history; ``places``
    uint8 (ascending in each page) and ``values`` uint16: where in its page it is another; ``before`` uint32
    (pages + 1,): how many of them lie before each page of ``SPAN`` bytes of the slots."""

    usual: np.ndarray
    places: np.ndarray
    values: np.ndarray
    before: np.ndarray


SPAN = 256
_SAMPLE = 1 << 22  # bytes of slots that tell what is usual


def follow(direct: np.ndarray, slots: np.ndarray) -> Followed:
    """``direct`` (uint16), as long as ``slots`` (uint8)."""
    usual = np.full(256, NO_DIRECT, np.uint16)
    both = slots[:_SAMPLE].astype(np.uint32) << 16 | direct[:_SAMPLE]
    both.reshape(-1, SLOT)[:, 0] = NO_DIRECT
    found, counts = np.unique(both, return_counts=True)
    found = found[np.argsort(counts, kind="stable")]
    usual[found >> 16] = found & 0xFFFF  # the last one stays, the commonest
    usual[0] = NO_DIRECT
    places, values = [], []
    for begin in range(0, len(slots), _PIECE):
        expected = usual[slots[begin : begin + _PIECE]]
        expected.reshape(-1, SLOT)[:, 0] = NO_DIRECT
        piece = direct[begin : begin + _PIECE]
        unlike = np.flatnonzero(expected != piece)
        places.append((unlike + begin).astype(np.uint32))
        values.append(piece[unlike])
    everywhere = np.concatenate(places)
    edges = np.arange(-(-len(slots) // SPAN) + 1, dtype=np.int64) * SPAN
    before = np.searchsorted(everywhere, edges).astype(np.uint32)
    return Followed(usual, (everywhere % SPAN).astype(np.uint8), np.concatenate(values), before)
