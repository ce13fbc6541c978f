"""What the bytes so far look like, in plain Python: twin of history.py."""

from __future__ import annotations

from nzip.predictors.mix import constants as at
from nzip.predictors.mix.twin.numbers import MASK, byte


class Registers:
    """What the bytes so far look like, in many ways: the values that recipes (contexts.py) pick from."""

    def __init__(self, start: int, stride: int, pixel: int, coded: bool = False):
        self.start = self.position = self.line_start = self.line_before = start
        self.stride, self.pixel = stride, pixel
        self.history = self.word = self.word1 = self.word2 = self.shape = self.line = self.dna = self.tag = 0
        self.word_position = self.numberless = self.word3 = self.classes = self.gap = 0
        self.signs = self.sentence = self.line_word = self.folded = 0
        self.kinds = CODED_KIND if coded else KIND

    def values(self, data: bytearray, after1: list[int], after2: list[int]) -> list[int]:
        """All registers, in the numbering of constants.py (R_...), for the byte at the position."""
        found = [0] * at.REGISTERS
        found[at.R_HISTORY] = self.history
        found[at.R_WORD], found[at.R_WORD1], found[at.R_WORD2] = self.word, self.word1, self.word2
        found[at.R_SHAPE], found[at.R_LINE] = self.shape, self.line
        found[at.R_WORD_POSITION] = self.word_position
        found[at.R_DNA], found[at.R_TAG], found[at.R_NUMBERLESS] = self.dna, self.tag, self.numberless
        found[at.R_WORD3], found[at.R_CLASSES], found[at.R_GAP] = self.word3, self.classes, self.gap
        found[at.R_SIGNS], found[at.R_SENTENCE] = self.signs, self.sentence
        found[at.R_LINE_WORD], found[at.R_FOLDED] = self.line_word, self.folded
        column = self.position - self.line_start
        found[at.R_COLUMN] = min(column, 255)
        found[at.R_ABOVE] = self.above(data, self.line_before + column)
        found[at.R_AFTER1], found[at.R_AFTER2] = after1[self.history & 0xFF], after2[self.history & 0xFFFF]
        seen = self.position - self.start
        if seen >= 16:
            found[at.R_LONG1] = int.from_bytes(data[self.position - 16 : self.position - 8], "little")
        if seen >= 24:
            found[at.R_LONG2] = int.from_bytes(data[self.position - 24 : self.position - 16], "little")
        if self.stride:
            found[at.R_NEIGHBOURS], found[at.R_PREDICTED] = self.neighbourhood(data, seen)
            found[at.R_PLANE] = seen % self.pixel
            if self.pixel >= 2:
                found[at.R_SAMPLE] = self.sample(data, seen)
        return found

    def above(self, data: bytearray, place: int) -> int:
        """The byte above in the line before, the one after it and the one before it; a line end where none
        is."""
        if place >= self.line_start - 1:
            return at.NEWLINE
        return data[place] | data[place + 1] << 8 | (data[place - 1] << 16 if place > self.start else 0)

    def neighbourhood(self, data: bytearray, seen: int) -> tuple[int, int]:
        """For tables and pictures: bytes nearby in two dimensions, and what they would have this byte be."""
        stride, pixel = self.stride, self.pixel

        def back(distance: int) -> int:
            return data[self.position - distance] if seen >= distance else 0

        west, west2, north, north2 = back(pixel), back(2 * pixel), back(stride), back(2 * stride)
        northwest = back(stride + pixel)
        northeast = data[self.position - stride + pixel] if seen >= stride and pixel < stride else 0
        beside, beside2 = back(1), back(2)
        near = (west, north, northwest, northeast, west2, north2, beside, beside2)
        guesses = (
            byte(west + north - northwest),
            byte(west + northeast - north),
            byte(2 * west - west2),
            byte(2 * north - north2),
            byte(west + beside - back(pixel + 1)),  # as the plane before changed
            byte(north + beside - back(stride + 1)),
            (west + north) >> 1,
            seen % stride & 255,
        )
        return int.from_bytes(bytes(near), "little"), int.from_bytes(bytes(guesses), "little")

    def sample(self, data: bytearray, seen: int) -> int:
        """For 16-bit samples: what lines and parabolas through the channel's last three would have this one
        be; for the upper byte, what that leaves given the lower."""
        a = b = c = 0
        even = self.start + (seen & ~1)
        if seen & ~1 >= 3 * self.pixel:
            a, b, c = (
                int.from_bytes(data[even - k * self.pixel : even - k * self.pixel + 2], "little", signed=True)
                for k in (1, 2, 3)
            )
        guesses = 2 * a - b, 3 * a - 3 * b + c, a
        if seen & 1:
            low = data[self.position - 1]
            first, second, third = (((g - low + 128) >> 8) & 0xFF for g in guesses)
            return 1 << 48 | first | second << 8 | third << 16
        first, second, third = (g & 0xFFFF for g in guesses)
        return first | second << 16 | third << 32

    def advance(self, new: int) -> None:
        """Take in the byte ``new``."""
        column = self.position - self.line_start
        self.history = (self.history << 8 | new) & MASK
        self.position += 1
        kind = self.kinds[new]
        if kind in _OF_WORDS:
            if not self.word:
                self.classes, self.gap = (self.classes << 8 | new) & MASK, 0
            lower = new + 32 if kind == at.SHAPE_UPPER else new
            self.word = (self.word + lower) * at.K1 & MASK
            self.word ^= self.word >> 30
            self.word_position = min(at.MOST_LETTERS, self.word_position + 1)
        else:
            self.gap = (self.gap << 8 | new) & MASK
            if kind != at.SHAPE_FLAG:
                if kind not in (at.SHAPE_SPACE, at.SHAPE_DIGIT):
                    self.signs = (self.signs << 8 | new) & MASK
                if self.word:
                    self.sentence = self.sentence or self.word
                    self.line_word = self.line_word or self.word
                    self.word, self.word1, self.word2, self.word3 = 0, self.word, self.word1, self.word2
                self.word_position = 0
                if new == at.NEWLINE:
                    self.line_word = 0
                if new in at.ENDS or new == at.NEWLINE == self.history >> 8 & 0xFF:
                    self.sentence = 0
        if new == at.NEWLINE:
            self.line_before, self.line_start = self.line_start, self.position
            self.line = self.line << 32 & MASK
        elif column < at.LINE_BEGINNING:
            self.line = self.line >> 32 << 32 | (self.line & 0xFFFFFF) << 8 | new
        self.shape = (self.shape << 4 | kind) & MASK
        digit = kind == at.SHAPE_DIGIT
        if not digit or self.numberless & 0xFF != at.ZERO:  # a number's digits count once, as a zero
            self.numberless = (self.numberless << 8 | (at.ZERO if digit else new)) & MASK
            if kind not in _OF_WORDS:
                self.folded = (self.folded << 8 | (at.ZERO if digit else new)) & MASK
        if kind in _OF_WORDS and self.folded & 0xFF != at.LETTER:
            self.folded = (self.folded << 8 | at.LETTER) & MASK
        if kind == at.SHAPE_OPENING:
            self.tag = (self.tag << 8 | new) & MASK
        elif kind == at.SHAPE_CLOSING:
            self.tag >>= 8
        if new in b"ACGT":
            self.dna = (self.dna << 2 | b"ACGT".index(new)) & MASK


