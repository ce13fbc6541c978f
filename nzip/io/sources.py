"""Input files, opened so that nothing is lost: what is not what it seems is refused, each is opened once, and
what is to be removed is looked at again before it goes.

A named pipe is opened once, for a second opening would lose what its writer gave to the first. Concession:
between the last look at a source and its removal another program may put a file of that name there; no
system offers to remove a file only if it still is a certain one.
"""

from __future__ import annotations

import io
import os
import stat
from typing import BinaryIO, cast

from nzip.io.descriptor import Descriptor, own_descriptor
from nzip.io.durability import sync_directory
from nzip.io.safe_output import FileError, reason

_BUFFER = 1 << 16
_FLAGS = os.O_RDONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_BINARY", 0)
_AT_ONCE = getattr(os, "O_NONBLOCK", 0)


def open_source(path: str, *, force: bool, remove: bool, elsewhere: bool) -> BinaryIO:
    """Open ``path`` for reading as a binary file object, refusing what ``xz`` refuses.

    Directories always; devices, pipes and sockets unless the output goes ``elsewhere`` than beside them; and
    where the source is to be removed (``remove``): symbolic links, files with other hard links or with
    set-uid, set-gid or sticky bits, unless ``force``. Waits for a pipe's writer. Raises
    :class:`FileError`."""
    if remove and not force and os.path.islink(path):
        raise FileError(f"{path}: is a symbolic link, skipping (-f to remove the link all the same)")
    try:
        before = os.stat(path)
        _check(path, before, force=force, remove=remove, elsewhere=elsewhere)
        descriptor = _open(path, before)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from error
    try:
        status = os.fstat(descriptor)
        _check(path, status, force=force, remove=remove, elsewhere=elsewhere)
        if stat.S_IFMT(status.st_mode) != stat.S_IFMT(before.st_mode):
            raise FileError(f"{path}: became another file while it was opened: try again")
        return reader(descriptor, path)
    except OSError as error:
        os.close(descriptor)
        raise FileError(f"{path}: {reason(error)}") from error
    except BaseException:
        os.close(descriptor)
        raise


def reader(descriptor: int, name: str, *, owned: bool = True) -> BinaryIO:
    """The open file ``descriptor`` as a buffered file object that waits for what is not there yet."""
    raw = Descriptor(descriptor, name, reading=True, owned=owned)
    return cast(BinaryIO, io.BufferedReader(raw, _BUFFER))


def _open(path: str, before: os.stat_result) -> int:
    if stat.S_ISREG(before.st_mode):
        # At once, should it be a pipe by now.
        return os.open(path, _FLAGS | _AT_ONCE)
    own = own_descriptor(path)
    if own is not None:
        return os.dup(own)  # opening a pipe or a socket again would wait for another writer, or fail
    if stat.S_ISFIFO(before.st_mode):
        return os.open(path, _FLAGS)  # and wait for a writer
    descriptor = os.open(path, _FLAGS | _AT_ONCE)  # a serial line may wait for a carrier
    if _AT_ONCE:
        os.set_blocking(descriptor, True)
    return descriptor


def _check(path: str, status: os.stat_result, *, force: bool, remove: bool, elsewhere: bool) -> None:
    if stat.S_ISDIR(status.st_mode):
        name = path.rstrip("/") or path
        raise FileError(f"{path}: is a directory, skipping (use tar -I nzip -cf {name}.tar.nz {path})")
    if not stat.S_ISREG(status.st_mode):
        if remove or not elsewhere:
            raise FileError(f"{path}: is not a regular file, skipping (-c writes to standard output)")
    elif remove and not force:
        if status.st_nlink > 1:
            others = status.st_nlink - 1
            raise FileError(f"{path}: has {others} other hard link(s), skipping (-f to go ahead)")
        if status.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
            raise FileError(f"{path}: has the set-uid, set-gid or sticky bit set, skipping (-f to go ahead)")


def is_regular(status: os.stat_result) -> bool:
    """Whether ``status`` is of a regular file."""
    return stat.S_ISREG(status.st_mode)


def status_of(source: object) -> os.stat_result | None:
    """What the system says of an open file; None for one that is none of the system's. Raises
    :class:`OSError`."""
    try:
        descriptor = source.fileno()  # type: ignore[attr-defined]
    except (AttributeError, io.UnsupportedOperation):
        return None
    return os.fstat(descriptor)


def remove_source(path: str, source: BinaryIO, before: os.stat_result) -> None:
    """Remove ``path``, the open file ``source``, if it still is that file, and as it was when ``before`` was
    taken. Raises :class:`FileError`."""
    try:
        now = os.fstat(source.fileno())
        if not os.path.samestat(os.stat(path), now):
            raise FileError(f"{path}: is another file now, and was kept")
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise FileError(f"{path}: was changed while it was read, and was kept")
        sync_directory(os.path.dirname(path))
        os.unlink(path)
    except OSError as error:
        raise FileError(f"{path}: cannot be removed: {reason(error)}") from error
