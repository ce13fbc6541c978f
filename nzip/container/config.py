"""A predictor's config as it stands in a stream's header: JSON, with short codes for what is long in it.

A small file feels its header: two hashes of 32 digits and the predictor's terms, spelt once more, were a
twelfth of what a model makes of 10 KB. So three kinds of strings, quotes included, are written in bytes that
JSON never has: a hash of 32 hexadecimal digits, a term of the spelling, a word that every config uses
(docs/FORMAT.md, "Header").

Concession: a string with an escape in it stays as it is.
"""

from __future__ import annotations

import json
import re

from nzip import strict_json
from nzip.errors import CorruptError

MAX_JSON = 1 << 16
MAX_DEPTH = 8
HASH, WORD, TERM = 0x01, 0x80, 0xC0  # the hash's 16 bytes follow; the others add the place in their list
HASH_BYTES = 16
WORDS = ("tokenizer", "weights", "window", "primer")
MAX_TERMS = 0x40
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_DIGITS = re.compile(rb"[0-9a-f]{32}")


def _terms(spelling: str) -> list[bytes]:
    return [term.encode() for term in spelling.split("+")[:MAX_TERMS]]


def pack(value: dict, spelling: str) -> bytes:
    """The bytes of ``value``, a JSON object, under a predictor's ``spelling``; none for an empty one."""
    if not value:
        return b""
    text = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    if len(text) > MAX_JSON:
        raise ValueError(f"a passport's config may hold {MAX_JSON} bytes of JSON, not {len(text)}")
    codes = {term: bytes([TERM + i]) for i, term in reversed(list(enumerate(_terms(spelling))))}
    codes |= {word.encode(): bytes([WORD + i]) for i, word in enumerate(WORDS)}

    def code(match: re.Match) -> bytes:
        string = match[0][1:-1]
        if _DIGITS.fullmatch(string):
            return bytes([HASH]) + bytes.fromhex(string.decode())
        return codes.get(string, match[0])

    return _STRING.sub(code, text)


def unpack(data: bytes, spelling: str) -> dict:
    """What :func:`pack` packed. Raises :class:`CorruptError` for anything that is no JSON object of at most
    MAX_JSON bytes."""
    if not data:
        return {}
    terms, text, at = _terms(spelling), bytearray(), 0
    while at < len(data):
        byte = data[at]
        at += 1
        if byte == HASH:
            text += b'"' + bytes(data[at : at + HASH_BYTES]).hex().encode() + b'"'
            at += HASH_BYTES
        elif byte >= WORD:
            known, place = (
                (terms, byte - TERM) if byte >= TERM else ([word.encode() for word in WORDS], byte - WORD)
            )
            if place >= len(known):
                raise CorruptError("the predictor's config in the header names what is not there")
            text += b'"' + known[place] + b'"'
        else:
            text.append(byte)
        if len(text) > MAX_JSON or at > len(data):
            raise CorruptError(
                f"the predictor's config in the header is cut short, or more than {MAX_JSON} bytes"
            )
    return unpack_json(bytes(text), "config")


def unpack_json(text: bytes, what: str) -> dict:
    """A JSON object from a header. Raises :class:`CorruptError` for anything else."""
    if not text:
        return {}
    try:
        value = strict_json.loads(text, MAX_JSON, MAX_DEPTH)
    except ValueError as error:
        raise CorruptError(f"the {what} in the header is not valid JSON: {error}") from error
    if not isinstance(value, dict):
        raise CorruptError(f"the {what} in the header is not a JSON object")
    return value
