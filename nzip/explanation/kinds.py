"""What kind of byte each is: tag, digit, word, capital, punctuation, space, line end; or what its stream
holds (tables.py).

Concession: tags are what looks like one; letters beyond ASCII count as words."""

from __future__ import annotations

import re

import numpy as np

KINDS = (
    "words", "capitals", "digits", "spaces", "line ends", "punctuation", "tags", "control bytes",
)  # fmt: skip
WORDS, CAPITALS, DIGITS, SPACES, LINE_ENDS, PUNCTUATION, TAGS, CONTROL = range(len(KINDS))
_TAG = re.compile(rb"</?[A-Za-z!?][^<>\n]{0,300}>")
WORD = re.compile(rb"[A-Za-z\x80-\xff]+(?:'[a-z]+)?")

_OF_BYTE = np.full(256, PUNCTUATION, np.uint8)
_OF_BYTE[:32] = _OF_BYTE[127] = CONTROL
_OF_BYTE[97:123] = _OF_BYTE[128:] = WORDS
_OF_BYTE[65:91] = CAPITALS
_OF_BYTE[48:58] = DIGITS
_OF_BYTE[[32, 9]] = SPACES
_OF_BYTE[[10, 13]] = LINE_ENDS


def of_bytes(data: bytes) -> np.ndarray:
    """The number of each byte's kind in KINDS, uint8 (n,)."""
    found = _OF_BYTE[np.frombuffer(data, np.uint8)]
    for tag in _TAG.finditer(data):
        found[tag.start() : tag.end()] = TAGS
    return found
