"""The size-speed picture: bits a byte against KB per CPU-second, which spans four powers of ten.

Each contender is a dot at its compression speed and a ring at its decompression speed, joined by a line;
nzip's levels are joined among themselves, and a grey stair leads along the Pareto front: whatever lies
above and left of it is both larger and slower than something else. Lower and further right is better. One
file serves light and dark pages: the ground is transparent, the ink a grey that is seen on both. What
others have published and was not run here (published.py) is a hollow diamond at its speed, or a dotted line
where its source has none, and says so."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

from nzip.benchmark.published import of
from nzip.benchmark.results import COLD, Summary, summaries

# Seen on white and on black alike: the picture has no ground of its own.
NZIP, PEER, INK = "#e8590c", "#5b84b1", "#808995"


def front(rows: list[Summary]) -> list[Summary]:
    """The rows that no other beats in both size and compression speed, the smallest first."""
    found: list[Summary] = []
    for row in sorted(rows, key=lambda row: (row.bits_per_byte, -row.compress_speed)):
        if not found or row.compress_speed > found[-1].compress_speed:
            found.append(row)
    return found


def draw(results: dict, path: Path, baseline: str = "zpaq", theirs: bool = True) -> None:
    """Draw the picture to ``path`` (PNG, SVG or PDF by its suffix). ``theirs``: with published figures.
    Raises :class:`ValueError` where there is nothing to draw or the suffix is none of these."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import FuncFormatter, NullLocator

    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ValueError(f"{path}: a picture is .png, .svg or .pdf")
    rows, _ = summaries(results, baseline)
    if any(row.kind == "nzip" and not row.key.endswith(COLD) for row in rows):
        rows = [
            row for row in rows if not row.key.endswith(COLD)
        ]  # the table has them; the line is of what people use
    if not rows:
        raise ValueError("there is nothing to draw: no contender did all files")
    figure, axes = pyplot.subplots(figsize=(8, 5), dpi=160)
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    axes.set_xscale("log")
    levels = sorted((row for row in rows if row.kind == "nzip"), key=lambda row: -row.bits_per_byte)
    axes.plot(
        [row.compress_speed for row in levels],
        [row.bits_per_byte for row in levels],
        color=NZIP,
        linewidth=1.6,
        zorder=2,
    )
    best = front(rows)
    axes.step(
        [row.compress_speed for row in best],
        [row.bits_per_byte for row in best],
        where="pre",
        color=INK,
        alpha=0.35,
        linewidth=2.5,
        solid_joinstyle="miter",
        zorder=0.5,
    )
    for row in rows:
        color = NZIP if row.kind == "nzip" else PEER
        y = row.bits_per_byte
        axes.plot(
            [row.compress_speed, row.decompress_speed],
            [y, y],
            color=color,
            linewidth=0.8,
            alpha=0.5,
            zorder=1,
        )
        axes.plot(
            row.decompress_speed,
            y,
            "o",
            markersize=5,
            markerfacecolor="none",
            markeredgecolor=color,
            zorder=3,
        )
        axes.plot(row.compress_speed, y, "o", markersize=7, color=color, zorder=4)
    published = of(results["files"]) if theirs else []
    speeds = [speed for row in rows for speed in (row.compress_speed, row.decompress_speed)]
    speeds += [entry.speed for entry in published if entry.speed]
    axes.set_xlim(min(speeds) / 2.5, max(speeds) * 2.5)
    for entry in published:
        said = f"{entry.label} (published{'' if entry.weights_counted else ', without weights'})"
        words: Any = {"va": "center", "fontsize": 8.5, "color": PEER, "fontstyle": "italic"}
        if entry.speed:
            place = (entry.speed, entry.bits_per_byte)
            axes.plot(*place, "D", markersize=6, markerfacecolor="none", markeredgecolor=PEER, zorder=4)
            axes.annotate(said, place, xytext=(9, 0), textcoords="offset points", **words)
        else:
            axes.axhline(entry.bits_per_byte, color=PEER, linewidth=0.8, linestyle=":", zorder=0.7)
            place = (axes.get_xlim()[1], entry.bits_per_byte)
            axes.annotate(said, place, xytext=(-2, 5), textcoords="offset points", ha="right", **words)
    values = [row.bits_per_byte for row in rows] + [entry.bits_per_byte for entry in published]
    margin = max((max(values) - min(values)) * 0.1, 0.02)
    axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value:,.0f}" if value >= 1 else f"{value:g}")
    )
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(color=INK, alpha=0.25, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK, length=0)
    axes.set_xlabel("KB per CPU-second (1 KB = 1000 bytes)   ●  compress    ○  decompress", color=INK)
    axes.set_ylabel("compressed bits per byte", color=INK)
    files = results["files"]
    names = ", ".join(file["name"] for file in files[:4]) + (
        f" and {len(files) - 4} more" if len(files) > 4 else ""
    )
    axes.set_title(f"Size against speed: {names}", color=INK, loc="left", fontsize=11)
    figure.tight_layout()
    _label(axes, figure, rows, levels, best)
    figure.savefig(path)
    pyplot.close(figure)


