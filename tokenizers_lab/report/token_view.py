"""A passage as each codec cuts it, coloured: for the page (HTML) and the terminal (rich text).

Neighbouring tokens take the next of five colours; where there are no colours a bar stands between them. A
token without bytes of its own (gzip, arithmetic codes) is a small ``+`` where it ends; bytes that are not
UTF-8 alone are shown by their value in hexadecimal."""

from __future__ import annotations

import base64
import html
from typing import NamedTuple

COLOURS = 5
_NAMES = {"\n": "↵", "\t": "→", "\r": "␍", "\0": "␀"}


class Piece(NamedTuple):
    """``text``: what to show of a token, its line ends as ``↵``. ``token``: its id. ``colour``: 0 … 4."""

    text: str
    token: int
    colour: int


def pieces(view: dict, name: str) -> list[Piece]:
    """The tokens of a view (of a results file) under the codec ``name``."""
    raw = base64.b64decode(view["bytes"])
    shown = view["codecs"][name]
    out, at = [], 0
    for i, (end, token) in enumerate(zip(shown["ends"], shown["ids"])):
        out.append(Piece(visible(raw[at:end]) if end > at else "+", token, i % COLOURS))
        at = max(at, end)
    return out


def visible(raw: bytes) -> str:
    """Bytes for people: control characters as signs, what is no character alone as ``\\xNN``."""
    out = []
    for c in raw.decode("utf-8", "surrogateescape"):
        if "\udc80" <= c <= "\udcff":
            out.append(f"\\x{ord(c) - 0xDC00:02x}")
        elif c in _NAMES:
            out.append(_NAMES[c])
        else:
            out.append(c if c.isprintable() else f"\\u{ord(c):04x}")
    return "".join(out)


def as_html(view: dict, name: str) -> str:
    """The tokens as ``<span>`` elements; line ends break the line."""
    out = []
    for piece in pieces(view, name):
        text = html.escape(piece.text).replace("↵", "↵<br>")
        out.append(f'<span class="t{piece.colour}" title="{piece.token}">{text}</span>')
    return "".join(out)


_STYLES = ("black on cyan", "black on yellow", "black on green", "black on magenta", "black on white")


def as_lines(view: dict, name: str, width: int, most: int, coloured: bool) -> list:
    """The tokens as at most ``most`` rich texts of ``width`` cells; a passage that does not fit ends in
    ``…``."""
    from rich.cells import cell_len  # start-up
    from rich.text import Text  # start-up

    lines, line, used = [], Text(), 0

    def end_line():
        nonlocal line, used
        lines.append(line)
        line, used = Text(), 0

    for i, piece in enumerate(pieces(view, name)):
        style = _STYLES[piece.colour] if coloured else ""
        for c in ("" if coloured or i == 0 else "|") + piece.text:
            size = cell_len(c)
            if used + size > width:
                end_line()
            line.append(c, style)
            used += size
            if c == "↵":
                end_line()
        if len(lines) > most:
            break
    if used:
        end_line()
    if len(lines) > most:
        lines = lines[:most]
        lines[-1].truncate(width - 1)
        lines[-1].append("…")
    return lines
