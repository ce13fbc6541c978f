"""Which pieces of many files a primer holds: representative ones, the most typical last.

The pieces are kept that bring most six-byte sequences which other files have as well and no kept piece has
yet (the idea of zstd's COVER, over pieces instead of fixed segments), no file more than its fair share. What
is kept is put in order of how common its sequences are, since the mix trusts most what it saw last.

Concession: a sequence is known by the hash of one in thirty-two (as shipped primers choose themselves), so a
piece of a few dozen bytes may look like nothing at all.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple

import numpy as np

from nzip.predictors.mix.primers import sequences


class Piece(NamedTuple):
    """``data`` of the file of a number."""

    file: int
    data: bytes


def chosen(pool: list[Piece], size: int) -> list[Piece]:
    """What of the pool a primer of ``size`` bytes holds, in order."""
    return _typical_last(_cover(pool, size) if sum(len(p.data) for p in pool) > size else pool)


def _sequences(pieces: list[Piece]) -> tuple[list[np.ndarray], list[np.ndarray], int]:
    """For each piece the numbers (from 0) of its distinct sequences and how common these are elsewhere: in
    how many other files, where a file cut into n pieces has 1/n of what one of them has. And how many
    numbers."""
    each = [sequences(np.frombuffer(piece.data, np.uint8)) for piece in pieces]
    known, numbers = np.unique(np.concatenate(each), return_inverse=True)
    parts = np.bincount([piece.file for piece in pieces])
    weights = [1 / parts[piece.file] for piece in pieces]
    lengths = [len(found) for found in each]
    common = np.bincount(numbers, np.repeat(weights, lengths), len(known))
    own = np.split(numbers, np.cumsum(lengths)[:-1])
    # Rounded, so that sums of equal parts do not differ by the order of adding.
    return own, [np.round(common[n] - w, 9) for n, w in zip(own, weights, strict=True)], len(known)


def _cover(pieces: list[Piece], size: int) -> list[Piece]:
    """Pieces of ``size`` bytes together at most, greedily the one that brings most a byte. No file gets more
    than its fair share (but one piece) while others have something to give."""
    numbers, worth, count = _sequences(pieces)
    taken = [0] * (1 + max(piece.file for piece in pieces))
    kept: list[int] = []
    room = size
    left = set(range(len(pieces)))
    for share in (_fair_share(pieces, size), size):
        aside: set[int] = set()
        while left:
            # A piece's worth only falls while others are kept, so it is looked at again only when it comes
            # first.
            known = np.zeros(count, bool)
            heap = [(-_gain(worth[i], numbers[i], known, pieces[i]), i) for i in left]
            heapq.heapify(heap)
            before = len(left)
            while heap:
                _, i = heapq.heappop(heap)
                length, file = len(pieces[i].data), pieces[i].file
                if length > room:
                    left.discard(i)
                    continue
                if taken[file] and taken[file] + length > share:
                    left.discard(i)
                    aside.add(i)
                    continue
                now = _gain(worth[i], numbers[i], known, pieces[i])
                if heap and (-now, i) > heap[0]:
                    heapq.heappush(heap, (-now, i))
                    continue
                if now <= 0 and len(left) < before:
                    break  # all is known: begin again with the pieces that are left
                kept.append(i)
                left.discard(i)
                room -= length
                taken[file] += length
                known[numbers[i]] = True
        left = aside
    if not kept:
        return [pieces[0]._replace(data=pieces[0].data[:size])]
    return [pieces[i] for i in sorted(kept)]


def _gain(worth: np.ndarray, numbers: np.ndarray, known: np.ndarray, piece: Piece) -> float:
    return float(worth[~known[numbers]].sum()) / len(piece.data)


def _fair_share(pieces: list[Piece], size: int) -> float:
    """Bytes a file so that all files together, small ones whole, give ``size``."""
    sizes = np.sort(np.bincount([piece.file for piece in pieces], [len(piece.data) for piece in pieces]))
    sizes = sizes[sizes > 0]
    for done, one in enumerate(sizes):
        share = size / (len(sizes) - done)
        if one > share:
            return share
        size -= one
    return float(size)


def _typical_last(pieces: list[Piece]) -> list[Piece]:
    _, worth, _ = _sequences(pieces)
    common = [float(found.mean()) if len(found) else 0.0 for found in worth]
    return [pieces[i] for i in sorted(range(len(pieces)), key=lambda i: (common[i], i))]
