"""``estimate``: sizes, times and memory of every level, from samples; and what ``--budget`` of ``compress``
chooses by. :mod:`nzip.estimation` does the work.

Concession: standard input cannot be sampled and then be read again, so it is refused.
"""

from __future__ import annotations

import dataclasses

import click

from nzip import estimation
from nzip.benchmark.whole import duration
from nzip.cli.inputs import STDIN, block_size_of, regular_files
from nzip.cli.options import Coding, Files, Running, Talking
from nzip.cli.tables import add_row, make_table, print_json, print_table
from nzip.cli.terminal import OK, StepBar, say
from nzip.exact.compiler import need_compiler
from nzip.io.safe_output import FileError


def estimate(
    files: Files,
    running: Running,
    talking: Talking,
    *,
    levels: list[int] | None = None,
    predictors: tuple[str, ...] = (),
    block_size: int | None = None,
    cold: bool = False,
    time_budget: float | None = None,
    as_json: bool = False,
) -> int:
    """The table, or JSON; with a budget, what keeps to it."""
    found = _sampled(files, running, talking, levels, predictors, Coding(block_size=block_size), cold)
    chosen = None
    if time_budget is not None or running.memory is not None:
        chosen = found.pick(seconds=time_budget, memory=running.memory)
    if as_json:
        value = found.as_json()
        if chosen is not None:
            value["chosen"] = {"level": chosen.level, "predictor": chosen.predictor}
        print_json({**value, "files": list(files)})
        return OK
    table = make_table(
        "level", "predictor", "size", "bits/byte", "CPU", "time", "MB", left=("level", "predictor")
    )
    for entry in found.levels:
        name = "" if entry.level is None else f"-{entry.level}"
        about = "" if entry.exact else "~"
        bits = f"{found.bits_per_byte(entry):.3f}" if found.raw else "-"
        add_row(
            table,
            f"{name} <" if entry is chosen else name,
            entry.predictor,
            f"{about}{entry.size:,}",
            bits,
            duration(entry.cpu_seconds),
            duration(entry.seconds),
            f"{entry.memory / 1e6:,.0f}",
        )
    print_table(table)
    if not talking.quiet:
        looked = f"{found.sampled:,} of {found.raw:,} bytes looked at"
        say(f"{looked}; decompressing takes about as long; starting takes a second more")
        if chosen is not None:
            say(f"the smallest within the budget: {chosen.name}")
    return OK


def within_budget(files: Files, coding: Coding, running: Running, talking: Talking) -> Coding:
    """``coding`` with the level that ``--budget`` and ``--memory`` leave, where a budget is given."""
    if coding.budget is None:
        return coding
    for given, name in ((coding.level, f"-{coding.level}"), (coding.predictor, "--predictor")):
        if given is not None:
            raise click.UsageError(f"--budget and {name}: give one of them")
    if coding.primer is not None:
        raise click.UsageError("--budget and --primer: what a primer of your own gains is not sampled")
    found = _sampled(files, running, talking, None, (), coding, coding.no_primer, coding.budget)
    chosen = found.pick(seconds=coding.budget, memory=running.memory)
    if not talking.quiet:
        say(
            f"{chosen.name}: about {chosen.size:,} bytes in {duration(chosen.seconds)},"
            f" {chosen.memory / 1e6:,.0f} MB"
        )
    return dataclasses.replace(coding, level=chosen.level, budget=None)


def _sampled(
    files: Files,
    running: Running,
    talking: Talking,
    levels: list[int] | None,
    predictors: tuple[str, ...],
    coding: Coding,
    cold: bool,
    enough: float | None = None,
) -> estimation.Estimate:
    if not files or STDIN in files:
        raise FileError("standard input: no sample can be taken of what is read once: name a file")
    need_compiler()
    with StepBar("sampling", talking.quiet) as bar:
        return estimation.estimate(
            regular_files(files, recursive=False),
            levels,
            predictors=predictors,
            primer=False if cold else None,
            block_size=block_size_of(coding),
            threads=running.threads,
            enough=enough,
            progress=bar.update,
        )
