"""One HTML page of an explanation: a heat map of the data that scrolls at any size, and its tables.

The page needs nothing but itself. Symbols are packed column by column, deflated and written as Base64; the
browser unpacks them and draws only the rows that can be seen (page.html). Where all of a file would make the
page too large, its beginning is shown, and the page says so.

Concession: a browser of 2023 or later, for DecompressionStream."""

from __future__ import annotations

import base64
import json
import math
import zlib
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from nzip.explanation.colours import group_colours
from nzip.explanation.lines import text
from nzip.explanation.tables import Cost

if TYPE_CHECKING:
    from nzip.explanation import Explanation

LIMIT = 19_000_000  # bytes of a page
_POINTS = 400  # of the curve
# Bits by byte at which one colour ends and the next begins.
STEPS = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 4, 6, 8, 12)
_EXCERPT = 4000
_NAMES = 1 << 16


def page(found: Explanation, against: Explanation | None = None, limit: int = LIMIT) -> str:
    """The page, at most ``limit`` bytes; ``against``: a second pane beside the first."""
    both = [found] if against is None else [found, against]
    room = limit - len(_template()) - 200_000
    share = room // len(both)
    panes, said = [], []
    for one in both:
        packed, shown = _fitting(one, share)
        panes.append(packed)
        if shown < one.size:
            said.append(
                f"{one.name} under {one.predictor}: the first {shown:,} of {one.size:,} bytes are drawn; the "
                "tables and the curve are of all of them."
            )
    title = " against ".join(f"{one.name} under {one.predictor}" for one in both)
    return Template(_template()).substitute(
        title=escape(title),
        left_out="".join(f'<p class="note">{escape(line)}</p>' for line in said),
        summary=_summary(both),
        tables=_tables(both),
        curve=_curve(both),
        steps=json.dumps(STEPS),
        groups=json.dumps(group_colours([group for one in both for group in one.groups])),
        panes=json.dumps(panes).replace("<", "\\u003c"),
    )


def _template() -> str:
    return files("nzip.explanation").joinpath("page.html").read_text("utf-8")


def _fitting(found: Explanation, room: int) -> tuple[dict[str, Any], int]:
    """A pane of as many bytes as fit ``room``, and how many these are."""
    shown = min(found.size, 2 * room)
    while True:
        pane = _pane(found, shown)
        size = sum(len(part) for part in pane["columns"].values())
        if size <= room or shown < 1024:
            return pane, pane["size"]
        shown = int(shown * room / size * 0.97)


