"""Equal-Info Windows, compiled: the partition of ``twin.py`` under its stop rule (``stop_cell.py``), in
64-bit integers, for W up to 128. Intervals are those of ``interval.py``, in limbs."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.m1.order_n import cdf_into
from tokenizers_lab.windows.interval import (
    CELL_LIMBS,
    HALF_FULL,
    LIMBS,
    MASK,
    ONE,
    begin,
    child_fits,
    narrow,
)
from tokenizers_lab.windows.stop_cell import cuts_a_cell, stop_cell_of_limbs


@njit(cache=True, nogil=True)
def encode_order_n(data, width, bits, reset, cells, sizes, order, slots, keys, starts, symbols, counts):
    """All windows of ``data`` under an order-n model that forgets every ``reset`` windows (0: never): cells
    into (n, 4), bytes taken into ``sizes`` (0: a literal byte, kept in the cell). Returns the number of
    windows; there is room for len(data)."""
    low = np.zeros(LIMBS, dtype=np.int64)
    size = np.zeros(2, dtype=np.int64)
    cell = np.zeros(CELL_LIMBS, dtype=np.int64)
    cdf = np.empty(257, dtype=np.int64)
    weights = np.empty(256, dtype=np.int64)
    n = 0
    at = 0
    origin = 0
    while at < len(data):
        if reset and n % reset == 0:
            origin = at
        begin(low, size, width)
        i = at
        best = 0
        while i < len(data):
            cdf_into(cdf, data, origin, i, bits, order, slots, keys, starts, symbols, counts, weights)
            if i > at and stop_cell_of_limbs(low, size, cdf, bits, cell):
                best = i - at
                cells[n] = cell
            s = data[i]
            if not child_fits(low, size, cdf[s], cdf[s + 1], bits):
                break
            narrow(low, size, cdf[s], cdf[s + 1], bits)
            i += 1
        if i == len(data) and i > at:
            cdf_into(cdf, data, origin, i, bits, order, slots, keys, starts, symbols, counts, weights)
            if stop_cell_of_limbs(low, size, cdf, bits, cell):
                best = i - at
                cells[n] = cell
        if best == 0:
            cells[n] = 0
            cells[n, 0] = data[at]
        sizes[n] = best
        at += max(best, 1)
        n += 1
    return n


@njit(cache=True, nogil=True)
def start_following(cell, width, follow):
    """``follow`` is [offset of the cell in the interval >> e, m, e, next bit of the cell]."""
    places = width + 32
    top = min(places, 48)
    follow[0] = 0
    follow[1] = np.int64(1) << top
    follow[2] = places - top
    follow[3] = 0
    _read(cell, width, follow, top)


@njit(cache=True, nogil=True)
def _read(cell, width, follow, count):
    for _ in range(count):
        n = width - 1 - follow[3]  # behind the cell's own bits stand zeros
        bit = (cell[n >> 5] >> (n & 31)) & 1 if n >= 0 else 0
        follow[0] = follow[0] << 1 | bit
        follow[3] += 1


@njit(cache=True, nogil=True)
def follow_cell(cell, width, follow, cdf, bits):
    """The byte whose child holds the whole cell, the walk gone on into it; -1 if no child does."""
    v = follow[0]
    m = follow[1]
    e = follow[2]
    a = 0
    b = 256
    while b - a > 1:
        mid = (a + b) >> 1
        if (m * cdf[mid]) >> bits <= v:
            a = mid
        else:
            b = mid
    lo = (m * cdf[a]) >> bits
    v -= lo
    m = ((m * cdf[a + 1]) >> bits) - lo
    if e < 32 and v + (np.int64(1) << (32 - e)) > m:
        return -1
    k = 0
    while (m << k) < HALF_FULL and k < e:
        k += 1
    follow[0] = v
    follow[1] = m << k
    follow[2] = e - k
    _read(cell, width, follow, k)
    return a


@njit(cache=True, nogil=True)
def decode_order_n(
    cells, literal, width, bits, reset, first, out, ends, order, slots, keys, starts, symbols, counts
):
    """Windows from ``first`` on into ``out`` (uint8), behind what stands there, and their ends into ``ends``,
    until a window finds no room. ``out`` holds the bytes of all windows before. Returns the window
    reached."""
    follow = np.zeros(4, dtype=np.int64)
    cdf = np.empty(257, dtype=np.int64)
    weights = np.empty(256, dtype=np.int64)
    n = ends[first - 1] if first else 0
    origin = 0
    if reset and first:
        origin = ends[first - 1 - (first - 1) % reset - 1] if first - 1 >= reset else 0
    for w in range(first, len(cells)):
        if reset and w % reset == 0:
            origin = n
        if literal[w]:
            if n >= len(out):
                return w
            out[n] = cells[w, 0]
            n += 1
        else:
            start_following(cells[w], width, follow)
            while True:
                cdf_into(cdf, out, origin, n, bits, order, slots, keys, starts, symbols, counts, weights)
                s = follow_cell(cells[w], width, follow, cdf, bits)
                if s < 0:
                    break
                if n >= len(out):
                    return w
                out[n] = s
                n += 1
        ends[w] = n
    return len(cells)


@njit(cache=True, nogil=True)
def expand(lows, sizes, cdfs, bits, cells, child_of, child_byte, child_low, child_size):
    """One level of the tree of strings for W ≤ 16 (positions in one int64): the stop cell of each node (-1:
    none) and all its children that fit. Returns how many; the arrays have room for 256 a node."""
    n = 0
    for i in range(len(lows)):
        low = lows[i]
        m = sizes[i]
        cells[i] = -1
        for s in range(1, 256):
            border = (m * cdfs[i, s]) >> bits
            if cuts_a_cell(low & MASK, border, m):
                cells[i] = (low + border) >> 32
                break
        for s in range(256):
            a = (m * cdfs[i, s]) >> bits
            b = (m * cdfs[i, s + 1]) >> bits
            up = (-(low + a)) & MASK
            if up + ONE <= b - a:
                child_of[n] = i
                child_byte[n] = s
                child_low[n] = low + a
                child_size[n] = b - a
                n += 1
    return n
