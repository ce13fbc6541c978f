"""A block in pieces of one content each: what is known by headers, and what windows say of the rest.

What is not known is looked at part by part: between known parts, and member by member in archives. A part of
some length is what :func:`nzip.predictors.content.detect` says of it, but for runs of windows that say
otherwise and are long enough. Concession: in tables with rows no run is taken out, since rows would break.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.predictors.content import detect
from nzip.predictors.kinds import AUDIO, IMAGE, TEXT, Content
from nzip.predictors.segmentation import known, windows

CHANGE = 400  # price of a change in quarter bits: its place, and contexts that are lost on both sides
_PLAIN = {kind: Content(kind) for kind in windows.KINDS}


class Pieces(NamedTuple):
    """``contents``: what there is; ``numbers`` int64 (n,): by piece, which of them; ``lengths`` int64 (n,):
    bytes, which sum to the block."""

    contents: list[Content]
    numbers: np.ndarray
    lengths: np.ndarray

    def sizes(self) -> np.ndarray:
        """Bytes of each content, int64."""
        return np.bincount(self.numbers, self.lengths, len(self.contents)).astype(np.int64)


class _Collector:
    def __init__(self) -> None:
        self.contents: dict[Content, int] = {}
        self.numbers: list[np.ndarray] = []
        self.lengths: list[np.ndarray] = []

    def add(self, contents: list[Content], which: np.ndarray, lengths: np.ndarray) -> None:
        numbers = np.array([self.contents.setdefault(c, len(self.contents)) for c in contents])
        self.numbers.append(numbers[which])
        self.lengths.append(lengths)

    def one(self, content: Content, length: int) -> None:
        self.add([content], np.zeros(1, np.int64), np.array([length]))


def cut(block: np.ndarray) -> Pieces:
    """``block`` (uint8) in pieces, in order; one piece where there is nothing to tell apart."""
    out, at = _Collector(), 0
    if len(block):
        for part in known.find(block):
            if part.start > at:
                _look(block[at : part.start], out)
            if part.content is None:
                _look(block[part.start : part.end], out)
            else:
                out.one(part.content, part.end - part.start)
            at = part.end
        if at < len(block):
            _look(block[at:], out)
    else:
        out.one(Content(TEXT), 0)
    return Pieces(list(out.contents), np.concatenate(out.numbers), np.concatenate(out.lengths))


def _look(part: np.ndarray, out: _Collector) -> None:
    """What windows say of a part without a header that is known."""
    whole = detect(part)
    if whole.kind in (IMAGE, AUDIO) or whole.stride:
        out.one(whole, len(part))
        return
    kinds, lengths = windows.runs(part, CHANGE, whole.kind == TEXT and _is_code_page(part))
    out.add(list(_PLAIN.values()), np.searchsorted(list(_PLAIN), kinds), lengths)


def _is_code_page(part: np.ndarray) -> bool:
    """Whether bytes above 127 stand in a text as they do not in UTF-8."""
    sample = part[: 1 << 16]
    follow = int(((sample >= 0x80) & (sample < 0xC0)).sum())
    lead = int((sample >= 0xC2).sum())
    return lead + follow > len(sample) // 50 and not lead <= follow <= 3 * lead
