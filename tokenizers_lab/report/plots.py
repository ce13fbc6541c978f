"""The pictures of a report. Those of compressed tokens stand in ``window_plots.py``; ``drawing.py`` is the
style of both."""

from __future__ import annotations

from tokenizers_lab.report.drawing import INK, SERIES, figure, legend, svg
from tokenizers_lab.report.window_plots import window_plots


def plots(results: dict) -> list[tuple[str, str, str]]:
    """(title, what to read in it, inline SVG) for each picture that the results have figures for."""
    out = []
    for file in [f["name"] for f in results["files"]]:
        entries = [(c["name"], c["files"][file]) for c in results["codecs"]]
        out.append(
            (
                f"{file}: bytes a token",
                "More is shorter. Bars: 95% intervals.",
                _dots([(n, e["counts"]["bytes_per_token"]) for n, e in entries], "bytes a token"),
            )
        )
        out.append(
            (
                f"{file}: entropies",
                "Filled: plug-in. Hollow: held out. Where the two part, the plug-in value is undersampled.",
                _entropies(entries),
            )
        )
        out += window_plots(results, file)
        if results["baselines"].get(file):
            out.append(
                (
                    f"{file}: bits per byte of the token stream",
                    (
                        "Less is better; the dashed line is the best that the same "
                        "compressors do on the raw bytes."
                    ),
                    _bars(results["baselines"][file], entries),
                )
            )
    if results.get("mismatch"):
        data = results["mismatch"]
        out.append(
            (
                "Domain mismatch",
                "Rows: trained on; columns: measured on.",
                _heat(data["domains"], data["excess"]),
            )
        )
    for c in results["codecs"]:
        if c.get("parity"):
            out.append(
                (
                    f"Parity: {c['name']}",
                    f"Tokens against {c['parity']['reference']}; 1 is equal.",
                    _dots(
                        [(k, v["parity"]) for k, v in c["parity"]["languages"].items()],
                        "tokens against the reference",
                    ),
                )
            )
    return out


def _dots(items, label) -> str:
    drawn, axes = figure(6.4, 0.8 + 0.34 * len(items))
    axes.grid(False, axis="y")
    for i, (name, entry) in enumerate(items):
        if entry["value"] is None:
            continue
        if entry["low"] is not None:
            axes.plot(
                [entry["low"], entry["high"]],
                [i, i],
                color=SERIES[0],
                linewidth=2.2,
                solid_capstyle="round",
                alpha=0.55,
            )
        axes.plot([entry["value"]], [i], "o", color=SERIES[0], markersize=6)
    axes.set_yticks(range(len(items)), [n for n, _ in items])
    axes.set_ylim(len(items) - 0.4, -0.6)
    axes.set_xlabel(label, fontsize=9)
    return svg(drawn)


def _entropies(entries) -> str:
    drawn, axes = figure(6.4, 3.4)
    for i, (name, e) in enumerate(entries):
        colour = SERIES[i % len(SERIES)]
        ks = [h["k"] for h in e["entropies"]]
        style = "-" if i < len(SERIES) else "--"
        axes.plot(
            ks,
            [h["value"] for h in e["entropies"]],
            style,
            marker="o",
            color=colour,
            label=name,
            linewidth=1.8,
            markersize=5,
        )
        axes.plot(
            ks,
            [h["held_out"] for h in e["entropies"]],
            ":",
            marker="o",
            color=colour,
            linewidth=1.2,
            markersize=5,
            markerfacecolor="none",
        )
    axes.set_xticks(range(1, 6), [f"H{k}" for k in range(1, 6)])
    axes.set_ylabel("bits a token", fontsize=9)
    axes.set_ylim(bottom=0)
    legend(drawn)
    return svg(drawn)


def _bars(baseline, entries) -> str:
    names = list(baseline)
    drawn, axes = figure(6.4, 0.9 + 0.22 * len(names) * max(len(entries), 1))
    axes.grid(False, axis="y")
    height = 0.8 / len(names)
    for j, compressor in enumerate(names):
        places = [i - 0.4 + height * (j + 0.5) for i in range(len(entries))]
        values = [
            (e["stream_bits_per_byte"] or {}).get(compressor, {}).get("bits_per_byte", 0) for _, e in entries
        ]
        axes.barh(places, values, height * 0.86, color=SERIES[j % len(SERIES)], label=compressor)
    axes.axvline(min(baseline[c]["bits_per_byte"] for c in names), color=INK, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(entries)), [n for n, _ in entries])
    axes.set_ylim(len(entries) - 0.45, -0.55)
    axes.set_xlabel("bits per byte", fontsize=9)
    legend(drawn)
    return svg(drawn)


def _heat(names, matrix) -> str:
    from matplotlib.patches import Rectangle  # start-up, and an optional dependency

    drawn, axes = figure(1.6 + 0.9 * len(names), 1.0 + 0.55 * len(names))
    axes.grid(False)
    top = max((value for row in matrix for value in row if value is not None), default=0.0) or 1.0
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            axes.add_patch(
                Rectangle(
                    (j - 0.47, i - 0.45),
                    0.94,
                    0.9,
                    color=SERIES[1],
                    alpha=min(1.0, 0.06 + 0.7 * max(value or 0.0, 0) / top),
                    linewidth=0,
                )
            )
            axes.text(
                j,
                i,
                "–" if value is None else f"{100 * value:+.0f}%",
                ha="center",
                va="center",
                color=INK,
                fontsize=9,
            )
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return svg(drawn)
