"""What a lane of the mix knows of its bytes so far, between two of them: the context registers.

``fill_registers`` says what the history looks like (last bytes, words, lines, the byte above, the
neighbourhood in a table or picture), which is what recipes pick from (contexts.py); ``advance`` takes one
more byte in. Helpers of kernel.py, called once a byte; the readable twin is twin/history.py. They take
those arrays of a ``Mix`` (state.py) that they need: to hand on all of it takes numba longer than all they do.
Concession: they serve nothing else."""

import numpy as np

from nzip.predictors.mix import constants as at
from nzip.predictors.mix.compiled import K1, helper, i64, inlined, u32, u64

ENDS = tuple(at.ENDS)
LETTER_CASE = ord("a") - ord("A")


def _classes() -> np.ndarray:
    """By byte: its class in the shape of a text."""
    found = np.full(256, at.SHAPE_OTHER, np.uint8)
    found[:32] = at.SHAPE_CONTROL
    found[128:] = at.SHAPE_HIGH
    for members, kind in (
        (bytes(range(ord("a"), ord("z") + 1)), at.SHAPE_LOWER),
        (bytes(range(ord("A"), ord("Z") + 1)), at.SHAPE_UPPER),
        (b"0123456789", at.SHAPE_DIGIT),
        (b" ", at.SHAPE_SPACE),
        (b"\n\r", at.SHAPE_LINE_END),
        (b".,;:!?", at.SHAPE_STOP),
        (b"\"'=-", at.SHAPE_QUOTE),
        (b"<[{(", at.SHAPE_OPENING),
        (b">]})", at.SHAPE_CLOSING),
    ):
        found[list(members)] = kind
    return found


CLASSES = _classes()


def _coded_classes() -> np.ndarray:
    """The same where words are codes: a code's first bytes, its last byte, flags of capitals and escapes."""
    found = CLASSES.copy()
    found[128:192] = at.SHAPE_FINAL
    found[192:] = at.SHAPE_LEAD
    found[list(at.FLAGS)] = at.SHAPE_FLAG
    return found


CODED_CLASSES = _coded_classes()
NO_NUCLEOTIDE = 4
# By byte: 0 to 3 for A, C, G, T.
NUCLEOTIDES = np.array([b"ACGT".find(c) if c in b"ACGT" else NO_NUCLEOTIDE for c in range(256)], np.uint8)


