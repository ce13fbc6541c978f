"""Which contexts each level mixes for each kind of content, as data.

A recipe names up to four context registers (constants.py, R_...), each with a 64-bit mask; the kernel hashes
what is left. plan.py adds what else the kernel needs to know. Order matters (each context has its own state
map), so a change of any line here changes the bytes and raises the format's draft number.
"""

from __future__ import annotations

from nzip.predictors.content import BINARY, DNA, EXECUTABLE, IMAGE, TEXT
from nzip.predictors.mix.constants import (
    CODED,
    R_ABOVE,
    R_AFTER1,
    R_AFTER2,
    R_CLASSES,
    R_COLUMN,
    R_DNA,
    R_FOLDED,
    R_GAP,
    R_HISTORY,
    R_LINE,
    R_LINE_WORD,
    R_LONG1,
    R_LONG2,
    R_NEIGHBOURS,
    R_NUMBERLESS,
    R_PLANE,
    R_PREDICTED,
    R_SAMPLE,
    R_SENTENCE,
    R_SHAPE,
    R_SIGNS,
    R_TAG,
    R_WORD,
    R_WORD1,
    R_WORD2,
    R_WORD3,
)  # fmt: skip

_ALL = (1 << 64) - 1
Recipe = tuple[tuple[int, int], ...]


def order(n: int) -> Recipe:
    """The last n bytes, n ≤ 24."""
    if n <= 8:
        return ((R_HISTORY, (1 << 8 * n) - 1),)
    if n <= 16:
        return (R_HISTORY, _ALL), (R_LONG1, _ALL >> 8 * (16 - n) << 8 * (16 - n))
    return (R_HISTORY, _ALL), (R_LONG1, _ALL), (R_LONG2, _ALL >> 8 * (24 - n) << 8 * (24 - n))


def bytes_at(*distances: int) -> Recipe:
    """Chosen bytes of the history: distance 1 is the byte before."""
    return ((R_HISTORY, sum(0xFF << 8 * (d - 1) for d in distances)),)


def _r(*pairs) -> Recipe:
    return tuple((p, _ALL) if isinstance(p, int) else p for p in pairs)


_C1, _C12 = (R_HISTORY, 0xFF), (R_HISTORY, 0xFFFF)

WORD = _r(R_WORD)
BIGRAM = _r(R_WORD, R_WORD1)
SKIP_WORD = _r(R_WORD, R_WORD2)
TRIGRAM = _r(R_WORD, R_WORD1, R_WORD2)
ABOVE = _r(_C1, (R_ABOVE, 0xFF))
AFTER1 = _r(_C1, (R_AFTER1, 0xFFFF))
HIGH_BITS = _r((R_HISTORY, 0xF8F8F8F8F8))

_FASTEST = [order(1), order(2), order(4), BIGRAM]
_TEXT_1 = [order(1), order(2), order(4), _r(R_WORD, _C1), BIGRAM, HIGH_BITS]
_TEXT_3 = [  # thirteen: with two match models and the bias their inputs fill two vectors of sixteen
    order(0), order(1), order(2), order(3), order(4), order(6), order(8), WORD, BIGRAM, SKIP_WORD, ABOVE,
    AFTER1, HIGH_BITS,
]  # fmt: skip
_TEXT_2 = [order(1), order(2), order(3), order(4), order(5), order(6), WORD, BIGRAM, ABOVE, bytes_at(2, 3)]
_TEXT_4 = [
    *_TEXT_3, bytes_at(2, 3), bytes_at(1, 3), order(5), _r(R_WORD, _C1), _r((R_NUMBERLESS, 0xFFFFFFFFFF)),
    _r((R_SHAPE, 0xFFFFFFFF), _C1), _r((R_TAG, 0xFFFF), _C12), _r(_C12, (R_ABOVE, 0xFF)), TRIGRAM,
    order(12), _r(R_WORD1, _C1),
]  # fmt: skip
# what -4 has less what only cost time here: order 3, the byte above, bytes of high bits and those that
# followed
_TEXT_5 = [
    order(0), order(1), order(2), order(4), order(6), order(8), WORD, BIGRAM, SKIP_WORD, bytes_at(1, 3),
    order(5), _r(R_WORD, _C1), _r((R_NUMBERLESS, 0xFFFFFFFFFF)), _r((R_SHAPE, 0xFFFFFFFF), _C1),
    _r((R_TAG, 0xFFFF), _C12), _r(_C12, (R_ABOVE, 0xFF)), TRIGRAM, order(12), _r(R_WORD1, _C1), order(7),
    order(16), bytes_at(2, 3, 4), _r((R_SHAPE, _ALL)), _r(R_WORD, (R_ABOVE, 0xFF)),
    _r((R_AFTER2, 0xFFFF), _C1), _r((R_AFTER1, 0xFFFFFF)), _r((R_LINE, 0xFFFFFFFF), (R_COLUMN, 0xFF)),
    _r((R_ABOVE, 0xFFFFFF)), _r((R_TAG, 0xFF), R_WORD), _r(R_WORD2, _C1), _r(R_WORD, (R_SHAPE, 0xFFFF0)),
    _r((R_NUMBERLESS, 0xFFFFFF)),
]  # fmt: skip

