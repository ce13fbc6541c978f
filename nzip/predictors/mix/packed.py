"""Tables that are mostly as they began, kept small: which bytes differ, and by what.

A primed mix is some dozens to hundreds of megabytes, of which a fifth says something; but that fifth is
spread over all pages, as hashes are, so that neither holes in a file nor mapped pages would save anything
(docs/notes/snapshots.md has the figures). Here a bit a byte says whether it differs from the fresh table's,
and the bytes that differ follow one another. Both ways out are compiled: the whole table (:func:`spread`), or
the stretches of it that a short text will touch (touched.py), found by counts that are kept for every page.

Concession: to pack takes NumPy some passes over a piece of the table after the other; it is done once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip import memory
from nzip.exact.jit import later, lean
from nzip.predictors.mix.compiled import i64, u64
from nzip.predictors.mix.constants import NO_DIRECT, SLOT

(lowest,) = later("nzip.exact.bits", "lowest")

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


class Followed(NamedTuple):
    """A table of direct probabilities, one for each byte of a slot table, told by the bit histories there: a
    young history is all that its probability has seen. ``usual`` uint16 (256,): by history; ``places``
    uint16 (ascending in each page) and ``values`` uint16: where in its page it is another; ``before`` uint32
    (pages + 1,): how many of them lie before each page of the slots."""

    usual: np.ndarray
    places: np.ndarray
    values: np.ndarray
    before: np.ndarray


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
    edges = np.arange(-(-len(slots) // PAGE) + 1, dtype=np.int64) * PAGE
    before = np.searchsorted(everywhere, edges).astype(np.uint32)
    return Followed(usual, (everywhere % PAGE).astype(np.uint16), np.concatenate(values), before)