@helper
def fill_registers(data, registers, lane, setting, history1, history2):
    """Fill the context registers for the byte at the lane's position."""
    position = i64(lane[at.L_POSITION])
    start = i64(lane[at.L_START])
    history = lane[at.L_HISTORY]
    registers[at.R_HISTORY] = history
    registers[at.R_WORD] = lane[at.L_WORD]
    registers[at.R_WORD1] = lane[at.L_WORD1]
    registers[at.R_WORD2] = lane[at.L_WORD2]
    registers[at.R_SHAPE] = lane[at.L_SHAPE]
    registers[at.R_WORD_POSITION] = lane[at.L_WORD_POSITION]
    registers[at.R_LINE] = lane[at.L_LINE]
    registers[at.R_DNA] = lane[at.L_DNA]
    registers[at.R_TAG] = lane[at.L_TAG]
    registers[at.R_NUMBERLESS] = lane[at.L_NUMBERLESS]
    registers[at.R_WORD3] = lane[at.L_WORD3]
    registers[at.R_CLASSES] = lane[at.L_CLASSES]
    registers[at.R_GAP] = lane[at.L_GAP]
    registers[at.R_SIGNS] = lane[at.L_SIGNS]
    registers[at.R_SENTENCE] = lane[at.L_SENTENCE]
    registers[at.R_LINE_WORD] = lane[at.L_LINE_WORD]
    registers[at.R_FOLDED] = lane[at.L_FOLDED]
    line_start = i64(lane[at.L_LINE_START])
    column = position - line_start
    registers[at.R_COLUMN] = u64(min(column, 255))
    above = u64(at.NEWLINE)
    place = i64(lane[at.L_LINE_BEFORE]) + column
    if place < line_start - 1:
        above = u64(data[place]) | (u64(data[place + 1]) << u64(8))
        if place > start:
            above |= u64(data[place - 1]) << u64(16)
    registers[at.R_ABOVE] = above
    registers[at.R_AFTER1] = u64(history1[history & u64(0xFF)])
    registers[at.R_AFTER2] = u64(history2[history & u64(0xFFFF)])
    if setting[at.S_LONG]:
        v = u64(0)
        w = u64(0)
        if position - start >= 16:
            for k in range(9, 17):
                v = (v << u64(8)) | u64(data[position - k])
        if position - start >= 24:
            for k in range(17, 25):
                w = (w << u64(8)) | u64(data[position - k])
        registers[at.R_LONG1] = v
        registers[at.R_LONG2] = w
    stride = i64(setting[at.S_STRIDE])
    if stride > 0:
        pixel = i64(setting[at.S_PIXEL])
        seen = position - start
        west = i64(data[position - pixel]) if seen >= pixel else 0
        west2 = i64(data[position - 2 * pixel]) if seen >= 2 * pixel else 0
        north = i64(data[position - stride]) if seen >= stride else 0
        northwest = i64(data[position - stride - pixel]) if seen >= stride + pixel else 0
        northeast = i64(data[position - stride + pixel]) if seen >= stride and pixel < stride else 0
        north2 = i64(data[position - 2 * stride]) if seen >= 2 * stride else 0
        beside = i64(data[position - 1]) if seen >= 1 else 0
        beside2 = i64(data[position - 2]) if seen >= 2 else 0
        registers[at.R_NEIGHBOURS] = u64(
            west
            | north << 8
            | northwest << 16
            | northeast << 24
            | west2 << 32
            | north2 << 40
            | beside << 48
            | beside2 << 56
        )
        gradient = min(255, max(0, west + north - northwest))
        slope = min(255, max(0, west + northeast - north))
        ahead = min(255, max(0, 2 * west - west2))
        down = min(255, max(0, 2 * north - north2))
        # the neighbour plane's own error at this pixel, a hint for colour images
        plane_west = i64(data[position - 1 - pixel]) if seen >= pixel + 1 else 0
        plane_north = i64(data[position - 1 - stride]) if seen >= stride + 1 else 0
        across_west = min(255, max(0, west + beside - plane_west))
        across_north = min(255, max(0, north + beside - plane_north))
        registers[at.R_PREDICTED] = u64(
            gradient
            | slope << 8
            | ahead << 16
            | down << 24
            | across_west << 32
            | across_north << 40
            | ((west + north) >> 1) << 48
            | (seen % stride & 255) << 56
        )
        registers[at.R_PLANE] = u64(seen % pixel)
        if pixel >= 2:
            # 16-bit samples: linear predictions of the whole sample, given its low byte once known
            a = 0
            b = 0
            c = 0
            even = seen & ~1
            if even >= 3 * pixel:
                a = np.int16(u64(data[start + even - pixel]) | u64(data[start + even - pixel + 1]) << u64(8))
                b = np.int16(
                    u64(data[start + even - 2 * pixel]) | u64(data[start + even - 2 * pixel + 1]) << u64(8)
                )
                c = np.int16(
                    u64(data[start + even - 3 * pixel]) | u64(data[start + even - 3 * pixel + 1]) << u64(8)
                )
            first = 2 * i64(a) - i64(b)
            second = 3 * i64(a) - 3 * i64(b) + i64(c)
            if seen & 1:
                first = ((first - beside + 128) >> 8) & 0xFF
                second = ((second - beside + 128) >> 8) & 0xFF
                third = ((i64(a) - beside + 128) >> 8) & 0xFF
                registers[at.R_SAMPLE] = u64(1 << 48 | first | second << 8 | third << 16)
            else:
                registers[at.R_SAMPLE] = u64(
                    (first & 0xFFFF) | (second & 0xFFFF) << 16 | (i64(a) & 0xFFFF) << 32
                )


