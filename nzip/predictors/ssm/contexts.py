"""The hashed contexts of the recurrent expert: which rows of its n-gram tables a position reads.

Seven contexts look at the bytes before a position: the last 2, 3, 4 and 6 bytes; the word so far; the word so
far and the one before; the column. Letters are A-Z (folded to a-z), a-z and every byte from 128 up. All
arithmetic is on 64-bit unsigned integers that wrap; the multipliers below are part of the format
(docs/FORMAT.md, "The recurrent expert"). The same function serves training and coding, so the two cannot
drift apart.

Concession: rows are not checked for collisions; a table is a hash without tags, and training lives with it.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit

TABLES = 7
ORDER2, ORDER3, ORDER4, ORDER6, WORD, WORDS, COLUMN = range(TABLES)
COLUMN_ROWS = 256
# Running state: the last eight bytes (the newest lowest), hash of the word so far, of the word before,
# column.
LAST, NOW, BEFORE, PLACE = range(4)
STATE = 4

_u64 = np.uint64
_K = np.uint64(0x9E3779B97F4A7C15)
_K3 = np.uint64(0xC2B2AE3D27D4EB4F)
_K4 = np.uint64(0x165667B19E3779F9)
_K6 = np.uint64(0xD6E8FEB86659FD93)
_KW = np.uint64(0xA0761D6478BD642F)
_KV = np.uint64(0xE7037ED1A0B428DB)


@njit(nogil=True, cache=True)
def take(state, byte):
    """Move the running state (uint64 (4,)) past one byte (int)."""
    c = _u64(byte)
    state[LAST] = (state[LAST] << _u64(8)) | c
    if _u64(65) <= c <= _u64(90):
        c += _u64(32)
    if (_u64(97) <= c <= _u64(122)) or c >= _u64(128):
        state[NOW] = (state[NOW] + c + _u64(1)) * _KW
    elif state[NOW] != _u64(0):
        state[BEFORE] = state[NOW]
        state[NOW] = _u64(0)
    state[PLACE] = _u64(0) if c == _u64(10) else state[PLACE] + _u64(1)


@njit(nogil=True, cache=True)
def rows(state, bits, out):
    """Fill ``out`` (int64 (7,)) with the row of every table; ``bits`` int64 (7,): log2 of the tables'
    rows."""
    w = state[LAST]
    newest = w & _u64(0xFF)
    out[ORDER2] = np.int64(((w & _u64(0xFFFF)) * _K) >> _u64(64 - bits[ORDER2]))
    out[ORDER3] = np.int64(((w & _u64(0xFFFFFF)) * _K3) >> _u64(64 - bits[ORDER3]))
    out[ORDER4] = np.int64(((w & _u64(0xFFFFFFFF)) * _K4) >> _u64(64 - bits[ORDER4]))
    out[ORDER6] = np.int64(((w & _u64(0xFFFFFFFFFFFF)) * _K6) >> _u64(64 - bits[ORDER6]))
    word = state[NOW] * _K + newest
    out[WORD] = np.int64((word * _K3) >> _u64(64 - bits[WORD]))
    out[WORDS] = np.int64(((word ^ (state[BEFORE] * _KV)) * _K4) >> _u64(64 - bits[WORDS]))
    out[COLUMN] = np.int64(min(state[PLACE], _u64(COLUMN_ROWS - 1)))


@njit(nogil=True, cache=True)
def rows_of_text(data, state, bits, out):
    """The rows at every position of ``data`` (uint8 (n,)), each after its byte: ``out`` int64 (n, 7). Moves
    ``state``."""
    for t in range(data.size):
        take(state, data[t])
        rows(state, bits, out[t])
