"""What a block's bytes cost: the answer of :meth:`nzip.predictors.base.Predictor.price`, and what may be
asked beside the bits.

A block is *streams* (of one content, or all there is), a stream is *symbols* (bytes, words, tokens), and a
symbol has bits. Bits are the coder's own, so that they sum to the payload but for what ends a stream.
Concession: these are reports in floating point; nothing here is on a coded path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Rows = Callable[[np.ndarray, np.ndarray], None]


class Wish(NamedTuple):
    """What is wanted beside the bits. ``guesses``: so many of the likeliest symbols before each; ``worth``:
    what each group of the mix's inputs was worth; ``rows``: called with places in the block, int64 (n,), and
    the distributions before these bytes, uint32 (n, 256), each summing to 2**24; ``raw``: streams are coded
    as raw bytes, even where words would be chosen."""

    guesses: int = 0
    worth: bool = False
    rows: Rows | None = None
    raw: bool = False


BITS_ALONE = Wish()


class Worth(NamedTuple):
    """What groups of inputs were worth: bits that a stream would cost more with their inputs at zero.
    ``groups``: their names; ``total`` float64 (groups,). By symbol, the group that helped most and the one
    that harmed most: ``best``, ``worst`` uint8 (n,), and how many bits: ``gain``, ``loss`` float32 (n,)."""

    groups: tuple[str, ...]
    total: np.ndarray
    best: np.ndarray
    gain: np.ndarray
    worst: np.ndarray
    loss: np.ndarray


class Guesses(NamedTuple):
    """The likeliest symbols before each: ``numbers`` int32 (n, k), most likely first, -1 for none; what each
    number stands for in ``names``; ``chances`` float32 (n, k)."""

    numbers: np.ndarray
    chances: np.ndarray
    names: Sequence[bytes]


class PricedStream(NamedTuple):
    """One stream of a block. ``kind``: of its content; ``form``: "" for raw bytes, "words", "lines",
    "tokens", "stored"; ``primer``: what it starts from, "" for nothing; ``size``: its bytes; ``coded``: those
    of its payload. ``starts`` int64 (n,), ``lengths`` int32 (n,), ``bits`` float64 (n,): each symbol's bytes
    in the block, in rising order, and what they cost. ``worth``, ``guesses``: where they were wanted and
    there are any."""

    kind: str
    form: str
    primer: str
    size: int
    coded: int
    starts: np.ndarray
    lengths: np.ndarray
    bits: np.ndarray
    worth: Worth | None = None
    guesses: Guesses | None = None

    def only(self, which: np.ndarray) -> PricedStream:
        """The symbols of these numbers, int64 (m,), some perhaps more than once, as they are."""
        worth, guesses = self.worth, self.guesses
        if worth is not None:
            parts = (worth.best, worth.gain, worth.worst, worth.loss)
            worth = Worth(worth.groups, worth.total, *(part[which] for part in parts))
        if guesses is not None:
            guesses = Guesses(guesses.numbers[which], guesses.chances[which], guesses.names)
        starts, lengths, bits = self.starts[which], self.lengths[which], self.bits[which]
        return self._replace(starts=starts, lengths=lengths, bits=bits, worth=worth, guesses=guesses)


class Priced(NamedTuple):
    """A block that was coded and priced: its params, the bytes of its payload, its streams."""

    params: bytes
    payload: int
    streams: tuple[PricedStream, ...]


def stored(size: int, starts: np.ndarray | None = None, kind: str = "stored") -> PricedStream:
    """A stream that is stored: eight bits a byte. ``starts``: where its bytes are in the block; None: at its
    beginning."""
    if starts is None:
        starts = np.arange(size, dtype=np.int64)
    return PricedStream(
        kind, "stored", "", size, size, starts, np.ones(size, np.int32), np.full(size, 8.0, np.float64)
    )


def by_byte(streams: Sequence[PricedStream], size: int) -> np.ndarray:
    """The bits of each of a block's ``size`` bytes, each symbol's spread evenly over its own: float64."""
    out = np.empty(size)
    for stream in streams:
        lengths = stream.lengths
        within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        out[np.repeat(stream.starts, lengths) + within] = np.repeat(stream.bits / lengths, lengths)
    return out
