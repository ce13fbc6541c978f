"""The stop cell: which of its cells stands for a window's bytes, and so where the window ends.

Of an interval I(x) it is the first cell that lies in I(x) but in no single child of it: a boundary between
two children falls strictly inside that cell. A decoder that follows the cell, always into the child that
holds it whole, is stopped at x and nowhere else; a window therefore ends at the longest prefix of the data
that has a stop cell (rule ``stop`` of ``twin.py``, where it is proven that there always is one while data go
on).

:func:`stop_cell` says so in plain Python; :func:`stop_cell_of_limbs` is compiled, for windows of up to 128
bits, and :func:`cuts_a_cell` is the rule itself where positions fit 64 bits, which ``kernel.expand`` asks for
whole levels of the tree of strings."""

from __future__ import annotations

from nzip.exact.jit import njit
from tokenizers_lab.windows.interval import CELL_LIMBS, FRACTION, MASK, ONE, Interval, add


def stop_cell(interval: Interval, cdf, bits: int) -> int | None:
    """The first cell inside the interval with a child's boundary strictly inside itself; None if there is
    none. ``cdf``: of the symbol that would come next, over 2**bits."""
    for s in range(1, len(cdf) - 1):
        at = interval.low + ((interval.m * cdf[s] >> bits) << interval.e)
        cell = at >> FRACTION
        if (
            at != cell << FRACTION
            and cell << FRACTION >= interval.low
            and (cell + 1) << FRACTION <= interval.high
        ):
            return cell
    return None


@njit(cache=True, nogil=True)
def cuts_a_cell(start, border, size):
    """Whether a boundary ``border`` above an interval's beginning falls strictly inside a cell that lies in
    the interval of ``size``. ``start``: where the interval begins in its cell, 0 to 2**32 - 1."""
    at = start + border
    cell = (at & ~MASK) - start  # where that cell begins, from the interval's beginning
    return at & MASK != 0 and cell >= 0 and cell + ONE <= size


@njit(cache=True, nogil=True)
def stop_cell_of_limbs(low, size, cdf, bits, cell):
    """The same of an interval in limbs, into ``cell`` (int64 of shape (CELL_LIMBS,)); False if there is
    none."""
    m = size[0]
    e = size[1]
    if e >= 32 and low[0] == 0:
        return False
    for s in range(1, 256):
        q = (m * cdf[s]) >> bits
        if e > 0:  # far from both ends of the interval: only where it falls in its cell counts
            found = e >= 32 or (low[0] + (((q & MASK) << e) & MASK)) & MASK != 0
        else:
            found = cuts_a_cell(low[0], q, m)
        if found:
            t = low.copy()
            add(t, q, e)
            cell[:] = t[1 : 1 + CELL_LIMBS]
            return True
    return False
