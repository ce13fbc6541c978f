"""Does time grow linearly, and does memory stop growing? The first bytes of some files put together, in
several sizes, each compressed and decompressed in a process of its own and compared.

Speeds leave start-up and fixed costs out (tables, priming), as everywhere in the bench, and are per
CPU-second; peak memory is the whole process. Growth is called linear where the speed at the largest size is
at least 80% of that at the smallest: caches that overflow take their share of the rest.
"""

from __future__ import annotations

import hashlib
import lzma
import tempfile
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from nzip.benchmark import results as results_format
from nzip.benchmark.results import system_line
from nzip.benchmark.running import DATA_NAME, run_one
from nzip.curves import colours_of
from nzip.levels import LEVELS

FORMAT = "growth-1"
LINEAR = 0.8
_CHUNK = 1 << 20


class GrowthError(Exception):
    """One line: what is missing, or what failed."""


def concatenate(files: list[Path], size: int, target: Path) -> None:
    """Write the first ``size`` bytes of ``files``, one after the other, .xz unpacked, to ``target``."""
    left = size
    try:
        with open(target, "wb") as out:
            for path in files:
                with lzma.open(path) if path.suffix == ".xz" else open(path, "rb") as file:
                    while left and (data := file.read(min(_CHUNK, left))):
                        out.write(data)
                        left -= len(data)
    except (OSError, lzma.LZMAError) as error:
        raise GrowthError(str(error)) from None
    if left:
        raise GrowthError(
            f"the files hold {size - left:,} bytes together, and {size:,} are asked for: name more"
        )


def measure(
    files: list[Path],
    contenders: list,
    sizes: list[int],
    command: str,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Every contender at every size, small sizes first. Returns what the JSON holds."""
    found: dict = {
        "format": FORMAT,
        "date": results_format.now(),
        "command": command,
        "machine": results_format.machine(),
        "files": [path.name for path in files],
        "rows": [],
    }
    with tempfile.TemporaryDirectory(prefix="nzip-bench-") as scratch:
        data = Path(scratch) / DATA_NAME
        concatenate(files, max(sizes), data)  # too few bytes are told of before anything is timed
        for contender in contenders:
            tell(f"warming up: {contender.label}")
            data.write_bytes(b"x")
            run_one(contender, data, "")
        for size in sizes:
            concatenate(files, size, data)
            with open(data, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            for contender in contenders:
                tell(f"{contender.label}: {size:,} bytes")
                ran = run_one(contender, data, digest)
                if not ran["verified"]:
                    raise GrowthError(f"{contender.label} failed at {size:,} bytes: {ran['error']}")
                found["rows"].append(
                    {"contender": contender.key, "label": contender.label, "size": size, **ran}
                )
    found["verified"] = all(row["verified"] for row in found["rows"])
    return found


def seconds(row: dict, direction: str) -> float:
    """CPU seconds that grow with the size."""
    told = row[direction]
    return max(told["cpu"] - told["fixed_cpu"], 1e-9)


def speed(row: dict, direction: str) -> float:
    """KB (1000 bytes) a CPU-second."""
    return row["size"] / 1000 / seconds(row, direction)


def by_contender(found: dict) -> dict[str, list[dict]]:
    """The rows of each contender's label, small sizes first."""
    labels = dict.fromkeys(row["label"] for row in found["rows"])
    return {label: [row for row in found["rows"] if row["label"] == label] for label in labels}


def conclusions(found: dict) -> list[str]:
    """A line for each contender: the speed at the largest size against that at the smallest."""
    lines = []
    for label, rows in by_contender(found).items():
        first, last = rows[0], rows[-1]
        ratios = [speed(last, direction) / speed(first, direction) for direction in results_format.DIRECTIONS]
        verdict = "linear" if min(ratios) >= LINEAR else "NOT linear"
        more = last["compress"]["peak"] - first["compress"]["peak"]
        lines.append(
            f"{label}: {verdict}: from {first['size']:,} to {last['size']:,} bytes KB/s change by "
            f"{ratios[0]:.2f} compressing and {ratios[1]:.2f} decompressing, the peak by {more / 1e6:+.0f} MB"
        )
    return lines


def show(found: dict, console: Console) -> None:
    """Print the table and the conclusions."""
    table = Table(title="growth: CPU time and memory against size", title_justify="left")
    for head in ("", "bytes", "compressed", "bpb", "CPU s C", "CPU s D", "KB/s C", "KB/s D", "MB C", "MB D"):
        table.add_column(head, justify="left" if not head else "right")
    for label, rows in by_contender(found).items():
        for row in rows:
            table.add_row(
                label, f"{row['size']:,}", f"{row['bytes']:,}", f"{8 * row['bytes'] / row['size']:.3f}",
                *(f"{seconds(row, direction):.2f}" for direction in results_format.DIRECTIONS),
                *(f"{speed(row, direction):,.0f}" for direction in results_format.DIRECTIONS),
                *(f"{row[direction]['peak'] / 1e6:.0f}" for direction in results_format.DIRECTIONS),
                end_section=row is rows[-1],
            )  # fmt: skip
    console.print(table)
    for line in conclusions(found):
        console.print(line, highlight=False)
    console.print(f"{found['date'][:10]}, {system_line(found['machine'])}", style="dim", highlight=False)


def draw(found: dict, path: Path) -> None:
    """CPU seconds and peak memory against size, both on logarithmic scales; a dotted line is linear
    growth."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullLocator

    # An ink that is seen on white and on black alike, for the picture has no ground of its own.
    ink = "#808995"
    spellings = {f"nzip -{n}": entry.spelling or "" for n, entry in LEVELS.items()}
    rows_of = by_contender(found)
    colours = colours_of(spellings.get(label, label) for label in rows_of)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4.2), dpi=140, layout="constrained")
    figure.patch.set_alpha(0)
    sizes = sorted({row["size"] for row in found["rows"]})
    for (label, rows), color in zip(rows_of.items(), colours, strict=True):
        at = [row["size"] for row in rows]
        for direction, style in (("compress", "o-"), ("decompress", "s--")):
            name = f"{label} {direction}"
            left.plot(
                at, [seconds(row, direction) for row in rows], style, color=color, markersize=4, label=name
            )
            right.plot(
                at,
                [row[direction]["peak"] / 1e6 for row in rows],
                style,
                color=color,
                markersize=4,
                label=name,
            )
        start = seconds(rows[0], "compress")
        left.plot(at, [start * size / at[0] for size in at], ":", color=ink, linewidth=1)
    for axes, title, unit in (
        (left, "CPU time (dotted: linear growth)", "CPU seconds"),
        (right, "Peak memory", "MB (1 MB = 1,000,000 bytes)"),
    ):
        axes.patch.set_alpha(0)
        axes.set_xlabel("size of the file", color=ink)
        axes.set_ylabel(unit, color=ink)
        axes.tick_params(colors=ink)
        for spine in axes.spines.values():
            spine.set_color(ink)
        axes.set_xscale("log")
        axes.set_xticks(sizes, [f"{size / 1e6:g} MB" for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_title(title, loc="left", fontsize=10, color=ink)
        axes.grid(color=ink, alpha=0.25)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    left.set_yscale("log")
    left.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    left.yaxis.set_minor_locator(NullLocator())
    right.set_ylim(bottom=0)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower left", ncols=4, fontsize=8, frameon=False,
        labelcolor=ink,
    )  # fmt: skip
    figure.savefig(path)
    pyplot.close(figure)
