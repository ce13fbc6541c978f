"""What bytes look like, a window of 64 at a time: text, binary, x86 code, DNA or noise, smoothed.

Each window has a price in each kind, in quarter bits, guessed from counts of what does not suit it; the
cheapest sequence of kinds is sought where a change has a price, too (Viterbi). Then each change moves to the
byte where it is cheapest. Noise, what is compressed already, is told from 4 KiB at a time: hardly any byte
is more frequent than another. All in whole numbers, one pass over the bytes.

Concession: prices are rules of thumb. They were tuned on mixtures of texts and machine code.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.kinds import BINARY, DNA, EXECUTABLE, STORED, TEXT

WINDOW = 64
KINDS = (TEXT, BINARY, EXECUTABLE, DNA, STORED)
_T, _B, _X, _D, _N = range(5)
NOISY = 64  # windows that are looked at together for noise
# Prices of a byte in quarter bits.
_ODD = 20  # a control or a broken UTF-8 sequence in text
_PLAIN = 3  # text outside the text stream
_CODE = 2  # a pair of x86-64 bytes outside the executable stream, times 4
_NOT_CODE = 40  # a window in the executable stream that has none
_NOT_DNA = 24
_IS_DNA = 1
_NOT_NOISE = 16
_NOISE = 3
_EVEN = 900  # chi-squared of noise's 256 counts in NOISY windows: 255 for random bytes, 400 for deflate

# Classes of bytes: what may stand in text, what may not, and what a UTF-8 sequence is made of.
_ASCII, _CONTROL, _FOLLOW, _LEAD2, _LEAD3, _LEAD4 = range(6)


def _classes() -> np.ndarray:
    out = np.full(256, _CONTROL, np.uint8)
    out[[9, 10, 12, 13, 27]] = _ASCII
    out[32:127] = _ASCII
    out[0x80:0xC0] = _FOLLOW
    out[0xC2:0xE0] = _LEAD2
    out[0xE0:0xF0] = _LEAD3
    out[0xF0:0xF5] = _LEAD4
    return out


def _code_pairs() -> np.ndarray:
    """uint8 (65536,): 1 for pairs of bytes that x86-64 code is full of, a prefix and an opcode above 7F."""
    out = np.zeros((256, 256), np.uint8)
    for prefix in (0x41, 0x44, 0x45, 0x48, 0x49, 0x4C, 0x4D):
        out[prefix, [0x81, 0x83, 0x84, 0x85, 0x88, 0x89, 0x8B, 0x8D, 0xC1, 0xC7, 0xF7, 0xFF]] = 1
    out[0x0F, [0x10, 0x11, 0x1F, 0x28, 0x29, 0x84, 0x85, 0x86, 0x87, 0x8E, 0x8F, 0xB6, 0xB7, 0xBE, 0xBF]] = 1
    out[0xF3, 0x0F] = out[0x66, 0x0F] = out[0xF2, 0x0F] = 1
    out[[0xC3, 0xC3], [0x0F, 0x66]] = 1
    return out.reshape(-1)


CLASSES, PAIRS = _classes(), _code_pairs()
_DNA_BYTES = np.isin(np.arange(256), list(b"ACGTN\n")).astype(np.uint8)


@njit(cache=True, nogil=True)
def _prices(data, classes, pairs, dna, any_high, prices, counts):
    """Fill ``prices`` int32 (windows, kinds). ``any_high``: bytes above 127 are letters of some code page;
    ``counts`` int64 (256,): scratch."""
    due = 0  # bytes of a UTF-8 sequence that are still to come
    before = 0
    for w in range(len(prices)):
        odd = plain = code = other = 0
        end = min(len(data), (w + 1) * WINDOW)
        for i in range(w * WINDOW, end):
            byte = np.int64(data[i])
            kind = classes[byte]
            if kind == _ASCII:
                plain += 1
                odd += due > 0
                due = 0
            elif kind == _CONTROL and byte < 128:
                odd += 1
                due = 0
            elif any_high:
                plain += 1
            elif kind == _FOLLOW:
                if due > 0:
                    due -= 1
                    plain += 1
                else:
                    odd += 1
            elif kind == _CONTROL:
                odd += 1
                due = 0
            else:
                odd += due > 0
                due = np.int64(kind) - _LEAD2 + 1
                plain += 1
            code += pairs[before << 8 | byte]
            other += 1 - dna[byte]
            before = byte
        if (w + 1) * WINDOW > len(data):
            code = code * WINDOW // (end - w * WINDOW)
        size = end - w * WINDOW
        prices[w, _T] = odd * _ODD + (_IS_DNA * size if not other else 0)
        prices[w, _B] = plain * _PLAIN + 4 * _CODE * min(code, 8)
        prices[w, _X] = plain * _PLAIN + (_NOT_CODE if not code else 0)
        prices[w, _D] = other * _NOT_DNA
        prices[w, _N] = _NOT_NOISE * size
    for first in range(0, len(prices) - NOISY + 1, NOISY):
        counts[:] = 0
        for i in range(first * WINDOW, min(len(data), (first + NOISY) * WINDOW)):
            counts[data[i]] += 1
        squares = 0
        for n in counts:
            squares += n * n
        if squares * 256 // (NOISY * WINDOW) - NOISY * WINDOW < _EVEN:
            for w in range(first, first + NOISY):
                prices[w, _N] = 0
                prices[w, _B] += _NOISE * WINDOW
                prices[w, _X] += _NOISE * WINDOW


@njit(cache=True, nogil=True)
def _cheapest(prices, change, kinds, total, stay):
    """The kind of each window into ``kinds`` uint8, ``change`` being the price of a change between two.
    ``total`` int64 (kinds,), zeros, and ``stay`` uint8, of the prices' shape, the kind of the window before:
    scratch."""
    count = prices.shape[1]
    for w in range(len(prices)):
        least = 0
        for k in range(1, count):
            if total[k] < total[least]:
                least = k
        for k in range(count):
            if total[k] <= total[least] + change:
                stay[w, k] = k
            else:
                stay[w, k] = least
        floor = total[least] + change
        for k in range(count):
            total[k] = min(total[k], floor) + prices[w, k]
    kind = 0
    for k in range(1, count):
        if total[k] < total[kind]:
            kind = k
    for w in range(len(prices) - 1, -1, -1):
        kinds[w] = kind
        kind = stay[w, kind]


@njit(cache=True, nogil=True)
def _refine(data, classes, kinds, starts):
    """Move each of the window-wide ``starts`` of runs where text begins or ends to the byte where that is
    cheapest, at most a window away. ``kinds``: of the runs."""
    for r in range(1, len(starts)):
        if (kinds[r] == _T) == (kinds[r - 1] == _T):
            continue
        low = max(starts[r] - WINDOW, starts[r - 1] + 1)
        high = min(starts[r] + WINDOW, len(data))
        if r + 1 < len(starts):
            high = min(high, starts[r + 1] - 1)
        # What it costs more to have a byte in the run before than in this one, summed from ``low`` on.
        best = total = 0
        place = low
        for i in range(low, high):
            kind = classes[data[i]]
            as_text = -_PLAIN if kind == _ASCII else (_ODD if kind == _CONTROL else 1)
            total += as_text if kinds[r] != _T else -as_text
            if total < best:
                best = total
                place = i + 1
        starts[r] = place


def runs(data: np.ndarray, change: int, any_high: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """``data`` (uint8, not empty) in runs of one kind each: kinds (uint8, of kinds.py) and lengths (int64).
    ``change``: the price of a change in quarter bits; ``any_high``: bytes above 127 may be text, of whatever
    encoding."""
    windows = -(-len(data) // WINDOW)
    prices = np.empty((windows, len(KINDS)), np.int32)
    _prices(data, CLASSES, PAIRS, _DNA_BYTES, any_high, prices, np.zeros(256, np.int64))
    kinds = np.empty(windows, np.uint8)
    total, stay = np.zeros(len(KINDS), np.int64), np.zeros(prices.shape, np.uint8)
    _cheapest(prices, change, kinds, total, stay)
    first = np.flatnonzero(np.diff(kinds, prepend=255))
    starts = first * WINDOW
    _refine(data, CLASSES, kinds[first], starts)
    lengths = np.diff(starts, append=len(data))
    return np.array(KINDS, np.uint8)[kinds[first]], lengths
