"""The verdict as one paragraph: which codec for which goal, and what it costs elsewhere.

Written from the same cells as the table, by rule: a sentence for each codec that is best somewhere (those
best for most goals first), with the goal of the text and the goal of the machine that it is furthest behind
in."""

from __future__ import annotations

from tokenizers_lab.report.goals import BY_KEY, Goal
from tokenizers_lab.report.verdict import Verdict

_SENTENCES = 6
_LOSERS = 3


def paragraph(found: Verdict, most: int = _SENTENCES) -> str:
    """Plain sentences; at most ``most`` codecs are spoken of."""
    ranked = [n for n in found.order if n not in found.lost]
    out = []
    if len(ranked) > 1:
        first = ranked[0]
        everywhere = all(c.rank == 1 for c in found.cells[first].values())
        if everywhere and found.cells[first]:
            out.append(f"{first} is best, or not told apart from the best, for every goal.")
        else:
            tops = ", ".join(f"{n} ({found.mean_rank[n]:.1f})" for n in ranked[:3])
            out.append(f"No codec is best for all; by mean rank over the goals: {tops}.")
        chosen: dict[str, list[Goal]] = {}
        for goal in found.goals:
            best = found.best(goal.key)
            if best and len(best) < len(ranked):
                chosen.setdefault(best[0], []).append(goal)
        spoken = sorted(chosen.items(), key=lambda item: -len(item[1]))
        out += [_sentence(found, name, goals) for name, goals in spoken[:most]]
        if len(spoken) > most:
            out.append(
                f"{_list([n for n, _ in spoken[most:]])} {_is(len(spoken) - most)} best for one goal each."
            )
        same = [g.words for g in found.goals if len(found.best(g.key)) == len(ranked)]
        if same:
            out.append(f"Nothing here tells the codecs apart in {_list(same)}.")
    for name, why in list(found.lost.items())[:_LOSERS]:
        out.append(f"{name} loses bytes ({why}): it is shown, not ranked.")
    if len(found.lost) > _LOSERS:
        out.append(f"{len(found.lost) - _LOSERS} more lose bytes and are not ranked.")
    return " ".join(out)


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sentence(found: Verdict, name: str, goals: list[Goal]) -> str:
    parts = []
    for goal in goals:
        others = [n for n in found.best(goal.key) if n != name]
        tie = f", like {', '.join(others[:2])}" + (f" and {len(others) - 2} more" if len(others) > 2 else "")
        parts.append(
            f"{goal.words} ({figure_text(goal, found.cells[name][goal.key].value)}{tie if others else ''})"
        )
    costs = _costs(found, name)
    return f"{name} is best for {_list(parts)}" + (f"; elsewhere it costs {_list(costs)}." if costs else ".")


def _costs(found: Verdict, name: str) -> list[str]:
    """Where it is furthest behind the best, in words: one goal of the text, one of the machine."""
    behind = []
    for goal in found.goals:
        cell, best = found.cells[name].get(goal.key), found.best(goal.key)
        if cell is None or cell.rank in (1, None) or not best:
            continue
        top = found.cells[best[0]][goal.key].value
        high, low = (top, cell.value) if goal.more else (cell.value, top)
        if low > 0:
            behind.append((high / low, goal))
    out = []
    for machine in (False, True):
        some = [x for x in behind if (x[1].key in ("speed", "embedding")) == machine]
        for factor, goal in sorted(some, key=lambda x: -x[0])[:1]:
            amount = f"{100 * (factor - 1):.2g}%" if factor < 2 else f"{factor:,.{int(factor < 10)}f} times"
            out.append(f"{amount} in {goal.words}")
    return out


def figure_text(goal: Goal, value: float) -> str:
    """A figure with its unit, short."""
    units = {
        "bytes_per_token": " bytes a token",
        "fertility": " tokens a word",
        "parity": " Gini",
        "speed": " MB/s",
        "embedding": " MB",
    }
    digits = 0 if value >= 100 else BY_KEY[goal.key].digits if value < 10 else 1
    return f"{value:.{digits}f}{units.get(goal.key, ' bits a byte')}"
