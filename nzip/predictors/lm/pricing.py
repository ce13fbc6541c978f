"""What tokens cost: a lane's ledger while it is coded, and symbols put back to where they stand in the block.

Concession: finding the likeliest tokens passes over the vocabulary once more for each."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.predictors.llama.tokenizer import Vocabulary
from nzip.predictors.pricing import Guesses, PricedStream


class Ledger(NamedTuple):
    """What is written down of a lane's symbols: ``bits`` float64 (n,), and the likeliest before each,
    ``ranks`` int32 and ``chances`` float32 (n, k)."""

    bits: np.ndarray
    ranks: np.ndarray
    chances: np.ndarray

    @classmethod
    def of(cls, count: int, guesses: int) -> Ledger:
        """An empty one."""
        ranks = np.full((count, guesses), -1, np.int32)
        return cls(np.zeros(count), ranks, np.zeros((count, guesses), np.float32))


def named(ledger: Ledger, vocabulary: Vocabulary) -> Guesses:
    """The guesses with what they stand for, numbered anew, since few of the vocabulary are ever among the
    likeliest."""
    used = np.unique(ledger.ranks[ledger.ranks >= 0])
    numbers = np.where(ledger.ranks < 0, -1, np.searchsorted(used, ledger.ranks)).astype(np.int32)
    return Guesses(numbers, ledger.chances, [vocabulary.symbol_bytes(int(rank)) for rank in used])


def placed(stream: PricedStream, lengths: list[int], kind: int) -> PricedStream:
    """A stream of the text (``kind`` 0) or of the rest (1), by places in it, put back to where the spans are
    in the block; a symbol that goes on in the next span is cut there."""
    ends = np.cumsum(lengths)
    begins, own = (ends - lengths)[kind::2], np.array(lengths[kind::2], np.int64)
    borders = np.cumsum(own) - own
    starts, sizes, bits = stream.starts, stream.lengths.astype(np.int64), stream.bits
    if not len(starts):
        return stream
    inside = (borders > starts[:1]) & ~np.isin(borders, starts)
    number = np.searchsorted(starts, borders[inside], side="right") - 1
    cuts = borders[inside][borders[inside] < starts[number] + sizes[number]]
    if len(cuts):
        at = np.union1d(starts, cuts)
        number = np.searchsorted(starts, at, side="right") - 1
        upto = np.minimum(np.append(at[1:], own.sum()), starts[number] + sizes[number])
        bits = bits[number] * (upto - at) / sizes[number]
        starts, sizes = at, upto - at
        stream = stream.only(number)
    span = np.searchsorted(borders, starts, side="right") - 1
    return stream._replace(
        starts=starts - borders[span] + begins[span], lengths=sizes.astype(np.int32), bits=bits
    )