@inlined
def advance(lane, byte, kind, history1, history2):
    """Take a byte of the class ``kind`` into the lane's registers once it is known."""
    history = lane[at.L_HISTORY]
    k1 = history & u64(0xFF)
    k2 = history & u64(0xFFFF)
    history1[k1] = ((history1[k1] << u32(8)) | u32(byte)) & u32(0xFFFFFF)
    history2[k2] = ((history2[k2] << u32(8)) | u32(byte)) & u32(0xFFFFFF)
    lane[at.L_HISTORY] = (history << u64(8)) | u64(byte)
    position = lane[at.L_POSITION]
    lane[at.L_POSITION] = position + u64(1)
    in_word = (
        kind == at.SHAPE_LOWER
        or kind == at.SHAPE_UPPER
        or kind == at.SHAPE_HIGH
        or kind == at.SHAPE_LEAD
        or kind == at.SHAPE_FINAL
    )
    if in_word:
        if lane[at.L_FOLDED] & u64(0xFF) != u64(at.LETTER):
            lane[at.L_FOLDED] = (lane[at.L_FOLDED] << u64(8)) | u64(at.LETTER)
        if lane[at.L_WORD] == u64(0):
            lane[at.L_CLASSES] = (lane[at.L_CLASSES] << u64(8)) | u64(byte)
            lane[at.L_GAP] = u64(0)
        lower = byte + LETTER_CASE if kind == at.SHAPE_UPPER else byte
        word = (lane[at.L_WORD] + u64(lower)) * K1
        lane[at.L_WORD] = word ^ (word >> u64(30))
        if lane[at.L_WORD_POSITION] < u64(at.MOST_LETTERS):
            lane[at.L_WORD_POSITION] += u64(1)
    elif kind != at.SHAPE_FLAG:
        lane[at.L_GAP] = (lane[at.L_GAP] << u64(8)) | u64(byte)
        if kind != at.SHAPE_SPACE and kind != at.SHAPE_DIGIT:
            lane[at.L_SIGNS] = (lane[at.L_SIGNS] << u64(8)) | u64(byte)
        if lane[at.L_WORD] != u64(0):
            if lane[at.L_SENTENCE] == u64(0):
                lane[at.L_SENTENCE] = lane[at.L_WORD]
            if lane[at.L_LINE_WORD] == u64(0):
                lane[at.L_LINE_WORD] = lane[at.L_WORD]
            lane[at.L_WORD3] = lane[at.L_WORD2]
            lane[at.L_WORD2] = lane[at.L_WORD1]
            lane[at.L_WORD1] = lane[at.L_WORD]
            lane[at.L_WORD] = u64(0)
        lane[at.L_WORD_POSITION] = u64(0)
        if byte == ENDS[0] or byte == ENDS[1] or byte == ENDS[2]:
            lane[at.L_SENTENCE] = u64(0)
        elif byte == at.NEWLINE:
            lane[at.L_LINE_WORD] = u64(0)
            if history & u64(0xFF) == u64(at.NEWLINE):
                lane[at.L_SENTENCE] = u64(0)
    else:
        lane[at.L_GAP] = (lane[at.L_GAP] << u64(8)) | u64(byte)
    column = position - lane[at.L_LINE_START]
    if byte == at.NEWLINE:
        lane[at.L_LINE_BEFORE] = lane[at.L_LINE_START]
        lane[at.L_LINE_START] = position + u64(1)
        lane[at.L_LINE] <<= u64(32)
    elif column < u64(at.LINE_BEGINNING):
        line = lane[at.L_LINE]
        lane[at.L_LINE] = (line >> u64(32) << u64(32)) | (line & u64(0xFFFFFF)) << u64(8) | u64(byte)
    lane[at.L_SHAPE] = (lane[at.L_SHAPE] << u64(4)) | u64(kind)
    # history with digits folded to one class: numbers change, the text around them stays
    folded = u64(at.ZERO) if kind == at.SHAPE_DIGIT else u64(byte)
    if not (kind == at.SHAPE_DIGIT and (lane[at.L_NUMBERLESS] & u64(0xFF)) == u64(at.ZERO)):
        lane[at.L_NUMBERLESS] = (lane[at.L_NUMBERLESS] << u64(8)) | folded
        if not in_word:  # words folded as well
            lane[at.L_FOLDED] = (lane[at.L_FOLDED] << u64(8)) | folded
    # the brackets and tags that are open, innermost last, a stack of eight
    if kind == at.SHAPE_OPENING:
        lane[at.L_TAG] = (lane[at.L_TAG] << u64(8)) | u64(byte)
    elif kind == at.SHAPE_CLOSING:
        lane[at.L_TAG] = lane[at.L_TAG] >> u64(8)
    nucleotide = NUCLEOTIDES[byte]
    if nucleotide != NO_NUCLEOTIDE:
        lane[at.L_DNA] = (lane[at.L_DNA] << u64(2)) | u64(nucleotide)
