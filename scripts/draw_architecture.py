"""Draws docs/architecture.svg, the floors of both packages: ``python scripts/draw_architecture.py``.

The floors below are those of the import contracts in pyproject.toml (``[tool.importlinter]``), whose every
name must stand in the picture (tests/docs/test_pages.py). Written by hand as SVG: text stays text, one file
serves light and dark pages, and a changed floor is a changed line. Concession: widths of text are not
measured, so a longer note wants a look at the picture."""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path
from typing import NamedTuple

TARGET = Path(__file__).parents[1] / "docs" / "architecture.svg"


class Box(NamedTuple):
    """A room: its name, a note under it, how wide it is beside its neighbours."""

    name: str
    note: str = ""
    share: float = 1


class Floor(NamedTuple):
    """Rooms beside each other, which import only from below; ``kind``: the colour; ``joined``: it belongs to
    the floor above, so no arrow lies between."""

    kind: str
    boxes: tuple[Box, ...]
    joined: bool = False


def floor(kind: str, *boxes: Box | str, joined: bool = False) -> Floor:
    return Floor(kind, tuple(Box(b) if isinstance(b, str) else b for b in boxes), joined)


USER, SEAM, MODEL, EARTH = "u", "seam", "p", "e"
ABOVE = [
    floor(
        USER, Box("cli", "verbs of nzip and nzcat", 2), Box("plugins", "fsspec, shutil, numcodecs, Zarr", 2)
    ),
    floor(USER, Box("benchmark", "nzip bench: peers, suites, receipts")),
    floor(USER, Box("estimation", "nzip estimate: size, time, memory before the wait")),
    floor(
        USER,
        Box("explanation", "where bits go", 1.2),
        Box("curves", "over the place"),
        Box("diagnosis", "what is wrong"),
        Box("listing", "what is in it"),
        Box("testing", "conformance"),
    ),
    floor(
        USER,
        Box("file", "NzipFile"),
        Box("file_to_file", "whole files"),
        Box("streaming", "in pieces"),
        Box("reference", "plain decoder"),
        joined=True,
    ),
    floor(USER, Box("pricing", "what every byte costs, as arrays")),
    floor(USER, Box("cost_files", ".npy, .jsonl, .parquet")),
    floor(USER, Box("reading", "NzipFile reads"), Box("writing", "NzipFile writes")),
    floor(USER, Box("api", "bytes to bytes")),
    floor(USER, Box("options", "what compressing takes, said once")),
    floor(
        USER, Box("primer", "texts of your own to start from"), Box("training", "experts of your own (torch)")
    ),
    floor(USER, Box("container", "the format: frames, passport, index, recovery")),
    floor(SEAM, Box("codec", "one block: a predictor and a coder; stored where coding does not pay")),
]
PREDICTORS = [
    floor(MODEL, "registry"),
    floor(MODEL, "lm"),
    floor(MODEL, Box("mix", "context mixing: primers, words, what bytes cost")),
    floor(MODEL, "online", "transformer"),
    floor(MODEL, "ssm"),
    floor(MODEL, "llama"),
    floor(MODEL, "bare · distribution · expert_files · stepping"),
    floor(MODEL, "base · probe · model_files", "segmentation · tensor_table"),
    floor(MODEL, "content · own_primer · pricing · spelling"),
    floor(MODEL, "kinds"),
]
CODING = [
    floor(MODEL, Box("binary", "one bit at a time")),
    floor(MODEL, Box("symbols", "any alphabet")),
    floor(MODEL, Box("cdf", "exact integers")),
]
BELOW = [
    floor(EARTH, Box("exact", "njit, exp, log, softmax, processor intrinsics")),
    floor(EARTH, Box("io", "whole or not at all; opened once; others' magic numbers")),
    floor(EARTH, "cache · hashes · levels · memory", "strict_json · turns · varint · bits_per_byte"),
    floor(EARTH, "errors"),
]
LAB = [
    floor(USER, Box("cli", "verbs of tokenizers-lab")),
    floor(USER, Box("lm", "train, judge, export"), Box("analysis", "one family a file")),
    floor(USER, Box("report", "verdict, tables, pictures")),
    floor(USER, Box("datasets", "shards of tokens"), Box("training", "vocabularies")),
    floor(SEAM, Box("registry", "a spelling becomes a codec")),
    floor(MODEL, Box("codecs", "bytes, bpe, gzip, ac, equal-info: one a file")),
    floor(MODEL, Box("windows", "Equal-Info"), Box("bits_per_byte", "accounts")),
    floor(MODEL, Box("m1", "byte models"), Box("pretokenize", "splitters")),
    floor(MODEL, Box("codec", "what a tokenizer is: bytes to ids, and back")),
    floor(EARTH, Box("names", "others' tokenizers"), Box("sources", "others' data")),
    floor(EARTH, "files · jackknife"),
    floor(EARTH, "errors"),
]
STYLE = """
text{font-family:system-ui,"Segoe UI",Helvetica,Arial,sans-serif;text-anchor:middle;fill:#1f2937}
.t{font-size:14px;font-weight:600}.m{font-size:11.5px}.s{font-size:11px;fill:#374151}
.l{font-size:13px;fill:#7d8590;text-anchor:start}
.h{font-size:19px;font-weight:700;fill:#7d8590;text-anchor:start}
rect{stroke-width:1.5}
.u{fill:#dbeafe;stroke:#60a5fa}.seam{fill:#fde68a;stroke:#d97706}.p{fill:#d1fae5;stroke:#34d399}
.e{fill:#e5e7eb;stroke:#9ca3af}.frame{fill:none;stroke:#34d399}
.a,.d{fill:none;stroke:#7d8590;stroke-width:1.5}.d{stroke-dasharray:5 4}
"""
ABOUT = (
    "Two buildings of floors. In nzip the command line and plug-ins stand above benchmark, estimation and "
    "the library (explanation, curves, file, file_to_file, streaming, listing, diagnosis), which stand on "
    "pricing and api; below are the container, and codec, the seam; below it the predictors and the coders, "
    "then exact arithmetic and small common files. In tokenizers_lab the command line stands above language "
    "models, analysis, report, datasets, training, the registry, the codecs, windows and pre-tokenizers, and "
    "the byte models, which use nzip's predictors."
)
GAP, SIDE = 14, 8  # between floors, and between rooms


