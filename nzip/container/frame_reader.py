"""A frame's header, field by field, from bytes that come when they come.

Each method is a generator, as :func:`nzip.container.parser.parse` is: it yields how many bytes it wants, is
sent them, and returns a field. Raises :class:`TruncatedError` where there are fewer, :class:`CorruptError`
for what no writer writes.
"""

from __future__ import annotations

from collections.abc import Generator

from nzip.errors import CorruptError, TruncatedError
from nzip.hashes import hash32
from nzip.varint import Growing, u32


class FrameReader:
    """Collects in ``data`` what a frame's header is made of, for its hash. ``start``: its bytes so far;
    ``where``: what errors call it."""

    def __init__(self, start: bytes, where: str):
        self.data = bytearray(start)
        self.where = where

    def take(self, n: int) -> Generator[int, bytes, bytes]:
        """The next ``n`` bytes."""
        data = yield n
        if len(data) < n:
            raise TruncatedError(f"the stream is cut short in {self.where}")
        self.data += data
        return data

    def byte(self) -> Generator[int, bytes, int]:
        """The next byte."""
        return (yield from self.take(1))[0]

    def varint(self, limit: int, what: str) -> Generator[int, bytes, int]:
        """The next varint, ``what`` in errors, in its shortest form and at most ``limit``."""
        number = Growing()
        while True:
            byte = yield from self.byte()
            ended = number.add(byte)
            if number.value > limit or (byte == 0 and number.count > 1):  # there is a shorter form
                raise CorruptError(f"{what} in {self.where} is damaged")
            if ended:
                return number.value

    def blob(self, limit: int, what: str) -> Generator[int, bytes, bytes]:
        """The next bytes, their length (at most ``limit``) before them as a varint."""
        return (yield from self.take((yield from self.varint(limit, f"the length of the {what}"))))

    def check(self, seed: int) -> Generator[int, bytes, int]:
        """The header's hash under ``seed``, compared with the one that comes next."""
        own = hash32(bytes(self.data), seed)
        if u32(own) != (yield from self.take(4)):
            raise CorruptError(f"{self.where} is damaged")
        return own
