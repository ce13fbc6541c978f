"""The parts of the mix in plain Python: coder, state maps, bit histories, weights, APMs, matches, registers.

See twin.py, which puts them together. Units: a probability is P(bit = 1) in units of 2**-22; ``stretch(p)``
is ln(p / (1 - p)) in units of 1/256, ``squash`` its inverse. ``>>`` floors. A hash is modulo 2**64."""

from __future__ import annotations

from array import array
from operator import mul

from nzip.predictors.mix import registers as at
from nzip.predictors.mix.tables import tables

K1, K2, K3 = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93, 0xCA5A826395121157
MASK = (1 << 64) - 1

_tables = tables()
NEXT_STATE = _tables.next_state.tolist()  # [2 * state + bit]: the bit history after one more bit
STRETCH = _tables.stretch.tolist()  # by the probability's upper 12 bits
SQUASH = _tables.squash.tolist()  # by stretch units + 4096
RECIPROCAL = _tables.reciprocal.tolist()  # by count: the share of an error that is learnt, in 1 / 65536
APM_ROW = _tables.apm_row.tolist()  # an APM's row before it has learnt: squash at its buckets
# What the maps start from: cells of 22 bits of probability and 10 of count.
STATE_START, RUN_START, MATCH_START = (
    t.tolist() for t in (_tables.state_start, _tables.run_start, _tables.match_start)
)
NO_DIRECT = 1 << 15  # 12 bits of probability, one half; 4 of count


def clamp(x: int, bound: int) -> int:
    return min(bound, max(-bound, x))


def squash(x: int) -> int:
    return SQUASH[x + 4096]


def byte(x: int) -> int:
    """Cut to what a byte can hold."""
    return min(255, max(0, x))


class BinaryDecoder:
    """An interval [low, high] of 64-bit numbers, cut at each bit in proportion to its probability."""

    def __init__(self, payload: bytes):
        self.rest = iter(payload)
        self.low, self.high, self.code = 0, MASK, 0
        for _ in range(8):
            self.code = self.code << 8 | next(self.rest, 0)  # zeros stand behind the end

    def decode(self, p: int) -> int:
        middle = self.low + ((self.high - self.low) >> 22) * p
        bit = int(self.code <= middle)
        if bit:
            self.high = middle
        else:
            self.low = middle + 1
        while self.low >> 56 == self.high >> 56:  # the top byte is settled
            self.low = self.low << 8 & MASK
            self.high = self.high << 8 & MASK | 255
            self.code = self.code << 8 & MASK | next(self.rest, 0)
        return bit


class StateMap:
    """A probability and how often it was corrected, for each of many keys; the more often, the slower it
    moves."""

    def __init__(self, start: list[int], limit: int = 1023):
        self.p = [cell >> 10 for cell in start]
        self.count = [cell & 1023 for cell in start]
        self.limit = limit

    def update(self, k: int, bit: int) -> None:
        self.p[k] += (((bit << 22) - self.p[k]) * RECIPROCAL[self.count[k]]) >> 16
        self.count[k] += self.count[k] < self.limit


