"""Which code points are letters, numbers and white space, and which letters and marks are of which case, as
one byte each, for the splitters.

The tables are those of the Hugging Face `tokenizers` library (its regular expressions' ``\\p{L}``,
``\\p{N}``, ``\\s``, and the two sets of letters and marks that o200k tells apart), frozen in
``unicode_classes.txt``: a split must not depend on the Unicode version of the Python that happens to run.
``scripts/lab_unicode_classes.py`` made the file; a test compares it with the library."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np

OTHER, LETTER, NUMBER, SPACE = 0, 1, 2, 3
UPPER, LOWER = 1, 2
CASES = 0x110000
"""Where the cases begin in the table."""
_CLASSES = {"L": LETTER, "N": NUMBER, "S": SPACE}
_CASES = {"U": UPPER, "W": LOWER, "B": UPPER | LOWER}


@lru_cache(maxsize=1)
def class_table() -> np.ndarray:
    """uint8 of shape (2 · 0x110000,): the class of each code point; from ``CASES`` on its case, bits of
    UPPER and LOWER (both: a letter without case, a mark). Read-only."""
    table = np.zeros(2 * CASES, dtype=np.uint8)
    text = resources.files(__package__).joinpath("unicode_classes.txt").read_text("ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *ranges = line.split()
        base, value = (0, _CLASSES[name]) if name in _CLASSES else (CASES, _CASES[name])
        for item in ranges:
            first, _, last = item.partition("-")
            table[base + int(first, 16) : base + int(last or first, 16) + 1] = value
    table.setflags(write=False)
    return table
