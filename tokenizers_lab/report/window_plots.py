"""The pictures of compressed tokens: bit n-grams, stability, prefix perturbation, the window sweep."""

from __future__ import annotations

from tokenizers_lab.report.drawing import GRID, SERIES, figure, legend, svg


def window_plots(results: dict, file: str) -> list[tuple[str, str, str]]:
    """As ``plots.plots``, for one file."""
    entries = [(c["name"], c["files"][file]) for c in results["codecs"]]
    out = []
    compressed = [(n, e["bit_ngrams"]) for n, e in entries if e.get("bit_ngrams")]
    if compressed:
        out.append(
            (
                f"{file}: distance of bit n-grams from uniform",
                (
                    "Solid: aligned; dotted: overlapping; median and 5–95% over 100 "
                    "partitions, Miller–Madow. Dashed: as many random bits. On the control's line, bits are "
                    "uniform."
                ),
                _bits(compressed),
            )
        )
    windows = [(n, e["stability"]) for n, e in entries if e.get("stability")]
    if any(len(s) > 1 for _, s in windows):
        out.append(
            (
                f"{file}: stability of token → text",
                (
                    "Chance that two tokens with the same id, at the same position of their windows, "
                    "stand for the same text."
                ),
                _stability(windows),
            )
        )
    perturbed = [(n, e["perturbation"]) for n, e in entries if e.get("perturbation")]
    if perturbed:
        out.append(
            (
                f"{file}: reach of a changed byte",
                (
                    "Share of 1 KiB passages by the edit distance of their tokens after one byte near the "
                    "beginning changed, relative to length. 0: the tokens fall in step at once."
                ),
                _reach(perturbed),
            )
        )
    sweep = results.get("window_sweep", {}).get(file)
    if sweep:
        out.append(
            (
                f"{file}: window sweep",
                f"Bytes a token of Equal-Info Windows under M1 {sweep['m1']}; dashed: without windows.",
                _sweep(sweep),
            )
        )
    return out


def _bits(items) -> str:
    drawn, axes = figure(6.4, 3.6)
    for i, (name, data) in enumerate(items):
        colour = SERIES[i % len(SERIES)]
        for kind, style in (("aligned", "-"), ("overlapping", ":")):
            curve = data["stream"][kind]
            ns = [p["n"] for p in curve]
            axes.plot(
                ns,
                [p["p50"] for p in curve],
                style,
                color=colour,
                linewidth=1.8,
                label=name if kind == "aligned" else None,
            )
        axes.fill_between(
            ns,
            [p["p5"] for p in data["stream"]["aligned"]],
            [p["p95"] for p in data["stream"]["aligned"]],
            color=colour,
            alpha=0.18,
            linewidth=0,
        )
        axes.plot(
            ns, [p["p50"] for p in data["control"]["aligned"]], "--", color=colour, linewidth=1, alpha=0.7
        )
    axes.set_yscale("symlog", linthresh=1e-3)
    axes.set_xlabel("n", fontsize=9)
    axes.set_ylabel("KL, bits an n-gram", fontsize=9)
    legend(drawn)
    return svg(drawn)


def _stability(items) -> str:
    drawn, axes = figure(6.4, 3.2)
    for i, (name, positions) in enumerate(items):
        kept = [p for p in positions if p["stability"] is not None]
        axes.plot(
            [p["position"] + 1 for p in kept],
            [p["stability"] for p in kept],
            "-",
            marker="o",
            color=SERIES[i % len(SERIES)],
            label=name,
            linewidth=1.8,
            markersize=5,
        )
    axes.set_ylim(0, 1.05)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("position in the window", fontsize=9)
    axes.set_ylabel("stability", fontsize=9)
    legend(drawn)
    return svg(drawn)


def _reach(items) -> str:
    drawn, axes = figure(6.4, 0.9 + 0.5 * len(items))
    axes.grid(False, axis="y")
    for i, (name, data) in enumerate(items):
        histogram = data["edits"]["change"]["histogram"]
        top = max(histogram)
        for b, count in enumerate(histogram):
            if count:
                axes.bar(
                    (b + 0.5) / len(histogram),
                    0.8 * count / top,
                    0.9 / len(histogram),
                    bottom=len(items) - 1 - i,
                    color=SERIES[i % len(SERIES)],
                    linewidth=0,
                )
        axes.axhline(len(items) - 1 - i, color=GRID, linewidth=0.8)
    axes.set_yticks([len(items) - 0.6 - i for i in range(len(items))], [n for n, _ in items])
    axes.set_ylim(-0.1, len(items))
    axes.set_xlim(0, 1)
    axes.set_xlabel("edit distance / length", fontsize=9)
    return svg(drawn)


def _sweep(sweep) -> str:
    drawn, axes = figure(6.4, 3.2)
    widths = [w["width"] for w in sweep["windows"]]
    for i, bits in enumerate((8, 16)):
        colour = SERIES[i]
        axes.plot(
            widths,
            [w[f"per_token_{bits}"] for w in sweep["windows"]],
            "-",
            marker="o",
            color=colour,
            linewidth=1.8,
            markersize=5,
            label=f"{bits}-bit tokens",
        )
        axes.axhline(sweep["ac"][f"per_token_{bits}"], color=colour, linestyle="--", linewidth=1)
    axes.set_xscale("log", base=2)
    axes.set_xticks(widths, [str(w) for w in widths])
    axes.minorticks_off()
    axes.set_ylim(bottom=0)
    axes.set_xlabel("bits a window", fontsize=9)
    axes.set_ylabel("bytes a token", fontsize=9)
    legend(drawn)
    return svg(drawn)
