"""How a stream of text is coded: raw or as words, and from which primer; what codes a sample of it best.

Primers that know some of the stream's six-byte sequences (primers.scores) are tried, the likeliest first: the
fastest level, started from each, codes a few thousand bytes. One that does not clearly beat a cold start is
not used, since on a long stream its gain fades and its words stay in the way. Then some primers' *habits*
alone are tried: weights and maps that have read much text, and empty contexts. Raw bytes and words are tried
alike, cold first; the primers then for the better one, of a short stream for both. Concession: the
trials take a tenth of a second or two a stream and use the fastest level's judgement for all; only the
encoder chooses, the stream says what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.coding.binary import POSITION, STATE_SIZE, start_encoder
from nzip.predictors.kinds import TEXT
from nzip.predictors.mix import primers
from nzip.predictors.mix.constants import CODED
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.state import build
from nzip.predictors.mix.warm_start import warm
from nzip.predictors.mix.words import choice
from nzip.predictors.mix.words.dictionary import Dictionary
from nzip.predictors.mix.words.options import Words

LEVEL = 1  # the level that tries
KNOWN = 0.015  # the share of a stream's sequences that a primer must know to be tried
NEARLY = 0.6  # and, for a long stream, of what the likeliest knows
TRIALS = 4
PIECES, PIECE = 3, 6000  # of a long stream, from its beginning, middle and end
GAIN = 0.015  # of the sample's cold size, for a primer to be used
HABITS_OF, HABITS_GAIN = (2, 4, 6), 0.004  # docs, code, European languages
HABITS_MOST = 100_000  # a longer stream forms its own habits; others' have been seen to cost it 0.3 %
NEAR = 0.03  # what is further from the best on the sample is no choice
CLOSE = 0.12  # both forms of a short stream are tried on with primers where they differ by less
# What words must gain on the sample of a long stream, of which it is as a beginning, where they gain most.
WORTH_LONG = 0.05

Form = Words | None


class Start(NamedTuple):
    """How a stream is coded: its ``form`` (None: raw), and the ``primer`` that it starts from, whole (None:
    from nothing)."""

    form: Form
    primer: primers.Primer | None

    @property
    def kin(self) -> tuple[int, int]:
        """Streams of one kin are better one stream: the numbers of their dictionary and primer."""
        dictionary = self.form.dictionary if self.form else None
        return dictionary.number if dictionary else 0, self.primer.code if self.primer else 0


COLD = Start(None, None)


def choose(
    data: np.ndarray, primed: bool = True, own: primers.Primer | None = None, words: bool = True
) -> Start:
    """How to code ``data`` (uint8, text): the first of :func:`choices`."""
    return choices(data, primed, own, words)[0]


def choices(
    data: np.ndarray,
    primed: bool = True,
    own: primers.Primer | None = None,
    words: bool = True,
    dictionary: Dictionary | None = None,
) -> list[Start]:
    """Ways of coding ``data`` (uint8, text), the one that codes its sample best first, and what comes near
    it. ``own``: the user's primer, in place of those that ship, and ``dictionary``: the user's, beside those;
    ``words``: whether another form than raw may be."""
    sample = _sample(data)
    form = choice.choose(data) if words else None
    forms: list[Form] = [form, None] if form else [None]
    if words and dictionary:
        forms.insert(0, choice.with_lines(data, dictionary))
    first = own if primed else None
    cold: dict[Form, int] = {}
    if len(forms) > 1:
        cold = {form: coded(sample, form, first) for form in forms}
        forms = _worth(forms, cold, len(data), dictionary)
    if not primed or own is not None:
        return [Start(form, first) for form in forms]
    found: list[tuple[int, Form, primers.Primer | None]] = []
    tried, habits = _candidates(data)
    if not tried and not habits and len(forms) == 1:
        return [Start(forms[0], None)]
    for form in forms:
        start = cold.get(form) or coded(sample, form, None)
        found.append((start, form, None))
        for codes, gain in ((tried, GAIN), (habits, HABITS_GAIN)):
            sizes = sorted((coded(sample, form, primers.named(code)), code) for code in codes)
            if sizes and sizes[0][0] < (1 - gain) * start:
                found += [(size, form, primers.named(code)) for size, code in sizes[:2] if size < start]
                break
    found.sort(key=lambda entry: entry[0])
    return [Start(form, primer) for size, form, primer in found if size <= (1 + NEAR) * found[0][0]]


def _worth(forms: list[Form], cold: dict[Form, int], size: int, own: Dictionary | None) -> list[Form]:
    """Of the forms of a stream of ``size`` bytes those that are worth going on with, by the ``cold`` sizes of
    its sample, the best first. ``own``: a dictionary that was found good for such texts already."""
    raw = max(cold[None], 1)
    if size > HABITS_MOST:

        def pays(form: Form) -> bool:
            known = form is None or (own is not None and form.dictionary == own)
            return known or 1 - cold[form] / raw >= WORTH_LONG

        return [min(filter(pays, forms), key=lambda form: cold[form])]
    best = min(cold.values())
    return sorted((form for form in forms if cold[form] - best <= CLOSE * raw), key=lambda form: cold[form])


def _candidates(data: np.ndarray) -> tuple[list[int], list[int]]:
    """Codes of the primers to try on ``data``, and of those whose habits to try."""
    known = primers.scores(data)
    likely = sorted(range(len(known)), key=lambda i: -known[i])[:TRIALS]
    short = len(data) <= HABITS_MOST
    enough = KNOWN if short else max(KNOWN, NEARLY * known[likely[0]])
    tried = [i + 1 for i in likely if known[i] >= enough]
    return tried, [primers.HABITS | number for number in HABITS_OF] if short else []


def _sample(data: np.ndarray) -> np.ndarray:
    """What the trials code, an array of its own."""
    if len(data) <= PIECES * PIECE:
        return data.copy()
    starts = np.linspace(0, len(data) - PIECE, PIECES).astype(np.int64)
    return np.concatenate([data[s : s + PIECE] for s in starts])


def coded(
    sample: np.ndarray, form: Form, primer: primers.Primer | None, level: int = LEVEL, keep: bool = True
) -> int:
    """Bytes that ``sample`` takes in ``form`` after ``primer`` (None: after none) at ``level``, its params
    included. ``keep``: as for :func:`nzip.predictors.mix.warm_start.warm`."""
    dictionary = form.dictionary if form else None
    stream = form.apply(sample) if form else sample
    kind = CODED if dictionary else TEXT
    prefix = b""
    if primer:
        primer = primers.portion(primer, level, dictionary)
        prefix = primer.prefix
        mix = warm(level, primer, [0], 0, keep=keep)
    else:
        mix = build(plan(level, kind), len(stream), 0, 1, [0])
    first = len(prefix)
    data = np.empty(first + len(stream), np.uint8)
    data[:first] = np.frombuffer(prefix, np.uint8)
    data[first:] = stream
    said = (
        (1 if primer else 0) + (len(form.params()) + 2 if form else 0) + len(primers.pin(primer, dictionary))
    )
    coder = np.zeros(STATE_SIZE, np.uint64)
    bits = np.zeros(len(stream) * 22 + 4096, np.uint8)
    start_encoder(coder, len(bits))
    ends = np.array([len(data)], np.int64)
    kernel = best(plan(level, kind))
    kernel(mix, data, ends, len(stream), False, coder, bits, np.zeros((0, 1, 0, 0), np.uint32))
    return int(coder[POSITION]) + said
