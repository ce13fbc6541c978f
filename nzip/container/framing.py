"""What each frame of a stream looks like, as pure functions over bytes (docs/FORMAT.md, "Frames").

A stream is a header, blocks, and an end frame. All integers are little-endian; lengths are canonical
base-128 varints. Every frame carries a 32-bit hash of its own header, seeded with the hash of the frame
before (the *chain*), so that a frame that is damaged, moved or spliced in from elsewhere is noticed before
a single length in it is believed. Payloads and decoded bytes have hashes of their own.

Concession: 32 bits a hash are against accident, not against malice; a whole-file hash of 64 bits backs
them up wherever a stream has more than one block.
"""

from __future__ import annotations

from typing import NamedTuple

import xxhash

from nzip.codec import CODED
from nzip.errors import CorruptError, FormatError
from nzip.hashes import hash32, low32
from nzip.io import foreign
from nzip.varint import back_varint, u32, varint

# As in PNG: a byte with the high bit set, a name, CR LF, ^Z, LF. A transfer that strips bit 7, rewrites
# line ends or re-encodes as UTF-8 breaks it at once. The eighth byte says which kind of frame follows.
MAGIC = b"\x89NZ\r\n\x1a\n"
# Until 1.0 every change of the bytes raises the draft number; readers refuse every other draft.
DRAFT = 11
VERSION_BYTE = 0x80 | DRAFT
SKIPPABLE_BYTE = 0x7F

# The first byte of every other frame; a block's is its method, STORED or CODED.
KIND_END, KIND_MODEL, KIND_END_OF_ONE = 3, 4, 5
END_KINDS = (KIND_END, KIND_END_OF_ONE)

MAX_BLOCK = 1 << 30
MAX_PARAMS = (1 << 16) - 1
MAX_FRAME = MAX_BLOCK + (1 << 18)  # of a block: its payload, and a header whose every field is at its limit
HASH_SIZE = 4
FILE_HASH_SIZE = 8


class BlockHeader(NamedTuple):
    """A block's header. ``method`` as in :mod:`nzip.codec`; ``chain`` is this header's own hash, which is
    known once it is packed."""

    method: int
    size: int  # decoded bytes
    params: bytes
    payload_size: int  # stored bytes
    stored_hash: int
    decoded_hash: int
    check_points: bytes = b""  # :func:`nzip.container.check_points.of` the decoded bytes
    chain: int = 0
    header_size: int = 0  # bytes of the header itself

    @property
    def frame_size(self) -> int:
        """Bytes that the block takes in the stream, header and payload."""
        return self.header_size + self.payload_size


def pack_block(block: BlockHeader, before: int) -> tuple[bytes, BlockHeader]:
    """A block's header as bytes, and ``block`` with what packing makes: ``chain`` and ``header_size``.
    ``before`` is the hash of the frame before."""
    coded = block.method == CODED
    body = bytearray([block.method])
    body += varint(block.size)
    if coded:
        body += varint(len(block.params)) + block.params + varint(block.payload_size)
    body += u32(block.stored_hash)
    if coded:
        body += u32(block.decoded_hash)
    body += block.check_points
    own = hash32(bytes(body), before)
    body += u32(own)
    return bytes(body), block._replace(chain=own, header_size=len(body))


def pack_index_entry(block: BlockHeader) -> bytes:
    """What the end frame says of one block: frame length, decoded size, the hash of its header."""
    return varint(block.frame_size) + varint(block.size) + u32(block.chain)


class EndFrame(NamedTuple):
    """An end frame's bytes, and where in them the whole-file hash lies (None with at most one block)."""

    data: bytes
    file_hash_at: int | None


def pack_end(header_size: int, count: int, first_frame: int, entries: bytes, file_hash: int) -> EndFrame:
    """The end frame of a stream of ``count`` blocks.

    With at most one block there is nothing to seek and the block's own hash is the file's, so only the
    length of that one frame is kept, and the kind says that it is one; else the packed ``entries`` and the
    64-bit hash of all decoded bytes.
    """
    body = bytearray([KIND_END_OF_ONE]) if count == 1 else bytearray([KIND_END]) + varint(count)
    body += varint(header_size)
    file_hash_at = None
    if count == 1:
        body += varint(first_frame)
    elif count > 1:
        body += entries
        file_hash_at = len(body)
        body += file_hash.to_bytes(8, "little")
    body += back_varint(len(body))
    return EndFrame(bytes(body) + u32(hash32(bytes(body))), file_hash_at)


def pack_skippable(payload) -> bytes:
    """A frame that every reader passes over: room for an application's own notes.

    It may stand before, between or after streams, never inside one, nor alone in a file (which could be a
    file that was cut). Its payload is hashed, too.
    """
    payload = memoryview(payload).cast("B")
    head = MAGIC + bytes([SKIPPABLE_BYTE]) + varint(len(payload))
    own = hash32(head)
    tail = back_varint(len(head) + 4 + len(payload))
    digest = xxhash.xxh3_64(payload, own)
    digest.update(tail)
    return head + u32(own) + bytes(payload) + tail + u32(low32(digest))


def check_magic(start: bytes, *, first: bool, offset: int) -> int:
    """The frame kind after the eight bytes ``start``: VERSION_BYTE or SKIPPABLE_BYTE.

    Raises :class:`FormatError` for what is not nzip's or of another version, and
    :class:`CorruptError` for junk behind a complete stream (``first`` is False).
    """
    if start[:7] != MAGIC:
        if not first:
            raise CorruptError(
                f"junk after the end of the stream, at byte {offset}: remove it, or restore the file"
            )
        if text_damage(start):
            raise FormatError(
                "the file was damaged by a text-mode transfer: transfer it again in binary mode"
            )
        raise FormatError(f"not an nzip stream ({foreign.what_is(start) or 'wrong magic bytes'})")
    kind = start[7]
    if kind not in (VERSION_BYTE, SKIPPABLE_BYTE):
        what = f"draft {kind & 0x7F}" if kind & 0x80 else f"version {kind}"
        raise FormatError(
            f"written in {what} of the nzip format, and this nzip reads draft {DRAFT} alone: "
            "use the nzip that wrote it, or compress again"
        )
    return kind


def text_damage(start: bytes) -> bool:
    """Whether the first bytes look like our magic after a well-known text-mode accident."""
    accidents = (
        bytes(byte & 0x7F for byte in MAGIC),  # bit 7 stripped
        MAGIC.replace(b"\r\n", b"\n"),  # DOS to Unix line ends
        MAGIC.replace(b"\n", b"\r\n"),  # Unix to DOS line ends, blindly
        MAGIC.replace(b"\x1a\n", b"\x1a\r\n"),  # and of bare line feeds only
        MAGIC.replace(b"\n", b"\r"),
        b"\xc2" + MAGIC,  # Latin-1 taken for text and written as UTF-8
        b"\xef\xbf\xbd" + MAGIC[1:],  # decoded as UTF-8 with replacement characters
    )
    return any(start[: min(len(start), len(accident))] == accident[: len(start)] for accident in accidents)