class Picture:
    """SVG, element by element; ``places``: of each floor that was put, its top and bottom."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def text(self, kind: str, x: float, y: float, said: str) -> None:
        self.parts.append(f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(said)}</text>')

    def arrow(self, kind: str, *points: tuple[float, float]) -> None:
        path = "L".join(f"{x:g} {y:g}" for x, y in points)
        self.parts.append(f'<path class="{kind}" d="M{path}" marker-end="url(#h)"/>')

    def frame(self, x: float, y: float, width: float, height: float, said: str) -> None:
        self.parts.append(
            f'<rect class="frame" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="8"/>'
        )
        self.text("l", x + 12, y + 19, said)

    def floors(
        self, floors: list[Floor], x: float, y: float, width: float, gap: float = GAP, upto: float = 0
    ) -> float:
        """Put ``floors`` from ``y`` down, arrows between them where the gap has room; where they end.
        ``upto``: they are stretched to end there."""
        heights = [38 if any(box.note for box in each.boxes) else 28 for each in floors]
        gaps = [0] + [SIDE if each.joined else gap for each in floors[1:]]
        if upto:
            more = (upto - y - sum(heights) - sum(gaps)) / len(floors)
            heights = [height + more for height in heights]
        for each, height, above in zip(floors, heights, gaps, strict=True):
            if above >= GAP:
                self.arrow("a", (x + width / 2, y), (x + width / 2, y + above - 2))
            y += above
            self._floor(each, x, y, width, height)
            y += height
        return y

    def _floor(self, each: Floor, x: float, y: float, width: float, height: float) -> None:
        share = (width - SIDE * (len(each.boxes) - 1)) / sum(box.share for box in each.boxes)
        for box in each.boxes:
            wide = share * box.share
            self.parts.append(
                f'<rect class="{each.kind}" x="{x:g}" y="{y:g}" width="{wide:g}" height="{height:g}" rx="6"/>'
            )
            middle = y + height / 2
            kind = "t m" if "·" in box.name else "t"  # several in one room
            self.text(kind, x + wide / 2, middle - 2 if box.note else middle + 5, box.name)
            if box.note:
                self.text("s", x + wide / 2, middle + 13, box.note)
            x += wide + SIDE


def draw() -> str:
    """The SVG."""
    picture = Picture()
    left, width, right, other = 20, 580, 660, 340
    picture.text("h", left, 30, "nzip")
    picture.text("h", right, 30, "tokenizers_lab")
    picture.text("l", left, 50, "files and users")
    picture.text("l", right, 50, "from text to tokens worth learning from")
    y = picture.floors(ABOVE, left, 60, width)
    picture.text("l", left, y + 20, "bytes and probabilities")
    top, inside = y + 28, 430
    for x in (left + inside / 2, left + width - 70):
        picture.arrow("a", (x, y), (x, top - 2))
    bottom = picture.floors(PREDICTORS, left + 12, top + 28, inside - 24, 6) + 12
    picture.frame(left, top, inside, bottom - top, "predictors: one expert a folder")
    beside = left + inside + SIDE
    picture.frame(beside, top, width - inside - SIDE, bottom - top - 60, "coding")
    picture.floors(CODING, beside + 10, top + 28, width - inside - SIDE - 20, SIDE, bottom - 72)
    own = floor(MODEL, Box("pretrained", "models, pinned"))
    picture.floors([own], beside, bottom - 50, width - inside - SIDE, upto=bottom)
    picture.arrow("a", (left + width / 2, bottom), (left + width / 2, bottom + GAP - 2))
    end = picture.floors(BELOW, left, bottom + GAP, width)
    # The lab stands on the same ground.
    lab_end = picture.floors(LAB, right, 60, other, 24)
    picture.arrow("d", (right, lab_end - 220), (right - 28, lab_end - 220), (right - 28, top + 40),
                  (left + width + 4, top + 40))  # fmt: skip
    picture.arrow("d", (right, 270), (right - 28, 270), (right - 28, 210), (left + width + 4, 210))
    note = "Every import goes downward, or along a dashed line from the lab to nzip. import-linter holds it."
    picture.text("l", left, end + 24, note)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1020 {end + 40:g}" role="img" '
        'aria-labelledby="title desc">\n<title id="title">The layers of nzip and tokenizers_lab</title>\n'
        f'<desc id="desc">{ABOUT}</desc>\n<style>{STYLE}</style>\n'
        '<defs><marker id="h" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path d="M0 0L8 4L0 8z" fill="#7d8590"/></marker></defs>\n'
    )
    return head + "\n".join(picture.parts) + "\n</svg>\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) if len(sys.argv) > 1 else TARGET).write_text(draw(), "utf-8")
