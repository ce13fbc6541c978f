"""Where the cache lies, and whether its folders can be trusted.

A folder is used only if it belongs to the user (or to root) and nobody else may write to it: machine code
from it is run, and a table from it decides bytes. One that is not so is left alone, neither read nor written,
and a :class:`CacheWarning` says so once. What is made here is made with mode 0700.

Every file is opened by its name *in an open folder* that was looked at after it was opened, so nobody can
exchange the folder in between. For the same reason the folders above are not looked at: whoever may write
there can put another folder in this one's place, but cannot make it the user's own.

Concession: systems without owners and modes (Windows) trust the folder as it is, which there is the user's
profile; and group-writable folders are refused, though the group may have but one member.
"""

from __future__ import annotations

import functools
import os
import stat
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from nzip.errors import NzipError

_BY_DESCRIPTOR = os.open in os.supports_dir_fd and os.scandir in os.supports_fd
_HAS_OWNERS = hasattr(os, "geteuid")
# A name that is a pipe must not make us wait, nor one that is a link lead elsewhere.
_CAREFULLY = (
    getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)


class CacheWarning(UserWarning):
    """A folder of the cache is left alone, and why."""


def home() -> Path | None:
    """nzip's folder in the user's cache, whatever ``NZIP_CACHE`` says; it need not exist. None for a user
    without a home."""
    base = os.environ.get("XDG_CACHE_HOME")
    if not base:
        own = os.path.expanduser("~")
        if own == "~":
            return None
        base = os.path.join(own, ".cache")
    return Path(base) / "nzip"


def folder(*parts: str) -> Path | None:
    """The cache's folder of that name (``folder("primed")``), which need not exist; None where ``NZIP_CACHE``
    is ``off`` or the user has no home."""
    named = os.environ.get("NZIP_CACHE")
    if named == "off":
        return None
    base = Path(named) if named else home()
    return base and base.joinpath(*parts)


def models() -> Path:
    """Where fetched models are kept: ``$NZIP_MODELS``, else ``models`` in the cache's folder, else (where
    nothing is cached) in :func:`home`; it need not exist. Raises :class:`NzipError` for a user without a
    home."""
    own = os.environ.get("NZIP_MODELS")
    if own:
        return Path(own)
    base = folder() or home()
    if base is None:
        raise NzipError("there is no home folder to keep models in: set NZIP_MODELS")
    return base / "models"


def objection(status: os.stat_result) -> str | None:
    """Why what ``status`` describes cannot be trusted; None if it can."""
    if not _HAS_OWNERS:
        return None
    if status.st_uid not in (os.geteuid(), 0):
        return f"belongs to another user ({status.st_uid})"
    if status.st_mode & 0o022 and not stat.S_ISLNK(status.st_mode):
        return "may be written by others (chmod go-w)"
    return None


class Untrusted(OSError):
    """A folder or a file is not to be used; the message says which and why."""


class Folder:
    """An open folder that can be trusted. A context manager."""

    def __init__(self, path: Path, descriptor: int | None):
        self.path = path
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _at(self, name: str) -> str:
        return name if self._descriptor is not None else os.path.join(self.path, name)

    def open(self, name: str) -> int:
        """A descriptor for reading a regular file of a trusted owner. Raises OSError, or
        :class:`Untrusted`."""
        descriptor = os.open(self._at(name), os.O_RDONLY | _CAREFULLY, dir_fd=self._descriptor)
        try:
            status = os.fstat(descriptor)
            reason = objection(status) if stat.S_ISREG(status.st_mode) else "is no regular file"
            if reason:
                raise Untrusted(f"{self.path / name} {reason}")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def create(self, name: str) -> int:
        """A descriptor for writing a new file that only the user can read. Raises OSError."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _CAREFULLY
        return os.open(self._at(name), flags, 0o600, dir_fd=self._descriptor)

    def rename(self, old: str, new: str) -> None:
        """Replaces ``new`` at once. Raises OSError."""
        os.replace(self._at(old), self._at(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def remove(self, name: str) -> bool:
        """Whether there was such a file and it is gone."""
        try:
            os.unlink(self._at(name), dir_fd=self._descriptor)
        except OSError:
            return False
        return True

    def files(self) -> Iterator[tuple[str, os.stat_result]]:
        """Names of regular files, and what they are. Raises OSError."""
        with os.scandir(self.path if self._descriptor is None else self._descriptor) as found:
            for entry in found:
                try:
                    status = entry.stat(follow_symlinks=False)
                except OSError:
                    continue  # gone meanwhile
                if stat.S_ISREG(status.st_mode):
                    yield entry.name, status


def opened(kind: str, *, make: bool = False) -> Folder | None:
    """The cache's folder of that kind, if there is one (``make``: or can be) and it is trusted; else None. Of
    one that is not trusted a warning tells, once in a process."""
    path = folder(kind)
    if path is None:
        return None
    try:
        return trusted(path, path.parent, make=make)
    except Untrusted as error:
        _tell(str(error))
    except OSError:
        return None  # it is not there, or cannot be read or made
    return None


def trusted(path: Path, *above: Path, make: bool = False) -> Folder:
    """The folder at ``path``, opened after those ``above`` it were found trustworthy. Raises OSError, or
    :class:`Untrusted`."""
    for place in above:
        _open(place, make=make).__exit__(None, None, None)
    return _open(path, make=make)


def _open(path: Path, *, make: bool) -> Folder:
    try:
        link = os.lstat(path)
    except FileNotFoundError:
        if not make:
            raise
        _make(path)
        link = os.lstat(path)
    # A link leads where its owner wants, and he may change his mind.
    reason = objection(link)
    if reason:
        raise Untrusted(f"{path} {reason}")
    if not _BY_DESCRIPTOR:
        if not os.path.isdir(path):
            raise NotADirectoryError(path)
        return Folder(path, None)
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        reason = objection(os.fstat(descriptor))
        if reason:
            raise Untrusted(f"{path} {reason}")
    except BaseException:
        os.close(descriptor)
        raise
    return Folder(path, descriptor)


def _make(path: Path) -> None:
    """Make a folder and those above it for the user alone."""
    if not path.parent.exists():
        _make(path.parent)
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        return  # another process was faster


@functools.cache
def _tell(why: str) -> None:
    warnings.warn(f"the cache is left alone: {why}", CacheWarning, stacklevel=2)
