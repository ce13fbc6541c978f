"""Where bytes of a block stand twice: what a match model would find, told by marks before anything is coded.

A *mark* is a place whose four bytes hash to one value in 256; the eight bytes there are its word. Two parts
of a block that hold copies of each other hold the same words, wherever the copies begin. Concession: copies
of less than some hundred bytes may have no mark; and words are counted once, so that a run of zeros is one.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit

_MARK = np.uint32(0x9E3779B1)
_KEEP = np.uint32(32 - 8)  # one place in 256 is a mark
_STEP = 1 << 16  # words that are compared together
WORD = 8


@njit(cache=True, nogil=True)
def _find(data, words, places):
    """Marks of ``data``: their count; their words and places as far as these arrays have room."""
    n = 0
    four = np.uint32(0)
    for i in range(len(data) - WORD + 1):
        if i == 0:
            for k in range(4):
                four |= np.uint32(data[k]) << np.uint32(8 * k)
        else:
            four = four >> np.uint32(8) | np.uint32(data[i + 3]) << np.uint32(24)
        if np.uint32(four * _MARK) >> _KEEP == np.uint32(0):  # numba widens products
            if n < len(words):
                word = np.uint64(0)
                for k in range(WORD):
                    word |= np.uint64(data[i + k]) << np.uint64(8 * k)
                words[n] = word
                places[n] = i
            n += 1
    return n


def marks(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The words (uint64) and places (int64) of the marks of ``data`` (uint8), in order."""
    words, places = np.empty(len(data) // 64 + 16, np.uint64), np.empty(len(data) // 64 + 16, np.int64)
    count = _find(data, words, places)
    if count > len(words):  # few words, again and again
        words, places = np.empty(count, np.uint64), np.empty(count, np.int64)
        _find(data, words, places)
    return words[:count], places[:count]


def repeated(data: np.ndarray) -> float:
    """The share of marks of ``data`` (uint8) whose words stood in it before; 0.0 where there are none."""
    words, _ = marks(data)
    return 1 - len(np.unique(words)) / len(words) if len(words) else 0.0


def shared(words: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """How many different words each two of ``count`` owners have in common: int64 (count, count), on the
    diagonal an owner's own. ``owners``: int64, whose each of ``words`` is. Time and memory beside the words:
    ``count`` times their number, some 65,536 of them at a time."""
    order = np.lexsort((owners, words))
    words, owners = words[order], owners[order]
    fresh = np.diff(words, prepend=~words[:1]) != 0
    first = fresh | (np.diff(owners, prepend=-1) != 0)
    rows, owners = np.cumsum(fresh)[first] - 1, owners[first]
    found = np.zeros((count, count), np.int64)
    for begin in range(0, int(rows[-1]) + 1 if len(rows) else 0, _STEP):
        low, high = np.searchsorted(rows, (begin, begin + _STEP))
        there = np.zeros((_STEP, count), np.float32)
        there[rows[low:high] - begin, owners[low:high]] = 1
        found += (there.T @ there).astype(np.int64)
    return found
