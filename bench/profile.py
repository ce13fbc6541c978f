"""Where a level's time goes, and how far it is from what this machine can do.

The mix is one compiled function, so its parts cannot be timed inside it. Instead each part runs alone, over
the same bytes, with the kernel's own helpers and the level's own tables and widths (profile_parts.py):
context registers and hashes, match models, slot look-ups by the very hashes that the data gives, inputs and
bit histories, mixing, APMs, coder. What the whole level takes beyond their sum is "other"; where the
processor overlaps parts that run alone here, it is negative.

Beside that stands the machine's limit: for look-ups as many random accesses, prefetched in the same groups,
to a table of the level's size; for mixing the same arithmetic on weights that stay in the first cache; for
the rest their own time alone. Times are CPU time, the least of several rounds, the parts in turn within a
round."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench import profile_parts as parts
from nzip.benchmark import results as results_format
from nzip.benchmark.results import system_line

FORMAT = "profile-1"
WHOLE, RANDOM, RESIDENT = "whole", "random", "resident"
NAMES = {
    "contexts": "registers, hashes",
    "match": "match models",
    "lookups": "slot look-ups",
    "inputs": "inputs, bit histories",
    "mixing": "mixing",
    "apms": "APMs",
    "coder": "coder",
}


def _runs(data: np.ndarray, level: int) -> tuple[dict[str, Callable[[], Callable[[], object]]], dict]:
    """What to time, by name, each called after a ``fresh`` state was made for it; and the level's figures."""
    from nzip.coding.binary import STATE_SIZE, start_encoder
    from nzip.predictors.content import detect
    from nzip.predictors.mix.constants import S_WIDTH
    from nzip.predictors.mix.kernel import best
    from nzip.predictors.mix.plan import plan
    from nzip.predictors.mix.state import build

    content = detect(data)
    chosen = plan(level, content.kind, content.stride)
    contexts, size = len(chosen.recipes), len(data)

    def mix():
        state = build(chosen, size, content.stride, content.pixel, [0])
        for table in (state.slots, state.runs, state.match_table, state.history2):
            table.fill(
                0
            )  # pages that the system first gives when they are touched are no part of a level's speed
        return state

    first = mix()
    sets, width = len(first.set_kinds), int(first.setting[S_WIDTH])
    hashes = np.zeros((size, 2, contexts), np.uint64)
    parts.contexts(first, data, hashes, True)  # for the look-ups to follow
    nothing = np.zeros((0, 1, 0, 0), np.uint32)

    def whole():
        coder = np.zeros(STATE_SIZE, np.uint64)
        out = np.zeros(22 * size + 4096, np.uint8)
        state = mix()
        start_encoder(coder, len(out))
        return lambda: best(chosen)(state, data, np.array([size], np.int64), size, False, coder, out, nothing)

    def fresh(function, *arguments):
        """State first, outside the clock; then the call."""

        def prepare():
            state = mix()
            return lambda: function(state, *arguments)

        return prepare

    found = {
        WHOLE: whole,
        "contexts": fresh(parts.contexts, data, hashes, False),
        "contexts+match": fresh(parts.contexts, data, hashes, True),
        "lookups": fresh(parts.lookups, hashes),
        RANDOM: fresh(parts.random_accesses, size, contexts),
        "inputs": fresh(parts.inputs, data),
        "mixing": fresh(parts.mixing, data, False),
        RESIDENT: fresh(parts.mixing, data, True),
        "apms": fresh(parts.apms, data),
        "coder": lambda: lambda: parts.coder(data, np.zeros(8 * size + 4096, np.uint8)),
    }
    figures = {
        "level": level, "contexts": contexts, "sets": sets, "width": width, "slot_bytes": len(first.slots),
        "accesses_per_bit": contexts / 4,
    }  # fmt: skip
    return found, figures


