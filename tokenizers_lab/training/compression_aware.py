"""Compression-aware BPE (Erdogan et al. 2026, arXiv 2601.09039): each merge is the one, among the most
frequent pairs, after which a validation stream compresses best.

Concession: the candidates' costs are measured on threads, so a compressor that holds Python's lock (none of
ours) would gain nothing from workers. Ties go to the more frequent pair, then to the smaller ids."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from tokenizers_lab.training.engine import Engine
from tokenizers_lab.training.objectives import Objective
from tokenizers_lab.training.stream import Stream

_SCREEN = Objective("entropy")


def choose(
    engine: Engine, stream: Stream, objective: Objective, candidates: int, pool: ThreadPoolExecutor, vetoed
):
    """The best of the candidate pairs as ``(a, b, cost)``, or None if no pair is left. ``vetoed(a, b)``
    excludes."""
    options = []
    wanted = candidates
    while True:
        found = engine.top(wanted)
        options = [(a, b) for a, b, _ in found if not vetoed(a, b)][:candidates]
        if len(options) == candidates or len(found) < wanted:
            break
        wanted *= 2
    if not options:
        return None
    # The id of a candidate's token: its own if the spelling exists already, else the next free one.
    ids = [engine.id_of(a, b) for a, b in options]
    news = [engine.tokens if i < 0 else i for i in ids]

    def cost(task):
        k, judge = task
        a, b = options[k]
        return judge.cost(stream.merged(a, b, news[k]).ids, engine.tokens + 1)

    judged = list(range(len(options)))
    if 0 < objective.shortlist < len(judged):
        screened = list(pool.map(cost, [(k, _SCREEN) for k in judged]))
        judged = sorted(sorted(judged, key=lambda k: (screened[k], k))[: objective.shortlist])
    costs = list(pool.map(cost, [(k, objective) for k in judged]))
    best = min(range(len(judged)), key=lambda i: (costs[i], judged[i]))
    a, b = options[judged[best]]
    return a, b, costs[best]
