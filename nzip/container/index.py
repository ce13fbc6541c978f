"""Random access: where every block of a seekable file lies, read from its end.

Each stream closes with an end frame that lists its blocks, and can be found from its last bytes; so the
index of a file is read with one or two short reads a stream, backwards, without touching a payload. Where
that fails (something unknown at the end), the headers are walked from the front instead, which tells
exactly what is wrong. A block is read alone, its header checked through the chain value that the index
keeps of the frame before.
"""

from __future__ import annotations

import bisect
import contextlib
from typing import NamedTuple

import xxhash

from nzip.container import framing, parser
from nzip.errors import CorruptError, NzipError, TruncatedError
from nzip.hashes import low32
from nzip.io.streams import read_fully
from nzip.varint import read_back_varint, read_u32, read_varint, u32

_PIECE = 1 << 16  # of the zeros behind the last stream, read at once
_LAST_LENGTH = "the length at the end of the stream"


class Entry(NamedTuple):
    """One block: its place in the file and in the decoded bytes; ``chain`` seeds its header's hash."""

    stream: int
    number: int  # within its stream, from 1
    offset: int
    frame_size: int
    start: int  # of its first decoded byte
    size: int
    chain: int


class Index:
    """Every block of a file. ``size``: decoded bytes in all; ``streams``: their headers, in order."""

    def __init__(self, source, streams: list[parser.StreamStart], entries: list[Entry]):
        self._source = source
        self.streams = streams
        self.entries = entries
        self.size = entries[-1].start + entries[-1].size if entries else 0
        self._starts = [entry.start for entry in entries]

    def find(self, position: int) -> int | None:
        """The number in ``entries`` of the block that holds decoded byte ``position``; None behind the
        end."""
        if not 0 <= position < self.size:
            return None
        return bisect.bisect_right(self._starts, position) - 1

    def read(self, number: int, *, keep_damaged: bool = False) -> parser.Block:
        """Block ``number`` of ``entries`` from the file, header and payload checked; with ``keep_damaged`` it
        may be one whose payload is not ``intact``."""
        entry = self.entries[number]
        self._source.seek(entry.offset)
        for event in parser.pull(self._source, _one_block(entry, keep_damaged)):
            if event.header.frame_size != entry.frame_size or event.header.size != entry.size:
                raise CorruptError(
                    f"block {entry.number} at byte {entry.offset} is not the one that the index lists"
                )
            return event
        raise AssertionError("a parsed block always gives an event")

    def first_of(self, stream: int) -> parser.Block:
        """As :meth:`read`, the first block of a stream, which may not be ``intact``."""
        number = bisect.bisect_left(self.entries, stream, key=lambda entry: entry.stream)
        return self.read(number, keep_damaged=True)


def _one_block(entry: Entry, keep_damaged: bool):
    kind = yield 1
    if not kind:
        raise TruncatedError(f"the file ends before block {entry.number} at byte {entry.offset}")
    header = yield from parser.read_block_header(kind[0], entry.chain, entry.number, entry.offset)
    payload, intact = yield from parser.read_payload(header, "keep", entry.number, entry.offset, keep_damaged)
    yield parser.Block(header, payload, entry.number, entry.offset, intact)


def read_index(source) -> Index:
    """The index of a seekable binary file. Raises :class:`NzipError` where the file is damaged."""
    try:
        return read_backwards(source)
    except NzipError:
        return _forwards(source)


def _forwards(source) -> Index:
    source.seek(0)
    streams, entries, position, chain = [], [], 0, 0
    for event in parser.pull(source, parser.parse(payloads="skip")):
        if isinstance(event, parser.StreamStart):
            streams.append(event)
            chain = event.chain
        elif isinstance(event, parser.Block):
            header = event.header
            entries.append(
                Entry(
                    len(streams) - 1,
                    event.number,
                    event.offset,
                    header.frame_size,
                    position,
                    header.size,
                    chain,
                )
            )
            position += header.size
            chain = header.chain
    return Index(source, streams, entries)


def read_backwards(source) -> Index:
    """The index from the end frames alone; damage before them does not matter, but for stream headers."""
    size = end = source.seek(0, 2)
    found: list[tuple[parser.StreamStart, list[tuple[int, int, int, int]]]] = []
    while end:
        start, blocks = _frame_before(source, end) if end < size else _last_frame(source, size)
        if isinstance(start, parser.StreamStart):
            found.append((start, blocks))
            end = start.offset
        else:
            end = start
    if not found:
        raise TruncatedError(parser.NO_STREAM)
    found.reverse()
    entries, position = [], 0
    for stream, (_, blocks) in enumerate(found):
        for number, (offset, frame_size, size, chain) in enumerate(blocks, 1):
            entries.append(Entry(stream, number, offset, frame_size, position, size, chain))
            position += size
    return Index(source, [start for start, _ in found], entries)


