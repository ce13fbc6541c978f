"""Output that appears whole or not at all, so that nothing is ever lost.

:class:`Output` writes to an exclusive temporary file in the target's directory, gives it the source's mode,
owner and times through its descriptor, makes it durable (fsync), closes it and looks whether that went well,
and only then renames it to its name. Until that moment an existing target is untouched; after an error or a
signal the temporary file is removed. After a power cut or ``kill -9`` a file named ``.NAME.*.nzip-tmp`` may
stay behind; it can be deleted. :func:`write_whole` is that in one call, for what is at hand as bytes: JSON,
an index, a model.

Metadata is best effort: where a file system refuses modes, owners or times, one warning says so. Concession:
where it knows neither hard links nor Linux's exclusive rename, a target that appears in the very moment of
the rename is replaced.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import io
import os
import stat
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from nzip.errors import NzipError
from nzip.io.descriptor import Descriptor, own_descriptor
from nzip.io.durability import rename_without_replacing, sync, sync_directory, umask
from nzip.io.streams import write_all

if TYPE_CHECKING:
    from typing_extensions import Buffer

TEMPORARY_SUFFIX = ".nzip-tmp"
# Bytes of the target's name in the temporary one: names near the system's limit leave no room for all of it,
# and the random part alone is unique.
_NAME_BYTES = 100
_BUFFER = 1 << 17
_SILENT_FLAGS = getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
# Temporary files that exist now, for a process that is about to be ended.
_temporaries: set[str] = set()
_lock = threading.RLock()
_ending = False


class FileError(NzipError):
    """A file cannot be read or written as asked; exit code 1."""


def write_whole(path: str | os.PathLike[str], data: Buffer) -> None:
    """Make ``data`` the content of ``path``, all of it or none: an older file is replaced at once. The folder
    must be there. Raises :class:`FileError`."""
    with Output(os.fspath(path), force=True) as output:
        output.write(data)
        output.commit()


def reason(error: OSError) -> str:
    """What the system says, in one line without the file's name."""
    return (error.strerror or str(error)).lower()


def is_same_file(path: str, status: os.stat_result) -> bool:
    """Whether ``path`` is the very file (not a link to it) that ``status`` describes."""
    try:
        return os.path.samestat(os.stat(path), status)
    except OSError:
        return False


def discard_temporaries(ending: bool = False) -> None:
    """Remove the temporary files of every :class:`Output` under way. ``ending``: the process ends now, and
    its other threads make no more."""
    global _ending
    with _lock:
        _ending = _ending or ending
        for path in tuple(_temporaries):
            with contextlib.suppress(OSError):
                os.unlink(path)
            _temporaries.discard(path)


def _warn(text: str) -> None:
    warnings.warn(text, RuntimeWarning, stacklevel=4)


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
        """Everything was written and is as it should be. Raises :class:`FileError`."""


