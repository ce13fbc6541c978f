"""Which code points are letters, numbers and white space, as one byte each, for the splitters.

The tables are those of the Hugging Face `tokenizers` library (its regular expressions' ``\\p{L}``,
``\\p{N}``, ``\\s``), frozen in ``unicode_classes.txt``: a split must not depend on the Unicode version of the
Python that happens to run. ``scripts/lab_unicode_classes.py`` made the file; a test compares it with the
library."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources

import numpy as np

OTHER, LETTER, NUMBER, SPACE = 0, 1, 2, 3
_NAMES = {"L": LETTER, "N": NUMBER, "S": SPACE}


@lru_cache(maxsize=1)
def class_table() -> np.ndarray:
    """uint8 of shape (0x110000,): the class of each code point. Read-only."""
    table = np.zeros(0x110000, dtype=np.uint8)
    text = resources.files(__package__).joinpath("unicode_classes.txt").read_text("ascii")
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, *ranges = line.split()
        for item in ranges:
            first, _, last = item.partition("-")
            table[int(first, 16) : int(last or first, 16) + 1] = _NAMES[name]
    table.setflags(write=False)
    return table
