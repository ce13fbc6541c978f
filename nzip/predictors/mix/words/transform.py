"""Words to codes and back, compiled.

The coded stream: codes (dictionary.py) for known words; 40 makes the next letter a capital, 07 all letters
up to the first byte that is none; other bytes below 80 stand for themselves. 0C says that a whole sequence
of UTF-8 follows as it is, 06 that one byte does: so 06, 07, 0C, 40 and bytes that belong to no sequence are
written. A word is a longest run of small letters, with or without one capital before it, or a run of at
least two capitals (less its last one where a small letter follows); unknown words are spelled in small
letters.

Both ways take any bytes. The decoder reads and writes within its arrays whatever it is given, and refuses
what no encoder writes: unknown codes, marks before what is no letter, capitals, sequences cut short. It
stops where a code is not all there yet, so that it can be fed piecemeal. Concession: a few streams that no
encoder writes decode (a known word spelled); a hash above says what is damaged."""

from __future__ import annotations

import numpy as np

from nzip.errors import CorruptError
from nzip.exact.jit import inner, lean
from nzip.predictors.mix.words.dictionary import ONE, TWO, Dictionary
from nzip.predictors.mix.words.encoder import encode_all
from nzip.predictors.mix.words.lines import read_only
from nzip.predictors.mix.words.marks import BYTE, CAPITAL, CAPITALS, SEQUENCE, sequence_length

# State of the decoder: bytes of the coded and of the raw stream that are done, which letters to raise.
IN, OUT, RAISING = range(3)
NONE, FIRST, ALL, GOING = range(4)  # GOING: ALL, and a letter was raised already
DONE, FULL, BAD = 0, 1, 2
SLACK = 64  # a token writes less


def encode(raw: np.ndarray, dictionary: Dictionary) -> np.ndarray:
    """``raw`` (uint8, any bytes) coded, an array of its own."""
    coded = np.empty(2 * len(raw) + SLACK, np.uint8)
    return coded[: encode_all(read_only(raw), coded, dictionary.tables)].copy()


def decode(coded: np.ndarray, size: int, dictionary: Dictionary) -> np.ndarray:
    """The ``size`` bytes (uint8) that ``coded`` was made from. :class:`CorruptError` where no encoder made it
    from so many."""
    raw = np.empty(size, np.uint8)
    state = np.zeros(3, np.int64)
    answer = decode_part(read_only(coded), len(coded), raw, size, state, dictionary.tables)
    if answer != DONE or state[IN] != len(coded) or state[OUT] != size or is_open(state):
        raise CorruptError("a stream of words that no encoder wrote")
    return raw


def is_open(state: np.ndarray) -> bool:
    """Whether a mark waits for its letter."""
    return bool(state[RAISING] == FIRST or state[RAISING] == ALL)


@inner
def _write_raised(letters, first, size, out, o, raising, upper):
    """Write a word with its first letter (``raising`` FIRST) or all raised; -1 where one has no capital."""
    k = 0
    while k < size:
        b = letters[first + k]
        step = 1 if b < 128 else 2
        if raising != FIRST or k == 0:
            point = (
                np.int64(b) if step == 1 else np.int64(b & 31) << 6 | np.int64(letters[first + 1 + k] & 63)
            )
            point = np.int64(upper[point])
            if not point:
                return -1
            if step == 1:
                out[o + k] = point
            else:
                out[o + k] = 0xC0 | point >> 6
                out[o + k + 1] = 0x80 | point & 63
        else:
            out[o + k] = b
            if step == 2:
                out[o + k + 1] = letters[first + k + 1]
        k += step
    return o + size


@lean
def decode_part(coded, upto, out, limit, state, tables):
    """Decode on from ``state`` as far as ``coded[:upto]`` is there and whole and ``out[:limit]`` has room.
    DONE when no more can be told from what is there, FULL where room is lacking, BAD."""
    i, o, raising = state[IN], state[OUT], state[RAISING]
    words = len(tables.starts) - 1
    answer = DONE
    while i < upto:
        b = np.int64(coded[i])
        if b >= 128:
            used, word = 1, b & 63
            if b >= 0xC0:
                if i + 1 >= upto:
                    break
                used, word = 2, word << 6 | np.int64(coded[i + 1] & 63)
                if coded[i + 1] < 128:
                    answer = BAD
                    break
                if coded[i + 1] < 0xC0:
                    word += ONE
                else:
                    if i + 2 >= upto:
                        break
                    used, word = 3, (word << 6 | np.int64(coded[i + 2] & 63)) + ONE + TWO
                    if coded[i + 2] & 0xC0 != 0x80:
                        answer = BAD
                        break
            if word >= words:
                answer = BAD
                break
            first = np.int64(tables.starts[word])
            size = np.int64(tables.starts[word + 1]) - first
            if o + size > limit:
                answer = FULL
                break
            if raising:
                if _write_raised(tables.letters, first, size, out, o, raising, tables.upper) < 0:
                    answer = BAD
                    break
                raising = NONE if raising == FIRST else GOING
            else:
                for k in range(size):
                    out[o + k] = tables.letters[first + k]
            i, o = i + used, o + size
        elif 97 <= b <= 122:
            if o >= limit:
                answer = FULL
                break
            out[o] = b - 32 if raising else b
            if raising:
                raising = NONE if raising == FIRST else GOING
            i, o = i + 1, o + 1
        elif raising == FIRST or raising == ALL or 65 <= b <= 90:
            answer = BAD
            break
        elif b == CAPITAL:
            raising = FIRST
            i += 1
        elif b == CAPITALS:
            raising = ALL
            i += 1
        elif b == SEQUENCE or b == BYTE:
            raising = NONE
            if i + 1 >= upto:
                break
            size = np.int64(1)
            if b == SEQUENCE:
                size = sequence_length(coded, i + 1, upto)
                if size < 0:
                    break
                if size == 1:
                    answer = BAD
                    break
            if o + size > limit:
                answer = FULL
                break
            for k in range(size):
                out[o + k] = coded[i + 1 + k]
            i, o = i + 1 + size, o + size
        else:
            if o >= limit:
                answer = FULL
                break
            out[o] = b
            i, o, raising = i + 1, o + 1, NONE
    state[IN], state[OUT], state[RAISING] = i, o, raising
    return answer
