"""Entries of the cache: bytes in, verified bytes out.

An entry is a file: a head of 48 bytes (magic, the content's length and XXH3-128, and a hash of these and of
the entry's name), then the content. It is written under another name and renamed, so that nobody ever reads
half of one; of processes that write the same entry at once the last one's stays. Every read hashes
everything, large tables too, before a caller believes a byte: of 371 MB that is 16 ms beside the 100 of
reading, and a table damaged in its middle would make a file that nobody can decode.

Large entries are mapped (:meth:`Store.mapped`), which costs a quarter of reading them and no memory of the
process's own; they are hashed through the mapping before a caller believes a byte.

What is missing, damaged, foreign or renamed is the same to a caller: None, and it makes the thing anew. So is
a disk that is full or cannot be written. The least recently used entries go once a kind exceeds its limit.

Concession: XXH3 tells damage from truth, not malice; against malice stand the folder's owner and mode
(:mod:`nzip.cache.folders`). A page of a mapped entry that the system lets go and reads again is not hashed
again: a disk that gives other bytes the second time is trusted as memory is.
"""

from __future__ import annotations

import mmap
import os
import struct
import sys
import time
from collections.abc import Callable, Iterable
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import xxhash

from nzip.cache import folders

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MAGIC = b"nzipkept"
_FIELDS = struct.Struct("<8sQ16s")
_HASH_SIZE = 16
HEAD_SIZE = _FIELDS.size + _HASH_SIZE
PART = ".part"
# An entry that is used is marked as used, but not more often than so many seconds.
_MARK_AFTER = 60
# Nobody writes for so many seconds: what is still unfinished then was left by a process that was killed.
_ABANDONED = 3600
_PIECE = 1 << 20
_LIMIT = "limit"


class _Entry(NamedTuple):
    """An open entry whose head is right: its file at the content, the content's length and hash."""

    file: FileIO
    length: int
    digest: bytes


class Store(NamedTuple):
    """Entries of one kind: the folder's name, what the files' names end with, and their limit in bytes where
    nobody said another."""

    kind: str
    suffix: str
    default: int

    @property
    def limit(self) -> int:
        """Bytes that may be kept: what :func:`set_limit` was told, for primed tables, else the default."""
        said = _said_limit() if self.kind == "primed" else None
        return self.default if said is None else said

    def path(self) -> Path | None:
        """Its folder, which need not exist; None where nothing is kept."""
        return folders.folder(self.kind)

    def get(self, name: str) -> bytes | None:
        """The content of an entry, as it was put; None where there is no such entry."""
        content = self.read(name)
        return None if content is None else bytes(content)

    def read(self, name: str, memory: Callable[[int], Any] = bytearray) -> Any:
        """As :meth:`get`, in what ``memory`` gives for so many bytes: a writable buffer of the caller's."""
        try:
            entry = self._find(name)
            if entry is None:
                return None
            with entry.file:
                content = memory(entry.length)
                whole = _fill(entry.file, [memoryview(content)])
        except OSError:
            return None
        return content if whole and xxhash.xxh3_128_digest(content) == entry.digest else None

    def mapped(self, name: str, memory: Callable[[int], Any] = bytearray) -> Any:
        """As :meth:`read`, but mapped where that is safe: pages are the file's, which the system mostly has
        in memory, until they are written to, which changes no file."""
        try:
            entry = self._find(name)
            if entry is None:
                return None
            with entry.file:
                number = entry.file.fileno()
                if not _on_a_disk(number):
                    return self.read(name, memory)
                whole = mmap.mmap(number, HEAD_SIZE + entry.length, access=mmap.ACCESS_COPY)
        except (OSError, ValueError):  # ValueError: cut short meanwhile
            return None
        content = memoryview(whole)[HEAD_SIZE:]
        return content if xxhash.xxh3_128_digest(content) == entry.digest else None

    def put(self, name: str, parts: Iterable[Buffer]) -> bool:
        """Keep an entry, its content given in parts; whole or not at all. Whether it is kept."""
        views = [memoryview(part).cast("B") for part in parts]
        size = HEAD_SIZE + sum(map(len, views))
        if size > self.limit:
            return False
        try:
            folder = folders.opened(self.kind, make=True)
            if folder is None:
                return False
            with folder:
                self._make_room(folder, size)
                self._write(folder, name, views)
        except OSError:
            return False  # no room or no right to write
        return True

    def holds(self, beginning: str) -> bool:
        """Whether there is an entry whose name begins so; nothing is read."""
        try:
            folder = folders.opened(self.kind)
            if folder is None:
                return False
            with folder:
                return any(name.startswith(beginning) for name, _ in self.entries(folder))
        except OSError:
            return False

    def entries(self, folder: folders.Folder) -> list[tuple[str, os.stat_result]]:
        """The names of files that are kept in its open folder, unfinished ones included, and what they are.
        Raises OSError."""
        return [(name, status) for name, status in folder.files() if name.endswith((self.suffix, PART))]

    def trim(self) -> None:
        """Remove the least recently used entries until the limit is kept. Raises OSError."""
        folder = folders.opened(self.kind)
        if folder is not None:
            with folder:
                self._make_room(folder, 0)

    def is_sound(self, folder: folders.Folder, file_name: str, status: os.stat_result) -> bool:
        """Read and hash an entry without keeping it. An unfinished one is sound while it may be at work."""
        if file_name.endswith(PART):
            return not _abandoned(status)
        try:
            entry = self._open(folder, file_name.removesuffix(self.suffix))
            if entry is None:
                return False
            with entry.file:
                digest = xxhash.xxh3_128()
                while piece := entry.file.read(_PIECE):
                    digest.update(piece)
        except OSError:
            return False
        return digest.digest() == entry.digest

    def _find(self, name: str) -> _Entry | None:
        folder = folders.opened(self.kind)
        if folder is None:
            return None
        with folder:
            entry = self._open(folder, name)
        if entry is not None:
            _mark_as_used(entry.file.fileno())
        return entry

    def _open(self, folder: folders.Folder, name: str) -> _Entry | None:
        """An entry of an open folder; None where it is not to be believed. Raises OSError."""
        file = FileIO(folder.open(name + self.suffix))
        try:
            head = bytearray(HEAD_SIZE)
            length = os.fstat(file.fileno()).st_size - HEAD_SIZE
            if 0 <= length <= self.limit and _fill(file, [memoryview(head)]):
                digest = bytes(head[-_HASH_SIZE - _HASH_SIZE : -_HASH_SIZE])
                if head == self._head(name, length, digest):
                    return _Entry(file, length, digest)
        except BaseException:
            file.close()
            raise
        file.close()
        return None

    def _head(self, name: str, length: int, digest: bytes) -> bytes:
        fields = _FIELDS.pack(_MAGIC, length, digest)
        return fields + xxhash.xxh3_128_digest(fields + f"{self.kind}/{name}".encode())

    def _write(self, folder: folders.Folder, name: str, views: list[memoryview]) -> None:
        temporary = f".{os.urandom(8).hex()}{PART}"
        descriptor = folder.create(temporary)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(self._head(name, sum(map(len, views)), _digest(views)))
                file.writelines(views)
            folder.rename(temporary, name + self.suffix)
        except BaseException:
            folder.remove(temporary)
            raise

    def _make_room(self, folder: folders.Folder, size: int) -> None:
        """Remove what was left unfinished, and then the least recently used until ``size`` more bytes fit."""
        kept = sorted(self.entries(folder), key=lambda found: found[1].st_mtime)
        total, limit = size + sum(status.st_size for _, status in kept), self.limit
        for name, status in kept:
            if _abandoned(status) if name.endswith(PART) else total > limit:
                folder.remove(name)
                total -= status.st_size