class Output(Sink):
    """Output to ``path`` that appears whole or not at all. A context manager: leaving it by an error removes
    what was written; :meth:`commit` makes it the target.

    ``force`` replaces an existing target (a symbolic link is replaced, never written through). Devices, pipes
    and the process's own descriptors (``/dev/stdout``, ``/dev/fd/3``) are written to directly. ``warn`` is
    called with a line for what is not as it should be and loses no data; default: :func:`warnings.warn`.
    Raises :class:`FileError`; a broken pipe raises :class:`BrokenPipeError`.
    """

    def __init__(
        self,
        path: str,
        *,
        force: bool = False,
        source: os.stat_result | None = None,
        warn: Callable[[str], object] = _warn,
    ):
        self.path = path
        self._force = force
        self._source = source
        self._warn = warn
        self._temporary: str | None = None
        self._stream: IO[bytes] | Any = None
        self._own: int | None = None
        self._ends_in_hole = False
        self.direct = False
        self.durable = False
        """After :meth:`commit`: whether the system has promised that a power cut takes nothing away."""

    def is_direct(self) -> bool:
        """Whether the target is a device, a pipe or a descriptor, which cannot be replaced as a whole."""
        self._look()
        return self.direct

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException as error:
            self._clean(error)
            raise
        return self

    def _begin(self) -> None:
        status = self._look()
        if self.direct:
            if self._own is not None:
                descriptor = self._try(os.dup, self._own)
            else:
                descriptor = self._try(os.open, self.path, os.O_WRONLY | _SILENT_FLAGS)
            self._stream = Descriptor(descriptor, writing=True)
            if self._own is None and not _is_channel(self._try(os.fstat, descriptor)):
                raise FileError(f"{self.path}: became another file while it was opened: try again")
            return
        if status is not None and not self._force:
            raise FileError(f"{self.path}: exists already (-f to overwrite)")
        directory, name = os.path.split(self.path)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | _SILENT_FLAGS
        for _ in range(100):
            temporary = os.path.join(
                directory, f".{_shortened(name)}.{os.urandom(4).hex()}{TEMPORARY_SUFFIX}"
            )
            try:
                # Known before it exists, so that a signal in between cannot leave it behind.
                self._temporary = temporary
                with _lock:
                    if _ending:
                        raise FileError(f"{self.path}: the process ends")
                    _temporaries.add(temporary)
                    descriptor = os.open(temporary, flags, 0o600)
            except FileExistsError:
                self._forget()
                continue
            except OSError as error:
                self._forget()
                raise FileError(f"{self.path}: cannot write there: {reason(error)}") from error
            self._stream = Descriptor(descriptor, reading=True, writing=True)
            self._stream = self._try(io.BufferedRandom, self._stream, _BUFFER)
            return
        raise FileError(f"{self.path}: no free temporary name in its directory")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._clean(value)

    def _clean(self, error: BaseException | None) -> None:
        stream, self._stream = self._stream, None
        try:
            if stream is not None:
                # After an error, buffered bytes that cannot be written must not hide the error.
                with contextlib.suppress(OSError, ValueError):
                    stream.close()
        finally:
            if self._temporary is not None:
                self._unlink(error)

    def _unlink(self, error: BaseException | None = None) -> None:
        """Remove the temporary file; where that fails, say so, with ``error`` if there is one."""
        assert self._temporary is not None
        try:
            os.unlink(self._temporary)
        except FileNotFoundError:
            pass
        except OSError as why:
            left = f"the temporary file {self._temporary} is left: {reason(why)}"
            if error is None:
                self._warn(left)
            else:
                error.add_note(left)
        self._forget()

    def _forget(self) -> None:
        if self._temporary is not None:
            _temporaries.discard(self._temporary)
        self._temporary = None

    def write(self, data: Buffer, /) -> None:
        """Append all of ``data``. Raises :class:`FileError`, as when the disk is full."""
        self._try(write_all, self._open(), data)

    def skip(self, count: int, /) -> None:
        """Append ``count`` zero bytes, as a hole where the file system has holes; where the output is direct,
        byte by byte. Raises :class:`FileError`."""
        if not self.direct:
            self._try(self._open().seek, count, os.SEEK_CUR)
            self._ends_in_hole = True
            return
        for at in range(0, count, _BUFFER):
            self.write(bytes(min(_BUFFER, count - at)))

    def reread(self) -> IO[bytes]:
        """What was written so far, as a file object from its start, for a check before :meth:`commit`."""
        stream = self._open()
        self._try(stream.flush)
        self._try(stream.seek, 0)
        return stream

    def commit(self) -> None:
        """Make what was written the target: mode and times, fsync, close, rename, fsync of the directory."""
        stream = self._open()
        self._try(stream.flush)
        descriptor = stream.fileno()
        if self._ends_in_hole:
            self._try(os.ftruncate, descriptor, self._try(stream.tell))
        if not self.direct:
            self._dress(descriptor)
        refused = self._try(sync, descriptor)
        made = self._try(os.fstat, descriptor)
        self._try(stream.close)
        if self.direct:
            return
        if refused is not None:
            self._warn(f"{self.path}: the file system cannot make it durable: {reason(refused)}")
        self._rename(made)
        self._forget()
        self.durable = refused is None
        try:
            sync_directory(os.path.dirname(self.path))
        except OSError as error:
            self.durable = False
            self._warn(f"{self.path}: is written, but its directory could not be synced: {reason(error)}")

    def _open(self) -> Any:
        if self._stream is None:
            raise ValueError("an Output is written to inside its with statement")
        return self._stream

    def _look(self) -> os.stat_result | None:
        """What stands at the target now; sets ``direct``. Raises for what must not be replaced."""
        self._own = own_descriptor(self.path)
        self.direct = self._own is not None
        try:
            status = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise FileError(
                    f"{self.path}: file name too long for its file system: choose another (-o)"
                ) from error
            raise FileError(f"{self.path}: {reason(error)}") from error
        if self.direct:
            return status
        behind = status
        if stat.S_ISLNK(status.st_mode):
            with contextlib.suppress(OSError):
                behind = os.stat(self.path)
        mode = behind.st_mode
        if _is_channel(behind):
            self.direct = True
        elif stat.S_ISDIR(status.st_mode):
            raise FileError(f"{self.path}: is a directory")
        elif not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode)):
            raise FileError(f"{self.path}: is neither a file nor a pipe nor a character device")
        return status

    def _dress(self, descriptor: int) -> None:
        """The source's mode, owner and times, all through the descriptor; else the umask's mode."""
        lost: dict[str, OSError] = {}

        def keep(what: str, call: str, *arguments: Any, **options: Any) -> bool:
            try:
                getattr(os, call)(descriptor, *arguments, **options)
            except OSError as error:
                # That a user's file belongs to that user needs no warning.
                if not (call == "fchown" and error.errno == errno.EPERM and os.geteuid()):
                    lost[what] = error
            except (AttributeError, NotImplementedError):  # Windows
                pass
            else:
                return True
            return False

        if self._source is None:
            keep("its mode", "fchmod", 0o666 & ~umask())
        else:
            source, now = self._source, self._try(os.fstat, descriptor)
            mode = stat.S_IMODE(source.st_mode) & 0o777
            if now.st_uid != source.st_uid:
                keep("its owner", "fchown", source.st_uid, -1)
            if now.st_gid != source.st_gid and not keep("its group", "fchown", -1, source.st_gid):
                # As xz: where the group cannot be kept, nobody may gain rights through the new group.
                both = mode >> 3 & mode & 0o007
                mode = mode & 0o700 | both << 3 | both
            keep("its mode", "fchmod", mode)
            keep("its times", "utime", ns=(source.st_atime_ns, source.st_mtime_ns))
        if lost:
            *_, last = lost.values()
            self._warn(f"{self.path}: the file system does not keep {', '.join(lost)}: {reason(last)}")

    def _rename(self, made: os.stat_result) -> None:
        """Give the temporary file, which is ``made``, the target's name."""
        assert self._temporary is not None  # `_begin` made it
        try:
            if self._force:
                os.replace(self._temporary, self.path)
            else:
                self._rename_exclusively(self._temporary, made)
        except FileExistsError as error:
            raise FileError(f"{self.path}: appeared while we were writing (-f to overwrite)") from error
        except OSError as error:
            # A network file system may have done it and lost the answer.
            if not self._is_there(made):
                raise FileError(f"{self.path}: cannot write: {reason(error)}") from error

    def _rename_exclusively(self, temporary: str, made: os.stat_result) -> None:
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            if not self._is_there(made):
                raise
        except (OSError, AttributeError):
            # A file system without hard links, mostly; whatever it is, the rename will meet it, too.
            if not self._is_there(made):
                if not rename_without_replacing(temporary, self.path):
                    if os.path.lexists(self.path):
                        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
                    os.rename(temporary, self.path)
                return
        self._unlink()

    def _is_there(self, made: os.stat_result) -> bool:
        try:
            return os.path.samestat(os.lstat(self.path), made)
        except OSError:
            return False

    def _try(self, call: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return call(*arguments)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise FileError(f"{self.path}: cannot write: {reason(error)}") from error


def _is_channel(status: os.stat_result) -> bool:
    return stat.S_ISCHR(status.st_mode) or stat.S_ISFIFO(status.st_mode)


def _shortened(name: str) -> str:
    """``name``, cut to a number of bytes, at the end of a character."""
    name = name[:_NAME_BYTES]
    while len(os.fsencode(name)) > _NAME_BYTES:
        name = name[:-1]
    return name
