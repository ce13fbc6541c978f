"""Which texts of a block want which primer: texts that want the same one are a stream, others another.

Two texts of different kinds, each after its own primer, take 2 to 40% less than in one stream; of one kind
they take as much. So texts are told apart by what each primer knows of them (primers.scores), region by
region, smoothed: between two pieces of text a change costs little, inside of one much. Streams whose trials
then choose the same primer (primer_choice.py) are joined.

Concession: regions of 32 KiB, judged by 8 KiB of each: a text shorter than that in the middle of another
stays there, but for members of archives.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.mix import primers

REGION, SAMPLE = 1 << 15, 1 << 13
MOST = 1 << 9  # regions of a block that is one piece; of a longer one they are larger
JUDGED, SHORT = 1 << 10, 200  # so many of the largest pieces are judged, none that is shorter
INSIDE, BETWEEN = 1.5, 0.1  # what a change costs, in regions that are all wrong
UNKNOWN = 0.03  # a share of sequences that says nothing
LEAST = 1 << 13  # bytes of text that are worth a stream of their own


def kinds(block: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of text of ``block`` (uint8) that begin at ``starts`` and have ``lengths`` bytes (int64),
    cut further where their kind changes: kinds (int64, 0 for unknown, else a primer's number) and lengths of
    the pieces that this gives, in order."""
    size = max(REGION, int(lengths.sum()) // MOST)
    places, sizes, first = _regions(starts, lengths, size)
    prices = np.zeros((len(places), 1 + len(primers.index())))
    for r in np.argsort(-sizes, kind="stable")[:JUDGED]:
        if sizes[r] >= SHORT:
            prices[r] = _prices(block, places[r], sizes[r]) * (sizes[r] / size)
    change = np.where(first, BETWEEN, INSIDE)
    # Viterbi, the first region without a change
    total, back = prices[0], np.zeros(prices.shape, np.int64)
    own = np.arange(prices.shape[1])
    for r in range(1, len(prices)):
        least = int(total.argmin())
        stays = total <= total[least] + change[r]
        back[r] = np.where(stays, own, least)
        total = np.where(stays, total, total[least] + change[r]) + prices[r]
    found = np.zeros(len(prices), np.int64)
    kind = int(total.argmin())
    for r in range(len(prices) - 1, -1, -1):
        found[r] = kind
        kind = int(back[r, kind])
    return _joined(found, sizes), sizes


def _regions(starts: np.ndarray, lengths: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where regions begin, their bytes, and whether each is the first of its piece."""
    counts = np.maximum(1, (lengths + size // 2) // size)
    piece = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    last = number == counts[piece] - 1
    sizes = np.where(last, lengths[piece] - number * size, size)
    return starts[piece] + number * size, sizes, number == 0


def _prices(block: np.ndarray, at: int, size: int) -> np.ndarray:
    """By kind, how wrong a region would be in it, 0 to 1."""
    begin = at + max(0, (size - SAMPLE) // 2)
    known = np.array([UNKNOWN, *primers.scores(block[begin : begin + min(size, SAMPLE)])])
    return 1 - known / known.max()


def _joined(found: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Kinds that have too few bytes become the largest one."""
    total = np.bincount(found, sizes)
    return np.where(total[found] < LEAST, int(total.argmax()), found)