def _fill(file: FileIO, views: list[memoryview]) -> bool:
    """Read until all views are full; False where the file ends before."""
    for view in views:
        done = 0
        while done < len(view):
            count = file.readinto(view[done:])
            if not count:
                return False
            done += count
    return True


def _on_a_disk(descriptor: int) -> bool:
    """Whether a file lies on a disk of this machine: where another machine removes a file, or cuts it short,
    its mapped pages are gone, and whoever touches one is ended. Known of Linux, whose file systems without a
    disk (networks, memory, layers) have a device of number 0."""
    return sys.platform == "linux" and os.major(os.fstat(descriptor).st_dev) > 0


def _digest(views: list[memoryview]) -> bytes:
    digest = xxhash.xxh3_128()
    for view in views:
        digest.update(view)
    return digest.digest()


def _abandoned(status: os.stat_result) -> bool:
    return status.st_mtime < time.time() - _ABANDONED


def _mark_as_used(descriptor: int) -> None:
    if os.fstat(descriptor).st_mtime > time.time() - _MARK_AFTER or os.utime not in os.supports_fd:
        return
    try:
        os.utime(descriptor)
    except OSError:
        return  # a cache that cannot be written: only the order of use will be wrong


def _said_limit() -> int | None:
    """What :func:`set_limit` left in the cache's folder; None where there is nothing that can be believed."""
    base = folders.folder()
    if base is None:
        return None
    try:
        with folders.trusted(base) as folder, FileIO(folder.open(_LIMIT)) as file:
            said = file.read(32)
    except OSError:
        return None
    return int(said) if said.isdigit() else None


def set_limit(limit: int | None) -> None:
    """Say for all later processes how many bytes of primed tables are kept in this cache; None: the default
    again. Raises OSError where that cannot be written down."""
    base = folders.folder()
    if base is None:
        raise FileNotFoundError("NZIP_CACHE is off, or there is no home folder")
    with folders.trusted(base, make=True) as folder:
        if limit is None:
            folder.remove(_LIMIT)
            return
        temporary = f".{os.urandom(8).hex()}{PART}"
        with os.fdopen(folder.create(temporary), "wb") as file:
            file.write(b"%d" % limit)
        folder.rename(temporary, _LIMIT)


CODE = Store("code", ".code", 256 << 20)
PRIMED = Store("primed", ".tables", 1 << 30)
LAB = Store("lab", ".tables", 256 << 20)
