"""A block of the mix, priced: coded as ever with a ledger at hand, its streams' symbols put back to where
their bytes stand in the block.

Concession: what the layout of segments costs is shared among them evenly, on each one's first byte."""

from __future__ import annotations

from functools import partial

import numpy as np

from nzip.predictors.kinds import KIND_NAMES, STORED, Content
from nzip.predictors.mix import cutting, trials
from nzip.predictors.mix import params as parameters
from nzip.predictors.mix import segments as layout
from nzip.predictors.mix.ledger import Ledger
from nzip.predictors.mix.params import Block, Descriptor, Stream
from nzip.predictors.mix.primer_choice import Start
from nzip.predictors.mix.primers import HABITS, HEAD, USER, named
from nzip.predictors.mix.segments import Segments
from nzip.predictors.mix.stream import Progress, Streams
from nzip.predictors.mix.words import symbols
from nzip.predictors.mix.words.options import Words
from nzip.predictors.pricing import Guesses, Priced, PricedStream, Wish, Worth, stored


def price(
    streams: Streams,
    block: np.ndarray,
    cut: cutting.Cut,
    wish: Wish,
    report: Progress,
) -> Priced:
    """``block`` (uint8), cut so, coded by ``streams`` and priced."""
    experts = bool(streams.experts)
    if cut.segments is None:
        places = np.arange(len(block), dtype=np.int64)
        descriptor, payload, priced = _stream(streams, block, cut.contents[0], None, places, wish, report)
        params = parameters.pack(Block(0, (Stream(descriptor, len(block), len(payload)),)), experts)
        return Priced(params, len(payload), (priced,))
    packed = layout.pack(cut.segments, len(cut.contents))
    each = 8 * len(packed) / len(cut.segments.streams)
    coded, found, total, done = list[Stream](), list[PricedStream](), len(packed), 0
    for number, content in enumerate(cut.contents):
        own = layout.gather(block, cut.segments, number)
        places, firsts = _places(cut.segments, number)
        told = partial(_later, report, done)
        descriptor, payload, priced = _stream(streams, own, content, cut.starts[number], places, wish, told)
        if len(payload) >= len(own):
            descriptor, payload = Descriptor(Content(STORED)), own.tobytes()
            priced = stored(len(own), places, priced.kind)
        priced.bits[np.searchsorted(priced.starts, firsts)] += each
        coded.append(Stream(descriptor, len(own), len(payload)))
        found.append(priced)
        total += len(payload)
        done += len(own)
        report(done)
    return Priced(parameters.pack(Block(len(packed), tuple(coded)), experts), total, tuple(found))


def _later(report: Progress, before: int, done: int) -> None:
    report(before + done)


def _places(segments: Segments, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Of a stream's bytes, their places in the block; and of its segments."""
    lengths = segments.lengths.astype(np.int64)
    begins = np.cumsum(lengths) - lengths
    mine = segments.streams == number
    begins, lengths = begins[mine], lengths[mine]
    own = np.cumsum(lengths) - lengths
    return np.repeat(begins - own, lengths) + np.arange(int(lengths.sum())), begins


def _stream(
    streams: Streams,
    data: np.ndarray,
    content: Content,
    start: Start | None,
    places: np.ndarray,
    wish: Wish,
    report: Progress,
) -> tuple[Descriptor, bytes, PricedStream]:
    """One stream, whose bytes stand at ``places`` in the block."""
    own = wish
    if wish.rows is not None:
        take = wish.rows
        own = wish._replace(rows=lambda at, rows: take(places[at], rows))
    ledger = Ledger(own)
    descriptor, payload = trials.encode(streams, data, content, report, start, ledger)
    kind = "noise" if content.kind == STORED else KIND_NAMES[content.kind]
    if descriptor.content.kind == STORED or len(payload) > len(data):
        return descriptor, payload, stored(len(data), places, kind)
    words = Words.parse(descriptor.words, streams.dictionary) if descriptor.words else None
    if words is None:
        in_coded = in_raw = np.arange(1, len(data) + 1)
    else:
        in_coded, in_raw = symbols.ends(words, data, ledger.coded)
    running = np.concatenate([[0.0], np.cumsum(ledger.bits, dtype=np.float64)])[
        np.concatenate([[0], in_coded])
    ]
    starts, lengths, number = _split(in_raw, places)
    whole = np.diff(in_raw, prepend=0)
    bits = (np.diff(running) / whole)[number] * lengths
    primer = descriptor.primer
    name = "" if not primer else "the user's own" if primer == USER else _primer_name(primer)
    return (
        descriptor,
        payload,
        PricedStream(
            kind, descriptor.form, name, len(data), len(payload), starts, lengths.astype(np.int32), bits,
            _worth(ledger, in_coded, number) if wish.worth else None,
            _guesses(ledger, words, in_coded, number) if wish.guesses else None,
        ),
    )  # fmt: skip


def _primer_name(code: int) -> str:
    if code == HEAD:
        return "head"
    found = named(code)
    return f"habits of {found.name}" if code & HABITS else found.name


def _split(in_raw: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Symbols that end at ``in_raw`` in their stream, as runs of bytes of the block: (first place, bytes,
    which symbol), cut where a stream goes on elsewhere."""
    jumps = np.flatnonzero(np.diff(places) != 1) + 1
    ends = in_raw if not len(jumps) else np.union1d(in_raw, jumps)
    begins = np.concatenate([[0], ends[:-1]])
    number = np.searchsorted(in_raw, begins, side="right")
    return places[begins], ends - begins, number


def _worth(ledger: Ledger, in_coded: np.ndarray, number: np.ndarray) -> Worth:
    """By symbol: the coded byte of it that was helped, and harmed, most speaks for it."""
    begins = np.concatenate([[0], in_coded[:-1]])
    gain, loss = np.maximum.reduceat(ledger.gain, begins), np.minimum.reduceat(ledger.loss, begins)
    # the first coded byte that reaches it
    helped = _first(ledger.gain, gain, begins, in_coded)
    harmed = _first(ledger.loss, loss, begins, in_coded)
    return Worth(
        ledger.names, ledger.total, ledger.best[helped][number], gain[number],
        ledger.worst[harmed][number], loss[number],
    )  # fmt: skip


def _first(values: np.ndarray, wanted: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Of each run from ``begins`` to ``ends``, the place of its first value that is ``wanted``."""
    of_run = np.repeat(np.arange(len(begins)), ends - begins)
    there = np.flatnonzero(values[: len(of_run)] == wanted[of_run])
    return there[np.searchsorted(of_run[there], np.arange(len(begins)))]


def _guesses(ledger: Ledger, words: Words | None, in_coded: np.ndarray, number: np.ndarray) -> Guesses:
    """By symbol: what was expected as its first coded byte."""
    begins = np.concatenate([[0], in_coded[:-1]])[number]
    names = symbols.names(words) if words is not None else [bytes([b]) for b in range(256)]
    return Guesses(ledger.guesses[begins].astype(np.int32), ledger.chances[begins], names)
