"""What stands in a source: looked at (:func:`look_at`), and read as documents, blocks or one text.

A text file is one document; a JSON line and a row of Parquet are documents as they are. Where several become
one text (:func:`read_text`), a line end is put behind each that has none.

Concession: Parquet that is packed once more is unpacked into a temporary file, since it is read from its end.
"""

from __future__ import annotations

import codecs
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nzip.io.streams import read_fully
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import read_blocks
from tokenizers_lab.sources import kinds, parquet
from tokenizers_lab.sources.finding import STANDARD_INPUT, find, place
from tokenizers_lab.sources.left_out import LeftOut
from tokenizers_lab.sources.unpacking import naming, unpacked

_BLOCK = 1 << 20
Skip = Callable[[str, str], None]
"""Told of what is left out: ``line 3`` or ``row 4``, and why."""


class Document(NamedTuple):
    """``key``: byte offset in its (unpacked) source, or the row of a Parquet file."""

    key: int
    raw: bytes


@dataclass(frozen=True)
class Source:
    """``path``: "-" for standard input. ``kind``: text, jsonl or parquet. ``packing``: of ``kinds.PACKINGS``,
    or "". ``size``: bytes on disk; ``extent``: what segments count (unpacked bytes, or Parquet row groups);
    None where only reading it all would tell. ``sha256``: hex, of the bytes on disk, or "" where nobody has
    asked."""

    path: str
    kind: str
    packing: str
    size: int
    extent: int | None
    sha256: str = ""


def look_at(path: str) -> Source:
    """What the file of ``path`` is. Raises :class:`LabError` where it cannot be read, :class:`DataError`
    where it is damaged or holds no text."""
    with naming(path):
        at = place(path)
        size = at.stat().st_size
        with open(at, "rb") as file:
            start = read_fully(file, kinds.ENOUGH)
    named, kind = kinds.by_name("" if path == STANDARD_INPUT else Path(path).name)
    packing = kinds.packing_of(start)
    inner = start
    if packing:
        # What is damaged is told when it is read, so that what stands before it is built.
        with contextlib.suppress(DataError), naming(path), unpacked(at, packing) as file:
            inner = b""
            inner = read_fully(file, kinds.ENOUGH)
            if kinds.packing_of(inner):
                raise LabError(f"{path}: is packed twice; unpack it once")
    found = kinds.holds_no_text(inner, path if not packing else "")
    if found:
        raise DataError(f"{path}: {found}; it cannot be read as text")
    if named and not packing:
        what = "is empty" if not size else f"does not begin as .{named} files do"
        raise DataError(f"{path}: half-written or damaged: {what}")
    if kinds.begins_as_parquet(inner):
        kind = "parquet"
    elif path == STANDARD_INPUT or kind == "json":
        kind = "jsonl" if _first_line_is_json(path, at, packing) else "text"
    if kind == "parquet" and not packing:
        return Source(path, kind, "", size, parquet.footer(path).num_row_groups)
    if packing == "nz" and kind != "parquet":
        with naming(path), unpacked(at, packing) as file:
            return Source(path, kind, packing, size, file.seek(0, os.SEEK_END))
    return Source(path, kind, packing, size, None if packing else size)


def _first_line_is_json(path, at, packing) -> bool:
    with contextlib.suppress(DataError), naming(path), unpacked(at, packing) as file:
        return kinds.looks_like_json_lines(read_fully(file, _BLOCK), more=path != STANDARD_INPUT)
    return False


def open_source(source: Source):
    """Its bytes, unpacked."""
    return unpacked(place(source.path), source.packing)


def documents(path: str, text_key: str = "text", left: LeftOut | None = None) -> Iterator[Iterable[bytes]]:
    """The documents of a file, each as blocks. Raises as :func:`look_at`, and :class:`DataError` for lines
    and rows that hold no text under ``text_key``, unless they are to be ``left`` out."""
    source = look_at(path)
    skip = left.of(path) if left is not None else None
    if source.kind == "parquet":
        for document in rows(source, 0, None, text_key, skip):
            yield [document.raw]
        return
    with naming(path), open_source(source) as file:
        if source.kind == "text":
            yield _named(path, read_blocks(file))
        else:
            for document in lines(source, file, 0, None, text_key, skip):
                yield [document.raw]


