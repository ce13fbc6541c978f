"""How a block becomes streams: its pieces (:mod:`nzip.predictors.segmentation`), joined where a stream of
their own would not pay, and its texts told apart by the primers that they want (texts.py).

What has copies of another stream in it joins that one, since a match model finds only what its own stream has
(the same picture under two headers, a table once more in a program).

Concession: but for primers nothing is tried; that a stream costs some bytes and a start from nothing is a
rule of thumb (LEAST), and so is what share of copies outweighs a plan of its own (COPIES).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.predictors.content import detect, rows
from nzip.predictors.kinds import AUDIO, BINARY, IMAGE, STORED, TEXT, Content
from nzip.predictors.mix import copies, texts
from nzip.predictors.mix.primer_choice import Start, choose
from nzip.predictors.mix.primers import named
from nzip.predictors.mix.segments import Segments, gather, joined, most
from nzip.predictors.mix.words import choice
from nzip.predictors.segmentation import Pieces, cut

LEAST = 2000  # bytes that are worth a stream
MOST = 100  # contents of a block; what is less than the largest of them joins its neighbours
# The share of a stream's marks (copies.py) that another has, and how many, from which on the two are one; of
# what is packed any copy is worth more than that it is apart.
COPIES, TEXT_COPIES, PACKED_COPIES, COPIED_MARKS = 0.2, 0.17, 0.001, 4
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
    pieces = _without_copies(block, _without_small(cut(block)))
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
    large[np.argsort(-sizes, kind="stable")[MOST:]] = False
    large[sizes.argmax()] = True
    kept = np.flatnonzero(large)
    known = large[numbers]
    # for each piece the last one up to it that stays, else the first
    last = np.maximum.accumulate(np.where(known, np.arange(len(numbers)), -1))
    last[last < 0] = int(known.argmax())
    renumbered = np.zeros(len(contents), np.int64)
    renumbered[kept] = np.arange(len(kept))
    return Pieces([contents[i] for i in kept], renumbered[numbers[last]], lengths)


def _without_copies(block: np.ndarray, pieces: Pieces) -> Pieces:
    """The same with streams joined, but for texts, that have copies of each other; the smaller takes the
    larger's content, unless its own is more telling and it is nearly as large."""
    contents, numbers, lengths = pieces
    others = [i for i, content in enumerate(contents) if content.kind != TEXT]
    if len(others) < 2:
        return pieces
    words, places = copies.marks(block)
    piece = np.searchsorted(np.cumsum(lengths), places, side="right")
    common = copies.shared(words, numbers[piece], len(contents))
    sizes = pieces.sizes()
    into, found = list(range(len(contents))), list(contents)
    for i in sorted(others, key=lambda i: int(sizes[i])):
        packed = contents[i].kind == STORED
        hosts = [
            j for j in others
            if into[j] == j and j != i and contents[j].kind != STORED and (packed or sizes[j] >= sizes[i])
        ]  # fmt: skip
        if not hosts:
            continue
        host = max(hosts, key=lambda j: int(common[i, j]))
        share = (PACKED_COPIES if packed else COPIES) * int(common[i, i])
        if common[i, host] >= max(COPIED_MARKS, share):
            into[i] = host
            if found[i].kind in (IMAGE, AUDIO) and found[host].kind == BINARY and 2 * sizes[i] > sizes[host]:
                found[host] = found[i]
    kept, renumbered = _joined(into)
    return Pieces([found[i] for i in kept], np.array(renumbered)[numbers], lengths)


def _joined(into: list[int]) -> tuple[list[int], list[int]]:
    """Which streams stay where each goes ``into`` another or itself, and the new number of each."""
    roots = []
    for root in range(len(into)):
        while into[root] != root:
            root = into[root]
        roots.append(root)
    kept = sorted(set(roots))
    return kept, [kept.index(root) for root in roots]


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
    wanted: list[int] = []
    different: dict[tuple[int, int], Start | None] = {}
    marks: list[np.ndarray] = []
    segments = joined(numbers, lengths)
    for number, name in enumerate(names.tolist(), len(contents)):
        own = gather(block, segments, number)
        tried = len(own) * ASIDE >= len(block)
        start = choose(own, words=words) if tried else _untried(own, name, words)
        different[start.kin] = None if start.kin in different and start.form else start
        wanted.append(list(different).index(start.kin))
        marks.append(copies.marks(own)[0])
    wanted, chosen = _like_texts(wanted, marks, list(different.values()))
    renumbered = [*range(text), text, *range(text, len(contents) - 1)]
    renumbered += [len(contents) - 1 + number for number in wanted]
    others = [content for content in contents if content != Content(TEXT)]
    return (
        Pieces([*others, *[Content(TEXT)] * len(chosen)], np.array(renumbered)[numbers], lengths),
        [*known[1:], *chosen],
    )


def _like_texts(
    wanted: list[int], marks: list[np.ndarray], starts: list[Start | None]
) -> tuple[list[int], list[Start | None]]:
    """Streams of texts and their starts, those joined that have copies of each other. ``wanted``: in which
    stream the text is that has the ``marks``."""
    owners = np.repeat(np.array(wanted, np.int64), [len(words) for words in marks])
    common = copies.shared(np.concatenate(marks), owners, len(starts))
    into = list(range(len(starts)))
    for i in sorted(into, key=lambda i: int(common[i, i])):
        hosts = [j for j in into if into[j] == j and j != i and common[j, j] >= common[i, i]]
        if hosts:
            host = max(hosts, key=lambda j: int(common[i, j]))
            if common[i, host] >= max(COPIED_MARKS, TEXT_COPIES * int(common[i, i])):
                into[i] = host
                starts[host] = None  # to be chosen anew
    kept, renumbered = _joined(into)
    return [renumbered[number] for number in wanted], [starts[i] for i in kept]


def _untried(text: np.ndarray, number: int, words: bool) -> Start:
    """How a text is coded that the primer of a number (0: none) knows best, and that is too little to try."""
    return Start(choice.choose(text) if words else None, named(number) if number else None)


def _places(starts: np.ndarray, lengths: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Where regions of ``sizes`` begin that fill the pieces from ``starts`` on, one after the other."""
    ends = np.cumsum(sizes)
    piece = np.searchsorted(np.cumsum(lengths), ends)
    return ends - sizes + (starts - (np.cumsum(lengths) - lengths))[piece]
