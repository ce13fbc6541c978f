"""Primer files: a text of the user's own that the mix reads before each block, so that it starts warm, and
where it helps a dictionary by which words are coded.

``nzip primer train FILES -o my.primer`` makes one (:mod:`nzip.primer.training`), ``--primer my.primer`` or
``primer=`` uses it, and the same one is needed to decompress: a stream's header names it by its hash. The
file holds text and dictionary, packed, between hashes (docs/FORMAT.md, "Primer files"). Concession: as with
zstd's dictionaries a lost primer means lost files, so keep it beside them.
"""

from __future__ import annotations

import lzma
import os
from typing import NamedTuple, TypeAlias

from nzip.errors import CorruptError, FormatError, LimitError, NzipError, Remedy
from nzip.hashes import hash32
from nzip.predictors.own_primer import OwnPrimer
from nzip.varint import read_u32, u32

MAGIC = b"\x89NZP\r\n\x1a\n"
VERSION, WITH_WORDS = 0x81, 0x82  # drafts of primer files: of text alone, and with a dictionary
# Reading a primer costs as long as coding it does; nothing larger is worth that.
MAX_TEXT = 32 << 20
MAX_DICTIONARY = 1 << 20
_HEAD = len(MAGIC) + 1 + 4 + 8
_TAIL = 4
_MOST = MAX_TEXT + MAX_DICTIONARY
_MAX_FILE = _MOST + (_MOST >> 8) + 1024
_XZ_MEMORY = 128 << 20
_XZ_OWN = 1 << 18  # of a decoder, besides its window
_TABLES = 64  # bytes of memory a byte of a dictionary, when it is ready for use


Given: TypeAlias = "str | os.PathLike[str] | bytes | bytearray | memoryview"
"""A file, by its path or as what it holds."""


class _Head(NamedTuple):
    """What stands before the packed part: ``size`` of the text, of the ``dictionary`` (0: none), the hash,
    and where the packed part begins."""

    size: int
    dictionary: int
    hash: bytes
    end: int


def pack(primer: OwnPrimer) -> bytes:
    """The primer file of ``primer``. Raises :class:`NzipError` for an empty or too long one."""
    text, dictionary = primer
    if not 1 <= len(text) <= MAX_TEXT:
        raise NzipError(f"a primer holds 1 byte to {MAX_TEXT >> 20} MiB of text, not {len(text)} bytes")
    if len(dictionary) > MAX_DICTIONARY:
        raise NzipError(f"a dictionary is {MAX_DICTIONARY >> 20} MiB at most, not {len(dictionary)} bytes")
    size = len(text) + len(dictionary)
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": _window(size)}]
    packed = lzma.compress(text + dictionary, filters=filters)
    sizes = u32(len(text)) + u32(len(dictionary)) * bool(dictionary)
    body = MAGIC + bytes([WITH_WORDS if dictionary else VERSION]) + sizes + primer.hash + packed
    return body + u32(hash32(body))


def unpack(data: bytes, memory: int | None = None) -> OwnPrimer:
    """What a primer file holds. ``memory``: bytes that unpacking it may take, None for no limit.

    Raises :class:`FormatError` for what is none or of another version, :class:`CorruptError` for a damaged
    one, and :class:`LimitError`."""
    if not data.startswith(MAGIC):
        raise FormatError("is no primer file: make one with nzip primer train FILES -o NAME.primer")
    if len(data) < _HEAD + _TAIL:
        raise CorruptError("is a primer file that was cut short")
    if u32(hash32(data[:-_TAIL])) != data[-_TAIL:]:
        raise CorruptError("is a damaged primer file: its hash differs")
    head = _head(data)
    if head is None:
        raise FormatError(
            f"is a primer file of a version (0x{data[len(MAGIC)]:02x}) that this nzip does not know"
        )
    if not 1 <= head.size <= MAX_TEXT:
        raise CorruptError(f"is a primer file that claims {head.size} bytes of text")
    if head.dictionary > MAX_DICTIONARY or (data[len(MAGIC)] == WITH_WORDS and not head.dictionary):
        raise CorruptError(f"is a primer file that claims {head.dictionary} bytes of a dictionary")
    _check_room(head, memory)
    size = head.size + head.dictionary
    room = _XZ_MEMORY if memory is None else min(_XZ_MEMORY, memory - size)
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=room)
    try:
        both = unpacker.decompress(data[head.end : -_TAIL], max_length=size + 1)
    except lzma.LZMAError as error:
        raise CorruptError(f"is a primer file whose text cannot be unpacked: {error}") from error
    primer = OwnPrimer(both[: head.size], both[head.size :])
    if len(both) != size or not unpacker.eof or unpacker.unused_data or primer.hash != head.hash:
        raise CorruptError("is a primer file whose text is not what its header says")
    if primer.dictionary:
        _check_dictionary(primer.dictionary)
    return primer


def _head(data: bytes) -> _Head | None:
    """Of the beginning of a primer file (:data:`_HEAD` bytes or more); None for a version that is not
    known."""
    version, at = data[len(MAGIC)], len(MAGIC) + 1
    if version == VERSION:
        return _Head(read_u32(data, at), 0, data[at + 4 : at + 12], at + 12)
    if version == WITH_WORDS:
        return _Head(read_u32(data, at), read_u32(data, at + 4), data[at + 8 : at + 16], at + 16)
    return None


def _check_dictionary(content: bytes) -> None:
    """Raises :class:`CorruptError` unless ``content`` is a dictionary."""
    from nzip.predictors.mix.words.dictionary import parse  # start-up: numba; most primers have none

    try:
        parse(content)
    except ValueError as error:
        raise CorruptError(f"is a primer file whose dictionary is none: {error}") from error


def _check_room(head: _Head, memory: int | None) -> None:
    """Is there room for what ``head`` claims and the window that unpacks it? Raises :class:`LimitError`."""
    size, dictionary = min(max(1, head.size), MAX_TEXT), min(head.dictionary, MAX_DICTIONARY)
    needed = size + _window(size + dictionary) + _XZ_OWN + _TABLES * dictionary
    if memory is not None and needed > memory:
        mebibytes = -(-needed >> 20)
        raise LimitError(
            f"needs {mebibytes} MiB of memory to be unpacked, and the limit is {memory >> 20} MiB",
            Remedy("allow it with", "memory", mebibytes << 20),
        )


def _window(size: int) -> int:
    return max(1 << 16, 1 << (size - 1).bit_length())


def load(primer: Given, memory: int | None = None) -> OwnPrimer:
    """What a primer file holds, given by its path or as its bytes. ``memory``: as for :func:`unpack`; it is
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
            head = _head(data)
            try:
                if head is not None:
                    _check_room(head, memory)
            except LimitError as error:
                raise LimitError(f"{os.fsdecode(path)}: {error.message}", error.remedy) from None
            data += file.read(_MAX_FILE + 1 - _HEAD)
    if len(data) > _MAX_FILE and data.startswith(MAGIC):
        raise LimitError(f"{os.fsdecode(path)}: is larger than a primer can be")
    try:
        return unpack(data, memory)
    except (FormatError, CorruptError, LimitError) as error:
        raise type(error)(f"{os.fsdecode(path)}: {error.message}", error.remedy) from None
