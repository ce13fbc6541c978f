"""Models inside a stream: the frames between header and first block that ``--embed-model`` writes.

Each holds one file of an expert's weights, packed as .xz, under the name by which the predictor's spelling
calls it (docs/FORMAT.md, "Embedded models"). Nothing is unpacked before a coded block needs it, nothing is
allocated by what a frame claims, and what comes out must have the hash that the passport names. Concession:
each stream of a file carries its own copy, and a reader keeps the packed bytes while it reads the stream."""

from __future__ import annotations

import lzma
from typing import NamedTuple

import xxhash

from nzip.container import framing
from nzip.errors import CorruptError, LimitError, NzipError, TruncatedError
from nzip.hashes import hash32, low32
from nzip.varint import read_u32, u32, varint

MAX_SIZE = 1 << 26  # bytes of a model, and of its packed form
MAX_MODELS = 8
MAX_NAME = 255
XZ_MEMORY = 128 << 20
_CHUNK = 1 << 20


class Model(NamedTuple):
    """An embedded model: ``name`` as in the spelling, ``size`` in bytes, and ``payload``, its .xz form."""

    name: str
    size: int
    payload: bytes


def pack(name: str, data: bytes) -> Model:
    """Pack a model's file. Raises :class:`LimitError` where it is too large, :class:`NzipError` for a name
    that is none."""
    if len(data) > MAX_SIZE:
        raise LimitError(
            f"the model {name} has {len(data):,} bytes, and at most {MAX_SIZE:,} can be embedded"
        )
    if not acceptable_name(name):
        raise NzipError(
            f"a model named {name!r} cannot be embedded: give its file a name of printable letters, {MAX_NAME} bytes at most"
        )
    payload = lzma.compress(data, lzma.FORMAT_XZ, lzma.CHECK_NONE, preset=6)
    if len(payload) > MAX_SIZE:
        raise LimitError(f"the model {name} is too large to be embedded")
    return Model(name, len(data), payload)


def unpack(model: Model) -> bytes:
    """The model's file. Raises :class:`CorruptError` where the payload is not what its frame says."""
    unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)
    try:
        data = unpacker.decompress(model.payload, max_length=model.size + 1)
    except lzma.LZMAError as error:
        raise CorruptError(f"the embedded model {model.name} cannot be unpacked: {error}") from error
    if len(data) != model.size or not unpacker.eof or unpacker.unused_data:
        raise CorruptError(f"the embedded model {model.name} does not have the size that its frame says")
    return data


def acceptable_name(name: str) -> bool:
    """Printable, and not too long."""
    return 0 < len(name.encode(errors="replace")) <= MAX_NAME and name.isprintable()


def pack_frames(models: tuple[Model, ...], chain: int) -> tuple[bytes, int]:
    """The models' frames behind a header whose hash is ``chain``, and the hash of the last frame's own
    header."""
    if len(models) > MAX_MODELS:
        raise NzipError(f"at most {MAX_MODELS} models can be embedded, not {len(models)}")
    out = bytearray()
    for left, model in zip(reversed(range(len(models))), models, strict=True):
        name = model.name.encode()
        head = bytes([framing.KIND_MODEL]) + varint(left) + varint(len(name)) + name
        head += varint(model.size) + varint(len(model.payload)) + u32(hash32(model.payload))
        chain = hash32(head, chain)
        out += head + u32(chain) + model.payload
    return bytes(out), chain


def read_frames(reader_of, chain: int, offset: int):
    """A generator as :func:`nzip.container.parser.parse` is, over the frames behind a stream's header;
    returns the models, the last frame's hash and the bytes read. ``reader_of(start, where)``: the parser's
    collector."""
    models: list[Model] = []
    taken, left = 0, None
    while left != 0:
        where = f"the embedded model at byte {offset + taken}"
        kind = yield 1
        if not kind:
            raise TruncatedError(f"the stream is cut short before {where}")
        reader = reader_of(kind, where)
        if kind[0] != framing.KIND_MODEL:
            raise CorruptError(f"{where} is damaged")
        now = yield from reader.varint(MAX_MODELS - 1, "the count")
        name = yield from reader.blob(MAX_NAME, "name")
        size = yield from reader.varint(MAX_SIZE, "the size")
        length = yield from reader.varint(MAX_SIZE, "the payload's size")
        stored = read_u32((yield from reader.take(4)))
        chain = yield from reader.check(chain)
        if left is not None and now != left - 1:
            raise CorruptError(f"{where} contradicts the one before it")
        parts, digest, missing = [], xxhash.xxh3_64(), length
        while missing:
            part = yield min(_CHUNK, missing)
            if not part:
                raise TruncatedError(f"the stream is cut short in {where}")
            digest.update(part)
            parts.append(part)
            missing -= len(part)
        if low32(digest) != stored:
            raise CorruptError(f"{where} is damaged")
        try:
            text = bytes(name).decode()
        except UnicodeDecodeError as error:
            raise CorruptError(f"the name of {where} is not UTF-8") from error
        if not acceptable_name(text) or any(text == model.name for model in models):
            raise CorruptError(f"the name of {where} is none")
        models.append(Model(text, size, b"".join(parts)))
        taken += len(reader.data) + length
        left = now
    return tuple(models), chain, taken
