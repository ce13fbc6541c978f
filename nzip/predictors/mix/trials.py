"""Which way a stream of a block is coded: in which form of text, from which start, with which experts, at
which rate. All of this is the encoder's own affair; a stream's descriptor says what was chosen.

A short stream is coded in several ways and the smallest is kept; of a long one stretches are.

Concession: experts are tried last and on little, since they take a hundred times as long as the mix.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.kinds import BINARY, STORED, TEXT, Content
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import heads
from nzip.predictors.mix.ledger import Ledger
from nzip.predictors.mix.noise import is_noise
from nzip.predictors.mix.params import RATE_STEP, Descriptor
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.pool import POOL
from nzip.predictors.mix.primer_choice import COLD, KNOWN_WELL, LEVEL, SHORT, Payloads, Start, choices
from nzip.predictors.mix.primer_grams import known
from nzip.predictors.mix.stream import Progress, Streams, untold

# Bytes of a stream longer than SHORT of which several ways of coding are tried.
SAMPLE = 1 << 16
# A stream of more than WHOLE bytes is coded in one form, told by what that makes of PARTS of it; a shorter
# one in both where they are near: that takes as long.
WHOLE, PARTS, PART = 1 << 19, 4, 1 << 15
HURRIED = 3  # the highest level of which a call of thousands of files is asked to take no time to speak of
# A text of so many bytes or fewer wants another learning rate only where it takes this share of its size or
# less: else there is hardly time to learn by it.
BRIEF, EASY = 1500, 0.2
# What words gain on the sample without experts so that raw bytes are not tried with them.
SURE_WORDS = 0.06
# What experts gain on a stretch of a long stream so that nothing is tried without them.
SURE_GAIN = 0.03


def encode(
    streams: Streams,
    data: np.ndarray,
    content: Content,
    progress: Progress = untold,
    start: Start | None = None,
    ledger: Ledger | None = None,
) -> tuple[Descriptor, bytes]:
    """Code ``data`` (uint8), of content ``content``; a payload longer than ``data`` where it is
    hopeless. ``start``: the form it takes and the primer it starts from; None: choose them. ``ledger``:
    what is written down of the way that is chosen; of a short stream by coding it once more."""
    with POOL.held():
        if start is None and _may_be_colder(streams, data, content):
            either = [streams, streams._replace(primed=False)]
            found = [_best(some, data, content, untold, None, None) for some in either]
            smaller = min((0, 1), key=lambda i: _cost(found[i]))
            if ledger is None:
                progress(len(data))
                return found[smaller]
            return _best(either[smaller], data, content, progress, None, ledger)
        return _best(streams, data, content, progress, start, ledger)


def _may_be_colder(streams: Streams, data: np.ndarray, content: Content) -> bool:
    """Whether a short text may be smaller from nothing, since experts know it better than primers do:
    by what starts give without experts, which is how they are told, none from nothing comes near."""
    if not streams.primed or streams.primer or content.kind != TEXT or len(data) > SHORT:
        return False
    helped = any(e.helps(data, content) for e in streams.experts)
    return helped and not streams.leading and float(known(data).max()) < KNOWN_WELL


def _best(
    streams: Streams,
    data: np.ndarray,
    content: Content,
    progress: Progress,
    start: Start | None,
    ledger: Ledger | None,
) -> tuple[Descriptor, bytes]:
    if content.kind == STORED:
        if is_noise(data, lambda part: len(Streams(1).code(part, Content(BINARY), 1, None)[0])):
            progress(len(data))
            return Descriptor(content), data.tobytes()
        content = Content(BINARY)
    kept: Payloads | None = {} if streams.level <= LEVEL and not streams.experts else None
    helpers = sum(e.helps(data, content) << i for i, e in enumerate(streams.experts))
    head = streams.head if streams.primed and content.kind == TEXT else None
    sure, from_head = heads.ways(head, data, start, not streams.raw, min(streams.level, LEVEL))
    if sure and len(from_head) > 1 and len(data) > WHOLE:
        # To read the head in a form that is not taken would cost as much as a fifth of a block.
        from_head = [
            min(from_head, key=lambda way: _later(streams, data, content, 0, way._replace(primer=None)))
        ]
    if sure:
        trials = [(0, each) for each in from_head]
    elif start:
        trials = [(streams.readers(helpers, start.form, len(data)), start)]
    else:
        trials = ways(streams, data, content, helpers, kept=kept)
    if not sure:
        trials += [(0, each) for each in from_head]
    helped = any(readers for readers, _ in trials) and start is None
    if helped and streams.leading:
        if len(trials) > 1 and len(data) > SHORT:
            trials = [min(trials, key=lambda trial: _sampled(streams, data, content, *trial))]
    elif helped and (len(trials) > 1 or len(data) > SHORT):
        kept = {}
        trials = worth(streams, data, content, trials, kept)
    if len(trials) > 1 and len(data) > WHOLE:
        trials = [min(trials, key=lambda trial: _later(streams, data, content, *trial))]
    warm = [
        i for i, (helpers, start) in enumerate(trials) if start.primer and not streams.only(helpers).experts
    ]
    if len(trials) == 1 and not (warm and len(data) <= SHORT):
        return streams.encode_as(data, content, *trials[0], progress, ledger=ledger, kept=kept)
    found = [streams.encode_as(data, content, *trials[0], progress, kept=kept)]
    found += [streams.encode_as(data, content, *trial, kept=kept) for trial in trials[1:]]
    tried = [(*trial, untold, 0) for trial in trials]
    if warm and len(data) <= SHORT:
        # A text that is unlike the primer's wants a higher rate than the plan's.
        likeliest = min(warm, key=lambda i: _cost(found[i]))
        if len(data) > BRIEF or _cost(found[likeliest]) < EASY * len(data):
            rate = 2 * _warm_rate(streams.level, trials[likeliest][1]) // RATE_STEP
            tried.append((*trials[likeliest], untold, rate))
            found.append(streams.encode_as(data, content, *tried[-1]))
    best_of_them = min(range(len(found)), key=lambda i: _cost(found[i]))
    if ledger is not None:
        return streams.encode_as(data, content, *tried[best_of_them], ledger=ledger)
    return found[best_of_them]


def ways(
    streams: Streams, data: np.ndarray, content: Content, helpers: int, kept: Payloads | None = None
) -> list[tuple[int, Start]]:
    """Ways of coding a stream that are worth trying, as bits of the experts that help and starts: of a
    short one several starts, of any both forms where they are near; each form with the experts that read
    it, where none leads, and a short one without any, too."""
    raw = streams.readers(helpers, None, len(data))
    if not helpers or content.kind != TEXT or streams.only(raw).leading:
        return [(raw, start) for start in starts(streams.only(raw), data, content, kept)]
    alone = starts(streams.only(0), data, content)
    trials = [(streams.readers(helpers, start.form, len(data)), start) for start in alone]
    if len(data) <= SHORT:
        trials += [(0, start) for readers, start in trials if readers]
    return trials


def worth(
    streams: Streams, data: np.ndarray, content: Content, trials: list[tuple[int, Start]], kept: Payloads
) -> list[tuple[int, Start]]:
    """Of ways of coding a stream, some with experts, those that may be the best. To try experts takes
    long, so what a start gives without them is asked first, of all of a short stream (``kept``: what that
    gave) and of a stretch of a long one: in each form the best start stays, and a form that is plainly
    behind does not."""
    short = len(data) <= SHORT
    best: dict[bool, tuple[int, int, Start]] = {}
    for readers, start in trials:
        if not readers:
            continue
        if short:
            found = streams.encode_as(data, content, 0, start)
            kept[start.form, found[0].primer] = found[1]
            size = _cost(found)
        else:
            size = _sampled(streams, data, content, 0, start)
        form = start.form is not None
        if form not in best or size < best[form][0]:
            best[form] = size, readers, start
    if len(best) == 2:
        if best[True][0] < (1 - SURE_WORDS) * best[False][0]:
            del best[False]
        elif best[True][0] > best[False][0]:
            del best[True]
    left = [(readers, start) for _, readers, start in best.values()]
    alone = [trial for trial in trials if not trial[0]]
    if short:
        return left + alone
    alone += [(0, start) for _, start in left]
    with_them, without = (
        min((_sampled(streams, data, content, *trial), i) for i, trial in enumerate(some))
        for some in (left, alone)
    )
    gain = 1 - with_them[0] / max(1, without[0])
    if gain > SURE_GAIN:
        return [left[with_them[1]]]
    # What a sample's experts gain may be lost later on, where the mix has learnt more.
    return [left[with_them[1]], *alone] if gain > 0 else alone


def _sampled(streams: Streams, data: np.ndarray, content: Content, helpers: int, start: Start) -> int:
    """Bytes that a stretch out of the middle of a long stream takes."""
    middle = (len(data) - SAMPLE) // 2
    return _cost(streams.encode_as(data[middle : middle + SAMPLE], content, helpers, start))


def _later(streams: Streams, data: np.ndarray, content: Content, helpers: int, start: Start) -> int:
    """Bytes that the second half of a sample of a long stream takes after the first: what is learnt in
    the beginning counts little in the end."""
    if len(data) > PARTS * PART:
        begins = np.linspace(0, len(data) - PART, PARTS).astype(np.int64)
        data = np.concatenate([data[begin : begin + PART] for begin in begins])
    whole, half = (
        streams.encode_as(part, content, helpers, start) for part in (data, data[: len(data) // 2])
    )
    return _cost(whole) - _cost(half)


def starts(
    streams: Streams, data: np.ndarray, content: Content, payloads: Payloads | None = None
) -> list[Start]:
    """The forms that ``data`` may take without experts, raw with them, and what it may start from, the
    likeliest best first; one where it is long. ``payloads``: as for
    :func:`nzip.predictors.mix.primer_choice.choices`."""
    if content.kind != TEXT:
        return [COLD]
    words = not streams.experts and not streams.raw  # with experts, ways says who reads which form
    level, hurried = min(streams.level, LEVEL), streams.level <= HURRIED

    def chosen() -> list[Start]:
        return choices(
            data, streams.primed, streams.primer, words, streams.dictionary, payloads, level, hurried
        )

    if payloads is not None or streams.primer or streams.dictionary or len(data) > SHORT:
        return chosen()
    # A short text is coded as levels below would, too, who all choose alike.
    return POOL.once(("starts", data.tobytes(), streams.primed, words, level, hurried), chosen)


def _warm_rate(level: int, start: Start) -> int:
    """Where the learning rate of a stream begins that starts from a primer."""
    return plan(level, at.CODED if start.form and start.form.dictionary else TEXT).warm_rate


def _cost(coded: tuple[Descriptor, bytes]) -> int:
    descriptor, payload = coded
    return len(descriptor.pack(False)) + len(payload)
