"""Drawing for a report: matplotlib SVG whose colours become CSS variables, so one file serves light and dark.

Pictures are drawn with placeholder colours; they are replaced by ``var(--…)`` and by ``currentColor``. Text
stays text."""

from __future__ import annotations

import io
import re
import zlib

# Placeholder → CSS. The placeholders are colours that nothing else uses.
INK, GRID = "#010203", "#040506"
SERIES = [f"#0a0b{i:02x}" for i in range(8)]
_CSS = {INK: "currentColor", GRID: "var(--grid)", **{c: f"var(--s{i})" for i, c in enumerate(SERIES)}}


def figure(width: float, height: float):
    """(figure, axes) of so many inches, in the report's style."""
    import matplotlib  # start-up, and an optional dependency

    matplotlib.use("svg", force=False)
    from matplotlib.figure import Figure  # start-up, and an optional dependency

    matplotlib.rcParams["svg.hashsalt"] = "tokenizers_lab"
    matplotlib.rcParams["svg.fonttype"] = "none"
    matplotlib.rcParams["font.family"] = "DejaVu Sans"
    drawn = Figure(figsize=(width, height), layout="constrained")
    axes = drawn.add_subplot()
    drawn.patch.set_alpha(0)
    axes.patch.set_alpha(0)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GRID)
    axes.tick_params(colors=INK, labelsize=9, length=0)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.grid(True, color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    return drawn, axes


def legend(drawn) -> None:
    """A legend beside the axes."""
    for text in drawn.legend(loc="outside right upper", frameon=False, fontsize=9).get_texts():
        text.set_color(INK)


def svg(drawn) -> str:
    """The figure as an ``<svg>`` element with CSS colours and no fixed size."""
    out = io.StringIO()
    drawn.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
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
    return zlib.crc32(text.encode())
