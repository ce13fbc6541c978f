"""The call filter for x86 code: relative targets of CALL and JMP become absolute, so that calls of one
function look alike wherever they stand. Exactly invertible on any bytes.

An E8 or E9 followed by a 32-bit distance whose top byte is 00 or FF is rewritten: the distance's low 25 bits
plus the opcode's position, modulo 2**25, sign-extended again; the five bytes are then skipped. Inverse:
minus. After an E8 or E9 whose top byte is another one the scan goes on at that top byte: a rewrite between
the two would change it, and the inverse would then take the first for a call."""

import numpy as np

from nzip.exact.jit import njit

CALL, JUMP = 0xE8, 0xE9


@njit(cache=True)
def filter_part(data, sign, begin, known):
    """:func:`call_filter` in several calls, where only the first ``known`` bytes of ``data`` are there yet.
    ``begin``: 0 at first, then what the call before returned: so many bytes are final, and all at the end."""
    i = begin
    end = known - 4
    while i < end:
        if data[i] != CALL and data[i] != JUMP:
            i += 1
        elif data[i + 4] == 0 or data[i + 4] == 255:
            distance = np.int64(data[i + 1]) | np.int64(data[i + 2]) << 8 | np.int64(data[i + 3]) << 16
            distance |= np.int64(data[i + 4] & 1) << 24
            distance = (distance + sign * i) & 0x1FFFFFF
            data[i + 1] = distance & 255
            data[i + 2] = (distance >> 8) & 255
            data[i + 3] = (distance >> 16) & 255
            data[i + 4] = 255 if distance >> 24 else 0
            i += 5
        else:
            i += 4
    return i


@njit(cache=True)
def call_filter(data, sign):
    """Rewrite ``data`` (uint8) in place; ``sign`` is 1 to encode and -1 to decode."""
    filter_part(data, sign, 0, len(data))
