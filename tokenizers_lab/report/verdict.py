"""The answer first: every codec against every goal, as weighted means over the files, with intervals and
ranks.

A codec's rank for a goal is one more than the number of codecs that are surely better: whose difference from
it, on the same stretches of the same texts, has a 95% interval on the better side of 0. What the intervals do
not tell apart shares its rank and is marked as tied. A codec that loses bytes of a file that counts is shown
and never ranked, whatever its figures.

Concession: intervals are 95% each, so among many codecs one in twenty close calls is luck; they know of the
text's own variation, not of other texts."""

from __future__ import annotations

from dataclasses import dataclass, field

from tokenizers_lab.jackknife import of_sum
from tokenizers_lab.report.goals import BY_KEY, GOALS, Goal, figure
from tokenizers_lab.report.weights import matched


@dataclass
class Cell:
    """One codec's figure for one goal. ``half``: half the 95% interval, 0 where the figure is exact, None
    where the text is too short to say. ``rank``: None for codecs that are not ranked. ``tied``: another codec
    is not told apart from it."""

    value: float
    half: float | None
    rank: int | None = None
    tied: bool = False


@dataclass
class Verdict:
    """``cells[codec][goal]``; ``order``: the codecs by mean rank, those that lose bytes last. ``lost``: why a
    codec is not ranked. ``weights``: of every file."""

    goals: list[Goal]
    order: list[str]
    cells: dict[str, dict[str, Cell]]
    mean_rank: dict[str, float]
    lost: dict[str, str]
    weights: dict[str, float]
    settings: dict
    languages: list[str] = field(default_factory=list)

    def best(self, goal: str) -> list[str]:
        """The codecs of rank 1, the best value first."""
        sign = -1 if BY_KEY[goal].more else 1
        found = [n for n in self.order if goal in self.cells[n] and self.cells[n][goal].rank == 1]
        return sorted(found, key=lambda n: sign * self.cells[n][goal].value)


def verdict(results: dict, weights: dict[str, float] | None = None) -> Verdict | None:
    """Of a results file; None where it has no goals (version 1). ``weights``: as :func:`.weights.matched`
    takes them, else those of the results."""
    if "settings" not in results:
        return None
    files = [f["name"] for f in results["files"]]
    share = results["settings"]["weights"] if weights is None else matched(weights, files)
    counted = [f for f in files if share[f] > 0]
    codecs = results["codecs"]
    lost = {}
    for codec in codecs:
        bad = next((f for f in counted if codec["files"][f]["accounting"] != "ok"), None)
        if bad is not None:
            lost[codec["name"]] = f"{bad}: {codec['files'][bad]['accounting']}"
    cells: dict[str, dict[str, Cell]] = {c["name"]: {} for c in codecs}
    used = []
    for goal in GOALS:
        found = {c["name"]: [figure(results, c, f, goal.key) for f in counted] for c in codecs}
        found = {name: parts for name, parts in found.items() if all(parts)}
        if not found:
            continue
        used.append(goal)
        _fill(goal, found, [share[f] for f in counted], cells, lost)
    ranked = [c["name"] for c in codecs if c["name"] not in lost]
    mean = {}
    for name in ranked:
        ranks = [c.rank for c in cells[name].values() if c.rank is not None]
        mean[name] = sum(ranks) / len(ranks) if ranks else float("inf")
    order = sorted(ranked, key=lambda n: mean[n]) + [c["name"] for c in codecs if c["name"] in lost]
    languages = next((list(c["parity"]["languages"]) for c in codecs if c.get("parity")), [])
    return Verdict(used, order, cells, mean, lost, share, results["settings"], languages)


def _fill(goal: Goal, found: dict, weights: list[float], cells: dict, lost: dict) -> None:
    """The cells of one goal."""
    once = goal.key in ("parity", "embedding")  # of the codec, not of its files
    shares = [1.0] if once else weights
    values = {n: sum(w * p["value"] for w, p in zip(shares, parts)) for n, parts in found.items()}
    for name, parts in found.items():
        cells[name][goal.key] = Cell(values[name], _half(shares, parts))
    able = [n for n in found if n not in lost]
    sign = 1 if goal.more else -1
    for name in able:
        cell, better = cells[name][goal.key], 0
        for other in able:
            if other == name:
                continue
            ahead = sign * (values[other] - values[name])
            half = _half(shares, found[other], found[name])
            if half is None or abs(ahead) <= half:
                cell.tied = True
            elif ahead > 0:
                better += 1
        cell.rank = 1 + better


def _half(weights: list[float], parts: list[dict], others: list[dict] | None = None) -> float | None:
    """Half the interval of the weighted mean, or of its difference from another's on the same stretches."""
    if parts[0]["without"] is None:
        return 0.0
    terms = []
    for i, (weight, part) in enumerate(zip(weights, parts)):
        mine = part["without"]
        if others is not None:
            theirs = others[i]["without"]
            if len(mine) != len(theirs):  # stopped early, for slowness: each for itself
                return None if not mine or not theirs else _apart(weights, parts, others)
            mine = [a - b for a, b in zip(mine, theirs)]
        terms.append((weight, mine))
    return of_sum(terms)


def _apart(weights, parts, others) -> float | None:
    """The interval of a difference whose sides were not measured on the same stretches: of independent
    sums."""
    return of_sum(
        [(w, p["without"]) for w, p in zip(weights, parts)]
        + [(w, p["without"]) for w, p in zip(weights, others)]
    )
