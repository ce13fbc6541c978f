"""Which texts of a block want which primer: texts that want the same one are a stream, others another.

Two texts of different kinds, each after its own primer, take 2 to 40% less than in one stream; of one kind
they take as much; and texts that share their words, a program and its manual, take more apart. So texts are
told apart by what each primer knows of them (primers.scores): a long piece is cut only where that changes
altogether, and pieces go together by the primer that knows them best. Then texts that know nearly as much of
each other as their primers do are joined, and those for which trials choose the same primer
(primer_choice.py).

Concession: regions of 32 KiB, judged by 8 KiB of each: a text shorter than that in the middle of another
stays there, but for members of archives.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.mix import primers

REGION, SAMPLE = 1 << 15, 1 << 13
MOST = 1 << 9  # regions of a block that is one piece; of a longer one they are larger
JUDGED, SHORT = 1 << 10, 200  # so many of the largest regions are judged, none that is shorter
INSIDE, BETWEEN = 1.5, 0.02  # what a change costs, in regions that are all wrong
ALTOGETHER = 4  # so many times less than the best a primer must know to be wrong inside of a piece
UNKNOWN = 0.03  # a share of sequences that says nothing
LEAST = 1 << 13  # bytes of text that are worth a stream of their own
ALIKE = 0.6  # texts that know this share of what the primers know of each other are of one kind
PARTS, PART = 32, 1 << 14  # of a text, looked at for what it knows


def kinds(block: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pieces of text of ``block`` (uint8) that begin at ``starts`` and have ``lengths`` bytes (int64),
    cut further where their kind changes: kinds (int64, 0 for unknown, else a primer's number) and lengths of
    the pieces that this gives, in order."""
    size = max(REGION, int(lengths.sum()) // MOST)
    places, sizes, first = _regions(starts, lengths, size)
    known = _known(block, places, sizes)
    best = known.max(axis=1, keepdims=True)
    weight = (sizes / size)[:, None]
    wrong = np.clip(1 - ALTOGETHER * known / best, 0, 1) * (known[:, :1] < best) * weight
    wrong[:, 0] = 1  # what no primer knows is no reason for a cut
    roughly = _cheapest(wrong, np.where(first, 0, INSIDE))
    # regions become pieces
    begins = np.flatnonzero(first | (np.diff(roughly, prepend=-1) != 0))
    total = np.add.reduceat(sizes, begins)
    known = np.add.reduceat(known * sizes[:, None], begins) / total[:, None]
    wrong = (1 - known / known.max(axis=1, keepdims=True)) * (total / size)[:, None]
    found = _cheapest(wrong, np.full(len(total), BETWEEN))
    return _alike(block, found, places[begins], total, known), total


def _regions(starts: np.ndarray, lengths: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where regions begin, their bytes, and whether each is the first of its piece."""
    counts = np.maximum(1, (lengths + size // 2) // size)
    piece = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts, counts)
    last = number == counts[piece] - 1
    sizes = np.where(last, lengths[piece] - number * size, size)
    return starts[piece] + number * size, sizes, number == 0


def _known(block: np.ndarray, places: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """float64 (regions, kinds): what each primer knows of a region, 0 to 1, the unknown's share first; all
    alike where a region was not judged."""
    out = np.full((len(places), 1 + len(primers.index())), UNKNOWN)
    for r in np.argsort(-sizes, kind="stable")[:JUDGED]:
        if sizes[r] >= SHORT:
            begin = places[r] + max(0, (sizes[r] - SAMPLE) // 2)
            out[r, 1:] = primers.scores(block[begin : begin + min(sizes[r], SAMPLE)])
    return out


def _cheapest(prices: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The cheapest kinds in a row, a change before row r costing ``change[r]``."""
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
    return found


def _alike(
    block: np.ndarray, found: np.ndarray, starts: np.ndarray, sizes: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Kinds that have too few bytes become the largest one, and kinds whose texts know each other become the
    larger one."""
    total = np.bincount(found, sizes)
    largest = int(total.argmax())
    found = np.where(total[found] < LEAST, largest, found)
    order = sorted(set(found.tolist()), key=lambda kind: (-total[kind], kind))
    if len(order) == 1:
        return found
    words, best = {}, {}
    for kind in order:
        mine = found == kind
        words[kind] = _sequences(block, starts[mine], sizes[mine])
        best[kind] = max(
            float((known[mine] * sizes[mine, None]).sum(axis=0).max() / sizes[mine].sum()), UNKNOWN
        )
    for i in range(len(order) - 1, 0, -1):
        small = order[i]
        for large in order[:i]:
            shared = np.isin(words[small], words[large], assume_unique=True)
            if shared.mean() > ALIKE * best[small]:
                found = np.where(found == small, large, found)
                break
    return found


def _sequences(block: np.ndarray, starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Sequences (see primers.sequences) of a text that lies in pieces, of PARTS parts of it at most."""
    ends = np.cumsum(sizes)
    out = []
    for at in np.linspace(0, max(0, int(ends[-1]) - PART), min(PARTS, 1 + int(ends[-1]) // PART)).astype(
        np.int64
    ):
        piece = int(np.searchsorted(ends, at, side="right"))
        begin = starts[piece] + at - (ends[piece] - sizes[piece])
        out.append(block[begin : min(begin + PART, starts[piece] + sizes[piece])])
    return primers.sequences(np.concatenate(out))
