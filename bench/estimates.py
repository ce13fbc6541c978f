"""How far off estimates are: ``python -m bench estimates FILES`` estimates each file, then compresses it in
the same process with each level, and prints both, with the median errors.

In the same minutes, because that is what an estimate is of: this machine as it is now. Times are CPU
seconds of the process. What is made once a machine (machine code, snapshots of primers) belongs to no file: a
run that made some is repeated, until one made none. A file may be named with a size (``moby_dick.txt:1M``):
then its beginning is a file of its own, estimated and compressed alone.

Concession: sizes are of one block; start-up is in neither time."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

import nzip
from nzip import cache
from nzip.benchmark import results as results_format
from nzip.benchmark.results import ResultsError, system_line
from nzip.benchmark.suites import Input

FORMAT = "estimates-1"
TRIES = 3  # that a run may have until it makes nothing


def measure(
    files: Sequence[Input],
    levels: Sequence[int],
    tell: Callable[[str], None] = lambda line: None,
    before: dict | None = None,
    keep: Callable[[dict], None] = lambda found: None,
) -> dict:
    """Estimates and truth of every file and level, in turn. ``before``: what an earlier run found, whose
    rows of other files and levels stay; ``keep``: given what there is after each row."""
    done = {(row["file"], row["level"]): row for row in before["rows"]} if before else {}
    for item in files:
        data = item.read()
        tell(f"{item.name}: estimating")
        nzip.estimate(data[: 1 << 14], levels)  # machine code
        began = time.process_time()
        found = nzip.estimate(data, levels)
        spent = time.process_time() - began
        for entry in found.levels:
            tell(f"{item.name}: compressing with {entry.name}")
            size, took, tries = _coded(data, entry.level)
            done.pop((item.name, entry.level), None)
            done[item.name, entry.level] = {
                "file": item.name,
                "bytes": len(data),
                "level": entry.level,
                "estimated_size": entry.size,
                "size": size,
                "estimated_cpu": entry.cpu_seconds,
                "cpu": took,
                "tries": tries,
                "estimated_memory": entry.memory,
                "estimating_cpu": spent,
            }
            keep(_receipt(list(done.values())))
    return _receipt(list(done.values()))


def _receipt(rows: list[dict]) -> dict:
    return {
        "format": FORMAT,
        "date": results_format.now(),
        "machine": results_format.machine(),
        "rows": rows,
        "errors": errors(rows),
        "by_level": {
            str(level): errors([row for row in rows if row["level"] == level])
            for level in sorted({row["level"] for row in rows})
        },
    }


def _coded(data: bytes, level: int | None) -> tuple[int, float, int]:
    """Compressed bytes, CPU seconds, and which run it was that made nothing."""
    for tries in range(1, TRIES + 1):
        there = cache.info()
        began = time.process_time()
        size = nzip.measure(data, level).compressed
        took = time.process_time() - began
        if cache.info() == there:
            break
    return size, took, tries


def load(path: Path) -> dict:
    """What an earlier run wrote. Raises :class:`ResultsError` for anything else."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise ResultsError(f"{path} is no JSON: {error}") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise ResultsError(f"{path} has no estimates ({FORMAT})")
    return found


def errors(rows: list[dict]) -> dict[str, float]:
    """How many there are, medians and largest of the relative errors, sizes and CPU times."""
    size = [abs(row["estimated_size"] / row["size"] - 1) for row in rows if row["size"]]
    cpu = [abs(row["estimated_cpu"] / row["cpu"] - 1) for row in rows if row["cpu"]]
    if not size or not cpu:
        return {}
    return {
        "files": len(rows),
        "size_median": statistics.median(size),
        "size_largest": max(size),
        "cpu_median": statistics.median(cpu),
        "cpu_largest": max(cpu),
    }


def show(found: dict, console: Console) -> None:
    """The table, and the errors."""
    table = Table(title="estimated, and as it was", title_justify="left")
    for head in ("file", "bytes", "level", "size ~", "size", "", "CPU s ~", "CPU s", ""):
        table.add_column(head, justify="left" if head == "file" else "right")
    for row in found["rows"]:
        table.add_row(
            row["file"],
            f"{row['bytes']:,}",
            f"-{row['level']}",
            f"{row['estimated_size']:,}",
            f"{row['size']:,}",
            f"{100 * (row['estimated_size'] / row['size'] - 1):+.1f} %",
            f"{row['estimated_cpu']:.2f}",
            f"{row['cpu']:.2f}",
            f"{100 * (row['estimated_cpu'] / row['cpu'] - 1):+.0f} %",
        )
    console.print(table)
    table = Table(title="errors", title_justify="left")
    for head in ("level", "files", "size, median", "largest", "CPU, median", "largest"):
        table.add_column(head, justify="right")
    by_level = [(f"-{level}", figures) for level, figures in found["by_level"].items()]
    for name, figures in (*by_level, ("all", found["errors"])):
        if figures:
            shares = (
                figures[f"{what}_{which}"] for what in ("size", "cpu") for which in ("median", "largest")
            )
            table.add_row(name, str(figures["files"]), *(f"{100 * share:.1f} %" for share in shares))
    console.print(table)
    console.print(f"{found['date'][:10]}, {system_line(found['machine'])}", style="dim", highlight=False)
