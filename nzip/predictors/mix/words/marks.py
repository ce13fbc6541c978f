"""The marks of the coded stream (transform.py says what each does), and where a sequence of UTF-8 ends."""

from __future__ import annotations

from nzip.exact.jit import inner

CAPITAL, CAPITALS, BYTE, SEQUENCE = 0x40, 7, 6, 12


@inner
def sequence_length(data, i, end):
    """Bytes of the UTF-8 sequence of more than one byte that begins at ``data[i]``; 1 where none does, -1
    where ``end`` comes before one can be told."""
    lead = data[i]
    need = 1 if lead < 0xC2 else 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4 if lead < 0xF5 else 1
    for k in range(1, need):
        if i + k >= end:
            return -1
        if data[i + k] & 0xC0 != 0x80:
            return 1
    return need
