"""Machine code as an image: laid out when it is compiled, put into memory without LLVM when it is called.

Importing llvmlite and linking a dozen object files with it takes half as long as importing NumPy. What stands
in numba's objects is simple: code and constants whose only references are whole 64-bit addresses (LLVM's
large code model). So :func:`laid_out` does a linker's work once, when the code is kept: sections one behind
the other, those that are written to last and on pages of their own. What is left for each process is to add
where the image lies to its own addresses, and to fill in those of others (:func:`placed`). Pages are written
first and made executable afterwards, never both.

Anything else (other processors, other references, thread-local data) is no image, and llvmlite links it
(native.py). Concession: tables for unwinding are left out, so no C++ exception may pass through this code;
numba's code throws none.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
import sys
from collections.abc import Callable
from typing import NamedTuple

PAGE = 4096
# ELF: types of sections and flags, numbers that stand for sections, how symbols bind, references.
_SYMBOLS, _ADDED, _UNSTORED, _ADDENDLESS, _UNWINDING = 2, 4, 8, 9, 0x70000001
_WRITTEN, _ALLOCATED, _THREADS = 0x1, 0x2, 0x400
_UNDEFINED, _SPECIAL, _COMMON = 0, 0xFF00, 0xFFF2
_LOCAL = 0
_ADDRESS, _NEAR, _NEAR_CALL, _FAR = 1, 2, 4, 24
_LINE = 64


class Image(NamedTuple):
    """``content``: the bytes at its beginning, of ``size`` in memory; from ``written`` on (a page's border)
    it may be written to. ``entry``: where the function begins. ``own``: where addresses of its own stand,
    which are there as distances from its beginning; ``others``: by symbol, where addresses of others stand,
    and what is to be added to each."""

    content: bytes
    size: int
    written: int
    entry: int
    own: list[int]
    others: dict[str, list[tuple[int, int]]]


def possible() -> bool:
    """Whether images are made and run on this system."""
    return sys.platform == "linux" and os.uname().machine == "x86_64" and sys.maxsize > 1 << 32


class _Object:
    """An ELF object file of 64 bits, little-endian. ``ValueError`` for any other file."""

    def __init__(self, code: bytes):
        if code[:6] != b"\x7fELF\x02\x01":
            raise ValueError("no ELF file of 64 bits")
        (begin,) = struct.unpack_from("<Q", code, 0x28)
        size, count, names = struct.unpack_from("<HHH", code, 0x3A)
        self.code = code
        self.sections = [struct.unpack_from("<IIQQQQIIQQ", code, begin + size * i) for i in range(count)]
        self._names = self.sections[names][4]
        self.symbols: list[tuple[str, int, int, int, int]] = []  # name, bind, section, value, size
        for _, kind, _, _, offset, length, link, _, _, step in self.sections:
            if kind == _SYMBOLS:
                strings = self.sections[link][4]
                for at in range(offset, offset + length, step):
                    name, info, _, section, value, extent = struct.unpack_from("<IBBHQQ", code, at)
                    self.symbols.append((self._text(strings + name), info >> 4, section, value, extent))

    def _text(self, start: int) -> str:
        return self.code[start : self.code.index(b"\0", start)].decode()

    def name(self, section: tuple) -> str:
        return self._text(self._names + section[0])


def undefined(code: bytes) -> list[str] | None:
    """The symbols that a 64-bit ELF object takes from elsewhere; None for any other file."""
    try:
        found = _Object(code).symbols
    except ValueError:
        return None
    return sorted(name for name, _, section, _, _ in found if section == _UNDEFINED and name)


def laid_out(objects: list[bytes], entry: str) -> Image | None:
    """The image of object files that call each other, whose function ``entry`` will be called; None where
    they hold what no image can."""
    try:
        return _laid_out([_Object(code) for code in objects], entry)
    except (ValueError, KeyError, struct.error):
        return None


def _laid_out(objects: list[_Object], entry: str) -> Image:
    """``ValueError`` or ``KeyError`` where there is no image."""
    content, places = bytearray(), {}
    extent = written = 0
    for late in (False, True):
        for number, one in enumerate(objects):
            for index, (_, kind, flags, _, offset, length, _, _, align, _) in enumerate(one.sections):
                if (
                    not flags & _ALLOCATED
                    or kind == _UNWINDING
                    or one.name(one.sections[index]) == ".eh_frame"
                ):
                    continue
                if flags & _THREADS:
                    raise ValueError("data of threads")
                if bool(flags & _WRITTEN) == late:
                    extent += -extent % max(align, _LINE)
                    places[number, index] = extent
                    if kind != _UNSTORED:
                        content += bytes(extent - len(content)) + one.code[offset : offset + length]
                    extent += length
        if not late:
            extent += -extent % PAGE
            written = extent
    known: dict[str, int] = {}
    for number, one in enumerate(objects):
        for name, bind, section, value, length in one.symbols:
            if bind == _LOCAL or name in known:
                continue
            if section == _COMMON:  # its value is how it is aligned
                extent += -extent % max(value, _LINE)
                known[name] = extent
                extent += length
            elif section != _UNDEFINED and section < _SPECIAL:
                known[name] = places[number, section] + value
    own: list[int] = []
    others: dict[str, list[tuple[int, int]]] = {}
    content += bytes(-len(content) % 8)
    for number, one in enumerate(objects):
        for _, kind, _, _, offset, length, _, target, _, step in one.sections:
            if kind == _ADDENDLESS:
                raise ValueError("references without addends")
            if kind != _ADDED or (number, target) not in places:
                continue
            for at in range(offset, offset + length, step):
                where, info, added = struct.unpack_from("<QQq", one.code, at)
                where += places[number, target]
                name, bind, section, value, _ = one.symbols[info >> 32]
                if bind == _LOCAL:
                    found = places[number, section] + value
                elif name in known:
                    found = known[name]
                elif info & 0xFFFFFFFF == _ADDRESS:
                    others.setdefault(name, []).append((where, added))
                    continue
                else:
                    raise ValueError("a near reference to what is elsewhere")
                _refer(content, info & 0xFFFFFFFF, where, found + added, own)
    return Image(bytes(content), extent, written, known[entry], own, others)


def _refer(content: bytearray, kind: int, where: int, value: int, own: list[int]) -> None:
    if kind == _ADDRESS:
        struct.pack_into("<q", content, where, value)
        own.append(where)
    elif kind in (_NEAR, _NEAR_CALL):
        distance = value - where
        if not -(1 << 31) <= distance < 1 << 31:
            raise ValueError("too far")
        struct.pack_into("<i", content, where, distance)
    elif kind == _FAR:
        struct.pack_into("<q", content, where, value - where)
    else:
        raise ValueError("another kind of reference")


_kept: list[mmap.mmap] = []  # for good: the code may be running


def placed(image: Image, address_of: Callable[[str], int | None]) -> int | None:
    """The address of the image's function, put into this process; None where a symbol is not here, or
    where the system allows no new code."""
    found = {name: address_of(name) for name in image.others}
    if None in found.values():
        return None
    # Private: what the code writes is not its parent's or child's.
    room = mmap.mmap(-1, max(PAGE, image.size), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    room[: len(image.content)] = image.content
    base = ctypes.addressof(ctypes.c_char.from_buffer(room))
    word = struct.Struct("<Q")
    for where in image.own:
        word.pack_into(room, where, base + word.unpack_from(room, where)[0] & 0xFFFFFFFFFFFFFFFF)
    for name, places in image.others.items():
        for where, added in places:
            word.pack_into(room, where, (found[name] or 0) + added & 0xFFFFFFFFFFFFFFFF)
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
    if protect(base, image.written or PAGE, mmap.PROT_READ | mmap.PROT_EXEC):
        return None
    _kept.append(room)
    return base + image.entry


def symbol(name: str) -> int | None:
    """The address of a function or datum that this process has loaded; None if there is none."""
    try:
        return ctypes.addressof(ctypes.c_char.in_dll(ctypes.pythonapi, name))
    except ValueError:
        return None
