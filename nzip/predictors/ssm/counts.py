"""What counts alone say of the next byte, which a recurrent expert may be *fed* with.

A small network learns slowly, and knows from nothing but its state what stood earlier in this very text;
counts know it at once. So for each of the orders 1 to 4 a row of 256 counts is kept for every context of the
stream, and the distribution that PPM's method C makes of them (Moffat 1990), order 4 blended over 3 over 2
over 1, goes into the network as one more input, and beside its logits (docs/FORMAT.md, "The recurrent
expert"). What goes there is f = log2(256 p) in units of 2**-7, the logarithm taken as a parabola between two
powers of two.

Integers, and float32 sums, products and quotients in a written order, so every machine gives equal bits. The
same function serves training and coding; :class:`Twin` says it in plain Python.

Concession: rows of orders 3 and 4 are found by a hash without tags. 52 MB of addresses a stream, of which a
text touches a kilobyte for each of its bytes at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip import memory
from nzip.exact.jit import later, njit

(bits_of,) = later("nzip.exact.bits", "bits_of")

ORDERS = 4
HASH_BITS = 16
# Where the rows of each order begin.
SECOND = 256
THIRD = SECOND + (1 << 16)
FOURTH = THIRD + (1 << HASH_BITS)
ROWS = FOURTH + (1 << HASH_BITS)
FULL = 250  # a row with such a count is halved before it counts on
UNIT_BITS = 7  # of f
SIZE = 256 * ROWS + 4 * ROWS  # bytes of a stream's counts

f32, _u64 = np.float32, np.uint64
_K3 = np.uint64(0xC2B2AE3D27D4EB4F)
_K4 = np.uint64(0x165667B19E3779F9)
_EVEN, _KEPT, _LEAST = f32(1 / 256), f32(255 / 256), f32(1 / 65536)


class Counts(NamedTuple):
    """Of one stream; all arrays are empty where a network is not fed."""

    rows: np.ndarray  # uint8 (ROWS, 256): how often a byte followed
    total: np.ndarray  # uint16 (ROWS,): the row's sum
    kinds: np.ndarray  # uint16 (ROWS,): different bytes that followed
    at: np.ndarray  # int64 (4,): the rows of the contexts of today, order 1 first
    last: np.ndarray  # uint64 (1,): the last eight bytes, the newest lowest
    p: np.ndarray  # float32 (256,), scratch


def _context(last: int) -> list[int]:
    third = (last & 0xFFFFFF) * int(_K3) % 2**64 >> 64 - HASH_BITS
    fourth = (last & 0xFFFFFFFF) * int(_K4) % 2**64 >> 64 - HASH_BITS
    return [last & 0xFF, SECOND + (last & 0xFFFF), THIRD + third, FOURTH + fourth]


def new_counts(fed: bool = True) -> Counts:
    """Counts that have seen nothing; ``fed`` False: the empty ones."""
    size = ROWS if fed else 0
    block = memory.zeros(SIZE, large=False) if fed else np.zeros(0, np.uint8)
    cells, rest = block[: 256 * size], block[256 * size :]
    return Counts(
        rows=cells.reshape(size, 256),
        total=rest[: 2 * size].view(np.uint16),
        kinds=rest[2 * size :].view(np.uint16),
        at=np.array(_context(0), np.int64),
        last=np.zeros(1, np.uint64),
        p=np.zeros(256, np.float32),
    )


def forget(counts: Counts) -> None:
    """Begin anew, in place."""
    for array in (counts.rows, counts.total, counts.kinds, counts.last):
        array[...] = 0
    counts.at[:] = _context(0)


@njit(nogil=True, cache=True, error_model="numpy")
def _count(counts, at, byte):
    row = counts.rows[at]
    if row[byte] == FULL:
        total, kinds = 0, 0
        for s in range(256):
            half = row[s] >> 1
            row[s] = half
            total += half
            kinds += half > 0
        counts.total[at], counts.kinds[at] = total, kinds
    if row[byte] == 0:
        counts.kinds[at] += 1
    row[byte] += 1
    counts.total[at] += 1


@njit(nogil=True, cache=True, error_model="numpy")
def take(counts, byte, out):
    """The stream goes on with ``byte``; ``out`` int16 (256,) gets f of the next one."""
    for k in range(ORDERS):
        _count(counts, counts.at[k], byte)
    w = (counts.last[0] << _u64(8)) | _u64(byte)
    counts.last[0] = w
    counts.at[0] = np.int64(w & _u64(0xFF))
    counts.at[1] = SECOND + np.int64(w & _u64(0xFFFF))
    counts.at[2] = THIRD + np.int64(((w & _u64(0xFFFFFF)) * _K3) >> _u64(64 - HASH_BITS))
    counts.at[3] = FOURTH + np.int64(((w & _u64(0xFFFFFFFF)) * _K4) >> _u64(64 - HASH_BITS))
    p = counts.p
    for s in range(256):
        p[s] = _EVEN
    for k in range(ORDERS):
        at = counts.at[k]
        if counts.total[at] == 0:
            continue
        row = counts.rows[at]
        kinds = f32(counts.kinds[at])
        share = f32(f32(1) / f32(f32(counts.total[at]) + kinds))
        for s in range(256):
            p[s] = f32(f32(f32(row[s]) + f32(kinds * p[s])) * share)
    for s in range(256):
        bits = bits_of(f32(f32(p[s] * _KEPT) + _LEAST))
        m = (bits >> np.int32(16)) & np.int32(127)
        bent = m + ((m * (np.int32(128) - m) * np.int32(88)) >> np.int32(15))
        out[s] = np.int16(((bits >> np.int32(23)) - np.int32(127 - 8)) * np.int32(128) + bent)


@njit(nogil=True, cache=True, error_model="numpy")
def take_all(counts, data, out):
    """:func:`take` for every byte of ``data`` uint8 (n,); ``out`` int16 (n, 256)."""
    for t in range(data.size):
        take(counts, data[t], out[t])


class Twin:
    """:func:`take` in plain Python."""

    def __init__(self) -> None:
        self.rows: dict[int, np.ndarray] = {}
        self.last = 0

    def take(self, byte: int) -> np.ndarray:
        """f of the byte after ``byte``, int64 (256,)."""
        for at in _context(self.last):
            row = self.rows.setdefault(at, np.zeros(256, np.int64))
            if row[byte] == FULL:
                row //= 2
            row[byte] += 1
        self.last = (self.last << 8 | byte) % 2**64
        p = np.full(256, 1 / 256, np.float32)
        for at in _context(self.last):
            if at in self.rows:
                row = self.rows[at]
                kinds = np.float32(np.count_nonzero(row))
                share = np.float32(1) / (np.float32(row.sum()) + kinds)
                p = (row.astype(np.float32) + kinds * p) * share
        p = p * np.float32(255 / 256) + np.float32(1 / 65536)
        fraction, exponent = np.frexp(p)  # p = fraction * 2**exponent, a half up to one
        m = np.floor((2 * fraction - 1) * 128).astype(np.int64)
        return (exponent.astype(np.int64) - 1 + 8) * 128 + m + (m * (128 - m) * 88 >> 15)
