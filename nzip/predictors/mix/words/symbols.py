"""Which raw bytes each symbol of a coded stream stands for: where codes, marks and folded lines end, in the
coded stream and in the raw one.

A mark belongs to the word that follows it. Concession: what a width or a CR took out of the stream is paid
for by the symbol that it was part of.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import lean
from nzip.predictors.mix.words import transform
from nzip.predictors.mix.words.lines import MARK, read_only
from nzip.predictors.mix.words.options import Words


def ends(words: Words, raw: np.ndarray, coded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each symbol ends in ``coded`` and in ``raw`` (uint8), which :meth:`Words.apply` made it of: two
    arrays int64 (n,), both rising."""
    in_coded, in_middle = np.empty(len(coded), np.int64), np.empty(len(coded), np.int64)
    if words.dictionary is None:
        in_coded[:] = in_middle[:] = np.arange(1, len(coded) + 1)
        count, middle = len(coded), coded
    else:
        middle = np.empty(2 * len(raw) + transform.SLACK, np.uint8)
        state = np.zeros(3, np.int64)
        count = _codes(read_only(coded), middle, state, words.dictionary.tables, in_coded, in_middle)
        middle = middle[: state[transform.OUT]]
    if not words.width and not words.crlf:
        return in_coded[:count], in_middle[:count]
    in_raw = np.empty(count, np.int64)
    count = _lines(
        read_only(middle), read_only(raw), words.width > 0, words.crlf, in_coded, in_middle, in_raw, count
    )
    return in_coded[:count], in_raw[:count]


@lean
def _codes(coded, out, state, tables, in_coded, in_out):
    """Decode byte by byte, and note where what is told is whole."""
    count = 0
    before = np.int64(0)
    for i in range(1, len(coded) + 1):
        transform.decode_part(coded, i, out, len(out), state, tables)
        if state[0] == i and state[1] > before:
            in_coded[count], in_out[count] = i, state[1]
            before = state[1]
            count += 1
    return count


@lean
def _lines(middle, raw, folded, crlf, in_coded, in_middle, in_raw, count):
    """Keep of the first ``count`` ends those that are between two raw bytes; how many there are."""
    m, r, kept = 0, 0, 0
    for i in range(count):
        while m < in_middle[i]:
            m += 2 if folded and middle[m] == MARK else 1
            r += 2 if crlf and raw[r] == 13 and r + 1 < len(raw) and raw[r + 1] == 10 else 1
        if m == in_middle[i]:
            in_coded[kept], in_raw[kept] = in_coded[i], r
            kept += 1
    return kept


def names(words: Words, most: int = 2) -> list[bytes]:
    """What each byte of a coded stream says, by itself or as the first of a code: itself, a word, or the
    first words of a class and an ellipsis."""
    found = [bytes([b]) for b in range(256)]
    if words.dictionary is None:
        return found
    marked = {0x40: b"a capital", 7: b"capitals", 6: b"a byte as it is", 12: b"a character as it is"}
    for b, name in marked.items():
        found[b] = b"(" + name + b")"
    for b in range(128, 256):
        tried = [bytes([b])] if b < 0xC0 else [bytes([b, 0x80 + k]) for k in range(most)]
        said = []
        for code in tried:
            out, state = np.empty(256, np.uint8), np.zeros(3, np.int64)
            answer = transform.decode_part(
                read_only(np.frombuffer(code, np.uint8)), len(code), out, 256, state, words.dictionary.tables
            )
            if answer == transform.DONE and state[transform.OUT]:
                said.append(out[: state[transform.OUT]].tobytes())
        found[b] = b", ".join(said) + (b" \xe2\x80\xa6" if b >= 0xC0 and said else b"")
    return found
