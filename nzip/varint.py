"""Integers as bytes, as every file of nzip writes them: base-128 varints and little-endian words.

A varint holds seven bits a byte, the low ones first, and the high bit of each byte says that more follow
(LEB128). It can also be written to be read backwards, which is how the end of a stream says how long its
last frame is. Concession: nothing above 63 bits is read, and nothing in a file needs more.
"""

from __future__ import annotations

from nzip.errors import CorruptError

MAX_BYTES = 9  # 63 bits
_BITS, _GROUP, _MORE = 7, 0x7F, 0x80


def varint(value: int) -> bytes:
    """The shortest form of ``value`` (0 or more): ``varint(300) == b'\\xac\\x02'``."""
    out = bytearray()
    while value >= _MORE:
        out.append(value & _GROUP | _MORE)
        value >>= _BITS
    out.append(value)
    return bytes(out)


def back_varint(value: int) -> bytes:
    """A varint written to be read backwards, from its last byte to its first."""
    return varint(value)[::-1]


class Growing:
    """A varint that arrives byte by byte. ``value`` is what the ``count`` bytes so far make, so that a reader
    with a limit need not wait for the rest."""

    __slots__ = ("count", "value")

    def __init__(self) -> None:
        self.value = self.count = 0

    def add(self, byte: int) -> bool:
        """Take the next byte (0 to 255); whether it was the last."""
        self.value |= (byte & _GROUP) << (_BITS * self.count)
        self.count += 1
        return not byte & _MORE


def read_varint(data, at: int = 0, what: str = "a number") -> tuple[int, int]:
    """The varint at ``data[at]`` (bytes-like), as (value, the place behind it). Any form is taken, not the
    shortest alone. Raises :class:`CorruptError`, which says that ``what`` is damaged, where none ends
    within the data and MAX_BYTES."""
    number = Growing()
    while at < len(data) and number.count < MAX_BYTES:
        at += 1
        if number.add(data[at - 1]):
            return number.value, at
    raise CorruptError(f"{what} is damaged")


def read_back_varint(tail, what: str = "a number") -> tuple[int, int]:
    """The varint that ends where ``tail`` ends, as (value, bytes it took); errors as :func:`read_varint`."""
    return read_varint(bytes(tail[: -MAX_BYTES - 1 : -1]), 0, what)


def u32(value: int) -> bytes:
    """Four bytes, little-endian."""
    return value.to_bytes(4, "little")


def read_u32(data, at: int = 0) -> int:
    """The inverse of :func:`u32`, at ``data[at]``."""
    return int.from_bytes(data[at : at + 4], "little")
