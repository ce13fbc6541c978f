"""What a dataset is made from, cut for workers: any source of the lab (``tokenizers_lab.sources``), read as
documents.

A source is cut into *segments* by its size alone, and every cut is found by looking at the bytes around it,
so any number of workers on any number of machines read the same documents. Text is cut into documents of
about ``document_bytes`` at line ends (0: a file is one document); a JSONL line and a Parquet row are
documents as they are.

Concession: packed streams but nzip's cannot be entered in the middle, so such a file is one segment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from typing import NamedTuple

from nzip.io.streams import read_fully
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.sources.finding import find
from tokenizers_lab.sources.parquet import footer
from tokenizers_lab.sources.reading import (
    Document,
    Skip,
    Source,
    lines,
    look_at,
    open_source,
    rows,
)
from tokenizers_lab.sources.unpacking import naming

_BLOCK = 1 << 20
_LOOK = 1 << 16  # how far behind a cut a line end is looked for


class Segment(NamedTuple):
    """``start .. stop`` of the source with this index, in the units of ``Source.extent``; stop None: to its
    end."""

    source: int
    start: int
    stop: int | None


def find_sources(paths, leave_out=()) -> list[Source]:
    """The sources of ``paths`` in order; folders stand for their files, sorted, without those of
    ``leave_out``. Raises :class:`LabError` for what is missing or unreadable, :class:`DataError` for what
    holds no text, or has no sound index."""
    files = find(paths, leave_out)
    if not files:
        raise LabError("name at least one file to build from")
    return [look_at(path) for path in files]


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
            found = footer(source.path)
            for group in range(source.extent):
                take(Segment(index, group, group + 1), found.row_group(group).total_byte_size)
        else:
            at, step = 0, document_bytes if source.kind == "text" else 1
            while at < source.extent:
                stop = min(at + -(-room // step) * step, source.extent)
                take(Segment(index, at, stop), stop - at)
                at = stop
    return [s for s in shards if s]


def read_segment(
    source: Source, segment: Segment, document_bytes: int, text_key: str = "text", skip: Skip | None = None
) -> Iterator[Document]:
    """The documents that begin inside the segment. Raises :class:`LabError`/:class:`DataError` naming file
    and line; lines and rows without text are told to ``skip`` instead, where it is given."""
    if source.kind == "parquet":
        yield from rows(source, segment.start, segment.stop, text_key, skip)
        return
    with naming(source.path), open_source(source) as file:
        if source.extent is not None and file.seek(0, os.SEEK_END) != source.extent:
            raise DataError(
                f"{source.path}: was {source.extent} bytes when the build began and is "
                f"{file.tell()} now; run the same command again"
            )
        if source.extent is not None:
            file.seek(0)
        if source.kind == "jsonl":
            yield from lines(source, file, segment.start, segment.stop, text_key, skip)
        else:
            yield from _pieces(file, segment, document_bytes)


def _pieces(file, segment: Segment, document_bytes: int) -> Iterator[Document]:
    """Text from the cut at ``start`` to the cut at ``stop``, cut at each multiple of ``document_bytes``
    between. The cut at x is behind the first line end in [x-1, x+_LOOK), else at x, moved on to where a UTF-8
    character may begin."""
    if not document_bytes:
        yield Document(0, b"".join(iter(lambda: read_fully(file, _BLOCK), b"")))
        return
    look = min(_LOOK, document_bytes)
    base = max(segment.start - 1, 0)  # of the buffer
    if base:
        file.seek(base)
    buffer, ended = b"", False

    def cut(x):
        nonlocal buffer, ended
        while not ended and base + len(buffer) < x + look + 4:
            block = read_fully(file, _BLOCK)
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


def as_json(sources: list[Source]) -> list[dict]:
    """For the manifest; :func:`from_json` reads it."""
    return [asdict(s) for s in sources]


def from_json(entries) -> list[Source]:
    return [Source(**e) for e in entries]
