"""Which bytes of a block belong to which of its streams: segments, gathered and scattered, and their coding.

A segment is a run of bytes of one stream; segments take turns until the block is full. The *layout* codes
them with small adaptive contexts, so that a gigabyte in turns of a kilobyte costs little: the next segment's
stream by the one before, its length as the stream's last one, or by its count of bits, the bits behind the
first, and the stream (docs/FORMAT.md, "Layout"). twin/segments.py reads the same in plain Python.

Concession: a block has at most one segment for each MEAN bytes and some more, so that a reader's memory is
bounded by the block's size.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.coding.binary import (
    POSITION,
    STATE_SIZE,
    decode_bit,
    encode_bit,
    finish_encoder,
    start_decoder,
    start_encoder,
)
from nzip.errors import CorruptError
from nzip.exact.jit import njit

MEAN, MORE = 32, 255
# A cell: 22 bits of probability, 10 of count, up to LIMIT.
START, LIMIT = np.uint32(1 << 31), 30
# Where in the cells each field's begin: stream numbers by the one before, "as the last", the count of bits,
# the first bits behind the leading one, those behind them.
_NUMBER, _SAME, _BITS, _HIGH, _LOW, _CELLS = np.cumsum(
    [0, 256 * 256, 256, 256 * 32, 32 * 8, 32 * 32]
).tolist()
_ROOM = 256  # bytes that a segment cannot cost: 43 decisions of 22 bits, and what the coder holds back


class Segments(NamedTuple):
    """``streams`` uint8 (n,): whose a segment is; ``lengths`` int32 (n,): its bytes, 1 or more. No two
    neighbours are of one stream."""

    streams: np.ndarray
    lengths: np.ndarray

    def sizes(self, count: int) -> list[int]:
        """Bytes of each of ``count`` streams."""
        return np.bincount(self.streams, self.lengths, count).astype(np.int64).tolist()


def most(size: int) -> int:
    """Segments that a block of ``size`` bytes can have."""
    return size // MEAN + MORE


def memory(size: int) -> int:
    """Bytes that layout and scattering of a block of ``size`` bytes take, an upper bound; the block is not
    counted."""
    return 64 * most(size) + 4 * _CELLS + (1 << 16)


def joined(streams: np.ndarray, lengths: np.ndarray) -> Segments:
    """Segments whose neighbours differ, of runs that may have none, and neighbours of one stream."""
    there = lengths > 0
    streams, lengths = streams[there].astype(np.int64), lengths[there]
    first = np.flatnonzero(np.diff(streams, prepend=-1))
    total = np.add.reduceat(lengths, first) if len(first) else lengths
    return Segments(streams[first].astype(np.uint8), total.astype(np.int32))


def gather(block: np.ndarray, segments: Segments, stream: int) -> np.ndarray:
    """The bytes of one stream, uint8."""
    out = np.empty(int(segments.lengths[segments.streams == stream].sum(dtype=np.int64)), np.uint8)
    _gather(block, segments.streams, segments.lengths, stream, out)
    return out


@njit(cache=True, nogil=True)
def _gather(block, streams, lengths, stream, out):
    at = to = 0
    for i in range(len(streams)):
        length = lengths[i]
        if streams[i] == stream:
            for k in range(length):
                out[to + k] = block[at + k]
            to += length
        at += length


@njit(cache=True, nogil=True)
def scatter(block, part, begin, own, places, lengths, left, region):
    """Put ``part``, a stream's bytes from ``begin`` on, where they belong in ``block``. Of its segments:
    ``own`` int64 (n,) where they begin in the stream, ``places`` int64 (n,) in the block, ``lengths``. Each
    ``region`` bytes of the block count down in ``left`` int32. Gives the first byte of the block that was
    written, and the place behind the last."""
    i = np.searchsorted(own, begin, side="right") - 1
    done = 0
    first = end = np.int64(0)
    while done < len(part):
        within = begin + done - own[i]
        count = np.int64(min(lengths[i] - within, len(part) - done))
        to = places[i] + within
        for k in range(count):
            block[to + k] = part[done + k]
        if not done:
            first = to
        end = to + count
        while to < end:
            step = min(region - to % region, end - to)
            left[to // region] -= step
            to += step
        done += count
        i += 1
    return first, end


def pack(segments: Segments, count: int) -> bytes:
    """The layout of ``count`` streams' segments."""
    sizes = np.array(segments.sizes(count), np.int64)
    if len(segments.streams) > most(int(sizes.sum())):
        raise ValueError(f"{len(segments.streams)} segments are more than a block of {sizes.sum()} can have")
    used, room = -1, 4 * len(segments.streams) + 4096
    while used < 0:
        out = np.zeros(room, np.uint8)
        given = segments.streams.copy(), segments.lengths.copy(), sizes.copy()
        used = _code(*given, *_scratch(count), False, out, room)
        room *= 4
    return out[:used].tobytes()


