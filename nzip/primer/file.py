"""Primer files: a text of the user's own that the mix reads before each block, so that it starts warm.

``nzip primer train FILES -o my.primer`` makes one (:mod:`nzip.primer.training`), ``--primer my.primer`` or
``primer=`` uses it, and the same one is needed to decompress: a stream's header names it by the hash of its
text. The file holds that text, packed, between hashes (docs/FORMAT.md, "Primer files"). Concession: as with
zstd's dictionaries a lost primer means lost files, so keep it beside them.
"""

from __future__ import annotations

import lzma
import os
from typing import TypeAlias

from nzip.errors import CorruptError, FormatError, LimitError, NzipError, Remedy
from nzip.hashes import hash32, text_hash
from nzip.varint import read_u32, u32

MAGIC = b"\x89NZP\r\n\x1a\n"
VERSION = 0x81  # draft 1 of primer files
# Reading a primer costs as long as coding it does; nothing larger is worth that.
MAX_TEXT = 32 << 20
_HEAD = len(MAGIC) + 1 + 4 + 8
_TAIL = 4
_MAX_FILE = MAX_TEXT + (MAX_TEXT >> 8) + 1024
_XZ_MEMORY = 128 << 20
_XZ_OWN = 1 << 18  # of a decoder, besides its window


Given: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview"
"""A file, by its path or as what it holds."""


def pack(text: bytes) -> bytes:
    """The primer file of ``text``. Raises :class:`NzipError` for an empty or too long one."""
    if not 1 <= len(text) <= MAX_TEXT:
        raise NzipError(f"a primer holds 1 byte to {MAX_TEXT >> 20} MiB of text, not {len(text)} bytes")
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": _window(len(text))}]
    body = MAGIC + bytes([VERSION]) + u32(len(text)) + text_hash(text) + lzma.compress(text, filters=filters)
    return body + u32(hash32(body))


def unpack(data: bytes, memory: int | None = None) -> bytes:
    """The text of a primer file. ``memory``: bytes that unpacking it may take, None for no limit.

    Raises :class:`FormatError` for what is none or of another version, :class:`CorruptError` for a damaged
    one, and :class:`LimitError`."""
    if not data.startswith(MAGIC):
        raise FormatError("is no primer file: make one with nzip primer train FILES -o NAME.primer")
    if len(data) < _HEAD + _TAIL:
        raise CorruptError("is a primer file that was cut short")
    if u32(hash32(data[:-_TAIL])) != data[-_TAIL:]:
        raise CorruptError("is a damaged primer file: its hash differs")
    if data[len(MAGIC)] != VERSION:
        raise FormatError(
            f"is a primer file of a version (0x{data[len(MAGIC)]:02x}) that this nzip does not know"
        )
    size = read_u32(data, _HEAD - 12)
    if not 1 <= size <= MAX_TEXT:
        raise CorruptError(f"is a primer file that claims {size} bytes of text")
    _check_room(size, memory)
    room = _XZ_MEMORY if memory is None else min(_XZ_MEMORY, memory - size)
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=room)
    try:
        text = unpacker.decompress(data[_HEAD:-_TAIL], max_length=size + 1)
    except lzma.LZMAError as error:
        raise CorruptError(f"is a primer file whose text cannot be unpacked: {error}") from error
    if (
        len(text) != size
        or not unpacker.eof
        or unpacker.unused_data
        or text_hash(text) != data[_HEAD - 8 : _HEAD]
    ):
        raise CorruptError("is a primer file whose text is not what its header says")
    return text


def _check_room(size: int, memory: int | None) -> None:
    """Is there room for a text of ``size`` bytes and the window that unpacks it? Raises
    :class:`LimitError`."""
    needed = size + _window(size) + _XZ_OWN
    if memory is not None and needed > memory:
        mebibytes = -(-needed >> 20)
        raise LimitError(
            f"needs {mebibytes} MiB of memory to be unpacked, and the limit is {memory >> 20} MiB",
            Remedy("allow it with", "memory", mebibytes << 20),
        )


def _window(size: int) -> int:
    return max(1 << 16, 1 << (size - 1).bit_length())


def load(primer: Given, memory: int | None = None) -> bytes:
    """The text of a primer file, given by its path or as its bytes. ``memory``: as for :func:`unpack`; it is
    compared with what the file's first bytes claim before the others are read.

    Raises :class:`OSError` where it cannot be read, and as :func:`unpack`, with the path named.
    """
    if isinstance(primer, (bytes, bytearray, memoryview)):
        try:
            return unpack(bytes(primer), memory)
        except (FormatError, CorruptError, LimitError) as error:
            raise type(error)(f"the given primer {error.message}", error.remedy) from None
    path = os.fspath(primer)
    with open(path, "rb") as file:
        data = file.read(_HEAD)
        if data.startswith(MAGIC) and len(data) == _HEAD:
            try:
                _check_room(min(max(1, read_u32(data, _HEAD - 12)), MAX_TEXT), memory)
            except LimitError as error:
                raise LimitError(f"{os.fsdecode(path)}: {error.message}", error.remedy) from None
            data += file.read(_MAX_FILE + 1 - _HEAD)
    if len(data) > _MAX_FILE and data.startswith(MAGIC):
        raise LimitError(f"{os.fsdecode(path)}: is larger than a primer can be")
    try:
        return unpack(data, memory)
    except (FormatError, CorruptError, LimitError) as error:
        raise type(error)(f"{os.fsdecode(path)}: {error.message}", error.remedy) from None
