"""Files on disk, handled so that nothing is ever lost: input that is not what it seems is refused, and
output appears whole or not at all.

:class:`Output` writes to an exclusive temporary file in the target's directory, makes it durable (fsync),
gives it the source's mode, owner and times through its descriptor, and only then renames it to its name.
Until that moment an existing target is untouched; after an error or a signal the temporary file is removed.
After a power cut or ``kill -9`` a file named ``.NAME.*.nzip-tmp`` may stay behind; it can be deleted.
:func:`write_whole` is that in one call, for what is at hand as bytes: JSON, an index, a model.

Concession: between threads of other processes, a target that appears in the very moment of the rename is
detected where the file system knows hard links, and else could be replaced.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, BinaryIO, Self

from nzip.errors import NzipError

if TYPE_CHECKING:
    from typing_extensions import Buffer

TEMPORARY_SUFFIX = ".nzip-tmp"


class FileError(NzipError):
    """A file cannot be read or written as asked; exit code 1."""


def open_source(path: str, *, force: bool, remove: bool, elsewhere: bool) -> BinaryIO:
    """Open ``path`` for reading as a binary file object, refusing what ``xz`` refuses.

    Directories always; devices, pipes and sockets unless the output goes ``elsewhere`` than beside them; and
    where the source is to be removed (``remove``): symbolic links, files with other hard links or with
    set-uid, set-gid or sticky bits, unless ``force``. Raises :class:`FileError`."""
    if remove and not force and os.path.islink(path):
        raise FileError(f"{path}: is a symbolic link, skipping (-f to remove the link all the same)")
    try:
        # Non-blocking, so that opening a pipe without a writer cannot hang before we have looked at it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from error
    try:
        status = os.fstat(descriptor)
        if stat.S_ISDIR(status.st_mode):
            raise FileError(
                f"{path}: is a directory, skipping (use tar -I nzip -cf {path.rstrip('/')}.tar.nz {path})"
            )
        if not stat.S_ISREG(status.st_mode):
            if remove or not elsewhere:
                raise FileError(f"{path}: is not a regular file, skipping (-c writes to standard output)")
            os.close(descriptor)
            descriptor = os.open(path, os.O_RDONLY)  # and now wait for a pipe's writer
        elif remove and not force:
            if status.st_nlink > 1:
                raise FileError(
                    f"{path}: has {status.st_nlink - 1} other hard link(s), skipping (-f to go ahead)"
                )
            if status.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
                raise FileError(
                    f"{path}: has the set-uid, set-gid or sticky bit set, skipping (-f to go ahead)"
                )
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def write_whole(path: str | os.PathLike[str], data: Buffer) -> None:
    """Make ``data`` the content of ``path``, all of it or none: an older file is replaced at once. The folder
    must be there. Raises :class:`FileError`."""
    with Output(os.fspath(path), force=True) as output:
        output.write(data)
        output.commit()


def reason(error: OSError) -> str:
    """What the system says, in one line without the file's name."""
    return (error.strerror or str(error)).lower()


def is_regular(status: os.stat_result) -> bool:
    """Whether ``status`` is of a regular file."""
    return stat.S_ISREG(status.st_mode)


def is_same_file(path: str, status: os.stat_result) -> bool:
    """Whether ``path`` is the very file (not a link to it) that ``status`` describes."""
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