def read(layout, sizes: list[int]) -> Segments:
    """The segments that ``layout`` (bytes-like) codes, of streams of ``sizes`` bytes. Raises
    :class:`CorruptError` where they do not make up the streams."""
    room = most(sum(sizes))
    streams, lengths = np.zeros(room, np.uint8), np.zeros(room, np.int32)
    data = np.zeros(len(layout) + 1, np.uint8)
    data[:-1] = np.frombuffer(layout, np.uint8)
    left = np.array(sizes, np.int64)
    count = _code(streams, lengths, left, *_scratch(len(sizes)), True, data, len(layout))
    if count < 0:
        raise CorruptError("a mix block whose segments do not make up its streams")
    return Segments(streams[:count].copy(), lengths[:count].copy())


def _scratch(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What :func:`_code` works in: cells, the coder, each stream's last length. Code that makes no array
    needs no numba to be called."""
    return np.full(_CELLS, START, np.uint32), np.zeros(STATE_SIZE, np.uint64), np.zeros(count, np.int64)


@njit(cache=True, nogil=True)
def _bit(cells, at, bit, decoding, coder, buffer):
    cell = cells[at]
    p = np.int64(cell >> 10)
    n = np.int64(cell & 1023)
    if decoding:
        bit = decode_bit(coder, buffer, p)
    else:
        encode_bit(coder, buffer, bit, p)
    if bit:
        p += ((1 << 22) - p) // (n + 2)
    else:
        p -= p // (n + 2)
    cells[at] = np.uint32(p << 10 | min(n + 1, LIMIT))
    return bit


@njit(cache=True, nogil=True)
def _tree(cells, at, bits, value, decoding, coder, buffer):
    node = 1
    for i in range(bits - 1, -1, -1):
        node = 2 * node + _bit(cells, at + node, value >> i & 1, decoding, coder, buffer)
    return node - (1 << bits)


@njit(cache=True, nogil=True)
def _length(cells, stream, last, length, decoding, coder, buffer):
    if _bit(cells, _SAME + stream, np.int64(length == last), decoding, coder, buffer):
        return last
    bits = 0
    while not decoding and length >> (bits + 1):
        bits += 1
    bits = _tree(cells, _BITS + 32 * stream, 5, bits, decoding, coder, buffer)
    value = np.int64(1)
    for i in range(bits - 1, -1, -1):
        done = bits - 1 - i
        at = _HIGH + 8 * bits + value if done < 3 else _LOW + 32 * bits + i
        value = 2 * value + _bit(cells, at, length >> i & 1, decoding, coder, buffer)
    return value


@njit(cache=True, nogil=True)
def _code(streams, lengths, left, cells, coder, last, decoding, buffer, end):
    """Write or read the segments of streams of ``left`` bytes, of which nothing is left then. Gives the bytes
    written (-1: ``end`` are too few), or the segments read (-1: impossible ones)."""
    count = len(left)
    if decoding:
        start_decoder(coder, buffer, end)
    else:
        start_encoder(coder, end)
    bits = 0
    while (count - 1) >> bits:
        bits += 1
    open_streams, before, n = count, 255, 0
    while open_streams:
        if n == len(streams) or (not decoding and np.int64(coder[POSITION]) + _ROOM > end):
            return -1
        if open_streams == 1:  # the rest is its
            stream = np.argmax(left)
            length = left[stream]
        else:
            known = np.int64(0) if decoding else np.int64(streams[n])
            stream = _tree(cells, _NUMBER + 256 * before, bits, known, decoding, coder, buffer)
            if stream >= count or stream == before or not left[stream]:
                return -1
            known = np.int64(0) if decoding else np.int64(lengths[n])
            length = _length(cells, stream, last[stream], known, decoding, coder, buffer)
            if not 0 < length <= left[stream]:
                return -1
        last[stream] = length
        left[stream] -= length
        open_streams -= left[stream] == 0
        streams[n], lengths[n] = stream, length
        before = stream
        n += 1
    return n if decoding else finish_encoder(coder, buffer)
