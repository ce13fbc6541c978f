"""How a block becomes streams: its pieces (:mod:`nzip.predictors.segmentation`), joined where a stream of
their own would not pay, and its texts told apart by the primers that they want (texts.py).

Concession: but for primers nothing is tried; that a stream costs some bytes and a start from nothing is a
rule of thumb (LEAST).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.predictors.content import detect, rows
from nzip.predictors.kinds import BINARY, STORED, TEXT, Content
from nzip.predictors.mix import texts
from nzip.predictors.mix.primer_choice import Start, choose
from nzip.predictors.mix.primers import named
from nzip.predictors.mix.segments import Segments, gather, joined, most
from nzip.predictors.mix.words import choice
from nzip.predictors.segmentation import Pieces, cut

LEAST = 2000  # bytes that are worth a stream
ASIDE = 16  # a text that is less than so much of its block is not worth trials: scores choose its primer


class Cut(NamedTuple):
    """``contents`` of the streams; ``starts``: how each is coded, where that is known already; ``segments``
    where there are several streams."""

    contents: list[Content]
    starts: list[Start | None]
    segments: Segments | None


def streams(block: np.ndarray, primed: bool, words: bool = False) -> Cut:
    """``block`` (uint8) cut into streams. ``primed``: texts start from the shipped primers, so that those
    that want different ones are told apart; ``words``: they may take another form than raw."""
    if len(block) < 2 * LEAST:
        return Cut([detect(block)], [None], None)
    pieces = _without_small(cut(block))
    known: list[Start | None] = [None] * len(pieces.contents)
    if primed and Content(TEXT) in pieces.contents:
        pieces, known = _with_texts(block, pieces, words)
    contents, numbers, lengths = pieces
    segments = joined(numbers, lengths)
    if len(contents) < 2 or len(segments.streams) > most(len(block)):
        noise = contents[0].kind == STORED and len(contents) < 2
        return Cut([Content(STORED) if noise else detect(block)], [None], None)
    for number, content in enumerate(contents):
        if content == Content(BINARY):
            contents[number] = Content(BINARY, *rows(gather(block, segments, number)))
    return Cut(contents, known, segments)


def _without_small(pieces: Pieces) -> Pieces:
    """Pieces of contents that are too little join what is before them, or behind."""
    contents, numbers, lengths = pieces
    sizes = pieces.sizes()
    large = sizes >= LEAST
    large[sizes.argmax()] = True
    kept = np.flatnonzero(large)
    known = large[numbers]
    # for each piece the last one up to it that stays, else the first
    last = np.maximum.accumulate(np.where(known, np.arange(len(numbers)), -1))
    last[last < 0] = int(known.argmax())
    renumbered = np.zeros(len(contents), np.int64)
    renumbered[kept] = np.arange(len(kept))
    return Pieces([contents[i] for i in kept], renumbered[numbers[last]], lengths)


def _with_texts(block: np.ndarray, pieces: Pieces, words: bool) -> tuple[Pieces, list[Start | None]]:
    """The same pieces, texts by the starts that they want; and these, where texts were told apart."""
    contents, numbers, lengths = pieces
    text = contents.index(Content(TEXT))
    segments = joined(numbers, lengths)
    numbers, lengths = segments.streams.astype(np.int64), segments.lengths.astype(np.int64)
    mine = numbers == text
    starts = np.cumsum(lengths) - lengths
    kinds, sizes = texts.kinds(block, starts[mine], lengths[mine])
    names = np.unique(kinds)
    known: list[Start | None] = [None] * len(contents)
    if len(names) == 1:
        if int(sizes.sum()) * ASIDE < len(block):
            known[text] = _untried(gather(block, segments, text), int(names[0]), words)
        return Pieces(contents, numbers, lengths), known
    # Regions take the place of the pieces of text that they are of.
    places = np.concatenate([starts[~mine], _places(starts[mine], lengths[mine], sizes)])
    order = np.argsort(places, kind="stable")
    lengths = np.concatenate([lengths[~mine], sizes])[order]
    numbers = np.concatenate([numbers[~mine], len(contents) + np.searchsorted(names, kinds)])[order]
    # Texts whose trials choose alike are one stream.
    wanted: list[tuple[int, int]] = []
    different: dict[tuple[int, int], Start | None] = {}
    segments = joined(numbers, lengths)
    for number, name in enumerate(names.tolist(), len(contents)):
        own = gather(block, segments, number)
        tried = len(own) * ASIDE >= len(block)
        start = choose(own, words=words) if tried else _untried(own, name, words)
        different[start.kin] = None if start.kin in different and start.form else start
        wanted.append(start.kin)
    renumbered = [*range(text), text, *range(text, len(contents) - 1)]
    renumbered += [len(contents) - 1 + list(different).index(kin) for kin in wanted]
    others = [content for content in contents if content != Content(TEXT)]
    return (
        Pieces([*others, *[Content(TEXT)] * len(different)], np.array(renumbered)[numbers], lengths),
        [*known[1:], *different.values()],
    )


def _untried(text: np.ndarray, number: int, words: bool) -> Start:
    """How a text is coded that the primer of a number (0: none) knows best, and that is too little to try."""
    return Start(choice.choose(text) if words else None, named(number) if number else None)


def _places(starts: np.ndarray, lengths: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Where regions of ``sizes`` begin that fill the pieces from ``starts`` on, one after the other."""
    ends = np.cumsum(sizes)
    piece = np.searchsorted(np.cumsum(lengths), ends)
    return ends - sizes + (starts - (np.cumsum(lengths) - lengths))[piece]
