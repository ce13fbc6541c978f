"""A passage of each text as every codec cuts it: what the report shows coloured.

A passage begins at a line, a third into the text's first MiB, and has at most ``MOST`` bytes; it is cut where
no character is. Its tokens are those of the text around it: a token that reaches over an end is shown as far
as the passage goes."""

from __future__ import annotations

import base64

import numpy as np

from tokenizers_lab.bits_per_byte import Tokenised

MOST = 320


def views(names: list[str], texts: dict[str, bytes], streams: dict[tuple[str, str], Tokenised]) -> list[dict]:
    """``[{"file", "start", "bytes" (base 64), "codecs": {name: {"ends", "ids"}}}]``; ``ends`` are relative to
    the passage, rising or equal (a token that adds no byte)."""
    out = []
    for file in texts:
        raw = streams[names[0], file].raw
        start, stop = passage(raw)
        shown = {}
        for name in names:
            stream = streams[name, file]
            first = int(np.searchsorted(stream.offsets[1:], start, side="right"))
            last = int(np.searchsorted(stream.offsets[:-1], stop, side="left"))
            ends = np.minimum(stream.offsets[first + 1 : last + 1], stop) - start
            shown[name] = {"ends": ends.tolist(), "ids": stream.ids[first:last].tolist()}
        text = base64.b64encode(raw[start:stop]).decode("ascii")
        out.append({"file": file, "start": start, "bytes": text, "codecs": shown})
    return out


def passage(raw: bytes) -> tuple[int, int]:
    """Where the passage of a text begins and ends."""
    start = raw.find(b"\n", len(raw) // 3) + 1
    if start == 0 or len(raw) - start < MOST // 2:
        start = 0
    stop = min(len(raw), start + MOST)
    while start < stop < len(raw) and raw[stop] & 0xC0 == 0x80:
        stop -= 1
    return start, stop
