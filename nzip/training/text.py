"""Training text: weighted sources, cut into pieces, varied in typography, strung into parallel streams.

A network that has seen one width of line, one kind of line end or one kind of quotation mark pays for it on
every other. So pieces of prose are wrapped anew at another width, indented or separated by empty lines, given
CRLF, two spaces after a sentence or other quotation marks, each by chance. An expert that reads codes is
given each piece as the mix would code it: its CRs and its wrapping taken out, its words coded.

Concession: a piece starts anywhere, and the network's state runs on from the piece before.
"""

from __future__ import annotations

import re
import textwrap
from typing import NamedTuple

import numpy as np

from nzip.predictors.mix.words.choice import with_lines
from nzip.predictors.mix.words.dictionary import Dictionary


class Source(NamedTuple):
    """A text: ``share`` of the mixture; ``prose`` may be wrapped anew; ``kind`` names the held-out slice it
    feeds."""

    name: str
    data: bytes
    share: float
    kind: str
    prose: bool = False


PIECE = (2_000, 24_000)
LONG_PIECE = (2_000, 128_000)  # for who learns how much a text says of itself, and forgets it at its end
_BLANK = re.compile(rb"\n[ \t]*\n+")


def held_out(source: Source, size: int = 24_000) -> tuple[bytes, bytes]:
    """``(train, held)``: the last ``size`` bytes (at most a tenth) never train."""
    cut = len(source.data) - min(size, len(source.data) // 10)
    return source.data[:cut], source.data[cut:]


def vary(piece: bytes, prose: bool, chance: np.random.Generator) -> bytes:
    """One random rendering of a piece of text."""
    if prose:
        if chance.random() < 0.75:
            piece = _rewrap(piece, chance)
        if chance.random() < 0.25:
            piece = re.sub(rb"([.?!]) (?=[A-Z])", rb"\1  ", piece)
        style = chance.random()
        if style < 0.12:
            piece = re.sub(rb'(?<![\w.,!?])"', b"`", piece).replace(b'"', b"'")
        elif style < 0.2:
            piece = re.sub(rb'(?<![\w.,!?])"', b"``", piece).replace(b'"', b"''")
    if chance.random() < (0.3 if prose else 0.06):
        piece = piece.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    return piece


def _rewrap(piece: bytes, chance: np.random.Generator) -> bytes:
    width = 1 << 20 if chance.random() < 0.15 else int(chance.integers(56, 80))
    indent = " " * int(chance.choice([0, 0, 2, 4, 5]))
    apart = b"\n" if indent and chance.random() < 0.6 else b"\n\n"
    paragraphs = _BLANK.split(piece)
    wrapped = [
        textwrap.fill(
            b" ".join(p.split()).decode("utf-8", "surrogateescape"),
            width,
            initial_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ).encode("utf-8", "surrogateescape")
        for p in paragraphs
    ]
    return apart.join(wrapped) + b"\n"


def coded(piece: bytes, words: Dictionary | None) -> bytes:
    """``piece`` as an expert reads it: as it is, or coded by a dictionary as the mix would."""
    if words is None:
        return piece
    raw = np.frombuffer(piece, np.uint8)
    return with_lines(raw, words).apply(raw).tobytes()


class Slice(NamedTuple):
    """Held-out text as an expert reads it, and how many bytes of raw text it stands for."""

    data: bytes
    size: int


def slices_of(sources: list[Source], words: Dictionary | None = None) -> dict[str, Slice]:
    """The held-out text of every kind, coded by ``words``."""
    slices: dict[str, Slice] = {}
    for source in sources:
        held, before = held_out(source)[1], slices.get(source.kind, Slice(b"", 0))
        slices[source.kind] = Slice(before.data + coded(held, words), before.size + len(held))
    return slices


class Streams:
    """``lanes`` endless streams of varied pieces: ``next(count)`` gives uint8 (lanes, count), and then
    ``begins``, for each lane, tells where in these a piece begins. ``words``: the dictionary that codes them,
    None for raw text. ``long``: of longer pieces, any order of magnitude alike."""

    def __init__(
        self,
        sources: list[Source],
        lanes: int,
        seed: int,
        words: Dictionary | None = None,
        long: bool = False,
    ):
        self._words, self._long = words, long
        self.begins: list[list[int]] = [[] for _ in range(lanes)]
        self._sources = [s._replace(data=held_out(s)[0]) for s in sources]
        shares = np.array([s.share for s in sources], float)
        self._shares = shares / shares.sum()
        self._chance = np.random.default_rng(seed)
        self._left = [np.empty(0, np.uint8) for _ in range(lanes)]

    def next(self, count: int) -> np.ndarray:
        """The next ``count`` bytes of every stream."""
        out = np.empty((len(self._left), count), np.uint8)
        for i, left in enumerate(self._left):
            parts, have = [left], left.size
            self.begins[i] = []
            while have < count:
                self.begins[i].append(have)
                parts.append(self._piece())
                have += parts[-1].size
            whole = np.concatenate(parts)
            out[i], self._left[i] = whole[:count], whole[count:]
        return out

    def _piece(self) -> np.ndarray:
        source = self._sources[self._chance.choice(len(self._sources), p=self._shares)]
        if self._long:
            size = int(np.exp(self._chance.uniform(*np.log(LONG_PIECE))))
        else:
            size = int(self._chance.integers(*PIECE))
        start = int(self._chance.integers(0, max(1, len(source.data) - size)))
        # Start at a line where there is one near.
        line = source.data.find(b"\n", start, start + 400) + 1
        start = line or start
        piece = vary(source.data[start : start + size], source.prose, self._chance)
        return np.frombuffer(coded(piece, self._words), np.uint8)
