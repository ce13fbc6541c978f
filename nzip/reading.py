"""The reading side of :class:`nzip.NzipFile`: decoded bytes with a position, and what follows an error.

Damage is reported by every later read, until a seek begins anew through the index; ``read(n)`` and
``readinto`` hand on what is proven before it first. What may pass (an error of
the file below, an interruption) leaves the position where it was; the next read begins there again where the
file can seek, and raises the same error where it cannot. Nothing after an error looks like the end.

Concession: one read at a time, for all threads together.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any

from nzip.container.raw import RawReader
from nzip.errors import NzipError
from nzip.io.streams import StreamError
from nzip.turns import raise_again

_BUFFER = 1 << 16
# `BufferedReader` allocates what is asked for before it knows what there is.
_PIECE = 1 << 18


class Reading:
    """``make``: a :class:`RawReader` of ``file`` from where it stands; ``owns``: close it with this one."""

    def __init__(self, file: Any, owns: bool, make: Callable[[], RawReader]):
        self.position = 0
        self._file, self._owns, self._make = file, owns, make
        self._lock = threading.RLock()
        self._failed: BaseException | None = None
        raw = make()
        self.seekable = raw.seekable()
        self._base = raw.base
        self._raw: RawReader | None = raw
        self._reader: io.BufferedReader | None = io.BufferedReader(raw, _BUFFER)
        self.closed = False

    def read(self, size: int) -> bytes:
        """Up to ``size`` bytes, all for -1. Where damage comes in their midst, what is proven before it; -1
        raises then, since nobody would ask again."""
        if size <= 0:
            return self._taken("read", size)
        with self._lock:
            before, parts = self.position, []
            try:
                while size > 0 and (part := self._taken("read1", min(size, _PIECE))):
                    parts.append(part)
                    size -= len(part)
            except BaseException as error:
                if not parts or self._failed is not error:
                    self._back_to(before)
                    raise
            return parts[0] if len(parts) == 1 else b"".join(parts)

    def read1(self, size: int) -> bytes:
        """Up to ``size`` bytes with few reads underneath."""
        return self._taken("read1", min(size, _PIECE))

    def readline(self, size: int) -> bytes:
        """A line with its end, at most ``size`` bytes of it; -1 for all."""
        return self._taken("readline", min(size, (1 << 63) - 1))

    def readinto(self, name: str, buffer: Any) -> int:
        """``name``: readinto, which gives as much as :meth:`read`, or readinto1."""
        with self._lock, memoryview(buffer) as given, given.cast("B") as view:
            before, done = self.position, 0
            try:
                while done < len(view):
                    with view[done:] as left:
                        count = self._call("readinto1", left)
                    self.position += count
                    done += count
                    if not count or name == "readinto1":
                        break
            except BaseException as error:
                if not done or self._failed is not error:
                    self._back_to(before)
                    raise
            return done

    def peek(self, size: int) -> bytes:
        """As of :class:`io.BufferedReader`."""
        return self._call("peek", size)

    def seek(self, offset: int, whence: int) -> int:
        """The new position, in decoded bytes."""
        with self._lock:
            if self._failed is not None and self.seekable:
                self._failed = None
                self._drop()
            self.position = self._call("seek", offset, whence)
            return self.position

    def close(self) -> None:
        """Let everything go."""
        with self._lock:
            if self.closed:
                return
            self.closed = True
            try:
                self._drop()
            finally:
                self._failed = None
                if self._owns:
                    self._file.close()

    def _taken(self, name: str, size: int) -> bytes:
        with self._lock:
            data = self._call(name, size)
            self.position += len(data)
            return data

    def _call(self, name: str, *args: Any) -> Any:
        with self._lock:
            if self.closed:
                raise ValueError("I/O operation on closed file")
            if self._failed is not None:
                raise_again(self._failed)
            try:
                return getattr(self._reader or self._fresh(), name)(*args)
            except BaseException as error:
                self._after(error)
                raise

    def _back_to(self, position: int) -> None:
        """A call that gives nothing has taken nothing."""
        if self.position != position:
            self.position = position
            self._drop()

    def _after(self, error: BaseException) -> None:
        """Settle what the next call will do."""
        if isinstance(error, NzipError) and not isinstance(error, StreamError):
            self._failed = error
            return
        raw, reader = self._raw, self._reader
        # A wrong argument changes nothing. Else bytes may be lost that the buffer had taken in already.
        if raw is not None and raw.failed is None and reader is not None and reader.tell() == self.position:
            return
        if self.seekable:
            self._drop()
        else:
            self._failed = error

    def _fresh(self) -> io.BufferedReader:
        """A new reader at the position."""
        self._file.seek(self._base)
        raw = self._make()
        raw.seek(self.position)
        self._raw, self._reader = raw, io.BufferedReader(raw, _BUFFER)
        return self._reader

    def _drop(self) -> None:
        reader, self._reader, self._raw = self._reader, None, None
        if reader is not None:
            reader.close()
