"""Frames back to blocks: a sans-I/O parser, written once and driven by pulling or by pushing.

:func:`parse` is a generator. It yields either a *request* (an int n: send me the next n bytes, fewer only
at the end of the input; or :class:`Skip`) or an *event* (send me None). :func:`pull` drives it from a
file-like object; :class:`nzip.Decompressor` drives it from whatever it is fed. Nothing is believed before
its hash was right, and no buffer grows beyond the bytes that are really there.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import NamedTuple

import xxhash

from nzip.codec import CODED, STORED
from nzip.container import check_points, config, embedded_models, framing, passport
from nzip.container.frame_reader import FrameReader
from nzip.errors import CorruptError, TruncatedError
from nzip.hashes import low32
from nzip.io.streams import read_fully
from nzip.varint import back_varint, read_u32, u32

# No single request asks for more than this, so that a length claims no memory before its bytes have come.
CHUNK = 1 << 20
NO_STREAM = "the input ends before any stream: skippable frames alone are no file"


class Skip(NamedTuple):
    """A request: pass over ``size`` bytes. Send back how many there were."""

    size: int


class StreamStart(NamedTuple):
    """Event: a stream's header. ``chain`` is the hash that the first block's header is seeded with;
    ``header_size`` counts the embedded ``models``, too."""

    passport: passport.Passport
    offset: int
    header_size: int
    chain: int
    models: tuple[embedded_models.Model, ...] = ()


class Block(NamedTuple):
    """Event: one block. ``payload`` is None where payloads are passed over; ``intact`` is False where the
    stored bytes do not have the hash that the header gives, or are fewer than it says (only with
    ``keep_damaged``)."""

    header: framing.BlockHeader
    payload: bytes | None
    number: int
    offset: int
    intact: bool


class StreamEnd(NamedTuple):
    """Event: the end frame, which ends at byte ``offset`` and is equal to what the blocks before it demand.
    ``file_hash`` is the XXH3-64 of all decoded bytes, which the consumer compares; None with at most one
    block."""

    file_hash: int | None
    size: int
    offset: int


class Skippable(NamedTuple):
    """Event: a skippable frame was passed over (hash checked, unless payloads are passed over)."""

    offset: int
    payload_size: int
    end: int


def parse(*, payloads: str | Callable[[framing.BlockHeader], str] = "keep", keep_damaged: bool = False):
    """Parse frames until the input ends. ``payloads``: ``keep`` them, ``check`` their hashes and drop them,
    or ``skip`` them unread; or what says so for each block, given its header.

    With ``keep_damaged`` a block whose stored bytes are damaged or cut short is an event, too. Zeros behind
    the last stream are passed over.

    Raises :class:`FormatError`, :class:`CorruptError` or :class:`TruncatedError`.
    """
    offset = 0
    first = True
    streams = 0
    while True:
        start = yield 8
        if not start:
            if not streams:
                raise TruncatedError("the input is empty: not even a stream header" if first else NO_STREAM)
            return
        if streams and not start.strip(b"\0"):
            yield from _padding(offset, len(start))
            return
        if len(start) < 8:
            _short_start(start, first, offset)
        kind = framing.check_magic(start, first=first, offset=offset)
        first = False
        if kind == framing.SKIPPABLE_BYTE:
            offset = yield from _skippable(start, offset, payloads)
        else:
            offset = yield from _stream(start, offset, payloads, keep_damaged)
            streams += 1


def _padding(start: int, size: int):
    """The rest of what fills a file up behind its last stream (tapes, ``bsdtar``), from byte ``start`` on;
    ``size`` zeros were seen."""
    offset = start + size
    while part := (yield CHUNK):
        zeros = len(part) - len(part.lstrip(b"\0"))
        if zeros < len(part):
            raise CorruptError(
                f"junk after the zeros behind the end of the stream, at byte {offset + zeros}: remove it, or "
                "restore the file"
            )
        offset += len(part)


def _short_start(start: bytes, first: bool, offset: int) -> None:
    if start == framing.MAGIC[: len(start)]:
        raise TruncatedError(f"the stream ends in its first bytes, at byte {offset + len(start)}")
    framing.check_magic(start, first=first, offset=offset)


def read_header(start: bytes, offset: int):
    """The rest of a stream header whose first eight bytes are ``start``; returns a :class:`StreamStart`."""
    reader = FrameReader(start, f"the stream header at byte {offset}")
    flags = yield from reader.byte()
    spelling = yield from reader.blob(passport.MAX_SPELLING, "predictor's spelling")
    facts = environment = b""
    if flags & passport.FLAG_CONFIG:
        facts = yield from reader.blob(config.MAX_JSON, "predictor's config")
    if flags & passport.FLAG_INEXACT:
        environment = yield from reader.blob(config.MAX_JSON, "environment")
    probe = yield from reader.take(passport.PROBE_SIZE)
    chain = yield from reader.check(0)
    passport.check_flags(flags)
    if flags & passport.FLAG_CONFIG and not facts:
        raise CorruptError("the header says that it has a config, which is empty")
    try:
        name = spelling.decode()
    except UnicodeDecodeError as error:
        raise CorruptError("the predictor's spelling in the header is not UTF-8") from error
    if not passport.acceptable_spelling(name):
        raise CorruptError("the predictor's spelling in the header is not printable text")
    found = passport.Passport(
        name,
        not flags & passport.FLAG_INEXACT,
        config.unpack(facts, name),
        bytes(probe),
        config.unpack_json(environment, "environment"),
        bool(flags & passport.FLAG_HEAD),
    )
    size = len(reader.data)
    models: tuple[embedded_models.Model, ...] = ()
    if flags & passport.FLAG_MODELS:
        models, chain, taken = yield from embedded_models.read_frames(chain, offset + size)
        size += taken
    return StreamStart(found, offset, size, chain, models)


def read_block_header(kind: int, chain: int, number: int, offset: int):
    """The rest of a block's header after its ``kind`` byte; returns a :class:`framing.BlockHeader`."""
    reader = FrameReader(bytes([kind]), f"the header of block {number} at byte {offset}")
    if kind not in (STORED, CODED):
        raise CorruptError(f"{reader.where} is damaged")
    size = payload_size = yield from reader.varint(framing.MAX_BLOCK, "the size")
    params = b""
    if kind == CODED:
        params = yield from reader.blob(framing.MAX_PARAMS, "parameters")
        payload_size = yield from reader.varint(framing.MAX_BLOCK, "the payload's size")
    stored = decoded = read_u32((yield from reader.take(4)))
    if kind == CODED:
        decoded = read_u32((yield from reader.take(4)))
    points = b""
    if count := check_points.count(size):
        points = yield from reader.take(check_points.SIZE * count)
    own = yield from reader.check(chain)
    if not size or payload_size > size:
        raise CorruptError(f"{reader.where} contradicts itself")
    return framing.BlockHeader(
        kind, size, bytes(params), payload_size, stored, decoded, bytes(points), own, len(reader.data)
    )


