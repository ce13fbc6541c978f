"""GPT-2's byte alphabet: each byte as one printable character, as tokenizer.json files spell tokens.

Ids of the 256 byte tokens follow the order of those characters, as in Hugging Face's trainer and GPT-2.
"""

from __future__ import annotations

_PLAIN = [*range(33, 127), *range(161, 173), *range(174, 256)]
_REST = [b for b in range(256) if b not in set(_PLAIN)]
CHAR_OF = {b: chr(b) for b in _PLAIN} | {b: chr(256 + i) for i, b in enumerate(_REST)}
BYTE_OF = {c: b for b, c in CHAR_OF.items()}
# The byte that each of the first 256 ids stands for.
BYTE_ORDER = _PLAIN + _REST


def to_text(token: bytes) -> str:
    """``b" a"`` → ``"Ġa"``."""
    return "".join(CHAR_OF[b] for b in token)


def to_bytes(text: str) -> bytes:
    """The inverse of :func:`to_text`; raises KeyError for characters outside the alphabet."""
    return bytes(BYTE_OF[c] for c in text)
