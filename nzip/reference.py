"""A slow, readable decoder of nzip files in plain Python: the executable annex of docs/FORMAT.md.

    python -m nzip.reference FILE.nz > out

Here is the container; what happens inside a block's payload is in nzip/predictors/mix/twin/, as one small
class for each part of the model. Nothing is shared with the container and kernel that nzip itself runs, so
that each is a check of the other.

Concessions: ``mix:1`` to ``mix:5`` without experts, the whole file in memory, no limits, and milliseconds a
byte. A block with a primer reads that first, which takes an hour. Passport probes are not recomputed: the
hash of every block's decoded bytes tells as much.
"""

from __future__ import annotations

import sys

import xxhash

from nzip.errors import CorruptError, FormatError, ModelMismatchError
from nzip.predictors.mix.plan import LEVELS
from nzip.predictors.mix.twin.model import decode_block
from nzip.predictors.own_primer import OwnPrimer

MAGIC, DRAFT = b"\x89NZ\r\n\x1a\n", 11
CHECK_POINT = 1 << 16  # decoded bytes
# Bytes of a stream's head, and of the shortest first block that has one.
HEAD, HEAD_LEAST = 32 * CHECK_POINT, 1 << 20


class Reader:
    """Takes fields from a file, and knows what the frame at hand is made of so far, for its hash."""

    def __init__(self, data: bytes):
        self.data, self.place, self.frame = data, 0, 0

    def take(self, count: int) -> bytes:
        if self.place + count > len(self.data):
            raise CorruptError("the file is cut short")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width), "little")

    def varint(self) -> int:
        value = shift = 0
        while True:
            group = self.number(1)
            value |= (group & 0x7F) << shift
            shift += 7
            if not group & 0x80:
                return value

    def blob(self) -> bytes:
        return self.take(self.varint())

    def check(self, seed: int = 0) -> int:
        """The frame's hash, after comparing it."""
        own = xxhash.xxh3_64_intdigest(self.data[self.frame : self.place], seed) & 0xFFFFFFFF
        if self.number(4) != own:
            raise CorruptError(f"the frame at byte {self.frame} is damaged")
        return own


def hash32(data: bytes, seed: int = 0) -> int:
    return xxhash.xxh3_64_intdigest(data, seed) & 0xFFFFFFFF


def decode(file: bytes, primer: OwnPrimer | None = None) -> bytes:
    """What a whole .nz file holds: all of its streams, skippable frames passed over."""
    reader, out, streams = Reader(file), bytearray(), 0
    while reader.place < len(file):
        reader.frame = reader.place
        if streams and not any(file[reader.place :]):
            break  # zeros may fill a file up behind its last stream
        if reader.take(7) != MAGIC:
            raise FormatError("not an nzip stream")
        kind = reader.number(1)
        if kind == 0x7F:
            skip(reader)
        elif kind == 0x80 | DRAFT:
            out += stream(reader, primer)
            streams += 1
        else:
            raise FormatError(f"written in another version of the format, {kind:#x}")
    if not streams:
        raise CorruptError("a file without a stream")
    return bytes(out)


def skip(reader: Reader) -> None:
    """The rest of a skippable frame."""
    start = reader.frame
    size = reader.varint()
    seed = reader.check()
    reader.frame = reader.place
    reader.take(size)
    length = reader.place - start
    if reader.take(len(varint(length))) != varint(length)[::-1]:
        raise CorruptError("a skippable frame is damaged")
    reader.check(seed)


def stream(reader: Reader, primer: OwnPrimer | None) -> bytes:
    """The rest of a stream after its magic: header, blocks, end frame."""
    start = reader.frame
    flags = reader.number(1)
    name = reader.blob()
    if flags & 4:
        reader.blob()  # config
    if flags & 1:
        reader.blob()  # environment
    reader.take(4)  # probe
    chain = reader.check()
    spelling = name.decode()
    if flags & ~(4 | 8):
        raise FormatError(f"flags {flags:#x} are not known")
    header_size = reader.place - start
    blocks: list[bytes] = []
    entries: list[tuple[int, int, int]] = []
    while True:
        reader.frame = reader.place
        kind = reader.number(1)
        if kind in (3, 5):
            break
        if kind not in (1, 2):
            raise CorruptError(f"the block at byte {reader.frame} is damaged")
        size = payload_size = reader.varint()
        params = b""
        if kind == 2:
            params = reader.blob()
            payload_size = reader.varint()
        stored = decoded = reader.number(4)
        if kind == 2:
            decoded = reader.number(4)
        points = [reader.number(4) for _ in range((size - 1) // CHECK_POINT)]
        chain = reader.check(chain)
        payload = reader.take(payload_size)
        if hash32(payload) != stored:
            raise CorruptError(f"the payload of block {len(blocks) + 1} is damaged")
        if kind == 2:
            if spelling not in {f"mix:{level}" for level in LEVELS}:
                raise ModelMismatchError(f"the reference knows the mix alone, and this is {spelling}")
            head = blocks[0][:HEAD] if flags & 8 and blocks and len(blocks[0]) >= HEAD_LEAST else b""
            payload = decode_block(int(spelling[4:]), params, payload, size, primer, head)
        if len(payload) != size or hash32(payload) != decoded:
            raise CorruptError(f"block {len(blocks) + 1} decodes to other bytes than were compressed")
        for number, point in enumerate(points):
            if hash32(payload[number * CHECK_POINT : (number + 1) * CHECK_POINT], number) != point:
                raise CorruptError(f"check point {number} of block {len(blocks) + 1} differs")
        blocks.append(payload)
        entries.append((reader.place - reader.frame, size, chain))
    data = b"".join(blocks)
    end_frame(reader, kind, header_size, entries, data)
    return data


def end_frame(
    reader: Reader, kind: int, header_size: int, entries: list[tuple[int, int, int]], data: bytes
) -> None:
    """Compare the end frame, whose ``kind`` is read, with the one that the blocks demand."""
    body = bytes([5]) if len(entries) == 1 else bytes([3]) + varint(len(entries))
    body += varint(header_size)
    if len(entries) == 1:
        body += varint(entries[0][0])
    elif entries:
        for frame, size, own in entries:
            body += varint(frame) + varint(size) + own.to_bytes(4, "little")
        body += xxhash.xxh3_64_intdigest(data).to_bytes(8, "little")
    body += varint(len(body))[::-1]
    if body[0] != kind or body[1:] != reader.take(len(body) - 1):
        raise CorruptError("the end frame contradicts the blocks before it")
    reader.check()


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m nzip.reference FILE.nz > out")
    with open(sys.argv[1], "rb") as file:
        sys.stdout.buffer.write(decode(file.read()))


if __name__ == "__main__":
    main()
