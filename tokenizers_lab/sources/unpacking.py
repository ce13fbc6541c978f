"""Packed files as file objects, and what goes wrong with them as one line that names the file.

Every packing that is cut short or damaged raises, wherever that is. Python's own files do so for gzip only:
those of xz and bz2 pass over all that stands behind a first stream and is none (a second one whose first byte
is wrong), zstandard's ``stream_reader`` takes a cut frame for the end. So their frames are counted here.

Concession: a zstd window beyond 128 MiB (``--long=28`` and up) is refused, as zstd itself does unasked; so is
xz that needs more than 512 MiB.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable
from typing import Any

from nzip.errors import NzipError
from nzip.io.streams import read_fully
from tokenizers_lab.errors import DataError, LabError

_INPUT = 2 << 10  # bytes given to zstd at a time: a block of 4 bytes may stand for 128 KiB
_BLOCK = 1 << 17
_XZ_MEMORY = 512 << 20


def unpacked(path, packing: str):
    """The file of ``path`` opened for reading bytes; ``packing`` of ``kinds.PACKINGS``, or ""."""
    if packing == "nz":
        import nzip  # start-up: numba

        return nzip.open(path, "rb")
    if packing == "zst":
        return io.BufferedReader(_Zstandard(path), _BLOCK)
    if packing == "xz":
        return io.BufferedReader(_Streams(path, _new_xz, padded=True), _BLOCK)
    if packing == "bz2":
        return io.BufferedReader(_Streams(path, bz2.BZ2Decompressor), _BLOCK)
    return gzip.open(path, "rb") if packing else open(path, "rb")


def _new_xz():
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _XZ_MEMORY)


class naming:
    """A context that turns what the readers raise into one line with the file's name: :class:`DataError` for
    damage, :class:`LabError` for what cannot be read."""

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or isinstance(error, LabError):
            return False
        if isinstance(error, MemoryError):
            raise LabError(f"{self.path}: takes too much memory to unpack: {error}") from None
        if isinstance(error, lzma.LZMAError) and "limit" in str(error):
            raise LabError(f"{self.path}: takes more than {_XZ_MEMORY >> 20} MiB to unpack") from None
        damage = isinstance(error, (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, _Damaged))
        if damage or (isinstance(error, OSError) and error.errno is None):  # bz2's
            raise DataError(f"{self.path}: half-written or damaged: {error}") from None
        if isinstance(error, NzipError):
            raise (DataError if error.exit_code == 2 else LabError)(f"{self.path}: {error}") from None
        if isinstance(error, OSError):
            raise LabError(f"{self.path}: cannot be read: {error.strerror or error}") from None
        return False


class _Damaged(Exception):
    """A zstd frame that does not decode."""


class _Unpacked(io.RawIOBase):
    """What :meth:`_more` gives, piece by piece; it ends with None."""

    def __init__(self, path):
        self._file = open(path, "rb")  # noqa: SIM115 - closed with this object
        self._frame: Any = None
        self._left, self._out, self._at = b"", b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        while self._at == len(self._out):
            more = self._more()
            self._out, self._at = more or b"", 0
            if more is None:
                return 0
        part = self._out[self._at : self._at + len(buffer)]
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)

    def _more(self) -> bytes | None:
        raise NotImplementedError

    def close(self) -> None:
        self._file.close()
        super().close()


class _Streams(_Unpacked):
    """Streams end to end, as xz and bzip2 have them; ``padded``: NUL bytes may stand between."""

    def __init__(self, path, new: Callable[[], Any], padded: bool = False):
        super().__init__(path)
        self._new, self._padded = new, padded

    def _more(self) -> bytes | None:
        given = b""
        if self._frame is None or self._frame.needs_input:
            given, self._left = self._left or read_fully(self._file, _BLOCK), b""
            if not given and self._frame is not None:
                raise EOFError("its last stream ends too early")
            if not given:
                return None
        if self._frame is None:
            given = given.lstrip(b"\0") if self._padded else given
            if not given:
                return b""
            self._frame = self._new()
        out = self._frame.decompress(given, _BLOCK)
        if self._frame.eof:
            self._left, self._frame = self._frame.unused_data, None
        return out


class _Zstandard(_Unpacked):
    def __init__(self, path):
        import zstandard  # an optional dependency

        self._error = zstandard.ZstdError
        self._decoder = zstandard.ZstdDecompressor()
        super().__init__(path)

    def _more(self) -> bytes | None:
        given = self._left or read_fully(self._file, _INPUT)
        self._left = b""
        if not given:
            if self._frame is not None:
                raise EOFError("the zstd frame ends too early")
            return None
        try:
            if self._frame is None:
                self._frame = self._decoder.decompressobj()
            out = self._frame.decompress(given)
            if self._frame.eof:
                self._left, self._frame = self._frame.unused_data, None
        except self._error as error:
            if "too much memory" in str(error):
                raise MemoryError("its zstd window is beyond 128 MiB") from None
            raise _Damaged(str(error)) from None
        return out