def _label(axes, figure, rows: list[Summary], levels: list[Summary], best: list[Summary]) -> None:
    """Write each name beside its dot, at the place where it covers the fewest dots, lines, steps of the stair
    and other names."""
    renderer = figure.canvas.get_renderer()

    def point(speed: float, row: Summary) -> tuple[float, float]:
        return tuple(axes.transData.transform((speed, row.bits_per_byte)))

    lines = [(point(row.compress_speed, row), point(row.decompress_speed, row)) for row in rows]
    lines += [(point(a.compress_speed, a), point(b.compress_speed, b)) for a, b in itertools.pairwise(levels)]
    stair: list = []
    for a, b in itertools.pairwise(best):
        corner = point(a.compress_speed, b)
        stair += [(point(a.compress_speed, a), corner), (corner, point(b.compress_speed, b))]
    dots = {row.key: point(row.compress_speed, row) for row in rows}
    frame = axes.get_window_extent(renderer)
    places = [
        (-8, 0, "right", "center"),
        (0, -8, "center", "top"),
        (0, 8, "center", "bottom"),
        (8, -6, "left", "top"),
        (8, 6, "left", "bottom"),
        (-8, 6, "right", "bottom"),
        (-8, -6, "right", "top"),
        (10, 0, "left", "center"),
    ]
    taken: list = []
    for row in rows:
        ours = row.kind == "nzip"
        tries: list = []
        ends = (row.compress_speed, row.decompress_speed)
        near = ends if max(ends) < 1.2 * min(ends) else ends[:1]  # a ring beside its dot is in the way too
        anchors = {"right": min(near), "left": max(near), "center": row.compress_speed}
        for dx, dy, ha, va in places:
            text = axes.annotate(
                row.label,
                (anchors[ha], row.bits_per_byte),
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=8.5,
                color=NZIP if ours else INK,
                zorder=5,
                fontweight="bold" if ours else "normal",
            )
            box = text.get_window_extent(renderer)
            faults = sum(box.padded(2).overlaps(other) for other in taken) + sum(
                _crosses(box.padded(3), *ends) for ends in lines
            )
            faults += 0.5 * sum(_crosses(box, *ends) for ends in stair)
            nearest = min(dots, key=lambda key: _distance(box, dots[key]))
            faults += _distance(box, dots[nearest]) < _distance(
                box, dots[row.key]
            )  # it would be taken for its
            outside = box.x0 < frame.x0 or box.x1 > frame.x1 or box.y0 < frame.y0 or box.y1 > frame.y1
            tries.append((faults + 10 * outside, len(tries), text, box))
        chosen = min(tries)
        for attempt in tries:
            if attempt is not chosen:
                attempt[2].remove()
        taken.append(chosen[3])


def _distance(box, place: tuple[float, float]) -> float:
    """From the box to the place, in pixels."""
    return math.hypot(
        max(box.x0 - place[0], place[0] - box.x1, 0), max(box.y0 - place[1], place[1] - box.y1, 0)
    )


def _crosses(box, start: tuple[float, float], end: tuple[float, float]) -> bool:
    """Does the segment touch the box? (Liang and Barsky's clipping.)"""
    low, high = 0.0, 1.0
    for a, b, least, most in ((start[0], end[0], box.x0, box.x1), (start[1], end[1], box.y0, box.y1)):
        if a == b:
            if not least <= a <= most:
                return False
            continue
        near, far = sorted(((least - a) / (b - a), (most - a) / (b - a)))
        low, high = max(low, near), min(high, far)
    return low <= high