def _last_frame(source, size: int):
    """:func:`_frame_before` the file's end, or before the zeros that fill it up."""
    return _ending(source, size)[1]


def _ending(source, size: int):
    """The byte at which the last frame ends, and the frame."""
    try:
        return size, _frame_before(source, size)
    except NzipError:
        end = _before_zeros(source, size)
        if end == size:
            raise
        # The frame's own hash, its last four bytes, may end in zeros, too.
        for own in range(min(4, size - end) + 1):
            with contextlib.suppress(NzipError):
                return end + own, _frame_before(source, end + own)
        raise


def end_of_streams(source) -> int:
    """Where the last stream or skippable frame of a seekable file ends: at the file's end, or before the
    zeros that fill it up. Raises :class:`NzipError` where neither is so."""
    size = source.seek(0, 2)
    return _ending(source, size)[0] if size else 0


def _before_zeros(source, size: int) -> int:
    """Where the zeros begin that the file ends in; ``size`` where there are none."""
    end = size
    while end:
        start = max(0, end - _PIECE)
        left = len(_read_at(source, start, end - start).rstrip(b"\0"))
        if left:
            return start + left
        end = start
    return 0


def _frame_before(source, end: int):
    """The stream or skippable frame that ends at byte ``end``: its start, and its blocks as (offset, frame
    size, decoded size, chain)."""
    tail = _read_at(source, max(0, end - 16), min(16, end))
    length, taken = read_back_varint(tail[:-4], _LAST_LENGTH)
    start = end - 4 - taken - length
    if length < 1 or start < 0:
        raise CorruptError(f"{_LAST_LENGTH} is damaged")
    first = _read_at(source, start, min(8, length))
    if not first or first[0] not in framing.END_KINDS:
        if framing.check_magic(first, first=False, offset=start) != framing.SKIPPABLE_BYTE:
            raise CorruptError("a stream without its end frame")
        return start, []
    if u32(_hash_at(source, start, length + taken)) != tail[-4:]:
        raise CorruptError(f"the end frame at byte {start} is damaged")
    return _blocks(source, _read_at(source, start, length + taken), start)


def _blocks(source, body: bytes, end_start: int):
    position = 1

    def number() -> int:
        nonlocal position
        value, position = read_varint(body, position, "the index")
        return value

    count = 1 if body[0] == framing.KIND_END_OF_ONE else number()
    header_size = number()
    sizes: list[tuple[int, int, int]] = []
    if body[0] == framing.KIND_END_OF_ONE:
        sizes.append((number(), 0, 0))
    elif count == 1 or count > len(body):
        raise CorruptError("the index is damaged")
    else:
        for _ in range(count):
            frame, decoded = number(), number()
            if not 1 <= decoded <= framing.MAX_BLOCK or not 1 <= frame <= framing.MAX_FRAME:
                raise CorruptError("the index is damaged: it claims a block that cannot be")
            sizes.append((frame, decoded, read_u32(body, position)))
            position += 4
    offset = end_start - sum(frame for frame, _, _ in sizes)
    if offset - header_size < 0:
        raise CorruptError("the index is damaged")
    source.seek(offset - header_size)
    start = next(parser.pull(source, _header_at(offset - header_size)))
    if start.header_size != header_size:
        raise CorruptError("the index contradicts the stream header")
    blocks, chain = [], start.chain
    if count == 1:
        # The seek table of a single block is its own header.
        source.seek(offset)
        header = next(parser.pull(source, _block_header_at(offset, chain)))
        sizes = [(header.frame_size, header.size, header.chain)]
    for frame, decoded, own in sizes:
        blocks.append((offset, frame, decoded, chain))
        offset, chain = offset + frame, own
    if offset != end_start:
        raise CorruptError("the index contradicts the blocks")
    return start, blocks


def _header_at(offset: int):
    start = yield 8
    if len(start) < 8 or framing.check_magic(start, first=offset == 0, offset=offset) != framing.VERSION_BYTE:
        raise CorruptError(f"no stream header at byte {offset}")
    yield (yield from parser.read_header(start, offset))


def _block_header_at(offset: int, chain: int):
    kind = yield 1
    yield (yield from parser.read_block_header(kind[0] if kind else 0, chain, 1, offset))


def _hash_at(source, offset: int, size: int) -> int:
    # In pieces: the length came from the file's last bytes and may be anything up to the file's own.
    source.seek(offset)
    digest = xxhash.xxh3_64()
    while size > 0 and (data := read_fully(source, min(parser.CHUNK, size))):
        digest.update(data)
        size -= len(data)
    return low32(digest)


def _read_at(source, offset: int, size: int) -> bytes:
    source.seek(offset)
    data = read_fully(source, size)
    if len(data) < size:
        raise TruncatedError(f"the file ends at byte {offset + len(data)}")
    return data
