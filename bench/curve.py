"""What each part of a level's plan is worth: the plan as it is, then without one context, weight set or final
vector, the runs, the direct probabilities, the last APM, or all.

``python -m bench curve FILES --level 3`` codes the files' text with each of these plans, unprimed, its words
as codes or (``--raw``) as it is, the plans in turn within a round so that a slow minute falls on all alike,
and prints size and CPU time against the whole plan's: a part that costs more time than its share of the size
is a candidate to go. Concession: parts are left out one by one, so that two that stand in for each other both
look worthless."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.table import Table

from nzip.benchmark import results as results_format
from nzip.benchmark.results import system_line

if TYPE_CHECKING:
    from nzip.predictors.mix.plan import Plan

FORMAT = "curve-1"
SET_NAMES = (  # by selector (SET_...)
    "bits so far", "byte before", "match", "second byte", "known contexts", "shape", "column",
    "word position", "byte above", "third byte", "field", "expert", "edge",
    "class", "expected byte", "four shapes", "match and known contexts", "text folded", "signs",
    "bits so far and match",
)  # fmt: skip


def name_of(recipe) -> str:
    """A recipe in words: its registers with their masks."""
    from nzip.predictors.mix import constants

    names = {
        value: name[2:].lower()
        for name, value in vars(constants).items()
        if name.startswith("R_") and name != "R_NONE"
    }

    def part(register: int, mask: int) -> str:
        if register == constants.R_HISTORY and mask & (mask + 1) == 0 and mask.bit_length() % 8 == 0:
            return f"order {mask.bit_length() // 8}"
        return names[register] if mask == (1 << 64) - 1 else f"{names[register]}&{mask:x}"

    return " + ".join(part(register, mask) for register, mask in recipe)


def variants(plan: Plan) -> dict[str, Plan]:
    """By name: the plan, and the plan without each of its parts."""
    found = {"whole plan": plan}
    for i, recipe in enumerate(plan.recipes):
        found[f"without {name_of(recipe)}"] = replace(
            plan,
            recipes=plan.recipes[:i] + plan.recipes[i + 1 :],
            hits=_without(plan.hits, i),
            direct=_without(plan.direct, i),
            runs=_without(plan.runs, i),
        )
    if len(plan.sets) > 1:
        for i, kind in enumerate(plan.sets):
            found[f"without the set by {SET_NAMES[kind]}"] = replace(
                plan, sets=plan.sets[:i] + plan.sets[i + 1 :]
            )
    for i, kind in enumerate(plan.finals):
        found[f"without the final vector by {SET_NAMES[kind]}"] = replace(
            plan, finals=plan.finals[:i] + plan.finals[i + 1 :]
        )
    for name, part in (("runs", plan.runs), ("direct probabilities", plan.direct)):
        if part[0] < part[1]:
            found[f"without {name}"] = replace(plan, **{name.partition(" ")[0]: (0, 0)})
    if plan.third_apm:
        found["without the third APM"] = replace(plan, third_apm=False)
    if plan.apms:
        found["without the APMs"] = replace(plan, apms=False, third_apm=False)
    return found


def _without(contexts: tuple[int, int], i: int) -> tuple[int, int]:
    """A range of contexts when context ``i`` is gone."""
    begin, end = contexts
    return begin - (i < begin), end - (i < end)


def coded(kernel, plan: Plan, data: np.ndarray) -> tuple[int, float]:
    """(bytes, CPU seconds) of ``data`` (uint8) under ``plan``, whose own kernel that is, cold."""
    from nzip.coding.binary import STATE_SIZE, finish_encoder, start_encoder
    from nzip.predictors.mix.state import build

    mix = build(plan, len(data), 0, 1, [0])
    coder, bits = np.zeros(STATE_SIZE, np.uint64), np.zeros(22 * len(data) + 4096, np.uint8)
    start_encoder(coder, len(bits))
    begin = time.process_time()
    kernel(
        mix,
        data,
        np.array([len(data)], np.int64),
        len(data),
        False,
        coder,
        bits,
        np.zeros((0, 1, 0, 0), np.uint32),
    )
    spent = time.process_time() - begin
    return finish_encoder(coder, bits), spent


def _as_words(text: np.ndarray) -> np.ndarray:
    from nzip.predictors.mix.words import choice

    return choice.with_lines(text, choice.best(choice.sample(text))[1]).apply(text)


def measure(
    texts: dict[str, bytes],
    level: int,
    repeat: int,
    tell: Callable[[str], None] = lambda line: None,
    raw: bool = False,
) -> dict:
    """Every variant of ``level``'s plan over every text, its words as codes of the dictionary that leaves
    least or (``raw``) as it is; sizes, and the least CPU time of ``repeat`` rounds."""
    from nzip.predictors.content import TEXT
    from nzip.predictors.mix.constants import CODED
    from nzip.predictors.mix.kernel import make
    from nzip.predictors.mix.plan import plan

    plans = variants(plan(level, TEXT if raw else CODED))
    arrays = [np.frombuffer(text, np.uint8).copy() for text in texts.values()]
    if not raw:
        arrays = [_as_words(array) for array in arrays]
    # Each with a kernel made for it, as the level itself has one: compiled before the clock runs, and not
    # kept.
    kernels = {}
    for name, chosen in plans.items():
        tell(f"-{level}, {name}: compiling")
        kernels[name] = make(chosen, cache=False)
        coded(kernels[name], chosen, arrays[0][:1000])
    sizes: dict[str, list[int]] = {}
    cpu: dict[str, float] = {}
    for number in range(repeat):
        for name, chosen in plans.items():
            tell(f"-{level}, {name} ({number + 1} of {repeat})")
            results = [coded(kernels[name], chosen, array) for array in arrays]
            sizes[name] = [size for size, _ in results]
            spent = sum(seconds for _, seconds in results)
            cpu[name] = min(cpu.get(name, spent), spent)
    whole = sizes["whole plan"]
    rows = []
    for name in plans:
        logarithms = [math.log(a / b) for a, b in zip(sizes[name], whole, strict=True)]
        rows.append(
            {
                "name": name,
                "sizes": sizes[name],
                "cpu": cpu[name],
                "size_ratio": math.exp(sum(logarithms) / len(whole)),
                "cpu_ratio": cpu[name] / cpu["whole plan"],
            }
        )
    return {
        "format": FORMAT,
        "date": results_format.now(),
        "machine": results_format.machine(),
        "level": level,
        "form": "raw" if raw else "words",
        "files": {name: len(text) for name, text in texts.items()},
        "bytes": sum(map(len, texts.values())),
        "repeat": repeat,
        "rows": rows,
    }


def show(found: dict, console: Console) -> None:
    """Print the table, what is worth least first after the whole plan."""
    table = Table(
        title=f"-{found['level']}, {found['form']}, unprimed, over {', '.join(found['files'])}",
        title_justify="left",
    )
    for heading in ("", "size", "CPU time", "KB/s"):
        table.add_column(heading, justify="right" if heading else "left")
    first, *rest = found["rows"]
    for row in (first, *sorted(rest, key=lambda row: row["size_ratio"])):
        speed = found["bytes"] / 1000 / row["cpu"]
        table.add_row(
            row["name"],
            f"{100 * (row['size_ratio'] - 1):+.2f} %",
            f"{100 * (row['cpu_ratio'] - 1):+.0f} %",
            f"{speed:,.0f}",
        )
    console.print(table)
    console.print(f"{found['date'][:10]}, {system_line(found['machine'])}", style="dim", highlight=False)