def _stream(start: bytes, offset: int, payloads: str | Callable, keep_damaged: bool):
    header = yield from read_header(start, offset)
    yield header
    offset += header.header_size
    chain, count, size, first_frame, entries = header.chain, 0, 0, 0, bytearray()
    while True:
        kind = yield 1
        if not kind:
            raise TruncatedError(
                f"the stream is cut short after block {count}" if count else "the stream is cut short"
            )
        if kind[0] in framing.END_KINDS:
            break
        block = yield from read_block_header(kind[0], chain, count + 1, offset)
        wanted = payloads(block) if callable(payloads) else payloads
        payload, intact = yield from read_payload(block, wanted, count + 1, offset, keep_damaged)
        chain, count, size = block.chain, count + 1, size + block.size
        first_frame = first_frame or block.frame_size
        entries += framing.pack_index_entry(block)
        yield Block(block, payload, count, offset, intact)
        if payload is not None and len(payload) < block.payload_size:  # with keep_damaged
            raise TruncatedError(cut_in(count, offset))
        offset += block.frame_size
    # The blocks determine the end frame but for the whole-file hash, so nothing in it needs to be believed.
    expected, hash_at = framing.pack_end(header.header_size, count, first_frame, bytes(entries), 0)
    reader = FrameReader(kind, f"the end frame at byte {offset}")
    while len(reader.data) < len(expected):
        yield from reader.take(min(CHUNK, len(expected) - len(reader.data)))
    found, file_hash = bytes(reader.data), None
    if hash_at is not None:
        file_hash = int.from_bytes(found[hash_at : hash_at + 8], "little")
        expected, _ = framing.pack_end(header.header_size, count, first_frame, bytes(entries), file_hash)
    if found != expected:
        raise CorruptError(f"the end frame at byte {offset} is damaged or contradicts the blocks before it")
    offset += len(found)
    yield StreamEnd(file_hash, size, offset)
    return offset


