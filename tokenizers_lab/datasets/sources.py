"""What a dataset is made from: text, JSONL, Parquet, any of the first two packed by nzip, xz or gzip, read as
documents.

A source is cut into *segments* by its size alone, and every cut is found by looking at the bytes around it,
so any number of workers on any number of machines read the same documents. Text is cut into documents of
about ``document_bytes`` at line ends (0: a file is one document); a JSONL line and a Parquet row are
documents as they are.

Concession: ``.xz`` and ``.gz`` streams cannot be entered in the middle, so such a file is one segment.
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from nzip.errors import NzipError
from tokenizers_lab.errors import DataError, LabError

_BLOCK = 1 << 20
_LOOK = 1 << 16  # how far behind a cut a line end is looked for
_PACKED: dict[str, Callable] = {".xz": lzma.open, ".gz": gzip.open}


class Document(NamedTuple):
    """``key``: byte offset in its (unpacked) source, or the row of a Parquet file."""

    key: int
    raw: bytes


@dataclass(frozen=True)
class Source:
    """``kind``: text, jsonl or parquet. ``packing``: "", "nz", "xz" or "gz". ``size``: bytes on disk;
    ``extent``: what segments count (unpacked bytes, or Parquet row groups); None where only reading it all
    would tell."""

    path: str
    kind: str
    packing: str
    size: int
    extent: int | None


class Segment(NamedTuple):
    """``start .. stop`` of the source with this index, in the units of ``Source.extent``; stop None: to its
    end."""

    source: int
    start: int
    stop: int | None


def find_sources(paths) -> list[Source]:
    """The sources of ``paths`` in order; folders stand for their files, sorted. Raises :class:`LabError` for
    what is missing or unreadable, :class:`DataError` for a Parquet or nzip file without a sound index."""
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            files += sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
        else:
            files.append(path)
    if not files:
        raise LabError("name at least one file to build from")
    return [_look_at(path) for path in files]


def _look_at(path: Path) -> Source:
    try:
        size = path.stat().st_size
        with open(path, "rb"):
            pass
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    packing = path.suffix[1:] if path.suffix in (".nz", ".xz", ".gz") else ""
    inner = path.with_suffix("").suffix if packing else path.suffix
    kind = {".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}.get(inner, "text")
    if kind == "parquet":
        if packing:
            raise LabError(f"{path}: Parquet files are compressed inside; unpack it first")
        return Source(str(path), kind, "", size, _parquet(path).num_row_groups)
    if packing == "nz":
        with _reading(str(path)), _nzip(path) as file:
            return Source(str(path), kind, packing, size, file.seek(0, os.SEEK_END))
    return Source(str(path), kind, packing, size, None if packing else size)


def plan_shards(sources: list[Source], shard_bytes: int, document_bytes: int) -> list[list[Segment]]:
    """The segments of each shard: about ``shard_bytes`` of source each, in the order of the sources. Depends
    on the sizes of the sources alone."""
    shards: list[list[Segment]] = [[]]
    room = shard_bytes

    def take(segment, cost):
        nonlocal room
        shards[-1].append(segment)
        room -= cost
        if room <= 0:
            shards.append([])
            room = shard_bytes

    for index, source in enumerate(sources):
        whole = source.extent is None or (source.kind == "text" and not document_bytes)
        if not source.size:
            continue
        if whole or not source.extent:
            take(Segment(index, 0, None), source.size)
        elif source.kind == "parquet":
            footer = _parquet(source.path)
            for group in range(source.extent):
                take(Segment(index, group, group + 1), footer.row_group(group).total_byte_size)
        else:
            at, step = 0, document_bytes if source.kind == "text" else 1
            while at < source.extent:
                stop = min(at + -(-room // step) * step, source.extent)
                take(Segment(index, at, stop), stop - at)
                at = stop
    return [s for s in shards if s]


def read_segment(
    source: Source, segment: Segment, document_bytes: int, text_key: str = "text"
) -> Iterator[Document]:
    """The documents that begin inside the segment. Raises :class:`LabError`/:class:`DataError` naming file
    and line."""
    if source.kind == "parquet":
        yield from _parquet_rows(source.path, segment, text_key)
        return
    with _reading(source.path), _open(source) as file:
        if source.extent is not None and file.seek(0, os.SEEK_END) != source.extent:
            raise DataError(
                f"{source.path}: was {source.extent} bytes when the build began and is "
                f"{file.tell()} now; build into a new folder"
            )
        if source.extent is not None:
            file.seek(0)
        if source.kind == "jsonl":
            yield from _lines(source, file, segment, text_key)
        else:
            yield from _pieces(file, segment, document_bytes)


def _open(source: Source):
    if source.packing == "nz":
        return _nzip(source.path)
    return _PACKED.get(f".{source.packing}", open)(source.path, "rb")


def _nzip(path):
    import nzip  # start-up: numba

    return nzip.open(path, "rb")


class _reading:
    """Turns what the openers raise into one line with the file's name."""

    def __init__(self, path: str):
        self.path = path

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, LabError) or error is None:
            return False
        if isinstance(error, (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile)):
            raise DataError(f"{self.path}: half-written or damaged: {error}") from None
        if isinstance(error, NzipError):
            raise (DataError if error.exit_code == 2 else LabError)(f"{self.path}: {error}") from None
        if isinstance(error, OSError):
            raise LabError(f"{self.path}: cannot be read: {error.strerror or error}") from None
        return False


