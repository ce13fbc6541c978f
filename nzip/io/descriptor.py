"""A file of the system's, by its descriptor: a read that waits, a write that writes all.

What ``open`` of Python gives may answer None for "nothing yet" and write a part only, and says so to nobody
who does not ask (``PYTHONUNBUFFERED=1`` makes standard output such a file). All that the command line reads
and writes goes through :class:`Descriptor` instead. Concession: it goes through Python, a system call at a
time, so callers hand it large pieces."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from nzip.io.streams import read_some, write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

# More than this in one call is refused by some systems (macOS: 2 GiB).
_PIECE = 1 << 30


class _Bare(io.RawIOBase):
    """What the system answers, as Python defines raw files: None for "not now", and short counts."""

    def __init__(self, descriptor: int):
        self.descriptor = descriptor

    def fileno(self) -> int:
        return self.descriptor

    def read(self, size: int = -1, /) -> bytes | None:
        try:
            return os.read(self.descriptor, size)
        except BlockingIOError:
            return None

    def write(self, data: Buffer, /) -> int | None:  # type: ignore[override]
        try:
            return os.write(self.descriptor, memoryview(data)[:_PIECE])
        except BlockingIOError:
            return None


class Descriptor(io.RawIOBase):
    """The open file ``descriptor`` as a raw file object. ``name``: what its errors call it. ``owned``:
    closing this closes it, once, and raises what the system says of that (:class:`OSError`: what was written
    may be lost)."""

    def __init__(
        self,
        descriptor: int,
        name: str | None = None,
        *,
        reading: bool = False,
        writing: bool = False,
        owned: bool = True,
    ):
        self.name = descriptor if name is None else name
        self._label = name
        self._bare = _Bare(descriptor)
        self._reading = reading
        self._writing = writing
        self._owned = owned

    def fileno(self) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._bare.descriptor

    def readable(self) -> bool:
        return self._reading

    def writable(self) -> bool:
        return self._writing

    def isatty(self) -> bool:
        return os.isatty(self.fileno())

    def seekable(self) -> bool:
        try:
            self.tell()
        except OSError:
            return False
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        return os.lseek(self.fileno(), offset, whence)

    def readinto(self, buffer: Buffer, /) -> int:
        """Up to the buffer's size, as soon as there is something; 0 at the end only."""
        view = memoryview(buffer).cast("B")
        if not len(view):
            return 0
        self.fileno()
        with self._named():
            data = read_some(self._bare, min(len(view), _PIECE))
        view[: len(data)] = data
        return len(data)

    def write(self, data: Buffer, /) -> int:
        """All of ``data``, however often the system takes a part of it; returns its length."""
        self.fileno()
        with self._named():
            write_all(self._bare, data)
        return memoryview(data).nbytes

    def close(self) -> None:
        if self.closed:
            return
        try:
            super().close()
        finally:
            if self._owned:
                with self._named():
                    os.close(self._bare.descriptor)

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.filename is None and self._label is not None:
                error.filename = self._label
            raise


def own_descriptor(path: str) -> int | None:
    """The number of this process's descriptor that ``path`` names: ``/dev/stdout``, ``/dev/fd/3``,
    ``/proc/self/fd/1``, and links to them; None for other paths. What it is, not how it is spelled, decides:
    the folder that it is in is the one where the system keeps them."""
    for _ in range(40):  # as many links as Linux follows
        folder, name = os.path.split(path)
        if name.isascii() and name.isdigit() and len(name) < 10 and _holds_descriptors(folder or os.curdir):
            return int(name)
        try:
            path = os.path.join(folder, os.readlink(path))
        except (OSError, ValueError):
            return None
    return None


def _holds_descriptors(folder: str) -> bool:
    for own in ("/proc/self/fd", "/dev/fd"):
        with contextlib.suppress(OSError):
            if os.path.samestat(os.stat(folder), os.stat(own)):
                return True
    return False
