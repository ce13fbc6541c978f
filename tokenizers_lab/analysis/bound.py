"""A certified lower bound: no vocabulary of so many tokens can cut this text into fewer (as ConvexTok, arXiv
2605.22821, but by Lagrangian duality, not a solver of linear programmes).

The best vocabulary is a selection problem: every piece of text is a path over its bytes, a token may be used
only if it is chosen, at most ``room`` are chosen, single bytes are free. Relax "used only if chosen": a use
of token t at a place e costs λ(e) ≥ 0 more, and choosing t earns Λ(t), the sum of its λ. Then

    bound(λ) = Σ pieces count · shortest path under 1 + λ  −  the ``room`` largest Λ

for *every* λ, and the best λ gives what the linear relaxation gives. :func:`lower_bound` climbs by
subgradients with momentum, in floats, and evaluates in whole numbers, so what it returns is a bound even
where it has not converged; :func:`twin_bound` evaluates the same in plain Python. The tokens that were chosen
most often on the way are a vocabulary, too: how many tokens it needs says how much the bound may be improved
at most.

The bound holds for vocabularies of tokens that cross no border of pieces, have at most ``longest`` bytes and
occur at least ``least`` times; ``least=1`` is all of them. Substrings are told apart by 64-bit hashes; two
that shared one would lower the bound, never raise it. Concession: memory is some 30 bytes for each place at
which a token may stand, and a bound over long pieces needs ``least=2``.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from nzip.exact.jit import njit
from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.training.counts import count_corpus

UNIT = 1 << 16
_MOST = 1 << 30
# starts: edges of a place; sizes, tokens: an edge's bytes and token; ends: of pieces; counts: of each
Graph = namedtuple("Graph", ["starts", "sizes", "tokens", "ends", "counts"])


_FIRST, _LAST = 1.0, 0.003  # steps, in tokens a use


@dataclass
class Bound:
    """``tokens``: no fewer are possible of ``raw_bytes`` of text. ``candidates``: what may be a token.
    ``reached``: what the vocabulary ``strings`` (beside the 256 bytes), cut by fewest tokens, needs."""

    tokens: int
    raw_bytes: int
    candidates: int
    reached: int
    strings: list[bytes]


def graph_of(text: bytes, pre: str = "gpt2", longest: int = 64, least: int = 1) -> tuple[Graph, list[bytes]]:
    """The graph of all substrings of 2 to ``longest`` bytes that may be tokens, and what each token is."""
    data, ends, counts = count_corpus([text], PreTokenizer(pre)).table.arrays()
    n = len(data)
    left = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(n)  # bytes to the end of the piece
    weight = np.repeat(counts, np.diff(ends, prepend=0))
    places, hashes = np.arange(n), data.astype(np.uint64) + np.uint64(1)
    names: list[bytes] = []
    found_places, found_sizes, found_tokens = [], [], []
    for size in range(2, longest + 1):
        keep = left[places] >= size
        places, hashes = places[keep], hashes[keep]
        if not len(places):
            break
        with np.errstate(over="ignore"):
            hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + data[places + size - 1] + np.uint64(1)
            hashes ^= hashes >> np.uint64(29)
        _, one, which = np.unique(hashes, return_index=True, return_inverse=True)
        one = places[one]
        if least > 1:  # what is rare stays rare when it is longer
            often = np.bincount(which, weights=weight[places]) >= least
            keep = often[which]
            places, hashes = places[keep], hashes[keep]
            which, one = (np.cumsum(often) - 1)[which[keep]], one[often]
        if not len(places):
            break
        found_places.append(places.astype(np.int32))
        found_sizes.append(np.full(len(places), size, np.uint8))
        found_tokens.append((which + len(names)).astype(np.int32))
        names += [data[i : i + size].tobytes() for i in one.tolist()]
    if not found_places:
        raise LabError("the text is too small for a bound: no two bytes of it can be a token")
    at, sizes, ids = (np.concatenate(x) for x in (found_places, found_sizes, found_tokens))
    order = np.argsort(at, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=n))]).astype(np.int64)
    return Graph(starts, sizes[order], ids[order], ends.astype(np.int64), counts.astype(np.int64)), names


@njit(cache=True, nogil=True)
def evaluate(g, price, used, earned):
    """Σ count · shortest path in 1 / UNIT, with ``price`` (int32, of an edge); marks the edges of the paths
    in ``used`` (bool) and sums the prices of each token, weighted, in ``earned`` (int64)."""
    used[:] = False
    earned[:] = 0
    longest = np.int64(0)
    start = np.int64(0)
    for w in range(len(g.ends)):
        longest = max(longest, g.ends[w] - start)
        start = g.ends[w]
    best = np.empty(longest + 1, dtype=np.int64)
    back = np.empty(longest + 1, dtype=np.int64)
    total = np.int64(0)
    start = np.int64(0)
    for w in range(len(g.ends)):
        size = g.ends[w] - start
        count = g.counts[w]
        for k in range(1, size + 1):
            best[k] = np.int64(1) << 60
        best[0] = 0
        for k in range(size):
            here = best[k] + UNIT
            if here < best[k + 1]:
                best[k + 1] = here
                back[k + 1] = -1 - k
            for e in range(g.starts[start + k], g.starts[start + k + 1]):
                at = k + g.sizes[e]
                cost = here + price[e]
                if cost < best[at]:
                    best[at] = cost
                    back[at] = e
                earned[g.tokens[e]] += count * price[e]
        total += count * best[size]
        at = size
        while at > 0:
            e = back[at]
            if e >= 0:
                used[e] = True
                at -= g.sizes[e]
            else:
                at -= 1
        start = g.ends[w]
    return total


def lower_bound(
    text: bytes,
    vocab_size: int,
    *,
    pre: str = "gpt2",
    longest: int = 64,
    least: int = 1,
    rounds: int = 300,
    progress=None,
) -> Bound:
    """How few tokens any vocabulary of ``vocab_size`` (the 256 bytes included) could make of ``text``.
    ``rounds``: of climbing; more come nearer to the linear relaxation. ``progress(done, rounds, bound)``.
    Raises :class:`LabError` for a vocabulary smaller than the bytes and for a text without room for a
    bound."""
    room = vocab_size - 256
    if room < 0:
        raise LabError(f"vocabulary size {vocab_size} is smaller than its alphabet, the 256 bytes")
    if not 2 <= longest <= 255 or least < 1 or rounds < 1:
        raise LabError(
            "a bound takes tokens of at most 2 to 255 bytes, that occur once or more, and a round or more"
        )
    g, names = graph_of(text, pre, longest, least)
    candidates, room = len(names), min(room, len(names))
    used, earned = np.zeros(len(g.tokens), np.bool_), np.zeros(candidates, np.int64)
    occurs = np.bincount(g.tokens, weights=_weights(g), minlength=candidates)

    def the_most(of: np.ndarray) -> np.ndarray:
        out = np.zeros(candidates, np.bool_)
        out[np.argpartition(of, candidates - room)[candidates - room :] if room else []] = True
        return out

    def value(prices) -> tuple[int, np.ndarray]:
        total = int(evaluate(g, prices, used, earned))
        chosen = the_most(earned)
        return total - int(earned[chosen].sum()), chosen

    def alike(worth: float) -> np.ndarray:
        """Every token costs the same, paid by its occurrences in equal parts."""
        return np.minimum(worth / occurs * UNIT, _MOST)[g.tokens].astype(np.float32)

    prices = max((alike(2.0**k) for k in range(12)), key=lambda x: value(_whole(x))[0])
    speed = np.zeros(len(prices), np.float32)
    chosen_late = np.zeros(candidates, np.int64)
    best = 0
    for k in range(rounds):
        now, chosen = value(_whole(prices))
        best = max(best, now)
        speed *= 0.9
        speed += np.float32(0.1) * (used.astype(np.float32) - chosen[g.tokens])
        prices += np.float32(UNIT * _FIRST * (_LAST / _FIRST) ** (k / rounds)) * speed
        np.clip(prices, 0, _MOST, out=prices)
        if k >= rounds // 2:
            chosen_late += chosen
        if progress:
            progress(k + 1, rounds, _tokens(best, g))
    found = the_most(chosen_late)
    only = np.where(found[g.tokens], 0, _MOST).astype(np.int32)
    reached = int(evaluate(g, only, used, earned)) // UNIT
    strings = [names[i] for i in np.flatnonzero(found).tolist()]
    return Bound(_tokens(best, g), len(text), candidates, reached, strings)


def _tokens(best: int, g: Graph) -> int:
    """The bound in whole tokens; no vocabulary has less than a token a piece."""
    return max(int(g.counts.sum()), -(-best // UNIT))


def _whole(prices: np.ndarray) -> np.ndarray:
    return np.rint(prices).astype(np.int32)


def _weights(g: Graph) -> np.ndarray:
    """How often each edge's piece occurs."""
    first = np.concatenate([[0], g.ends[:-1]])
    return np.repeat(g.counts, g.starts[g.ends] - g.starts[first]).astype(np.float64)


def twin_bound(
    pieces: dict[bytes, int], room: int, prices: dict[tuple[bytes, int, int], Fraction]
) -> Fraction:
    """The formula above in plain Python: ``pieces`` with their counts, ``prices`` of (piece, start, end)."""
    total = Fraction(0)
    earned: dict[bytes, Fraction] = {}
    for piece, count in pieces.items():
        best = [Fraction(0)]
        for end in range(1, len(piece) + 1):
            ways = [best[end - 1] + 1]
            for start in range(end - 1):
                if (piece, start, end) in prices:
                    ways.append(best[start] + 1 + prices[piece, start, end])
                    token = piece[start:end]
                    earned[token] = earned.get(token, Fraction(0)) + count * prices[piece, start, end]
            best.append(min(ways))
        total += count * best[-1]
    return total - sum(sorted(earned.values(), reverse=True)[:room], Fraction(0))
