"""Line ends that can be told from the text, folded away: CRLF to LF, and wrapped lines to long ones.

Where every LF follows a CR, the CRs go. Where paragraphs were wrapped at a width, each newline that *greedy
wrapping* predicts (the next word would pass the width) becomes a space, and a space where a break was
predicted gets the mark 1E before it. Only single spaces and newlines between two other bytes that are no
white space are looked at, so indented text, verse and code pass nearly as they are. A 1E of the text is
written twice. The column counts characters of UTF-8.

Unfolding looks ahead to the next word's end, at most the width; that is all that it lags behind.
Concession: one width for a whole stream, found by counting; a text of several widths is folded for the
commonest."""

from __future__ import annotations

import numpy as np

from nzip.errors import CorruptError
from nzip.exact.jit import inner, lean

MARK = 0x1E
LEAST, MOST = 24, 255  # widths
_SAMPLE, _SAMPLES = 1 << 15, 4
# State of unfolding: bytes of the folded stream and of the raw one that are done, column, the byte before.
IN, OUT, COLUMN, BEFORE = range(4)
DONE, FULL, BAD = 0, 1, 2


def read_only(data: np.ndarray) -> np.ndarray:
    """``data`` as kernels take it, in one piece and not to be written, so that they are compiled once."""
    view = np.ascontiguousarray(data).view()
    view.flags.writeable = False
    return view


def find_crlf(raw: np.ndarray) -> bool:
    """Whether every LF of ``raw`` (uint8) follows a CR, and there is one."""
    ends = np.flatnonzero(raw == 10)
    return bool(len(ends) and ends[0] > 0 and (raw[ends - 1] == 13).all())


def find_width(raw: np.ndarray) -> int:
    """The width at which ``raw`` (uint8, LF at line ends) was wrapped, 0 if it was not."""
    if len(raw) <= _SAMPLES * _SAMPLE:
        samples = [raw]
    else:
        starts = np.linspace(0, len(raw) - _SAMPLE, _SAMPLES).astype(np.int64)
        samples = [raw[s : s + _SAMPLE] for s in starts]
    hits, misses = np.zeros(MOST + 2, np.int64), np.zeros(MOST + 2, np.int64)
    counts = np.zeros(2, np.int64)
    for sample in samples:
        _count(read_only(sample), hits, misses, counts)
    ends, spaces = counts
    hits, misses = np.cumsum(hits), np.cumsum(misses[::-1])[::-1][: MOST + 2]
    worth = (hits - 2 * misses)[: MOST + 1]
    worth[:LEAST] = 0
    width = int(worth.argmax())
    # Tables without spaces are lines of one word each: any width fits, and nothing is gained.
    return width if 2 * worth[width] > ends and worth[width] >= 4 and spaces > 3 * ends else 0


@lean
def _count(data, hits, misses, counts):
    """Add to ``hits`` (as differences) which widths predict each newline, to ``misses`` up to which width
    each space would be taken for a break, and to ``counts`` newlines and spaces, all between words."""
    column = 0
    for i in range(len(data)):
        b = data[i]
        if (b == 10 or b == 32) and i > 0 and not _white(data[i - 1]):
            word = _word(data, i + 1, MOST)
            if word > 0 and b == 10:
                counts[0] += 1
                hits[0] += 1
                hits[min(column + word, MOST) + 1] -= 1
            elif word > 0:
                counts[1] += 1
                misses[min(column + word, MOST + 1)] += 1
        if b == 10:
            column = 0
        elif b & 0xC0 != 0x80:
            column += 1


def remove_cr(raw: np.ndarray) -> np.ndarray:
    """``raw`` less the CR before each LF. Only for what :func:`find_crlf` says yes to."""
    keep = np.ones(len(raw), bool)
    keep[np.flatnonzero(raw == 10) - 1] = False
    return raw[keep]


def fold(raw: np.ndarray, width: int) -> np.ndarray:
    """``raw`` (uint8, any bytes) with its lines folded, an array of its own."""
    folded = np.empty(2 * len(raw), np.uint8)
    return folded[: _fold(read_only(raw), folded, width)].copy()