def measure(
    data: bytes, levels: list[int], repeat: int = 3, tell: Callable[[str], None] = lambda line: None
) -> dict:
    """Time every part of every level over ``data`` (bytes); nanoseconds a bit of CPU time, the least of
    ``repeat`` rounds. Returns what :func:`show` shows and the JSON holds."""
    array = np.frombuffer(data, np.uint8).copy()
    found = []
    for level in levels:
        tell(f"-{level}: compiling")
        # One short round first, so that nothing is compiled while the clock runs.
        for prepare in _runs(array[:64], level)[0].values():
            prepare()()
        runs, figures = _runs(array, level)
        best: dict[str, float] = {}
        for number in range(repeat):
            for name, prepare in runs.items():
                tell(f"-{level}: {NAMES.get(name, name)} ({number + 1} of {repeat})")
                call = prepare()
                begin = time.process_time()
                call()
                spent = (time.process_time() - begin) * 1e9 / (8 * len(array))
                best[name] = min(best.get(name, spent), spent)
        found.append({**figures, **_shares(best), "kb_per_second": 1e6 / (8 * best[WHOLE])})
    return {"format": FORMAT, "date": results_format.now(), "machine": results_format.machine(),
            "bytes": len(array), "repeat": repeat, "levels": found}  # fmt: skip


def _shares(best: dict[str, float]) -> dict:
    """Nanoseconds a bit of the whole, of each part with its limit, and of what is left."""
    spent = {name: best[name] for name in NAMES if name != "match"}
    spent["match"] = max(0.0, best["contexts+match"] - best["contexts"])
    limits = {
        **spent,
        "lookups": min(best[RANDOM], spent["lookups"]),
        "mixing": min(best[RESIDENT], spent["mixing"]),
    }
    return {
        "ns_per_bit": best[WHOLE],
        "parts": [{"name": name, "ns_per_bit": spent[name], "limit": limits[name]} for name in NAMES],
        "other": best[WHOLE] - sum(spent.values()),
        "random_access_ns": best[RANDOM],
        "limit": sum(limits.values()),
    }


def show(found: dict, console: Console) -> None:
    """Print one table, and under it a line for each level."""
    table = Table(title=f"nanoseconds of CPU time a bit, over {found['bytes']:,} bytes", title_justify="left")
    table.add_column("")
    for level in found["levels"]:
        for heading in (f"-{level['level']}", "%", "limit"):
            table.add_column(heading, justify="right", style="dim" if heading == "limit" else None)

    def row(name: str, cells: Callable[[dict], tuple[float, float | None]], **style) -> None:
        line = [name]
        for level in found["levels"]:
            spent, limit = cells(level)
            line += [
                f"{spent:.1f}",
                f"{100 * spent / level['ns_per_bit']:.0f}",
                "" if limit is None else f"{limit:.1f}",
            ]
        table.add_row(*line, **style)

    def part(number: int) -> Callable[[dict], tuple[float, float | None]]:
        return lambda level: (level["parts"][number]["ns_per_bit"], level["parts"][number]["limit"])

    for number, label in enumerate(NAMES.values()):
        row(label, part(number))
    row("other", lambda level: (level["other"], None), end_section=True)
    row("whole", lambda level: (level["ns_per_bit"], level["limit"]), style="bold")
    console.print(table)
    for level in found["levels"]:
        accesses, each = level["accesses_per_bit"], level["random_access_ns"] / level["accesses_per_bit"]
        console.print(
            f"-{level['level']}: {level['kb_per_second']:.0f} KB/s. {level['contexts']} contexts make "
            f"{accesses:g} slot accesses a bit over {level['slot_bytes'] >> 20} MiB; so many random ones, "
            f"prefetched, take {level['random_access_ns']:.1f} ns here ({each:.1f} ns each). "
            f"{level['sets']} sets of {level['width']} weights. The level takes "
            f"{level['ns_per_bit'] / level['limit']:.2f} times the sum of the limits.",
            highlight=False,
        )
    console.print(f"{found['date'][:10]}, {system_line(found['machine'])}", style="dim", highlight=False)


def save(found: dict, path: Path) -> None:
    """Write the JSON whole or not at all."""
    results_format.save(found, path)