def _pieces(file, segment: Segment, document_bytes: int) -> Iterator[Document]:
    """Text from the cut at ``start`` to the cut at ``stop``, cut at each multiple of ``document_bytes``
    between. The cut at x is behind the first line end in [x-1, x+_LOOK), else at x, moved on to where a UTF-8
    character may begin."""
    if not document_bytes:
        yield Document(0, b"".join(iter(lambda: file.read(_BLOCK), b"")))
        return
    look = min(_LOOK, document_bytes)
    base = max(segment.start - 1, 0)  # of the buffer
    if base:
        file.seek(base)
    buffer, ended = b"", False

    def cut(x):
        nonlocal buffer, ended
        while not ended and base + len(buffer) < x + look + 4:
            block = file.read(_BLOCK)
            buffer += block
            ended = not block
        if x - base >= len(buffer):
            return base + len(buffer)
        found = buffer.find(b"\n", x - 1 - base, x - base + look)
        if found >= 0:
            return base + found + 1
        for k in range(4):
            if x - base + k >= len(buffer) or buffer[x - base + k] & 0xC0 != 0x80:
                return x + k
        return x

    at = cut(segment.start) if segment.start else 0
    x = segment.start
    while True:
        x += document_bytes
        last = segment.stop is not None and x >= segment.stop
        end = cut(x)
        if end > at:
            yield Document(at, buffer[at - base : end - base])
        at = end
        if last or (ended and end == base + len(buffer)):
            return
        if end - 1 - base > 4 * _BLOCK:
            buffer, base = buffer[end - 1 - base :], end - 1


def _lines(source: Source, file, segment: Segment, text_key: str) -> Iterator[Document]:
    """JSONL: the lines that begin in the segment."""
    at = 0
    if segment.start:
        file.seek(segment.start - 1)
        at = segment.start - 1 + len(file.readline())
    while segment.stop is None or at < segment.stop:
        line = file.readline()
        if not line:
            return
        if line.strip():
            yield Document(at, _text_of(source, file, at, line, text_key))
        at += len(line)


def _text_of(source, file, at, line, text_key) -> bytes:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        what = f"not JSON ({error})" if line.endswith(b"\n") else f"half-written, not JSON ({error})"
        raise DataError(f"{source.path}: line {_number(source, at)}: {what}") from None
    text = entry.get(text_key) if isinstance(entry, dict) else None
    if not isinstance(text, str):
        raise DataError(
            f"{source.path}: line {_number(source, at)}: no text under {text_key!r}; name it by --text-key"
        )
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise DataError(
            f"{source.path}: line {_number(source, at)}: a lone surrogate, which no UTF-8 can spell"
        ) from None


def _number(source: Source, at: int) -> int:
    """The line number of the byte offset ``at``: read again from the start, since this is for an error
    only."""
    number = 1
    with _open(source) as file:
        while at > 0 and (block := file.read(min(at, _BLOCK))):
            number += block.count(b"\n")
            at -= len(block)
    return number


def _parquet(path):
    import pyarrow  # start-up, and an optional dependency
    import pyarrow.parquet as pq  # start-up, and an optional dependency

    try:
        return pq.read_metadata(path)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"{path}: not a Parquet file, or half-written: {str(error).splitlines()[0]}"
        ) from None


def _parquet_rows(path, segment: Segment, text_key: str) -> Iterator[Document]:
    import pyarrow  # start-up, and an optional dependency
    import pyarrow.parquet as pq  # start-up, and an optional dependency

    try:
        file = pq.ParquetFile(path)
        if text_key not in file.schema_arrow.names:
            raise DataError(
                f"{path}: no column {text_key!r} (there are {', '.join(file.schema_arrow.names)}); "
                "name it by --text-key"
            )
        stop = file.num_row_groups if segment.stop is None else segment.stop
        row = sum(file.metadata.row_group(g).num_rows for g in range(segment.start))
        for group in range(segment.start, stop):
            for batch in file.iter_batches(batch_size=1024, row_groups=[group], columns=[text_key]):
                for value in batch.column(0).to_pylist():
                    if not isinstance(value, (str, bytes)):
                        raise DataError(f"{path}: row {row + 1}: {text_key!r} holds no text")
                    yield Document(row, value.encode("utf-8") if isinstance(value, str) else value)
                    row += 1
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"{path}: damaged: {str(error).splitlines()[0]}") from None


def as_json(sources: list[Source]) -> list[dict]:
    """For the manifest; :func:`from_json` reads it."""
    return [asdict(s) for s in sources]


def from_json(entries) -> list[Source]:
    return [Source(**e) for e in entries]