def unfold(folded: np.ndarray, size: int, width: int, crlf: bool = False) -> np.ndarray:
    """The ``size`` bytes that were folded (0 for ``width``: only CRs went). :class:`CorruptError` where there
    are not so many."""
    raw = np.empty(size, np.uint8)
    state = np.zeros(4, np.int64)
    answer = unfold_part(read_only(folded), len(folded), True, raw, state, width, crlf)
    if answer != DONE or state[IN] != len(folded) or state[OUT] != size:
        raise CorruptError("folded lines that no encoder wrote")
    return raw


@inner
def _white(b):
    return b == 32 or b == 10 or b == 9 or b == 13


@inner
def _word(data, i, most):
    """Characters before the next white space, at most ``most`` and those of 4 * ``most`` bytes."""
    count, stop = 0, min(len(data), i + 4 * most)
    while i < stop and not _white(data[i]) and count < most:
        if data[i] & 0xC0 != 0x80:
            count += 1
        i += 1
    return count


@lean
def _fold(raw, out, width):
    o, column = 0, 0
    for i in range(len(raw)):
        b = raw[i]
        within = 0 < i < len(raw) - 1
        if (b == 32 or b == 10) and within and not _white(raw[i - 1]) and not _white(raw[i + 1]):
            # What follows may begin with bytes that are no characters' first.
            breaks = column + 1 + _word(raw, i + 1, width) > width
            if b == 32 and breaks:
                out[o] = MARK
                o += 1
            out[o] = 32 if breaks else b
            o += 1
        else:
            if b == MARK:
                out[o] = MARK
                o += 1
            out[o] = b
            o += 1
        if b == 10:
            column = 0
        elif b & 0xC0 != 0x80:
            column += 1
    return o


@lean
def unfold_part(folded, upto, last, out, state, width, crlf):
    """Unfold on from ``state`` (IN is a place in ``folded``, of which ``upto`` bytes are there, ``last``: and
    no more will be). DONE when no more can be told, FULL where ``out`` lacks room, BAD."""
    i, o, column, before = state[IN], state[OUT], state[COLUMN], state[BEFORE]
    answer = DONE
    while i < upto:
        b, used = np.int64(folded[i]), 1
        if b > 32 and o < len(out):
            out[o] = b
            i, o, before = i + 1, o + 1, b
            column += b & 0xC0 != 0x80
            continue
        if b == MARK and width:
            if i + 1 >= upto:
                if last:
                    answer = BAD
                break
            b, used = np.int64(folded[i + 1]), 2
            if b != MARK and b != 32:
                answer = BAD
                break
        elif b == 32 and width and o > 0 and not _white(before):
            word = _word_ahead(folded, i + 1, upto, last, width)
            if word < 0:
                break
            if word > 0 and column + word > width:
                b = np.int64(10)
        size = 2 if crlf and b == 10 else 1
        if o + size > len(out):
            answer = FULL
            break
        if size == 2:
            out[o] = 13
        out[o + size - 1] = b
        i, o, before = i + used, o + size, b
        if b == 10:
            column = 0
        elif b & 0xC0 != 0x80:
            column += 1
    state[IN], state[OUT], state[COLUMN], state[BEFORE] = i, o, column, before
    return answer


@inner
def _word_ahead(folded, i, upto, last, width):
    """1 and the characters of the word at ``folded[i]``, counted as :func:`_word` does; 0 where white space
    or the end stands; -1 where it is not there yet."""
    count = size = 0
    while count < width and size < 4 * width:
        if i >= upto:
            if not last:
                return -1
            break
        b = folded[i]
        if _white(b):
            break
        if b == MARK:
            if i + 1 >= upto and not last:
                return -1
            if i + 1 < upto and folded[i + 1] == 32:
                break
            i += 1
        if b & 0xC0 != 0x80:
            count += 1
        i, size = i + 1, size + 1
    return 1 + count if size else 0