class Sink(abc.ABC):
    """What a command writes to: a context manager with :meth:`write` and, once all is well,
    :meth:`commit`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        return None

    @abc.abstractmethod
    def write(self, data: Buffer, /) -> None:
        """Append. Raises :class:`FileError`, as when the disk is full."""

    @abc.abstractmethod
    def commit(self) -> None:
        """Everything was written and is as it should be."""


class Output(Sink):
    """Output to ``path`` that appears whole or not at all. A context manager: leaving it by an error removes
    what was written; :meth:`commit` makes it the target.

    ``force`` replaces an existing target (a symbolic link is replaced, never written through). Devices and
    pipes are written to directly. Raises :class:`FileError`.
    """

    def __init__(self, path: str, *, force: bool = False, source: os.stat_result | None = None):
        self.path = path
        self._force = force
        self._source = source
        self._temporary: str | None = None
        self._stream: IO[bytes] | None = None
        self.direct = False

    def is_direct(self) -> bool:
        """Whether the target is a device or a pipe, which cannot be replaced as a whole."""
        self._look()
        return self.direct

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _begin(self) -> None:
        status = self._look()
        if self.direct:
            descriptor = self._try(os.open, self.path, os.O_WRONLY | os.O_NOCTTY)
            self._stream = self._try(os.fdopen, descriptor, "wb")
            return
        if status is not None and not self._force:
            raise FileError(f"{self.path}: exists already (-f to overwrite)")
        directory, name = os.path.split(self.path)
        for _ in range(100):
            # Names near the system's limit leave no room for ours; the random part alone is unique.
            temporary = os.path.join(directory, f".{name[:100]}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
            try:
                # Known before it exists, so that a signal in between cannot leave it behind.
                self._temporary = temporary
                descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            except FileExistsError:
                self._temporary = None
                continue
            except OSError as error:
                self._temporary = None
                raise FileError(f"{self.path}: cannot write there: {reason(error)}") from error
            self._stream = self._try(os.fdopen, descriptor, "w+b")
            return
        raise FileError(f"{self.path}: no free temporary name in its directory")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            # After an error, buffered bytes that cannot be written must not hide the error.
            with contextlib.suppress(OSError):
                stream.close()
        if self._temporary is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary)
            self._temporary = None

    def write(self, data: Buffer, /) -> None:
        """Append. Raises :class:`FileError`, as when the disk is full."""
        try:
            self._open().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"{self.path}: cannot write: {reason(error)}") from error

    def reread(self) -> IO[bytes]:
        """What was written so far, as a file object from its start, for a check before :meth:`commit`."""
        stream = self._open()
        self._try(stream.flush)
        stream.seek(0)
        return stream

    def commit(self) -> None:
        """Make what was written the target: mode and times, fsync, rename, fsync of the directory."""
        stream = self._open()
        self._try(stream.flush)
        if self.direct:
            self._try(stream.close)
            return
        descriptor = stream.fileno()
        self._dress(descriptor)
        self._try(os.fsync, descriptor)
        self._try(stream.close)
        assert self._temporary is not None  # `_begin` made it
        if self._force:
            self._try(os.replace, self._temporary, self.path)
        else:
            self._rename_exclusively(self._temporary)
        self._temporary = None
        _sync_directory(os.path.dirname(self.path) or ".")

    def _open(self) -> IO[bytes]:
        if self._stream is None:
            raise ValueError("an Output is written to inside its with statement")
        return self._stream

    def _look(self) -> os.stat_result | None:
        """What stands at the target now; sets ``direct``. Raises for what must not be replaced."""
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise FileError(f"{self.path}: {reason(error)}") from error
        if stat.S_ISLNK(status.st_mode):
            # /dev/stdout and the like are links to what is already open; replacing them would be vandalism.
            where = os.path.dirname(os.path.abspath(self.path))
            behind: os.stat_result | None = None
            with contextlib.suppress(OSError):
                behind = os.stat(self.path)
            if where.startswith(("/dev", "/proc")) or (behind is not None and _is_channel(behind)):
                self.direct = True
        elif _is_channel(status):
            self.direct = True
        elif stat.S_ISDIR(status.st_mode):
            raise FileError(f"{self.path}: is a directory")
        elif not stat.S_ISREG(status.st_mode):
            raise FileError(f"{self.path}: is neither a file nor a pipe nor a character device")
        return status

    def _dress(self, descriptor: int) -> None:
        """The source's mode, owner and times, all through the descriptor; else the umask's mode."""
        if self._source is None:
            mask = os.umask(0)
            os.umask(mask)
            self._try(os.fchmod, descriptor, 0o666 & ~mask)
            return
        mode = stat.S_IMODE(self._source.st_mode) & 0o777
        # As xz: where the group cannot be kept, nobody may gain rights through the new group.
        with contextlib.suppress(OSError):
            os.fchown(descriptor, self._source.st_uid, -1)
        try:
            os.fchown(descriptor, -1, self._source.st_gid)
        except OSError:
            both = mode >> 3 & mode & 0o007
            mode = mode & 0o700 | both << 3 | both
        self._try(os.fchmod, descriptor, mode)
        with contextlib.suppress(OSError):
            os.utime(descriptor, ns=(self._source.st_atime_ns, self._source.st_mtime_ns))

    def _rename_exclusively(self, temporary: str) -> None:
        try:
            os.link(temporary, self.path)
        except FileExistsError as error:
            raise FileError(f"{self.path}: appeared while we were writing (-f to overwrite)") from error
        except OSError as error:
            if error.errno not in (
                errno.EPERM,
                errno.ENOTSUP,
                errno.EOPNOTSUPP,
                errno.EMLINK,
                errno.ENOSYS,
                errno.EACCES,
            ):
                raise FileError(f"{self.path}: {reason(error)}") from error
            # A file system without hard links.
            if os.path.lexists(self.path):
                raise FileError(f"{self.path}: appeared while we were writing (-f to overwrite)") from error
            self._try(os.rename, temporary, self.path)
        else:
            self._try(os.unlink, temporary)

    def _try(self, call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"{self.path}: cannot write: {reason(error)}") from error


class StandardOutput(Sink):
    """Standard output with the face of :class:`Output`."""

    def __init__(self, *, refuse_terminal: bool):
        if sys.stdout is None:
            raise FileError("standard output is closed")
        if refuse_terminal and sys.stdout.isatty():
            raise FileError(
                "compressed data is not written to a terminal (-f to force, -o FILE to name a file)"
            )
        self._stream = sys.stdout.buffer

    def write(self, data: Buffer, /) -> None:
        """Append, at once, so that a reader at the pipe's other end gets what there is."""
        try:
            self._stream.write(data)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"standard output: cannot write: {reason(error)}") from error

    def commit(self) -> None:
        """Nothing is left to be done."""


def _is_channel(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode)


def _sync_directory(path: str) -> None:
    """Make the rename itself durable. Some systems cannot open or sync a directory; the file is whole there,
    too, but its name may be lost in a power cut."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)
