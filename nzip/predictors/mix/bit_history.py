"""Bit histories: for each context, what bits it was followed by, one byte a history (tables.bin has the
states).

The slot table (uint8) is cache lines of four slots of 16 bytes: a check byte, then the histories of the 15
ways in which a nibble can begin (node 1 is the root, 2n and 2n + 1 follow node n). What a history has meant
is told by adaptive *state maps*: cells of 22 bits of probability and 10 of count, the count saying how slowly
a cell moves. Helpers of kernel.py; the readable twin is twin/bit_history.py.

Concession: two contexts whose hashes share a slot and a check byte share their histories.
"""

import numpy as np

from nzip.predictors.mix.compiled import K1, K3, helper, i64, inlined, u32, u64
from nzip.predictors.mix.constants import COUNT_BITS, RUN_CELLS, SLOT

_COUNT = (1 << COUNT_BITS) - 1
_MOST_RUN = 0xFF00  # where a run's times end
_UPPER = u64(0xFFFFFFFF00000000)
_RUN_STEPS = 31  # times that are told apart


@inlined
def slot_of(h, groups):
    """Where a context hash's slot would lie: one of four slots of 16 bytes in one of ``groups`` cache lines,
    so that tables need not be powers of two."""
    return ((((h & u64(0xFFFFFFFF)) * groups) >> u64(32)) << u64(6)) | (((h >> u64(32)) & u64(3)) << u64(4))


@inlined
def second_half(h, half, beside):
    """The hash of a byte's second half in a context of hash ``h``, its first half being ``half`` with a one
    before it. ``beside``: its slot is in the same cache line, and only its check byte tells it apart."""
    other = (h + half * K3) * K1
    if beside:
        return (other & _UPPER) | (h & ~_UPPER)
    return other ^ (other >> u64(32))


@helper
def find_slot(slots, h, groups):
    """The slot of a nibble's context; (offset, 1 if it was there already, else 0)."""
    check = np.uint8(h >> u64(56))
    a = slot_of(h, groups)
    if slots[a] == check and slots[a + u64(1)] != 0:
        return a, 1
    b = a ^ u64(SLOT)
    if slots[b] == check and slots[b + u64(1)] != 0:
        return b, 1
    c = a ^ u64(2 * SLOT)
    if slots[c] == check and slots[c + u64(1)] != 0:
        return c, 1
    # None: the one whose first history is youngest makes room.
    first, second, third = slots[a + u64(1)], slots[b + u64(1)], slots[c + u64(1)]
    if second < first:
        a = b
        first = second
    if third < first:
        a = c
    for z in range(SLOT):
        slots[a + u64(z)] = 0
    slots[a] = check
    return a, 0


@inlined
def adapt(cells, k, target, limit, reciprocal):
    """Move the probability of cell ``k`` towards ``target`` (0 or 2**22); counts end at ``limit``."""
    v = i64(cells[k])
    count = v & _COUNT
    p = v >> COUNT_BITS
    p += ((target - p) * i64(reciprocal[u64(count)])) >> 16
    cells[k] = u32((p << COUNT_BITS) | (count + (count < limit)))


@inlined
def adapt_direct(direct, k, bit, reciprocal):
    """The same for a cell of 12 bits of probability and 4 of count, which a node of a slot has beside its
    history."""
    v = i64(direct[k])
    count = v & 15
    v >>= 4
    v += ((bit << 12) - bit - v) * i64(reciprocal[u64(count)]) >> 16
    direct[k] = np.uint16((v << 4) | (count + (count < 15)))


@inlined
def run_after(run, byte):
    """A slot's run (times seen, 8 bits; byte, 8 bits) once ``byte`` has followed."""
    if run and (run & 255) == byte:
        if run < _MOST_RUN:
            run += 256
    else:
        run = 256 | byte
    return np.uint16(run)


@inlined
def run_cell(i, run, c0, bit):
    """The cell of context ``i``'s run map which says that the run's byte comes again; 0 where it cannot,
    after the bits ``c0``."""
    told = u64(run != 0) & u64(
        ((run & 255 | 256) >> (8 - bit)) == c0
    )  # no branch, which would be guessed badly
    return (u64(i * RUN_CELLS | (min(run >> 8, _RUN_STEPS) << 1) | ((run >> (7 - bit)) & 1)) + u64(1)) * told