class BitHistories:
    """The slot table: for each context, what bits it was followed by, as one-byte states.

    A slot serves one context for half a byte: a check byte, then 15 states, one for each of the 1 + 2 + 4 + 8
    ways the half's bits can begin (node 1 is the root, 2n and 2n + 1 follow node n). Runs and direct
    probabilities lie beside in tables of their own, cleared when a slot changes hands.
    """

    def __init__(self, size: int, direct: bool, runs: bool):
        self.groups = size // 64
        self.state = bytearray(size)
        self.direct = array("H", [NO_DIRECT]) * size if direct else None
        self.runs = array("H", [0]) * (size // 16) if runs else None  # times seen, last byte

    def find(self, h: int) -> tuple[int, bool]:
        """Where the slot of context hash ``h`` begins, and whether it was there already."""
        check, first = h >> 56, ((h & 0xFFFFFFFF) * self.groups >> 32) << 6 | (h >> 32 & 3) << 4
        places = first, first ^ 16, first ^ 32
        for place in places:
            if self.state[place] == check and self.state[place + 1]:
                return place, True
        place = min(places, key=lambda place: self.state[place + 1])  # the youngest history makes room
        self.state[place : place + 16] = bytes([check]) + bytes(15)
        if self.direct:
            self.direct[place : place + 16] = array("H", [NO_DIRECT]) * 16
        if self.runs:
            self.runs[place >> 4] = 0
        return place, False


class WeightVectors:
    """Weight vectors by number, made when first used. 1.0 is 2**14 in the first layer."""

    def __init__(self, start: list[int]):
        self.start = start
        self.vectors: dict[int, list[int]] = {}

    def of(self, number: int) -> list[int]:
        return self.vectors.setdefault(number, self.start.copy())

    def dot(self, number: int, inputs: list[int]) -> int:
        """The weighted sum, as 32-bit machines see it."""
        return (sum(map(mul, self.of(number), inputs)) + (1 << 31)) % (1 << 32) - (1 << 31)

    def train(self, number: int, inputs: list[int], error: int) -> None:
        weights = self.of(number)
        weights[:] = [
            min(32767, max(-32768, w + ((x * error + (1 << 14)) >> 15)))
            for w, x in zip(weights, inputs, strict=True)
        ]


class Apm:
    """An adaptive probability map (SSE): what a prediction has really meant in a context, on 15 steps of a
    nat between which it interpolates; the nearer of the two buckets learns."""

    def __init__(self, rate: int):
        self.rate = rate
        self.rows: dict[int, list[int]] = {}

    def refine(self, x: int, row: int) -> int:
        place = clamp(x, 1919) + 1920
        self.row = self.rows.setdefault(row, APM_ROW.copy())
        bucket, part = place >> 8, place & 255
        self.nearer = bucket + (part >> 7)
        return (self.row[bucket] * (256 - part) + self.row[bucket + 1] * part) >> 8

    def update(self, bit: int) -> None:
        self.row[self.nearer] += ((bit << 22) - self.row[self.nearer]) >> self.rate


class MatchModel:
    """Finds the last place where the ``minimum`` bytes before were the same, and expects what came then."""

    def __init__(self, minimum: int, bits: int):
        self.minimum, self.bits = minimum, bits
        self.last: dict[int, int] = {}  # hash of a context: the place behind its last occurrence
        self.map = StateMap(MATCH_START)
        self.restart()

    def restart(self) -> None:
        self.at = self.length = 0

    def find(self, data: bytearray, position: int, start: int) -> None:
        """Follow the match at hand by the byte that came, or look one up. A match stays on its side of
        ``start``, where the primer ends."""
        if self.length and data[self.at] == data[position - 1]:
            self.length = min(self.length + 1, 65535)
            self.at += 1
        else:
            self.length = 0
        if position - start >= self.minimum:
            h = self.hash(data, position)
            if not self.length:
                self.at = self.last.get(h, 0)
                if self.at > 0:
                    origin = start if self.at >= start else 0
                    most = min(400, self.at - origin, position - start)
                    while (
                        self.length < most
                        and data[self.at - self.length - 1] == data[position - self.length - 1]
                    ):
                        self.length += 1
                    if self.length < self.minimum:
                        self.length = 0
            self.last[h] = position
        self.byte = data[self.at] | 256 if self.length else 0

    def hash(self, data: bytearray, position: int) -> int:
        recent = int.from_bytes(data[position - min(self.minimum, 8) : position], "big")
        before = int.from_bytes(data[max(0, position - self.minimum) : max(0, position - 8)], "little")
        return ((recent + before * K3) * K1 & MASK) >> (64 - self.bits)

    def expected(self, c0: int, bit: int) -> int | None:
        """The next bit, as long as the bits so far are those expected."""
        if self.byte >> (8 - bit) == c0:
            return self.byte >> (7 - bit) & 1
        self.byte = 0
        return None

    def level(self) -> int:
        """The match's length in 36 steps."""
        n = self.length
        return n if n < 16 else 16 + (n - 16 >> 2) if n < 32 else 20 + (n - 32 >> 5) if n < 512 else 35


class Registers:
    """What the bytes so far look like, in many ways: the values that recipes (contexts.py) pick from."""

    def __init__(self, start: int, stride: int, pixel: int):
        self.start = self.position = self.line_start = self.line_before = start
        self.stride, self.pixel = stride, pixel
        self.history = self.word = self.word1 = self.word2 = self.shape = self.line = self.dna = self.tag = 0
        self.word_position = self.numberless = 0

    def values(self, data: bytearray, after1: list[int], after2: list[int]) -> list[int]:
        """All registers, in the numbering of registers.py, for the byte at the position."""
        R = [0] * at.REGISTERS
        R[at.R_HISTORY] = self.history
        R[at.R_WORD], R[at.R_WORD1], R[at.R_WORD2] = self.word, self.word1, self.word2
        R[at.R_SHAPE], R[at.R_WORD_POSITION], R[at.R_LINE] = self.shape, self.word_position, self.line
        R[at.R_DNA], R[at.R_TAG], R[at.R_NUMBERLESS] = self.dna, self.tag, self.numberless
        column = self.position - self.line_start
        R[at.R_COLUMN] = min(column, 255)
        R[at.R_ABOVE] = self.above(data, self.line_before + column)
        R[at.R_AFTER1], R[at.R_AFTER2] = after1[self.history & 0xFF], after2[self.history & 0xFFFF]
        seen = self.position - self.start
        if seen >= 16:
            R[at.R_LONG1] = int.from_bytes(data[self.position - 16 : self.position - 8], "little")
        if seen >= 24:
            R[at.R_LONG2] = int.from_bytes(data[self.position - 24 : self.position - 16], "little")
        if self.stride:
            R[at.R_NEIGHBOURS], R[at.R_PREDICTED] = self.neighbourhood(data, seen)
            R[at.R_PLANE] = seen % self.pixel
            if self.pixel >= 2:
                R[at.R_SAMPLE] = self.sample(data, seen)
        return R

    def above(self, data: bytearray, place: int) -> int:
        """The byte above in the line before, the one after it and the one before it; a line end where none
        is."""
        if place >= self.line_start - 1:
            return 10
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
        lower = new + 32 if 65 <= new <= 90 else new
        if 97 <= lower <= 122 or new >= 128:
            self.word = (self.word + lower) * K1 & MASK
            self.word ^= self.word >> 30
            self.word_position = min(31, self.word_position + 1)
        else:
            if self.word:
                self.word, self.word1, self.word2 = 0, self.word, self.word1
            self.word_position = 0
        if new == 10:
            self.line_before, self.line_start, self.line = self.line_start, self.position, 0
        elif column < 4:
            self.line = self.line << 8 | new
        kind = KIND[new]
        self.shape = (self.shape << 4 | kind) & MASK
        if kind != DIGIT or self.numberless & 0xFF != 48:  # a number's digits count once, as a zero
            self.numberless = (self.numberless << 8 | (48 if kind == DIGIT else new)) & MASK
        if kind == OPENING:
            self.tag = (self.tag << 8 | new) & MASK
        elif kind == CLOSING:
            self.tag >>= 8
        if new in b"ACGT":
            self.dna = (self.dna << 2 | b"ACGT".index(new)) & MASK


DIGIT, OPENING, CLOSING = 2, 7, 10


def _kind(c: int) -> int:
    """The class of a byte in the shape of a text."""
    ranges = ((97, 122, 1), (65, 90, 8), (48, 57, DIGIT), (128, 255, 5))
    signs = ((b" ", 3), (b"\n\r", 4), (b".,;:!?", 6), (b"\"'=-", 9), (b"<[{(", OPENING), (b">]})", CLOSING))
    for first, last, kind in ranges:
        if first <= c <= last:
            return kind
    for members, kind in signs:
        if c in members:
            return kind
    return 11 if c < 32 else 0


KIND = [_kind(c) for c in range(256)]
