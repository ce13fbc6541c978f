"""Whether a primer wants a dictionary of its own, and of how many words: a trial.

Some of the pieces are held out; what is left becomes a primer and dictionaries of several sizes, and the mix
codes what was held out after it: raw, by the shipped dictionary that suits it, and by each of the new ones.
How many words are best hangs on the language: where words are inflected some hundred, since what letters tell
of a rare word its code does not; in English, and in manuals of one subject, all there are.

Concession: one level judges for all. Faster ones gain more from a dictionary, slower ones less."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from nzip.hashes import text_hash
from nzip.predictors.mix.primer_choice import coded
from nzip.predictors.mix.primers import HASH_BYTES, USER, Primer
from nzip.predictors.mix.words import choice
from nzip.predictors.mix.words.dictionary import parse
from nzip.predictors.mix.words.learning import learn

LEVEL = 3
COUNTS = (300, 1000, 3000, 12_000)  # words
GAIN = 0.005  # of the trial's bytes, for a dictionary to be worth having
LEAST = 1 << 16  # bytes of pieces that are needed for a trial
PLACES, HELD = 4, 1 << 15  # where something is held out, and how many bytes in each place at most
_MOST = 16 << 20  # bytes that words are learnt from
STEPS = len(COUNTS) + 5

Progress = Callable[[int, int], None]


class Found(NamedTuple):
    """``words``: how many the dictionary has that is worth having, 0 for none; bytes that the trial's text
    took ``before``, without it, and ``after``."""

    words: int
    before: int
    after: int


NOTHING = Found(0, 0, 0)


def held_out(sizes: Sequence[int]) -> list[int]:
    """Which of pieces of so many bytes a trial holds out: some in each of PLACES, evenly spread. None where
    they are too few."""
    total, ends = sum(sizes), np.cumsum(sizes)
    if total < LEAST:
        return []
    found: set[int] = set()
    for place in range(PLACES):
        first = int(np.searchsorted(ends, (2 * place + 1) * total // (2 * PLACES)))
        room = ends[first] - sizes[first] + min(HELD, total // (8 * PLACES))
        found.update(range(first, max(first, int(np.searchsorted(ends, room))) + 1))
    return sorted(found) if 3 * len(found) < len(sizes) else []


def try_out(held: bytes, pieces: Sequence[bytes], text: bytes, told: Callable[[], None]) -> Found:
    """Is a dictionary of the words of ``pieces`` good for ``held``, after the primer ``text``? ``told`` is
    called after each step, STEPS - 2 times at most."""
    sample = np.frombuffer(held, np.uint8)
    primer = Primer(USER, "of the user", text, text_hash(text)[:HASH_BYTES])

    def size(form) -> int:
        found = coded(sample, form, primer, LEVEL, keep=False)
        told()
        return found

    before = min(size(form) for form in {None, choice.choose(sample)})
    contents = words_of(pieces, COUNTS)
    told()
    after = {}
    for content in contents:
        dictionary = parse(content)
        after[len(dictionary.words)] = size(choice.with_lines(sample, dictionary))
    if not after or min(after.values()) > (1 - GAIN) * before:
        return Found(0, before, min(after.values(), default=before))
    best = min(after, key=lambda words: after[words])
    return Found(best, before, after[best])


def words_of(pieces: Sequence[bytes], counts: Sequence[int]) -> list[bytes]:
    """The contents of dictionaries of at most so many words each, from pieces of text."""
    every = -(-sum(map(len, pieces)) // _MOST) if pieces else 1
    return learn([piece.decode(errors="replace") for piece in pieces[::every]], counts)
