"""Splitters that the `tokenizers` library runs: ``regex:PATTERN`` by its regular expressions (Oniguruma's
syntax and its Unicode tables), ``steps:[…]`` by the list of steps of a tokenizer.json.

So the cuts are the library's on any text. A byte that is not UTF-8 is shown to it as U+FFFD, a character that
is neither letter nor number nor white space: the kernels' rule.

Concession: steps that remove text are refused, for a codec must not lose any.
"""

from __future__ import annotations

import contextlib
import json
import re

import numpy as np

from tokenizers_lab.errors import DataError, LabError

_KEEPS = ("Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")


def keeps_all(step: dict) -> bool:
    """Whether a step of a ``pre_tokenizer`` is one that cuts only, and loses nothing."""
    if step.get("type") == "Digits":
        return True
    return step.get("type") in ("Split", "Punctuation") and step.get("behavior") in _KEEPS


def split_step(pattern: str) -> dict:
    """The step that cuts at the matches of a regular expression."""
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


@contextlib.contextmanager
def library(what: str):
    """Turns whatever the library throws, its panics too, into a :class:`DataError` that begins with
    ``what``."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
        raise DataError(f"{what}: {_line(error)}") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # Rust's, a BaseException
            raise
        raise DataError(f"{what}: {_line(error)}") from None


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


class LibrarySplitter:
    """``steps``: entries of a ``pre_tokenizer``, each of which :func:`keeps_all`. Raises :class:`DataError`
    where the library does not read them (a mistake in a pattern)."""

    def __init__(self, steps: list[dict], name: str):
        from tokenizers import Tokenizer  # start-up, and an optional dependency

        self.name = name
        whole = {"type": "Sequence", "pretokenizers": steps}
        model = {"type": "BPE", "vocab": {}, "merges": []}
        with library(f"pre-tokenizer {name!r}"):
            self._steps = Tokenizer.from_str(
                json.dumps({"pre_tokenizer": whole, "model": model})
            ).pre_tokenizer

    def ends(self, data: bytes) -> np.ndarray:
        """Ends of the pieces, in bytes: int64, ascending, the last one len(data)."""
        if not data:
            return np.zeros(0, np.int64)
        text = data.decode("utf-8", "surrogateescape")
        with library(f"pre-tokenizer {self.name!r}"):
            cuts = self._steps.pre_tokenize_str(text if text.isascii() else _ESCAPED.sub("\ufffd", text))
        ends = np.unique(np.fromiter((end for _, (_, end) in cuts), np.int64, len(cuts)))
        if not len(ends) or ends[-1] != len(text):
            raise LabError(f"pre-tokenizer {self.name!r}: leaves out a part of the text")
        if len(text) == len(data):
            return ends
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        sizes = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
        sizes[(points >= 0xDC80) & (points < 0xDD00)] = 1
        return np.cumsum(sizes)[ends - 1]


_ESCAPED = re.compile("[\udc80-\udcff]")
