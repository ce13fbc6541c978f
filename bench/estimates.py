"""How far off estimates are: ``python -m bench estimates FILES`` estimates each file, then compresses it in
the same process with each level, and prints both, with the median errors.

In the same minutes, because that is what an estimate is of: this machine as it is now. Concession: sizes
are of one block; start-up is in neither time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

import nzip
from nzip.benchmark import results as results_format
from nzip.benchmark.results import system_line

FORMAT = "estimates-1"


def measure(files: list[Path], levels: list[int], tell: Callable[[str], None] = lambda line: None) -> dict:
    """Estimates and truth of every file and level, in turn."""
    rows = []
    for path in files:
        tell(f"{path.name}: estimating")
        began = time.process_time()
        found = nzip.estimate(path, levels)
        spent = time.process_time() - began
        data = path.read_bytes()
        for entry in found.levels:
            tell(f"{path.name}: compressing with {entry.name}")
            began = time.process_time()
            size = nzip.measure(data, entry.level).compressed
            took = time.process_time() - began
            rows.append(
                {
                    "file": path.name,
                    "bytes": len(data),
                    "level": entry.level,
                    "estimated_size": entry.size,
                    "size": size,
                    "estimated_cpu": entry.cpu_seconds,
                    "cpu": took,
                    "estimated_memory": entry.memory,
                    "estimating_cpu": spent,
                }
            )
    return {
        "format": FORMAT,
        "date": results_format.now(),
        "machine": results_format.machine(),
        "rows": rows,
        "errors": errors(rows),
    }


def errors(rows: list[dict]) -> dict[str, float]:
    """Medians and largest of the relative errors, sizes and CPU times."""
    size = [abs(row["estimated_size"] / row["size"] - 1) for row in rows if row["size"]]
    cpu = [abs(row["estimated_cpu"] / row["cpu"] - 1) for row in rows if row["cpu"]]
    if not size or not cpu:
        return {}
    return {
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
    for name, value in found["errors"].items():
        console.print(f"{name.replace('_', ', ')}: {100 * value:.1f} %", highlight=False)
    console.print(f"{found['date'][:10]}, {system_line(found['machine'])}", style="dim", highlight=False)