def _pane(found: Explanation, upto: int) -> dict[str, Any]:
    count = int(np.searchsorted(found.starts + found.lengths, upto, side="right"))
    lengths = found.lengths[:count]
    size = int(lengths.sum())
    # A symbol's length is written in a byte: longer ones, of which there are hardly any, in several.
    numbers = (
        np.repeat(np.arange(count), -(-lengths // 255)) if count and lengths.max() > 255 else np.arange(count)
    )
    if len(numbers) > count:
        first = np.searchsorted(numbers, np.arange(count))
        within = np.arange(len(numbers)) - first[numbers]
        parts = np.minimum(255, lengths[numbers] - 255 * within)
        bits = found.bits[numbers] * parts / lengths[numbers]
        lengths = parts
    else:
        bits = found.bits[:count]
    fine = np.minimum(bits * 64 + 0.5, 65535).astype(np.uint16)
    columns = {
        "text": np.frombuffer(found.data[:size], np.uint8),
        "lengths": lengths.astype(np.uint8),
        "low": (fine & 255).astype(np.uint8),
        "high": (fine >> 8).astype(np.uint8),
        "stream": np.minimum(found.stream[numbers], 255).astype(np.uint8),
    }
    # Numbers in two bytes: of more names than these hold, as of long texts under large vocabularies, the last
    # are left out.
    wide = max(map(len, found.names), default=0) > 256
    for k in range(found.guesses.shape[1]):
        guess = found.guesses[numbers, k]
        columns[f"guess{k}"] = (guess & 255).astype(np.uint8)
        if wide:
            columns[f"guessHigh{k}"] = (guess >> 8 & 255).astype(np.uint8)
        chance = np.where((guess < 0) | (guess >= _NAMES), 0, found.chances[numbers, k])
        # its cube root, so that small chances are told apart, too
        columns[f"chance{k}"] = np.rint(np.cbrt(np.minimum(chance, 1)) * 255).astype(np.uint8)
    if found.groups:
        columns["helped"], columns["harmed"] = found.helped[numbers], found.harmed[numbers]
        columns["gain"] = np.minimum(found.gain[numbers] * 8 + 0.5, 255).astype(np.uint8)
        columns["loss"] = np.minimum(-found.loss[numbers] * 8 + 0.5, 255).astype(np.uint8)
    return {
        "name": f"{found.name} under {found.predictor}",
        "size": size,
        "symbols": len(numbers),
        "groups": list(found.groups),
        "names": [[_visible(name) for name in names[:_NAMES]] for names in found.names[:256]],
        "streams": [
            ", ".join(filter(None, (s.kind, s.form and f"as {s.form}", s.primer and f"primer {s.primer}")))
            for s in found.segments[:256]
        ],
        "columns": {name: _packed(column) for name, column in columns.items()},
    }


def _packed(column: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(column.tobytes(), 9)).decode()


def _visible(data: bytes) -> str:
    """A guess as it is shown: control bytes by their pictures."""
    if len(data) == 1 and (data[0] < 33 or data[0] == 127):
        return {0x20: "\u2423", 0x7F: "\u2421"}.get(data[0], chr(0x2400 + data[0]))
    return text(data)


# Tables ----------------------------------------------------------------------------------------------------


def _table(caption: str, head: list[str], rows: list[list[str]], left: int = 1) -> str:
    def cells(tag: str, row: list[str]) -> str:
        return "".join(
            f"<{tag}{' class=l' if i < left else ''}>{escape(cell)}</{tag}>" for i, cell in enumerate(row)
        )

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    top = f"<caption>{escape(caption)}</caption><thead><tr>{cells('th', head)}</tr></thead>"
    return f"<table>{top}<tbody>{body}</tbody></table>"


def _summary(both: list[Explanation]) -> str:
    rows = [
        [
            one.name, one.predictor, f"{one.size:,}", f"{one.payload:,}",
            f"{one.bits_per_byte:.4f}" if one.size else "–", f"{len(one.bits):,}",
        ]
        for one in both
    ]  # fmt: skip
    head = ["file", "predictor", "bytes", "payload bytes", "bits per byte", "symbols"]
    return _table("What was explained", head, rows, left=2)


def _tables(both: list[Explanation]) -> str:
    out = []
    for one in both:
        out.append(f'<section class="tables"><h2>{escape(one.name)} under {escape(one.predictor)}</h2><div>')
        head = ["", "bytes", "bits", "of all", "bits per byte"]
        out.append(_table("By kind of byte", head, [_row(cost, one.total) for cost in one.kinds()]))
        if one.inputs:
            rows = [
                [row.group, f"{row.bits:,.0f}", f"{row.bits / max(one.total, 1e-9):+.1%}"]
                for row in one.inputs
            ]
            out.append(_table("Bits more without these inputs", ["inputs", "bits", "of all"], rows))
        segments = sorted(one.segments, key=lambda s: -s.bits)[:20]
        rows = [
            [s.kind, s.form or "bytes", s.primer or "–", f"{s.bytes:,}", f"{s.bits:,.0f}",
             f"{s.bits / s.bytes:.3f}" if s.bytes else "–"]
            for s in segments
        ]  # fmt: skip
        head = ["content", "coded as", "primer", "bytes", "bits", "bits per byte"]
        out.append(_table(f"By segment of content ({len(one.segments)})", head, rows, left=3))
        rows = [
            [text(w.word), f"{w.times:,}", f"{w.bits:,.0f}", f"{w.first:.1f}", f"{w.bits / w.times:.1f}"]
            for w in one.words(20)
        ]
        head = ["word", "times", "bits", "the first", "mean"]
        out.append(_table("The dearest words", head, rows))
        lines = sorted(one.lines(), key=lambda row: -row.bits)[:10]
        rows = [
            [row.what, text(one.data[row.start or 0 :][: min(60, row.bytes)].rstrip()), f"{row.bits:,.0f}",
             f"{row.bits_per_byte:.3f}"]
            for row in lines
        ]  # fmt: skip
        out.append(_table("The dearest lines", ["line", "text", "bits", "bits per byte"], rows, left=2))
        out.append("</div></section>")
    return "".join(out)


def _row(cost: Cost, total: float) -> list[str]:
    share = f"{cost.bits / total:.1%}" if total else "–"
    return [cost.what, f"{cost.bytes:,}", f"{cost.bits:,.0f}", share, f"{cost.bits_per_byte:.3f}"]


# The curve -------------------------------------------------------------------------------------------------


def _curve(both: list[Explanation]) -> str:
    """Bits per byte so far, against the place: an SVG of one line an explanation."""
    width, height, left, bottom = 720, 180, 44, 30
    lines, top, most = [], 0.0, max(one.size for one in both)
    if not most:
        return ""
    for one in both:
        running = np.concatenate([[0.0], np.cumsum(one.by_byte())])
        at = (
            np.unique(np.linspace(1, one.size, _POINTS).astype(np.int64))
            if one.size
            else np.zeros(0, np.int64)
        )
        values = running[at] / np.maximum(at, 1)
        lines.append((at, values))
        # the first bytes cost a lot, and would flatten all that follows
        settled = values[at > most / 50]
        top = max(top, float(settled.max()) * 1.15 if len(settled) else 8.0)
    step = _nice(max(top, 1e-3) / 4)
    top = step * -(-top // step) or step
    along = _nice(most / 5)
    plot_w, plot_h = width - left - 12, height - bottom - 8
    out = [f'<svg class="curve" viewBox="0 0 {width} {height}" role="img" aria-label="bits per byte so far">']
    for i in range(round(top / step) + 1):
        y = 8 + plot_h * (1 - step * i / top)
        out.append(f'<line class="grid" x1="{left}" x2="{width - 12}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{step * i:g}</text>')
    for i in range(int(most / along) + 1):
        x = left + plot_w * along * i / most
        anchor = "end" if x > width - 50 else "middle" if i else "start"
        out.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="{anchor}">{round(along * i):,}</text>')
    for number, (at, values) in enumerate(lines):
        points = " ".join(
            f"{left + plot_w * x / most:.1f},{8 + plot_h * (1 - min(v, top) / top):.1f}"
            for x, v in zip(at.tolist(), values.tolist(), strict=True)
        )
        out.append(f'<polyline class="pane{number}" points="{points}"/>')
    out.append("</svg>")
    keys = "".join(
        f'<span class="key pane{n}">{escape(one.name)} under {escape(one.predictor)}</span>'
        for n, one in enumerate(both)
    )
    return (
        f"<figure><figcaption>Bits per byte so far, by bytes read {keys}</figcaption>{''.join(out)}</figure>"
    )


def _nice(step: float) -> float:
    """The least of 1, 2, 5, 10 … that is no less than ``step``."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= step * 0.999)


def excerpt(found: Explanation) -> str:
    """The beginning, coloured, and the table of kinds, for a notebook."""
    spans, size = [], 0
    for start, length, bits in zip(found.starts.tolist(), found.lengths.tolist(), found.bits.tolist()):
        if size >= _EXCERPT:
            break
        part = text(found.data[start : start + length])
        level = int(np.searchsorted(STEPS, bits / length))
        style = f"background:rgba(214,69,20,{level / 18:.2f})"
        spans.append(f'<span style="{style}" title="{bits:.2f} bits">{escape(part)}</span>')
        size += length
    head = ["", "bytes", "bits", "of all", "bits per byte"]
    more = f"<p>the first {size:,} of {found.size:,} bytes</p>" if size < found.size else ""
    return (
        _table(repr(found)[1:-1], head, [_row(cost, found.total) for cost in found.kinds()])
        + f'<pre style="white-space:pre-wrap">{"".join(spans)}</pre>{more}'
    )