def _kind(c: int) -> int:
    """The class of a byte in the shape of a text."""
    for first, last, kind in (
        (b"a", b"z", at.SHAPE_LOWER),
        (b"A", b"Z", at.SHAPE_UPPER),
        (b"0", b"9", at.SHAPE_DIGIT),
        (b"\x80", b"\xff", at.SHAPE_HIGH),
    ):
        if first[0] <= c <= last[0]:
            return kind
    for members, kind in (
        (b" ", at.SHAPE_SPACE),
        (b"\n\r", at.SHAPE_LINE_END),
        (b".,;:!?", at.SHAPE_STOP),
        (b"\"'=-", at.SHAPE_QUOTE),
        (b"<[{(", at.SHAPE_OPENING),
        (b">]})", at.SHAPE_CLOSING),
    ):
        if c in members:
            return kind
    return at.SHAPE_CONTROL if c < ord(" ") else at.SHAPE_OTHER


KIND = [_kind(c) for c in range(256)]
# Where words are codes: flags, then a code's first bytes and its last.
CODED_KIND = [at.SHAPE_FLAG if c in at.FLAGS else KIND[c] for c in range(128)]
CODED_KIND += [at.SHAPE_FINAL] * 64 + [at.SHAPE_LEAD] * 64
_OF_WORDS = (at.SHAPE_LOWER, at.SHAPE_UPPER, at.SHAPE_HIGH, at.SHAPE_LEAD, at.SHAPE_FINAL)
