"""Models inside a stream, so that reading it needs nothing else: which experts of a predictor to embed
(``embed_model``), and the frames between header and first block that hold them.

Each frame holds one file of an expert's weights, packed as .xz, under the name by which the predictor's
spelling calls it (docs/FORMAT.md, "Embedded models"). Nothing is unpacked before a coded block needs it,
nothing is allocated by what a frame claims, and what comes out must have the hash that the passport names.

Concession: each stream of a file carries its own copy, and a reader keeps the packed bytes while it reads the
stream. So a model pays for itself only where the data is long, or where the file must stand alone.
"""

from __future__ import annotations

import io
import lzma
from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import xxhash

from nzip.container import framing
from nzip.container.frame_reader import FrameReader
from nzip.container.limits import check_memory
from nzip.errors import CorruptError, LimitError, NzipError, TruncatedError
from nzip.hashes import hash32, low32
from nzip.varint import read_u32, u32, varint

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor

MAX_SIZE = 1 << 26  # bytes of a model, and of its packed form
MAX_PACKED = 1 << 27  # of all models of a stream in their packed form, which a reader holds
MAX_MODELS = 8
MAX_NAME = 255
XZ_MEMORY = 128 << 20
_CHUNK = 1 << 20


class Model(NamedTuple):
    """An embedded model: ``name`` as in the spelling, ``size`` in bytes, and ``payload``, its .xz form."""

    name: str
    size: int
    payload: bytes


def embed(predictor: Predictor) -> tuple[Predictor, tuple[Model, ...]]:
    """``predictor`` with its experts under names without folders, and their models, packed; none where all of
    its experts ship with nzip. Raises :class:`NzipError` for a model that cannot be embedded."""
    files: dict[str, bytes] = {}
    experts = []
    for expert in predictor.experts:
        found = expert.embedded()
        if found is None:
            experts.append(expert)
            continue
        renamed, name, data = found
        if files.setdefault(name, data) != data:
            raise NzipError(f"two different models are named {name}: rename one of them to embed both")
        experts.append(renamed)
    if not files:
        if not predictor.experts and predictor.config().get("weights"):
            raise NzipError(f"{predictor.spelling} cannot be embedded: its model stays outside the file")
        return predictor, ()
    return predictor.with_experts(tuple(experts)), tuple(pack(name, data) for name, data in files.items())


def chosen(predictor: Predictor, embed_model: bool) -> tuple[Predictor, tuple[Model, ...]]:
    """:func:`embed` if it is wanted."""
    return embed(predictor) if embed_model else (predictor, ())


def pack(name: str, data: bytes) -> Model:
    """Pack a model's file. Raises :class:`LimitError` where it is too large, :class:`NzipError` for a name
    that is none."""
    if len(data) > MAX_SIZE:
        raise LimitError(
            f"the model {name} has {len(data):,} bytes, and at most {MAX_SIZE:,} can be embedded"
        )
    if not acceptable_name(name):
        raise NzipError(
            f"a model named {name!r} cannot be embedded: give its file a name of printable letters, "
            f"{MAX_NAME} bytes at most"
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


def check_room(models: tuple[Model, ...], memory: int | None, spelling: str) -> None:
    """Raises :class:`LimitError` where unpacking all of them would take more than ``memory`` bytes: packed
    and unpacked they are held at once."""
    if models:
        needed = sum(model.size + len(model.payload) for model in models) + XZ_MEMORY
        check_memory(needed, memory, "unpacking the embedded models", spelling)


def acceptable_name(name: str) -> bool:
    """Printable, not too long, and no path: a name without folders."""
    return (
        0 < len(name.encode(errors="replace")) <= MAX_NAME
        and name.isprintable()
        and name not in (".", "..")
        and not any(separator in name for separator in "/\\")
    )


def pack_frames(models: tuple[Model, ...], chain: int) -> tuple[bytes, int]:
    """The models' frames behind a header whose hash is ``chain``, and the hash of the last frame's own
    header."""
    if len(models) > MAX_MODELS:
        raise NzipError(f"at most {MAX_MODELS} models can be embedded, not {len(models)}")
    if sum(len(model.payload) for model in models) > MAX_PACKED:
        raise LimitError(f"models of more than {MAX_PACKED:,} bytes, packed, cannot be embedded together")
    out = bytearray()
    for left, model in zip(reversed(range(len(models))), models, strict=True):
        name = model.name.encode()
        head = bytes([framing.KIND_MODEL]) + varint(left) + varint(len(name)) + name
        head += varint(model.size) + varint(len(model.payload)) + u32(hash32(model.payload))
        chain = hash32(head, chain)
        out += head + u32(chain) + model.payload
    return bytes(out), chain


def read_frames(chain: int, offset: int) -> Generator[int, bytes, tuple[tuple[Model, ...], int, int]]:
    """A generator as :func:`nzip.container.parser.parse` is, over the frames behind a stream's header;
    returns the models, the last frame's hash and the bytes read."""
    models: list[Model] = []
    taken = packed = 0
    left: int | None = None
    while left != 0:
        where = f"the embedded model at byte {offset + taken}"
        kind = yield 1
        if not kind:
            raise TruncatedError(f"the stream is cut short before {where}")
        reader = FrameReader(kind, where)
        if kind[0] != framing.KIND_MODEL:
            raise CorruptError(f"{where} is damaged")
        now = yield from reader.varint(MAX_MODELS - 1, "the count")
        name = yield from reader.blob(MAX_NAME, "name")
        size = yield from reader.varint(MAX_SIZE, "the size")
        length = yield from reader.varint(MAX_SIZE, "the payload's size")
        stored = read_u32((yield from reader.take(4)))
        chain = yield from reader.check(chain)
        packed += length
        if packed > MAX_PACKED:
            raise CorruptError(f"{where} is more than all models of a stream may take")
        if left is not None and now != left - 1:
            raise CorruptError(f"{where} contradicts the one before it")
        payload, digest, missing = io.BytesIO(), xxhash.xxh3_64(), length
        while missing:
            part = yield min(_CHUNK, missing)
            if not part:
                raise TruncatedError(f"the stream is cut short in {where}")
            digest.update(part)
            payload.write(part)
            missing -= len(part)
        if low32(digest) != stored:
            raise CorruptError(f"{where} is damaged")
        try:
            text = bytes(name).decode()
        except UnicodeDecodeError as error:
            raise CorruptError(f"the name of {where} is not UTF-8") from error
        if not acceptable_name(text) or any(text == model.name for model in models):
            raise CorruptError(f"the name of {where} is none")
        models.append(Model(text, size, payload.getvalue()))
        taken += len(reader.data) + length
        left = now
    return tuple(models), chain, taken
