"""How a stream of text is coded: raw or as words, and from which primer; what codes a sample of it best.

Primers that know some of the stream's six-byte sequences (primers.scores) are tried, the likeliest first: the
fastest level, started from each, codes a few thousand bytes. One that does not clearly beat a cold start is
not used on a long stream, where its gain fades and its words stay in the way. Then some primers' *habits*
alone are tried: weights and maps that have read much text, and empty contexts. Raw bytes and words are tried
alike, cold first; the primers then for the better one, or for both. What comes near on the sample is left to
whoever codes (trials.py): all of a short stream, one start for each form of a long one. Concession: the
trials take a tenth of a second or two a stream; only the encoder chooses, the stream says what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.coding.binary import POSITION, STATE_SIZE, finish_encoder, start_encoder
from nzip.exact.native import hold
from nzip.predictors.kinds import TEXT
from nzip.predictors.mix import primer_grams, primers
from nzip.predictors.mix.constants import CODED
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.plan import Plan, plan
from nzip.predictors.mix.pool import POOL
from nzip.predictors.mix.state import Mix, build
from nzip.predictors.mix.touched import halfway
from nzip.predictors.mix.warm_start import warm_behind
from nzip.predictors.mix.words import choice
from nzip.predictors.mix.words.dictionary import Dictionary
from nzip.predictors.mix.words.options import Words

NO_EXPERTS = np.zeros((0, 1, 0, 0), np.uint32)
hold(NO_EXPERTS)
LEVEL = 1  # the level that tries
KNOWN = 0.015  # the share of a stream's sequences that a primer must know to be tried
NEARLY = 0.6  # and, for a long stream, of what the likeliest knows
TRIALS = 4
PIECES, PIECE = 3, 6000  # of a long stream, from its beginning, middle and end
GAIN = 0.015  # of the sample's cold size, for a primer to be used
HABITS_OF, HABITS_GAIN = (2, 4, 6), 0.004  # docs, code, European languages
# Of a short stream several ways are coded whole, so no gain is asked for: what is no worse than this from
# nothing, and habits where no primer gains plainly.
SHORT, SLIP, PLAIN = 1 << 16, 0.01, 0.04
DOCS = 2  # the primer that helps most where none knows a short text
HABITS_MOST = 100_000  # a longer stream forms its own habits; others' have been seen to cost it 0.3 %
NEAR, MOST = 0.03, 3  # what is further from the best on the sample is no choice, and so many are enough
NEAR_COLD = 0.08  # a start from nothing is one where it is nearer: it costs little to try
# What words gain on the sample at -1 so that raw bytes are not tried, and so that words are not: the fastest
# level prefers words by 5 to 10% more than others, and a long text needs them less than its sample. What is
# between is for the stream's own level to say (trials.py). A log gained 1.1 % on the sample, and 5.6 % at -3;
# results of football -4.1 and 2.9 % at -5, a file of icons -0.1 and 2.1 %.
SURE, HOPELESS = 0.14, -0.05
# Where nobody tries that, words gain so much.
WORTH_LONG = 0.05

# A text of so many bytes or fewer is tried few times: after the primer that knows most of it, in each form,
# then in the better form after those that know nearly as much, and from nothing where none knows much. A
# longer primer knows more of any text: what LARGER is a megabyte of it takes off.
TINY, LARGER = 4096, 0.1
# Nor does one help that says the same again and again, which takes this share of itself.
REPEATED = 1 / 16
# A text of so many bytes of which codes of words leave less than this share is not tried raw, too, unless it
# comes out so small that the primer must have it already, which may be better found in raw bytes.
TOLD, PLAINLY, COPIED = 1000, 0.75, 0.2
# How much less of a text than the first the second primer and the third may know to be tried, of which is
# little, and how near the best on the sample what the stream's own level codes is: for levels that take their
# time, and for hurried ones.
SECOND, LITTLE = 0.05, 0.15
THIRD, NEAR_TINY = (0.08, 0.06), (0.02, 0.01)
# Of a text of which the best primer knows less than this, the primer's words stand in the way of levels that
# trust them more than the one that tries: its habits alone are one of the ways where they come so near.
FOREIGN, NEAR_HABITS = 0.25, 0.04
# A text of which it knows more than this is never smaller from nothing, whatever experts know.
KNOWN_WELL = 0.6

Form = Words | None
# Payloads of what was coded whole while ways were tried, by form and primer's code: of use at LEVEL.
Payloads = dict[tuple[Form, int], bytes]
# The least that the first half of a text took, by form.
Halves = dict[Form, int]
GIVEN_UP = 1 << 62  # bytes that something takes which was not coded to its end


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
    payloads: Payloads | None = None,
    level: int = LEVEL,
    hurried: bool = False,
) -> list[Start]:
    """Ways of coding ``data`` (uint8, text), the likeliest best first: of a short one the best start of each
    form, what comes near and starts from nothing that may yet be better, of a long one a start for each
    form. ``own``: the user's primer, in place of those that ship, and ``dictionary``: the user's, beside
    those; ``words``: whether another form than raw may be. ``payloads``: filled, where all of ``data`` was
    tried; ``level``: the one that tries; ``hurried``: for a level to which time matters."""
    tried_on = sample(data)
    if len(tried_on) < len(data):
        payloads = None
    form = choice.choose(data) if words else None
    forms: list[Form] = [form, None] if form else [None]
    if words and dictionary:
        forms.insert(0, choice.with_lines(data, dictionary))
    if primed and own is None and len(data) <= TINY:
        return tiny(data, forms, payloads, level, hurried)
    first = own if primed else None
    cold: dict[Form, int] = {}
    if len(forms) > 1:
        cold = {form: coded(tried_on, form, first, level, payloads=payloads) for form in forms}
        forms = _worth(forms, cold, len(data) > SHORT, dictionary)
    if not primed or own is not None:
        return [Start(form, first) for form in forms]
    return starts(data, forms, cold, payloads, level)


def starts(
    data: np.ndarray,
    forms: list[Form],
    cold: dict[Form, int],
    payloads: Payloads | None = None,
    level: int = LEVEL,
) -> list[Start]:
    """What ``data`` in one of ``forms`` may start from, as :func:`choices`. ``cold``: what its sample takes
    from nothing, where that is known."""
    found: list[tuple[int, Form, primers.Primer | None]] = []
    tried, habits = _candidates(data)
    if not tried and not habits and len(forms) == 1:
        return [Start(forms[0], None)]
    tried_on = sample(data)
    for form in forms:
        start = cold.get(form) or coded(tried_on, form, None, level, payloads=payloads)
        found.append((start, form, None))
        whole = _tried(tried_on, form, tried, payloads, level)
        if len(data) > SHORT:
            least = (1 - GAIN) * start
            if not whole or whole[0][0] >= least:
                whole, least = _tried(tried_on, form, habits, payloads, level), (1 - HABITS_GAIN) * start
            found += [entry for entry in whole[:2] if whole[0][0] < least and entry[0] < start]
        else:
            if not whole or whole[0][0] > (1 - PLAIN) * start:
                more = [DOCS] if DOCS not in tried else []
                whole = whole[:2] + _tried(tried_on, form, more + habits, payloads, level)[:2]
            found += [entry for entry in whole if entry[0] < (1 + SLIP) * start]
    found.sort(key=lambda entry: entry[0])
    of_form = [next(entry for entry in found if entry[1] is form) for form in forms]
    if len(data) > SHORT:
        return [Start(form, primer) for _, form, primer in of_form]
    least = found[0][0]
    near = [entry for entry in found if entry[0] <= (1 + NEAR) * least and entry not in of_form]
    near = of_form + near[: MOST - len(of_form)]
    others = [entry for entry in found if not entry[2] and entry not in near]
    near += [entry for entry in others if entry[0] <= (1 + NEAR_COLD) * least]
    return [Start(form, primer) for _, form, primer in sorted(near, key=lambda entry: entry[0])]


def tiny(
    data: np.ndarray,
    forms: list[Form],
    payloads: Payloads | None = None,
    level: int = LEVEL,
    hurried: bool = False,
) -> list[Start]:
    """As :func:`starts`, of a text of ``TINY`` bytes at most. ``hurried``: what is behind another primer
    after half of it is given up."""
    shares = primer_grams.known(data)
    sizes = np.array([min(entry["bytes"], primers.READS[level]) for entry in primers.index()])
    marks = shares - LARGER * sizes / 1e6
    first, second, third = np.argsort(-marks, kind="stable")[:3].tolist()
    found: list[tuple[int, Form, primers.Primer | None]] = []
    plainly_words = False
    streams: dict[Form, np.ndarray] = {form: form.apply(data) for form in forms if form}
    halves: Halves = {}

    def attempt(form: Form, primer: primers.Primer | None, race: bool = False) -> int:
        size = coded(
            data, form, primer, level, payloads=payloads, stream=streams.get(form, data),
            halves=halves if race else None,
        )  # fmt: skip
        if size < GIVEN_UP:
            found.append((size, form, primer))
        return size

    if shares[first] > 0:
        for form in forms:
            if form is None and plainly_words:
                continue
            size = attempt(form, primers.named(first + 1), hurried)
            few = form is not None and form.dictionary and len(streams[form]) < PLAINLY * len(data)
            if few and len(data) >= TOLD and size > COPIED * len(data):
                plainly_words = True
        forms = [min(found, key=lambda entry: entry[0])[1]]
        for other, near in ((second, SECOND), (third, THIRD[hurried])):
            if marks[other] > marks[first] - near and shares[other] > 0:
                attempt(forms[0], primers.named(other + 1), hurried)
        likeliest = min(found, key=lambda entry: entry[0])[2]
        if likeliest and shares.max() < FOREIGN:
            attempt(forms[0], primers.named(likeliest.number | primers.HABITS))
    if shares.max() < LITTLE or min(found, key=lambda entry: entry[0])[0] < REPEATED * len(data):
        for form in forms:
            attempt(form, None)
    found.sort(key=lambda entry: entry[0])
    least = found[0][0]
    kept = [entry for entry in found[:MOST] if entry[0] <= (1 + NEAR_TINY[hurried]) * least]
    kept += [
        entry
        for entry in found
        if entry[2] and entry[2].habits and entry not in kept and entry[0] <= (1 + NEAR_HABITS) * least
    ]
    return [Start(form, primer) for _, form, primer in kept]


def _tried(
    tried_on: np.ndarray, form: Form, codes: list[int], payloads: Payloads | None, level: int
) -> list[tuple[int, Form, primers.Primer | None]]:
    """What a sample takes in ``form`` after each of the primers ``codes``, the best first."""
    known = sorted(
        (coded(tried_on, form, primers.named(code), level, payloads=payloads), code) for code in codes
    )
    return [(size, form, primers.named(code)) for size, code in known]


def _worth(forms: list[Form], cold: dict[Form, int], long: bool, own: Dictionary | None) -> list[Form]:
    """Of a stream's forms, raw among them, those that are worth going on with by the ``cold`` sizes of its
    sample, the likeliest first; of a ``long`` one at most two. ``own``: a dictionary that was found good for
    such texts already."""
    others: list[Form] = sorted(filter(None, forms), key=lambda form: cold[form])
    gain = 1 - cold[others[0]] / max(cold[None], 1)
    likely = gain > (WORTH_LONG if long else 0)
    if gain > SURE:
        return others[:1]
    if gain < (HOPELESS if long else -SURE):
        others = [form for form in others if own is not None and form and form.dictionary == own]
    kept = [*(others[:1] if long else others), None]
    return kept if likely else [None, *kept[:-1]]


def _candidates(data: np.ndarray) -> tuple[list[int], list[int]]:
    """Codes of the primers to try on ``data``, and of those whose habits to try."""
    known = primers.scores(data)
    likely = sorted(range(len(known)), key=lambda i: -known[i])[:TRIALS]
    short = len(data) <= HABITS_MOST
    enough = KNOWN if short else max(KNOWN, NEARLY * known[likely[0]])
    tried = [i + 1 for i in likely if known[i] >= enough]
    return tried, [primers.HABITS | number for number in HABITS_OF] if short else []


def sample(data: np.ndarray) -> np.ndarray:
    """What the trials code, an array of its own."""
    if len(data) <= PIECES * PIECE:
        return data.copy()
    starts = np.linspace(0, len(data) - PIECE, PIECES).astype(np.int64)
    return np.concatenate([data[s : s + PIECE] for s in starts])


def coded(
    sample: np.ndarray,
    form: Form,
    primer: primers.Primer | None,
    level: int = LEVEL,
    keep: bool = True,
    payloads: Payloads | None = None,
    stream: np.ndarray | None = None,
    halves: Halves | None = None,
) -> int:
    """Bytes that ``sample`` takes in ``form`` after ``primer`` (None: after none) at ``level``, its params
    included. ``keep``: as for :func:`nzip.predictors.mix.warm_start.warm`. ``payloads``: where to leave what
    was coded. ``stream``: the sample in that form, where it is there already. ``halves``: what the first half
    took before, and now; where that is more it is given up: ``GIVEN_UP``."""
    dictionary = form.dictionary if form else None
    if stream is None:
        stream = form.apply(sample) if form else sample
    kind = CODED if dictionary else TEXT
    if primer:
        primer = primers.portion(primer, level, dictionary)
    said = (
        (1 if primer else 0) + (len(form.params()) + 2 if form else 0) + len(primers.pin(primer, dictionary))
    )
    if primer and keep and POOL.takes(len(stream)):
        chosen = plan(level, kind)
        with POOL.lent_in_halves(level, primer, stream) as (mix, data, first, rest):
            half = first + halfway(len(stream))
            coder, bits = _coder(len(stream))
            _go_on(mix, data[:half], first, chosen, coder, bits)
            if halves is not None:
                took = int(coder[POSITION])
                if took > halves.setdefault(form, took):
                    return GIVEN_UP
                halves[form] = took
            rest()
            _go_on(mix, data, half, chosen, coder, bits)
        size, payload = _written(coder, bits)
    else:
        if primer:
            mix, prefix = warm_behind(level, primer, [0], 0, keep=keep)
        else:
            mix, prefix = build(plan(level, kind), len(stream), 0, 1, [0]), np.zeros(0, np.uint8)
        data = np.concatenate([prefix, stream])
        coder, bits = _coder(len(stream))
        _go_on(mix, data, len(prefix), plan(level, kind), coder, bits)
        size, payload = _written(coder, bits)
    if payloads is not None:
        payloads[form, primer.code if primer else 0] = payload
    return size + said


def _coder(size: int) -> tuple[np.ndarray, np.ndarray]:
    """An encoder's state, and room for what ``size`` bytes may take."""
    coder, bits = np.zeros(STATE_SIZE, np.uint64), np.zeros(size * 22 + 4096, np.uint8)
    start_encoder(coder, len(bits))
    return coder, bits


def _go_on(mix: Mix, data: np.ndarray, begin: int, chosen: Plan, coder: np.ndarray, bits: np.ndarray) -> None:
    """Encode ``data[begin:]``."""
    ends = np.array([len(data)], np.int64)
    best(chosen)(mix, data, ends, len(data) - begin, False, coder, bits, NO_EXPERTS)


def _written(coder: np.ndarray, bits: np.ndarray) -> tuple[int, bytes]:
    """Bytes that were written, but for the few that the coder holds back; and all of them."""
    size = int(coder[POSITION])
    return size, bits[: finish_encoder(coder, bits)].tobytes().rstrip(b"\0")