# Where words are codes (mix/words).
CLASSES2 = _r((R_CLASSES, 0xFFFF), _C1)
_CODED_1 = _TEXT_1
_CODED_2 = [order(0), order(1), order(2), order(3), order(4), order(6), WORD, BIGRAM, AFTER1, HIGH_BITS]
GAP = _r(R_WORD, (R_GAP, 0xFFFF))
_CODED_3 = [  # the last six with runs
    GAP, CLASSES2, order(0), order(1), order(2), order(3), HIGH_BITS, AFTER1, WORD, BIGRAM, SKIP_WORD,
    order(4), order(6),
]  # fmt: skip
# What stands around and between words, which codes leave more of: signs, the text with its words folded.
_SIGNS, _FOLDED = _r(_C1, (R_SIGNS, 0xFFFFFF)), _r(_C1, (R_FOLDED, 0xFFFFFFFFFFFF))
_GAP, _LINE_WORD, _WORD_SIGNS = (
    _r(_C1, (R_GAP, 0xFFFFFF), (R_CLASSES, 0xFF)), _r(R_WORD, R_LINE_WORD), _r(R_WORD, (R_SIGNS, 0xFFFF)),
)  # fmt: skip
_CODED_4 = [
    # without the byte above, what followed, bytes 1 and 3, orders 5 and 12
    *(recipe for i, recipe in enumerate(_TEXT_4) if i not in (10, 11, 14, 15, 22)),
    CLASSES2, _SIGNS, _FOLDED, _GAP, _LINE_WORD, _WORD_SIGNS,
]  # fmt: skip
# of _TEXT_5: bytes 1 and 3, orders 5, 7, 12, 16, what followed, the line above, the byte with the word before
# last
_NOT_CODED = (9, 10, 17, 19, 20, 25, 27, 29)
_CODED_5 = [
    *(recipe for i, recipe in enumerate(_TEXT_5) if i not in _NOT_CODED),
    _r(R_WORD, R_WORD1, R_WORD2, R_WORD3), GAP, CLASSES2,
    AFTER1, _SIGNS, _GAP, _LINE_WORD, _r(R_WORD, R_SENTENCE), _WORD_SIGNS, _FOLDED,
    _r(R_WORD, (R_FOLDED, 0xFFFFFFFFFF)),
    # the last five without runs, which fill the mixer's vectors
    HIGH_BITS, _r(R_LINE, _C1), _r(R_WORD, (R_LINE, 0xFFFF0000FFFF)), _r((R_FOLDED, _ALL)),
    _r(R_LINE_WORD, (R_SIGNS, 0xFF)),
]  # fmt: skip

_BINARY_0 = [order(1), order(2), order(3), order(4)]
_BINARY_1 = [order(1), order(2), order(3), order(4), order(6), bytes_at(2, 3)]
_BINARY_3 = [
    order(0), order(1), order(2), order(3), order(4), order(6), bytes_at(2, 3), bytes_at(1, 3),
    bytes_at(2, 4), bytes_at(1, 4), bytes_at(3, 4), AFTER1, HIGH_BITS, WORD, ABOVE, bytes_at(1, 2, 4),
]  # fmt: skip
_BINARY_5 = [
    *_BINARY_3, order(5), order(8), bytes_at(2), bytes_at(3), bytes_at(4), bytes_at(2, 3, 4),
    bytes_at(1, 3, 4), bytes_at(1, 5), bytes_at(4, 8), bytes_at(1, 4, 8), _r((R_HISTORY, 0xF0F0F0F0F0F0)),
    _r((R_HISTORY, 0xFFF8FF)), _r((R_HISTORY, 0xE0E0E0E0E0E0E0E0)), _r((R_AFTER2, 0xFFFF)),
    _r((R_AFTER2, 0xFFFF), _C1), _r((R_AFTER1, 0xFFFFFF)), BIGRAM, order(12), _r((R_SHAPE, 0xFFFFFFFF)),
    bytes_at(5, 6), bytes_at(6, 7), bytes_at(1, 2, 3, 5),
]  # fmt: skip

# Tables with a known row length: neighbours west, north, northwest, northeast, west², north².
W, N, NW, NE, WW, NN, P1, P2 = (0xFF << 8 * i for i in range(8))


def near(mask: int) -> tuple[int, int]:
    """Bytes of the two-dimensional neighbourhood."""
    return (R_NEIGHBOURS, mask)


_PLANE = (R_PLANE, 0xFF)
_FIELD = (R_PREDICTED, 0xFF << 56)  # the column of a table, modulo 256
_TABLE = [
    _r(near(N), _FIELD), _r(near(W | N)), _r(near(N | NN)), _r(near(W | N | NW)), _r(near(N), _C12),
    _r(_FIELD, _C1),
]  # fmt: skip
_GRADIENT, _SLOPE, _AHEAD, _DOWN, _ACROSS_W, _ACROSS_N, _MEAN = (0xFF << 8 * i for i in range(7))


