"""What a block of the mix says of its streams: its params, written and read (docs/FORMAT.md, "Parameters of
mix").

A block is one stream, the usual case, or several, each of one content with choices of its own. Nothing here
needs NumPy, so that ``nzip list -v`` can show a block's streams. Concession: whether a primer is here, and
whether the lanes are those of the predictor, is for those to say who have them (stream.py).
"""

from __future__ import annotations

from typing import NamedTuple

from nzip.errors import CorruptError
from nzip.predictors.kinds import KIND_NAMES, MAX_PIXEL, MAX_STRIDE, STORED, TEXT, Content
from nzip.varint import read_varint, varint

MANY = 0x80  # in place of a descriptor: several streams follow
MAX_STREAMS = 255
HASH_BYTES = 4
_KIND, _ROW, _PRIMER, _WORDS, _RATE = 0x07, 0x08, 0x10, 0x20, 0x40
# In the first byte of a transform of words (words/options.py): a width follows; and the dictionary's number.
WORDS_WIDTH, WORDS_DICTIONARY = 0x80, 0x3F
RATE_STEP = 8  # of where the learning rate begins
_NUMBER = "a number in a mix block's parameters"


class Descriptor(NamedTuple):
    """What a stream is coded by. ``primer``: a primer's code or 0; ``words``: how its words and lines are
    transformed (words/options.py), and ``length`` the transformed stream's bytes, or nothing and 0;
    ``pinned``: the first bytes of the hash of what is read beforehand; ``lanes``: lanes - 1 or which experts
    help, as one byte of the file (0 without experts); ``rate``: where the first layer's learning rate begins,
    in steps of RATE_STEP, 0: where the plan says."""

    content: Content
    primer: int = 0
    words: bytes = b""
    length: int = 0
    pinned: bytes = b""
    lanes: int = 0
    rate: int = 0

    @property
    def pins(self) -> bool:
        """Whether something is read beforehand, a primer or a dictionary."""
        return self.primer > 0 or bool(self.words and self.words[0] & WORDS_DICTIONARY)

    @property
    def form(self) -> str:
        """``words``, ``lines`` or, raw, nothing."""
        return ("words" if self.words[0] & WORDS_DICTIONARY else "lines") if self.words else ""

    def pack(self, experts: bool) -> bytes:
        """``experts``: the predictor has some, so that each coded stream says its lanes."""
        kind, stride, pixel = self.content.kind, self.content.stride, self.content.pixel
        row = (stride, pixel) != (0, 1)
        said = _ROW * row | _PRIMER * (self.primer > 0) | _WORDS * bool(self.words) | _RATE * (self.rate > 0)
        out = bytes([kind | said])
        if row:
            out += varint(stride) + bytes([pixel])
        if self.primer:
            out += bytes([self.primer])
        if self.words:
            out += self.words + varint(self.length)
        if self.rate:
            out += bytes([self.rate])
        if self.pins:
            out += self.pinned
        if experts and kind != STORED:
            out += bytes([self.lanes])
        return out


class Stream(NamedTuple):
    """One stream of a block: ``size`` bytes of it, ``coded`` of its payload."""

    descriptor: Descriptor
    size: int
    coded: int


class Block(NamedTuple):
    """A block's streams, in the order of their payloads, which stand behind ``layout`` bytes that say which
    bytes of the block are whose (none where there is one stream)."""

    layout: int
    streams: tuple[Stream, ...]


def pack(block: Block, experts: bool) -> bytes:
    """A block's params."""
    if len(block.streams) == 1:
        return block.streams[0].descriptor.pack(experts)
    if not 2 <= len(block.streams) <= MAX_STREAMS:
        raise ValueError(f"a block has 1 to {MAX_STREAMS} streams, not {len(block.streams)}")
    out = bytes([MANY]) + varint(len(block.streams)) + varint(block.layout)
    for descriptor, size, coded in block.streams:
        out += descriptor.pack(experts) + varint(size) + varint(coded)
    return out


def read(params: bytes, size: int, coded: int, experts: bool) -> Block:
    """The inverse of :func:`pack` for a block of ``size`` bytes whose payload has ``coded``. Raises
    :class:`CorruptError` for what no writer writes."""
    if params[:1] != bytes([MANY]):
        descriptor, at = _descriptor(params, 0, experts)
        if descriptor.content.kind == STORED:
            raise CorruptError("a mix block whose only stream is stored")
        block = Block(0, (Stream(descriptor, size, coded),))
    else:
        count, at = read_varint(params, 1, _NUMBER)
        layout, at = read_varint(params, at, _NUMBER)
        if not 2 <= count <= MAX_STREAMS:
            raise CorruptError(f"a mix block of {count} streams")
        streams = []
        for _ in range(count):
            descriptor, at = _descriptor(params, at, experts)
            own, at = read_varint(params, at, _NUMBER)
            payload, at = read_varint(params, at, _NUMBER)
            if not own or payload > own or (descriptor.content.kind == STORED and payload != own):
                raise CorruptError("a mix block with a stream of impossible size")
            streams.append(Stream(descriptor, own, payload))
        block = Block(layout, tuple(streams))
        if sum(s.size for s in streams) != size or layout + sum(s.coded for s in streams) != coded:
            raise CorruptError("a mix block whose streams do not make up the block")
    if any(s.descriptor.length > s.size for s in block.streams):
        raise CorruptError("a mix block with a stream whose words are longer than itself")
    if at != len(params):
        raise CorruptError(f"a mix block with parameters of {len(params)} bytes, {len(params) - at} too many")
    return block


def _descriptor(params: bytes, at: int, experts: bool) -> tuple[Descriptor, int]:
    def take(count: int) -> bytes:
        nonlocal at
        if at + count > len(params):
            raise CorruptError(f"a mix block whose parameters end after {len(params)} bytes")
        at += count
        return bytes(params[at - count : at])

    (first,) = take(1)
    kind, stride, pixel, primer, words, length, rate = first & _KIND, 0, 1, 0, b"", 0, 0
    stored = kind == STORED
    if first & MANY or kind > STORED or (stored and first != STORED):
        raise CorruptError("a mix block with impossible parameters")
    if first & _ROW:
        stride, at = read_varint(params, at, _NUMBER)
        (pixel,) = take(1)
        if stride > MAX_STRIDE or not 1 <= pixel <= MAX_PIXEL:
            raise CorruptError("a mix block with impossible rows")
    if first & _PRIMER:
        (primer,) = take(1)
        if not primer or kind != TEXT:
            raise CorruptError("a mix block that primes what is not text")
    if first & _WORDS:
        words = take(1)
        if words[0] & WORDS_WIDTH:
            words += take(1)
        length, at = read_varint(params, at, _NUMBER)
        if not words[0] or not length or kind != TEXT:
            raise CorruptError("a mix block with impossible words")
    if first & _RATE:
        (rate,) = take(1)
        if not rate:
            raise CorruptError("a mix block with an impossible rate")
    found = Descriptor(Content(kind, stride, pixel), primer, words, length, rate=rate)
    pinned = take(HASH_BYTES) if found.pins else b""
    return found._replace(pinned=pinned, lanes=take(1)[0] if experts and not stored else 0), at


assert len(KIND_NAMES) <= STORED < 1 << _KIND.bit_length()
