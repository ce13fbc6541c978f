"""Which code points are letters, numbers and white space, which letters and marks are of which case, and
which are what DeepSeek's pattern tells apart, as one byte each, for the splitters.

The tables are those of the Hugging Face `tokenizers` library (its regular expressions' ``\\p{L}``,
``\\p{N}``, ``\\s``, the two sets of letters and marks that o200k tells apart, ``[\\p{P}\\p{S}]``), frozen in
``unicode_classes.txt``: a split must not depend on the Unicode version of the Python that happens to run.
``scripts/lab_unicode_classes.py`` made the file; a test compares it with the library."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np

OTHER, LETTER, NUMBER, SPACE = 0, 1, 2, 3
UPPER, LOWER = 1, 2
SIGN, MARK, ANY, EAST_ASIAN = 0, 4, 5, 8
"""DeepSeek's, beside LETTER, NUMBER and SPACE: punctuation and symbols (and bytes that are not UTF-8, for
which the library sees U+FFFD, a symbol), marks, all others; and a bit for its range of ideographs and
kana."""
CASES = 0x110000
"""Where the cases begin in the table."""
PARTS = 2 * CASES
"""Where DeepSeek's classes begin."""
_CLASSES = {"L": LETTER, "N": NUMBER, "S": SPACE}
_EAST_ASIAN = ((0x3040, 0x30FF), (0x4E00, 0x9FA5))
_CASES = {"U": UPPER, "W": LOWER, "B": UPPER | LOWER}


@lru_cache(maxsize=1)
def class_table() -> np.ndarray:
    """uint8 of shape (3 · 0x110000,): the class of each code point; from ``CASES`` on its case, bits of
    UPPER and LOWER (both: a letter without case, a mark); from ``PARTS`` on its class for DeepSeek's pattern.
    Read-only."""
    table = np.zeros(3 * CASES, dtype=np.uint8)
    signs = np.zeros(CASES, dtype=np.bool_)
    text = resources.files(__package__).joinpath("unicode_classes.txt").read_text("ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *ranges = line.split()
        for item in ranges:
            first, _, last = item.partition("-")
            found = slice(int(first, 16), int(last or first, 16) + 1)
            if name == "P":
                signs[found] = True
            elif name in _CLASSES:
                table[found] = _CLASSES[name]
            else:
                table[CASES:][found] = _CASES[name]
    parts = table[PARTS:]
    parts[:] = table[:CASES]  # a mark is what has both cases and is no letter
    parts[parts == OTHER] = np.where(table[CASES:PARTS] == UPPER | LOWER, MARK, ANY)[parts == OTHER]
    parts[signs] = SIGN
    for a, b in _EAST_ASIAN:
        parts[a : b + 1] |= EAST_ASIAN
    table.setflags(write=False)
    return table
