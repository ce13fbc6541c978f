"""A SentencePiece ``.model`` (a protobuf, ``ModelProto``) checked before its library sees it: the library
ends the process on some that are malformed.

Read are the pieces (field 1: text, score, type) and whether the normaliser (field 3) has rules; the other
settings only as far as that they are whole messages. Concession: an unknown field is passed over, as protobuf
does."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from tokenizers_lab.codecs import charsmap
from tokenizers_lab.errors import DataError

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = 1, 2, 3, 4, 5, 6
_NORMALIZERS, _RULES = (3, 5), 2  # NormalizerSpec of what goes in and what comes out; its compiled table
_BYTES = {f"<0x{b:02X}>" for b in range(256)}


def check(model: bytes, name: str) -> bool:
    """Raises :class:`DataError` naming what is wrong. Whether the model has rules that rewrite its input."""
    seen: set[str] = set()
    unknown, rewrites = 0, False
    for field, value in _fields(model, name):
        if field in (2, 3, 4, 5) and isinstance(value, bytes):
            for inner, setting in _fields(value, name):
                if field in _NORMALIZERS and inner == _RULES and setting:
                    rewrites = rewrites or field == _NORMALIZERS[0]
                    wrong = charsmap.what_is_wrong(setting) if isinstance(setting, bytes) else "no bytes"
                    if wrong:
                        raise DataError(f"{name}: not a SentencePiece model: its normalizer's rules: {wrong}")
        if field != 1:
            continue
        if not isinstance(value, bytes):
            raise DataError(f"{name}: not a SentencePiece model: a piece is no message")
        text, kind = _piece(value, name)
        where = f"{name}: not a SentencePiece model: piece {len(seen)}"
        if not text or text in seen:
            raise DataError(f"{where} is empty or there twice")
        if kind == BYTE and text not in _BYTES:
            raise DataError(f"{where} is called a byte, but spelled {text[:20]!r}")
        seen.add(text)
        unknown += kind == UNKNOWN
    if not seen:
        raise DataError(f"{name}: not a SentencePiece model: it holds no pieces")
    if unknown != 1:
        raise DataError(
            f"{name}: not a SentencePiece model: it has {unknown} pieces for the unknown, not one"
        )
    return rewrites


def is_bpe(model: bytes, name: str) -> bool:
    """Whether the model merges pairs (the trainer's ``model_type``), so that no stretch of text depends on
    another that no piece joins to it."""
    trainer = [value for field, value in _fields(model, name) if field == 2 and isinstance(value, bytes)]
    return any(dict(_fields(value, name)).get(3) == 2 for value in trainer)


def without_dummy_prefix(model: bytes) -> bytes:
    """The same model, but that it puts no space before a text (``add_dummy_prefix`` of its normaliser)."""
    # Of a field that stands there twice protobuf takes the last, and messages are merged.
    spec = bytes([3 << 3, 0])
    return model + bytes([3 << 3 | 2, len(spec)]) + spec


def pieces(text: bytes, name: str) -> list[tuple[int, int, int]]:
    """The id, begin and end (bytes of the text) of each piece in a ``SentencePieceText``, the library's own
    answer."""
    out = []
    for field, value in _fields(text, name):
        if field == 2 and isinstance(value, bytes):
            found = dict(_fields(value, name))
            out.append((int(found.get(2, 0)), int(found.get(4, 0)), int(found.get(5, 0))))
    return out


def _piece(data: bytes, name: str) -> tuple[str, int]:
    text, kind = "", NORMAL
    for field, value in _fields(data, name):
        if field == 1 and isinstance(value, bytes):
            try:
                text = value.decode("utf-8")
            except UnicodeDecodeError:
                raise DataError(f"{name}: not a SentencePiece model: a piece is not UTF-8") from None
        elif field == 3 and isinstance(value, int):
            kind = value
            if not NORMAL <= kind <= BYTE:
                raise DataError(f"{name}: not a SentencePiece model: a piece of type {kind}")
        elif field == 2 and isinstance(value, float) and not abs(value) < 1e30:
            raise DataError(f"{name}: not a SentencePiece model: a piece's score is {value}")
        elif field in (1, 2, 3) and not isinstance(value, {1: bytes, 2: float, 3: int}[field]):
            raise DataError(f"{name}: not a SentencePiece model: a piece's field {field} is of another kind")
    return text, kind


def _fields(data: bytes, name: str) -> Iterator[tuple[int, int | float | bytes]]:
    """The fields of a message: number, value (bytes for what has a length, float for 32 bits)."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at, name)
        field, wire = key >> 3, key & 7
        if not field:
            raise DataError(f"{name}: not a SentencePiece model (no protobuf)")
        if wire == 0:
            value, at = _varint(data, at, name)
            yield field, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, at = _varint(data, at, name)
        if size is None or at + size > len(data):
            raise DataError(f"{name}: not a SentencePiece model (no protobuf), or cut short")
        piece = data[at : at + size]
        at += size
        yield field, struct.unpack("<f", piece)[0] if wire == 5 else piece


def _varint(data: bytes, at: int, name: str) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise DataError(f"{name}: not a SentencePiece model (no protobuf), or cut short")
