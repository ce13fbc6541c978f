"""The one reader of UTF-8 that the compiled splitters share: what class is the character at a byte, and how
many bytes has it?

Bytes that are not UTF-8 are no error here: each is a character of its own, of class 0."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit


@njit(cache=True, nogil=True)
def char_at(data, i, n, table):
    """(class, bytes) of the character at ``i`` < n; a byte that starts no valid UTF-8 character is (0, 1).
    ``table``: the class of each code point, uint8."""
    b = data[i]
    if b < 0x80:
        return table[b], 1
    if 0xC2 <= b < 0xE0:
        if i + 1 < n and data[i + 1] & 0xC0 == 0x80:
            return table[(b & 0x1F) << 6 | (data[i + 1] & 0x3F)], 2
    elif 0xE0 <= b < 0xF0:
        if i + 2 < n and data[i + 1] & 0xC0 == 0x80 and data[i + 2] & 0xC0 == 0x80:
            c = np.int64(b & 0x0F) << 12 | np.int64(data[i + 1] & 0x3F) << 6 | np.int64(data[i + 2] & 0x3F)
            if c >= 0x800 and not (0xD800 <= c < 0xE000):
                return table[c], 3
    elif 0xF0 <= b < 0xF5:  # noqa: SIM102 - a case each, alike
        if (
            i + 3 < n
            and data[i + 1] & 0xC0 == 0x80
            and data[i + 2] & 0xC0 == 0x80
            and data[i + 3] & 0xC0 == 0x80
        ):
            c = (
                np.int64(b & 0x07) << 18
                | np.int64(data[i + 1] & 0x3F) << 12
                | np.int64(data[i + 2] & 0x3F) << 6
                | np.int64(data[i + 3] & 0x3F)
            )
            if 0x10000 <= c < 0x110000:
                return table[c], 4
    return np.uint8(0), 1
