"""The pictures of a report: matplotlib SVG whose colours become CSS variables, so one file serves light and dark.

Each plot is drawn with placeholder colours; they are replaced by ``var(--…)`` and by ``currentColor``. Text stays text.
"""

from __future__ import annotations

import io
import re

# Placeholder → CSS. The placeholders are colours that nothing else uses.
_INK, _GRID = "#010203", "#040506"
_SERIES = [f"#0a0b{i:02x}" for i in range(8)]
_CSS = {_INK: "currentColor", _GRID: "var(--grid)", **{c: f"var(--s{i})" for i, c in enumerate(_SERIES)}}


def plots(results: dict) -> list[tuple[str, str, str]]:
    """(title, what to read in it, inline SVG) for each picture that the results have figures for."""
    out = []
    for file in [f["name"] for f in results["files"]]:
        entries = [(c["name"], c["files"][file]) for c in results["codecs"]]
        out.append((f"{file}: bytes a token", "More is shorter. Bars: 95% intervals.", _dots(
            [(n, e["counts"]["bytes_per_token"]) for n, e in entries], "bytes a token")))
        out.append((f"{file}: entropies", "Filled: plug-in. Hollow: held out. Where the two part, the plug-in value is "
                    "undersampled.", _entropies(entries)))
        if results["baselines"].get(file):
            out.append((f"{file}: bits per byte of the token stream", "Less is better; the dashed line is the best that the same "
                        "compressors do on the raw bytes.", _bars(results["baselines"][file], entries)))
    if results.get("mismatch"):
        data = results["mismatch"]
        out.append(("Domain mismatch", "Rows: trained on; columns: measured on.", _heat(data["domains"], data["excess"])))
    for c in results["codecs"]:
        if c.get("parity"):
            out.append((f"Parity: {c['name']}", f"Tokens against {c['parity']['reference']}; 1 is equal.", _dots(
                [(k, v["parity"]) for k, v in c["parity"]["languages"].items()], "tokens against the reference")))
    return out


def _figure(width: float, height: float):
    import matplotlib

    matplotlib.use("svg", force=False)
    from matplotlib.figure import Figure

    matplotlib.rcParams["svg.hashsalt"] = "tokenizers_lab"
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["font.family"] = "DejaVu Sans"
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    figure.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(_GRID)
    axes.tick_params(colors=_INK, labelsize=9, length=0)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    axes.grid(True, color=_GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def svg(figure) -> str:
    """The figure as an ``<svg>`` element with CSS colours and no fixed size."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r'\1 role="img"', text, count=1)
    text = re.sub(r"'DejaVu Sans'(, [^;\"]*)?", "inherit", text)
    # Ids are unique within one drawing only; a page holds many.
    salt = f"p{abs(hash_text(text)) % 10**8}-"
    text = re.sub(r'id="([^"]+)"', rf'id="{salt}\1"', text)
    text = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{salt}", text)
    for colour, css in _CSS.items():
        text = text.replace(colour, css)
    return text


def hash_text(text: str) -> int:
    """A small number from a text, the same in every process."""
    import zlib

    return zlib.crc32(text.encode())


def _dots(items, label) -> str:
    figure, axes = _figure(6.4, 0.8 + 0.34 * len(items))
    axes.grid(False, axis="y")
    for i, (name, entry) in enumerate(items):
        if entry["value"] is None:
            continue
        if entry["low"] is not None:
            axes.plot([entry["low"], entry["high"]], [i, i], color=_SERIES[0], linewidth=2.2, solid_capstyle="round", alpha=0.55)
        axes.plot([entry["value"]], [i], "o", color=_SERIES[0], markersize=6)
    axes.set_yticks(range(len(items)), [n for n, _ in items])
    axes.set_ylim(len(items) - 0.4, -0.6)
    axes.set_xlabel(label, fontsize=9)
    return svg(figure)


def _entropies(entries) -> str:
    figure, axes = _figure(6.4, 3.4)
    for i, (name, e) in enumerate(entries):
        colour = _SERIES[i % len(_SERIES)]
        ks = [h["k"] for h in e["entropies"]]
        style = "-" if i < len(_SERIES) else "--"
        axes.plot(ks, [h["value"] for h in e["entropies"]], style, marker="o", color=colour, label=name, linewidth=1.8, markersize=5)
        axes.plot(ks, [h["held_out"] for h in e["entropies"]], ":", marker="o", color=colour, linewidth=1.2, markersize=5,
                  markerfacecolor="none")
    axes.set_xticks(range(1, 6), [f"H{k}" for k in range(1, 6)])
    axes.set_ylabel("bits a token", fontsize=9)
    axes.set_ylim(bottom=0)
    legend = figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(_INK)
    return svg(figure)


def _bars(baseline, entries) -> str:
    names = list(baseline)
    figure, axes = _figure(6.4, 0.9 + 0.22 * len(names) * max(len(entries), 1))
    axes.grid(False, axis="y")
    height = 0.8 / len(names)
    for j, compressor in enumerate(names):
        places = [i - 0.4 + height * (j + 0.5) for i in range(len(entries))]
        values = [(e["stream_bits_per_byte"] or {}).get(compressor, {}).get("bits_per_byte", 0) for _, e in entries]
        axes.barh(places, values, height * 0.86, color=_SERIES[j % len(_SERIES)], label=compressor)
    axes.axvline(min(baseline[c]["bits_per_byte"] for c in names), color=_INK, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(entries)), [n for n, _ in entries])
    axes.set_ylim(len(entries) - 0.45, -0.55)
    axes.set_xlabel("bits per byte", fontsize=9)
    legend = figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    for text in legend.get_texts():
        text.set_color(_INK)
    return svg(figure)


def _heat(names, matrix) -> str:
    from matplotlib.patches import Rectangle

    figure, axes = _figure(1.6 + 0.9 * len(names), 1.0 + 0.55 * len(names))
    axes.grid(False)
    matrix = [[value or 0.0 for value in row] for row in matrix]
    top = max(max(row) for row in matrix) or 1.0
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            axes.add_patch(Rectangle(
                (j - 0.47, i - 0.45), 0.94, 0.9, color=_SERIES[1], alpha=min(1.0, 0.06 + 0.7 * max(value, 0) / top), linewidth=0))
            axes.text(j, i, f"{100 * value:+.0f}%", ha="center", va="center", color=_INK, fontsize=9)
    axes.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.set_xlim(-0.5, len(names) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)
    return svg(figure)
