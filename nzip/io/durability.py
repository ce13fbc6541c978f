"""What a system promises of a file: that it is on the disk, that its name is, that nobody's file was
replaced.

File systems differ, and some (FAT, CIFS, mounted buckets, FUSE) refuse part of it; that is told apart from a
failure. Concession: where a directory cannot be synced, nothing better is to be had, and a power cut may take
the name of a file that is whole.
"""

from __future__ import annotations

import contextlib
import errno
import os

# How a file system says that it has no such thing: FAT, CIFS, mounted buckets, FUSE.
REFUSALS = frozenset(
    {errno.EINVAL, errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EROFS}
)


def sync(descriptor: int) -> OSError | None:
    """Make what was written durable; returns the error where the file system knows no such thing. Raises
    :class:`OSError` where it does, and could not."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        return error
    return None


def sync_directory(path: str) -> None:
    """Make the names in the directory ``path`` durable, where the system can do that: some cannot open or
    sync a directory, and have no better to offer. Raises :class:`OSError` where it can and failed."""
    try:
        descriptor = os.open(path or os.curdir, os.O_RDONLY)
    except OSError as error:
        if error.errno not in REFUSALS:
            raise
        return
    try:
        sync(descriptor)
    finally:
        with contextlib.suppress(OSError):
            os.close(descriptor)


def umask() -> int:
    """The process's umask. Where the system tells it, it is not set to ask for it: other threads make files
    meanwhile."""
    with contextlib.suppress(OSError, ValueError), open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("Umask:"):
                return int(line.split()[1], 8)
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def rename_without_replacing(old: str, new: str) -> bool:
    """Linux's ``renameat2`` with RENAME_NOREPLACE; False where that is not to be had. Raises
    :class:`FileExistsError`."""
    try:
        import ctypes  # optional: a Python without libffi has none

        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (ImportError, OSError, AttributeError, TypeError):
        return False
    here, no_replace = -100, 1
    if call(here, os.fsencode(old), here, os.fsencode(new), no_replace) == 0:
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return False