def guess(mask: int) -> tuple[int, int]:
    """Bytes of the two-dimensional predictions."""
    return (R_PREDICTED, mask)


_IMAGE_3 = [
    _r(near(W), _PLANE), _r(near(N), _PLANE), _r(near(W | N), _PLANE), _r(guess(_GRADIENT), _PLANE),
    _r(guess(_SLOPE), _PLANE), _r(guess(_GRADIENT), near(N), _PLANE), _r(guess(_ACROSS_W), _PLANE),
    _r(guess(_ACROSS_N), near(P1), _PLANE), _r(guess(_ACROSS_W | _ACROSS_N), _PLANE),
    _r(guess(_AHEAD), near(N), _PLANE), _r(guess(_MEAN), _PLANE), _r(guess(_MEAN | _ACROSS_W), _PLANE),
    _r(near(W & ~0x3 | N & ~0x300 | NE & ~0x3000000), _PLANE), _r(near(P1 | P2), _PLANE), order(0),
    _r(near((W | N | WW | NN) & 0xF0F0F0F0F0F0F0F0), _PLANE),
]  # fmt: skip
_IMAGE_5 = [
    *_IMAGE_3, _r(near(N | NE), _PLANE), _r(near(NW | NE), _PLANE), _r(guess(_GRADIENT), near(P1), _PLANE),
    _r(near(W | N | NW | NE), _PLANE), _r(guess(_DOWN), near(W), _PLANE),
    _r(guess(_GRADIENT | _SLOPE), _PLANE), _r(guess(_ACROSS_W), near(P1), _PLANE),
    _r(guess(_ACROSS_W & ~0x700000000 | _GRADIENT & ~0x7), _PLANE),
    _r(near(W | N | P1 & ~(0x7 << 48)), _PLANE), order(1), order(3),
    _r(guess(_MEAN), near(P1 & ~(0x3 << 48)), _PLANE), _r(near(N | NN), _PLANE),
    _r(guess(_AHEAD), near(P1), _PLANE),
]  # fmt: skip


def sample(mask: int) -> tuple[int, int]:
    """Bytes of the predicted 16-bit sample."""
    return (R_SAMPLE, mask | 1 << 48)


_AUDIO_3 = [
    order(1), order(2), _r(sample(0xFF)), _r(sample(0xFF00)), _r(sample(0xFFFF)), _r(sample(0xFF0000)),
    _r(sample(0xFF00FF)), _r(sample(0xFF), _C1), _r(near(W), sample(0)), _r(near(W | WW), sample(0)),
    _r(near(W), _C1, sample(0)), _r(sample(0xFFF0), _C1), _r(sample(0xFF00FF00)), _r(sample(0xFF00), _C1),
    order(3), _r(sample(0xFFFFFF)),
]  # fmt: skip

_DNA_ORDERS_1 = (2, 4, 8, 11, 12, 16)
_DNA_ORDERS_2 = (1, 2, 4, 6, 8, 11, 12, 14, 16, 20)
_DNA_ORDERS_3 = (1, 2, 3, 4, 6, 8, 9, 10, 11, 12, 13, 14, 16, 18, 20, 24)


def nucleotides(n: int) -> Recipe:
    """The last n nucleotides, whatever line breaks lie between, and whether a line ends about here."""
    return _r((R_DNA, (1 << 2 * n) - 1 if n < 32 else _ALL), (R_ABOVE, 0xFF))


def recipes(level: int, kind: int, stride: int = 0) -> list[Recipe]:
    """The contexts of ``level`` (0..5; 0 has some for text and binary content alone) for ``kind``
    (content.py); ``stride`` > 0 adds the neighbourhood of a table's rows to binary content."""
    if level == 0:
        return _FASTEST if kind in (TEXT, CODED) else _BINARY_0
    if kind == CODED:
        return {1: _CODED_1, 2: _CODED_2, 3: _CODED_3, 4: _CODED_4, 5: _CODED_5}[level]
    if kind == TEXT:
        return {1: _TEXT_1, 2: _TEXT_2, 3: _TEXT_3, 4: _TEXT_4, 5: _TEXT_5}[level]
    if kind in (BINARY, EXECUTABLE):
        found = {1: _BINARY_1, 2: _BINARY_3[:10], 3: _BINARY_3, 4: _BINARY_5[:24], 5: _BINARY_5}[level]
        if not stride:
            return found
        room = {1: 2, 2: 3, 3: 5}.get(level, 0)  # that a table's contexts take from the others
        return [*(found[:-room] if room else found), *_TABLE[: room or len(_TABLE)]]
    if kind == IMAGE:
        return {1: _IMAGE_3[:6], 2: _IMAGE_3[:10], 3: _IMAGE_3, 4: _IMAGE_5[:24], 5: _IMAGE_5}[level]
    if kind == DNA:
        return [nucleotides(n) for n in {1: _DNA_ORDERS_1, 2: _DNA_ORDERS_2}.get(level, _DNA_ORDERS_3)]
    return {1: _AUDIO_3[:6], 2: _AUDIO_3[:10]}.get(level, _AUDIO_3)
