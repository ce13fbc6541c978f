"""Output that survives its job: a partial file of a known name beside the target, for the same command to go
on with (:mod:`nzip.container.resume`).

It is named ``.NAME.XXXXXXXX.nzip-part``, the digits a hash of the target's name and of what ``made_by`` says
of the command, and is locked while a job works on it, so that two cannot share it. It becomes the target as
every output does (:class:`nzip.io.safe_output.Output`): whole, or not at all. Where the target exists already
and must not be replaced, it may be what this very job would make (a command over several files that was
stopped in the third): then what is written is compared with it, and nothing else.

Concession: a file system or a machine without ``flock`` cannot be gone on with, and says so.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from nzip.hashes import hash32
from nzip.io.durability import sync
from nzip.io.safe_output import FileError, Output, reason

if TYPE_CHECKING:
    from typing_extensions import Buffer

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

PARTIAL_SUFFIX = ".nzip-part"
_NAME_BYTES = 200  # of the target's name in ours: what is added has 20, and a name may have 255


def partial_path(target: str, made_by: str) -> str:
    """Where the partial output for ``target`` lies that a command like ``made_by`` makes."""
    directory, name = os.path.split(target)
    digits = hash32(os.fsencode(name) + b"\0" + made_by.encode())
    while len(os.fsencode(name)) > _NAME_BYTES:
        name = name[:-1]
    return os.path.join(directory, f".{name}.{digits:08x}{PARTIAL_SUFFIX}")


class PartialOutput(Output):
    """As :class:`Output`, but what was written stays after an error, a signal or a crash, and is what the
    next one begins with. ``made_by``: what of the command decides its bytes and cannot be seen in them
    (:func:`nzip.options.made_by`). ``note``: is told, in one line, of what the user should know.

    It is a :class:`nzip.container.resume.Partial`."""

    def __init__(
        self,
        path: str,
        *,
        made_by: str,
        note: Callable[[str], object],
        force: bool = False,
        source: os.stat_result | None = None,
        warn: Callable[[str], object] | None = None,
    ):
        super().__init__(path, force=force, source=source, warn=note if warn is None else warn)
        self.partial = partial_path(path, made_by)
        self._note = note
        self._lock: int | None = None
        self._compares = False

    def read(self, n: int, /) -> bytes:
        """Up to ``n`` bytes of what an earlier run wrote."""
        return self._try(self._open().read, n)

    def seek(self, position: int, /) -> int:
        """Read from byte ``position`` on."""
        return self._try(self._open().seek, position)

    def go_on_at(self, position: int, *, whole: bool) -> None:
        """Write from byte ``position`` on. Raises :class:`FileError` where the target is there already and is
        not what this job makes."""
        stream = self._open()
        if self._compares:
            if not whole:
                raise self._exists()
        else:
            self._try(stream.truncate, position)
        self._try(stream.seek, position)

    def write(self, data: Buffer, /) -> None:
        """Append; or compare, where the target is there already. Raises :class:`FileError`."""
        if not self._compares:
            super().write(data)
            self._try(self._open().flush)  # what stays in a buffer does not survive a kill
        elif self.read(len(view := memoryview(data))) != view:
            raise self._exists()

    def commit(self) -> None:
        """Make what was written the target. The lock is held until it has its name, so that nobody goes on
        with what somebody believes to be done."""
        if not self._compares:
            super().commit()
            return
        if self.read(1):
            raise self._exists()
        self.durable = self._try(sync, self._open().fileno()) is None
        self._note(f"{self.path} was made already")
        if os.path.lexists(self.partial):
            # Left by a job that another one, without `resume`, has made needless.
            self._lock = self._claim()
            self._try(os.unlink, self.partial)

    def _clean(self, error: BaseException | None) -> None:
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                # What cannot be written any more is missing at the end, where the next run looks for it.
                with contextlib.suppress(OSError):
                    stream.close()
            if self._lock is not None and self._temporary is not None:
                with contextlib.suppress(OSError):
                    if os.fstat(self._lock).st_size:
                        self._note(f"{self._temporary} is kept: the same command goes on with it")
                    else:
                        os.unlink(self._temporary)
        finally:
            lock, self._lock, self._temporary = self._lock, None, None
            if lock is not None:
                with contextlib.suppress(OSError):  # what was written has been written by another one
                    os.close(lock)

    def _begin(self) -> None:
        status = self._look()
        if self.direct:
            raise FileError(f"{self.path}: is no regular file, and writing to it cannot be resumed")
        if status is not None:
            with contextlib.suppress(OSError):
                if os.path.samestat(status, os.lstat(self.partial)):
                    os.unlink(self.partial)  # the job ended between giving it its name and taking the old one
            if not self._force:
                self._begin_to_compare(status)
                return
        self._lock = descriptor = self._claim()
        self._temporary = self.partial
        # The lock lasts until the last descriptor is closed, and this one closes with the stream.
        second = self._try(os.dup, descriptor)
        try:
            self._stream = self._try(os.fdopen, second, "r+b")
        except BaseException:
            os.close(second)
            raise

    def _begin_to_compare(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._exists()
        try:
            self._stream = open(self.path, "rb")  # noqa: SIM115 - `_clean` closes it
        except OSError:
            raise self._exists() from None
        self._compares = True

    def _exists(self) -> FileError:
        return FileError(f"{self.path}: exists already (-f to overwrite)")

    def _claim(self) -> int:
        """A descriptor of the partial output, new or an earlier run's, locked."""
        try:
            return self._find()
        except OSError as error:
            raise FileError(f"{self.partial}: cannot write there: {reason(error)}") from error

    def _find(self) -> int:
        for _ in range(100):
            descriptor = self._open_partial()
            try:
                self._take_lock(descriptor)
                status = os.fstat(descriptor)
                self._refuse_others(status)
                # Between opening and locking its owner may have made it the target, or removed it.
                now = None
                with contextlib.suppress(FileNotFoundError):
                    now = os.lstat(self.partial)
                if now is not None and os.path.samestat(now, status):
                    if status.st_nlink == 1:
                        return descriptor
                    os.unlink(self.partial)  # a file with another name is not ours to write to
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise FileError(f"{self.partial}: comes and goes: is another nzip at work?")

    def _open_partial(self) -> int:
        flags = os.O_CREAT | os.O_NOFOLLOW | os.O_NOCTTY | os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
        try:
            return os.open(self.partial, os.O_RDWR | flags, 0o600)
        except PermissionError:
            # It has the source's mode already where the job ended just before its end.
            descriptor = os.open(self.partial, os.O_RDONLY | flags & ~os.O_CREAT)
            try:
                os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)
            return os.open(self.partial, os.O_RDWR | flags, 0o600)

    def _take_lock(self, descriptor: int) -> None:
        if fcntl is None:
            raise FileError(f"{self.path}: this system has no locks that resuming could use")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FileError(f"{self.path}: another nzip is at work on it") from error
        except OSError as error:
            raise FileError(
                f"{self.path}: resuming needs locks, which the file system refuses: {reason(error)}"
            ) from error

    def _refuse_others(self, status: os.stat_result) -> None:
        """Whoever holds a file open can change it after we have looked: what we go on with is ours, or its
        folder's owner's, who could replace the target just as well."""
        if not stat.S_ISREG(status.st_mode):
            raise FileError(f"{self.partial}: is no regular file: remove it")
        if status.st_uid != os.geteuid():
            folder = os.stat(os.path.dirname(self.partial) or ".")
            if status.st_uid != folder.st_uid:
                raise FileError(f"{self.partial}: belongs to somebody else: remove it")