def read_payload(block: framing.BlockHeader, payloads: str, number: int, offset: int, keep_damaged: bool):
    """A block's payload (None unless ``keep``) and whether it has the hash that its header gives."""
    if payloads == "skip":
        if (yield Skip(block.payload_size)) < block.payload_size:
            raise TruncatedError(cut_in(number, offset))
        return None, True
    # The one copy of the payload: BytesIO grows in place, and hands out what it holds.
    kept, digest, left = io.BytesIO(), xxhash.xxh3_64(), block.payload_size
    while left:
        part = yield min(CHUNK, left)
        if not part:
            if keep_damaged:
                break
            raise TruncatedError(cut_in(number, offset))
        digest.update(part)
        left -= len(part)
        if payloads == "keep":
            kept.write(part)
    intact = not left and low32(digest) == block.stored_hash
    if not intact and not keep_damaged:
        raise CorruptError(f"block {number} at byte {offset} is damaged")
    return (kept.getvalue() if payloads == "keep" else None), intact


def cut_in(number: int, offset: int) -> str:
    """What is said of a block whose payload the input ends in."""
    return f"the stream is cut short in block {number} at byte {offset}"


def _skippable(start: bytes, offset: int, payloads: str | Callable):
    reader = FrameReader(start, f"the skippable frame at byte {offset}")
    size = yield from reader.varint(1 << 62, "the length")
    seed = yield from reader.check(0)
    tail = back_varint(len(reader.data) + size)
    if payloads == "skip":
        if (yield Skip(size)) < size:
            raise TruncatedError(f"the stream is cut short in {reader.where}")
        digest = None
    else:
        digest, left = xxhash.xxh3_64(seed=seed), size
        while left:
            part = yield min(CHUNK, left)
            if not part:
                raise TruncatedError(f"the stream is cut short in {reader.where}")
            digest.update(part)
            left -= len(part)
        digest.update(tail)
    end = len(reader.data) + size + len(tail) + 4
    found = yield from reader.take(len(tail) + 4)
    right = found[:-4] == tail and (digest is None or u32(low32(digest)) == found[-4:])
    if not right:
        raise CorruptError(f"{reader.where} is damaged")
    end += offset
    yield Skippable(offset, size, end)
    return end


def pull(source, parser):
    """Drive ``parser`` from ``source`` (read(n), and seek where it can); yields its events.

    Read as :func:`nzip.io.streams.read_fully` does.
    """
    seekable = _can_seek(source)
    step = next(parser)
    answer: bytes | int | None
    while True:
        if isinstance(step, int):
            answer = read_fully(source, step)
        elif isinstance(step, Skip):
            answer = _skip(source, step.size, seekable)
        else:
            yield step
            answer = None
        try:
            step = parser.send(answer)
        except StopIteration:
            return


def _can_seek(source) -> bool:
    try:
        return bool(source.seekable())
    except AttributeError:
        return False


def _skip(source, count: int, seekable: bool) -> int:
    if seekable and count > CHUNK // 16:
        # Seeking past the end succeeds, so step to the last byte and read that.
        source.seek(count - 1, 1)
        return count if read_fully(source, 1) else count - 1
    left = count
    while left:
        data = read_fully(source, min(CHUNK, left))
        if not data:
            break
        left -= len(data)
    return count - left
