"""Equal-Info Windows, compiled: the partition and the stop rule of ``twin.py`` in 64-bit integers, for W up
to 128.

Positions are eight limbs of 32 bits, low end first; limb 0 is the part below a cell, so cells are limbs 1 to
4. Only the running sum of an interval's low end needs them: whether an interval fits, and where a boundary
lies within its cell, follow from limb 0 and the mantissa, because a mantissa is at least 2**47 while its
exponent is above 0."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.m1.order_n import cdf_into

LIMBS = 8
CELL_LIMBS = 4
MASK = (1 << 32) - 1
ONE = 1 << 32
HALF_FULL = 1 << 47


@njit(cache=True, nogil=True)
def begin(low, size, width):
    """The root; ``size`` is [m, e]."""
    low[:] = 0
    places = width + 32
    size[0] = np.int64(1) << min(places, 48)
    size[1] = max(places - 48, 0)


@njit(cache=True, nogil=True)
def add(low, q, e):
    """low += q << e, for 0 ≤ q < 2**49."""
    i = e >> 5
    r = e & 31
    a = (q & MASK) << r
    b = (q >> 32) << r
    t = low[i] + (a & MASK)
    low[i] = t & MASK
    t = low[i + 1] + (a >> 32) + (b & MASK) + (t >> 32)
    low[i + 1] = t & MASK
    t = low[i + 2] + (b >> 32) + (t >> 32)
    low[i + 2] = t & MASK
    i += 3
    while t >> 32 and i < len(low):
        t = low[i] + 1
        low[i] = t & MASK
        i += 1


@njit(cache=True, nogil=True)
def child_fits(low, size, lo, hi, bits):
    """Whether the child with CDF entries lo, hi holds a whole cell."""
    if size[1] > 0:
        return True  # its size is at least 2**34
    a = (size[0] * lo) >> bits
    up = (-(low[0] + a)) & MASK
    return up + ONE <= ((size[0] * hi) >> bits) - a


@njit(cache=True, nogil=True)
def narrow(low, size, lo, hi, bits):
    """Go to the child with CDF entries lo, hi."""
    a = (size[0] * lo) >> bits
    m = ((size[0] * hi) >> bits) - a
    e = size[1]
    add(low, a, e)
    while m < HALF_FULL and e > 0:
        m <<= 1
        e -= 1
    size[0] = m
    size[1] = e


@njit(cache=True, nogil=True)
def stop_cell(low, size, cdf, bits, cell):
    """The first cell inside that a child's boundary cuts, into ``cell``; False if there is none."""
    m = size[0]
    e = size[1]
    if e >= 32 and low[0] == 0:
        return False
    for s in range(1, 256):
        q = (m * cdf[s]) >> bits
        if e > 0:  # far from both ends of the interval: only where it falls in its cell counts
            found = e >= 32 or (low[0] + (((q & MASK) << e) & MASK)) & MASK != 0
        else:
            at = low[0] + q
            start = (at & ~MASK) - low[0]
            found = at & MASK != 0 and start >= 0 and start + ONE <= m
        if found:
            t = low.copy()
            add(t, q, e)
            cell[:] = t[1 : 1 + CELL_LIMBS]
            return True
    return False


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
            if i > at and stop_cell(low, size, cdf, bits, cell):
                best = i - at
                cells[n] = cell
            s = data[i]
            if not child_fits(low, size, cdf[s], cdf[s + 1], bits):
                break
            narrow(low, size, cdf[s], cdf[s + 1], bits)
            i += 1
        if i == len(data) and i > at:
            cdf_into(cdf, data, origin, i, bits, order, slots, keys, starts, symbols, counts, weights)
            if stop_cell(low, size, cdf, bits, cell):
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
            at = low + ((m * cdfs[i, s]) >> bits)
            cell = at >> 32
            if at & MASK != 0 and cell << 32 >= low and (cell + 1) << 32 <= low + m:
                cells[i] = cell
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