def _named(path: str, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same; damage that is met while a caller reads is told with the file's name."""
    with naming(path):
        yield from blocks


def beginning(source: Source, size: int, text_key: str = "text") -> bytes:
    """The first ``size`` bytes of a source's text, or less where it is short or damaged: for a look only."""
    found = b""
    with contextlib.suppress(DataError):
        for document in documents(source.path, text_key):
            for block in document:
                found += block[:size]
                if len(found) >= size:
                    return found[:size]
    return found


def read_text(paths, text_key: str = "text", left: LeftOut | None = None) -> bytes:
    """All of ``paths`` (files, folders, "-") as one text. Raises as :func:`documents`."""
    parts: list[bytes] = []
    for path in find(paths):
        for document in documents(path, text_key, left):
            if parts and parts[-1] and not parts[-1].endswith(b"\n"):
                parts.append(b"\n")
            parts.append(b"".join(document))
    return b"".join(parts)


def is_utf8(raw: bytes) -> bool:
    """Whether ``raw`` is text in UTF-8."""
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def watch_utf8(blocks: Iterable[bytes], on_bytes: Callable[[], None]) -> Iterator[bytes]:
    """The same blocks; ``on_bytes()`` is called, once, if together they are not UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    good = True
    for block in blocks:
        if good:
            good = _decodes(decoder, block, False)
        yield block
    if not (good and _decodes(decoder, b"", True)):
        on_bytes()


def _decodes(decoder, block, final) -> bool:
    try:
        decoder.decode(bytes(block), final)
    except UnicodeDecodeError:
        return False
    return True


def lines(source: Source, file, start: int, stop: int | None, text_key: str, skip: Skip | None = None):
    """JSON lines: the documents of those that begin in ``start .. stop`` (bytes; None: to the end). A bad
    line raises :class:`DataError`, or is told to ``skip``."""
    at = 0
    if start:
        file.seek(start - 1)
        at = start - 1 + len(file.readline())
    first, seen, before = at, 0, 0  # the lines before ``first`` are counted once they matter
    while stop is None or at < stop:
        line = file.readline()
        if not line:
            return
        if line.strip():
            raw, why = _text_of(line, text_key)
            if raw is not None:
                yield Document(at, raw)
            else:
                before = before or line_number(source, first)
                if skip is None:
                    raise DataError(f"{source.path}: line {before + seen}: {why}")
                skip(f"line {before + seen}", why)
        at += len(line)
        seen += 1


def _text_of(line, text_key) -> tuple[bytes | None, str]:
    try:
        # Numbers are of no use here, and may be longer than Python reads whole ones.
        entry = json.loads(line, parse_int=float)
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({error})" if line.endswith(b"\n") else f"half-written, not JSON ({error})"
    text = entry.get(text_key) if isinstance(entry, dict) else None
    if not isinstance(text, str):
        return None, f"no text under {text_key!r}; name it by --text-key"
    if line.count(b'"%s"' % text_key.encode()) > 1:
        pairs = json.loads(line, parse_int=float, object_pairs_hook=list)
        if sum(key == text_key for key, _ in pairs) > 1:
            return None, f"has {text_key!r} twice"
    try:
        return text.encode("utf-8"), ""
    except UnicodeEncodeError:
        return None, "a lone surrogate, which no UTF-8 can spell"


def line_number(source: Source, at: int) -> int:
    """The line number of the byte offset ``at``: read again from the start, since this is for an error
    only."""
    number = 1
    with open_source(source) as file:
        while at > 0 and (block := read_fully(file, min(at, _BLOCK))):
            number += block.count(b"\n")
            at -= len(block)
    return number


def rows(source: Source, start: int, stop: int | None, text_key: str, skip: Skip | None = None):
    """Parquet: the rows of the row groups ``start .. stop`` (None: to the end) as documents, strings as the
    bytes that stand there, whether UTF-8 or not. A row without text raises :class:`DataError`, or is told to
    ``skip``."""
    with naming(source.path), _whole(source) as file:
        for row, raw in parquet.texts(file, source.path, start, stop, text_key):
            if raw is not None:
                yield Document(row, raw)
            elif skip is None:
                raise DataError(f"{source.path}: row {row + 1}: {text_key!r} holds no text")
            else:
                skip(f"row {row + 1}", f"{text_key!r} holds no text")


@contextlib.contextmanager
def _whole(source: Source):
    """A Parquet file that can be read from its end."""
    if not source.packing:
        with open(place(source.path), "rb") as file:
            yield file
        return
    with tempfile.TemporaryFile() as file:
        with naming(source.path), open_source(source) as packed:
            shutil.copyfileobj(packed, file, _BLOCK)
        file.seek(0)
        yield file


def digest(path: str) -> str:
    """SHA-256 (hex) of a source's bytes on disk."""
    with naming(path), open(place(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_of(path: str) -> int:
    """Bytes on disk of a source, to show how far its reading is."""
    try:
        return place(path).stat().st_size
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
