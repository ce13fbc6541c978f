"""The slow, readable twin of the compiled splitters: the regular expressions themselves, run by `regex`.

It also serves ``regex:PATTERN``. Bytes that are not UTF-8 pass through as lone surrogates (Python's
``surrogateescape``), which are neither letters nor numbers nor white space: the kernels' rule.
"""

from __future__ import annotations

import numpy as np

from tokenizers_lab.errors import LabError


def compile_pattern(pattern: str):
    """Compile; raises :class:`LabError` with the position of a mistake."""
    import regex  # an optional dependency

    try:
        return regex.compile(pattern)
    except regex.error as error:
        raise LabError(f"pre-tokenizer pattern {pattern!r}: {error}") from None


def split_ends(compiled, data: bytes) -> np.ndarray:
    """Ends of the matches and of the gaps between them (each gap is a pre-token too), int64."""
    text = data.decode("utf-8", "surrogateescape")
    ends = []
    at = chars = 0
    for match in compiled.finditer(text):
        for stop in match.span():
            if stop > chars:
                at += len(text[chars:stop].encode("utf-8", "surrogateescape"))
                ends.append(at)
                chars = stop
    if chars < len(text):
        ends.append(len(data))
    return np.array(ends, dtype=np.int64)
