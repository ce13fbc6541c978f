"""Bits per byte against the place in the data, for several predictors: how fast each of them learns.

StateSMix's curve. :func:`bits_over_position` computes it, a :class:`Curve` is JSON or a picture. Concession:
the picture needs matplotlib, which nzip itself does not."""

from __future__ import annotations

import dataclasses
import io
import itertools
import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nzip.errors import NzipError
from nzip.io.safe_output import Output
from nzip.levels import LEVELS
from nzip.predictors.base import Predictor
from nzip.pricing import costs

if TYPE_CHECKING:
    from typing_extensions import Buffer

SCHEMA = "nzip.curve/1"
PICTURES = (".svg", ".png", ".pdf")
POINTS = 500
# A level has its colour in every picture; told apart by those who see few colours, on light and dark ground.
LEVEL_COLOURS = {
    0: "#15aabf", 1: "#228be6", 2: "#0c8599", 3: "#e8590c", 4: "#a67c00", 5: "#2f9e44", 6: "#ae3ec9",
    7: "#7c6fd6", 8: "#e03131",
}  # fmt: skip
_OTHERS = ("#d6447f", "#868e96", "#5fb3bf", "#b08968")  # of predictors that are no level
_INK = "#808995"  # seen on white and on black alike: the picture has no ground of its own


class Line(NamedTuple):
    """One predictor: ``places`` int64 (n,), bytes read; ``bits_per_byte`` float64 (n,), of all up to there;
    ``local`` float64 (n,): of the bytes since the place before."""

    predictor: str
    places: np.ndarray
    bits_per_byte: np.ndarray
    local: np.ndarray


def colours_of(spellings: Iterable[str]) -> list[str]:
    """A colour for each predictor: its level's own, else the next of those that no level has."""
    levels = {entry.spelling: LEVEL_COLOURS[n] for n, entry in LEVELS.items() if entry.spelling}
    others = itertools.cycle(_OTHERS)
    return [levels[spelling] if spelling in levels else next(others) for spelling in spellings]


@dataclasses.dataclass(frozen=True, eq=False)
class Curve:
    """``lines`` of one text, called ``name``, of ``size`` bytes."""

    name: str
    size: int
    lines: tuple[Line, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain values, with the schema's name."""
        return {
            "schema": SCHEMA,
            "file": self.name,
            "size": self.size,
            "lines": [
                {
                    "predictor": line.predictor,
                    "places": line.places.tolist(),
                    "bits_per_byte": [round(v, 6) for v in line.bits_per_byte.tolist()],
                    "local": [round(v, 6) for v in line.local.tolist()],
                }
                for line in self.lines
            ],
        }

    def save(self, path: str, force: bool = True) -> None:
        """Write JSON, or a picture by the suffix. Raises as :func:`check`, and :class:`OSError`."""
        suffix = check(path)
        if suffix == ".json":
            content = json.dumps(self.as_json(), indent=1).encode() + b"\n"
        else:
            content = self.picture(suffix[1:])
        with Output(path, force=force) as out:
            out.write(content)
            out.commit()

    def picture(self, kind: str = "svg") -> bytes:
        """The picture, on a transparent ground: "svg", "png" or "pdf"."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # optional
        from matplotlib.figure import Figure  # optional
        from matplotlib.ticker import FuncFormatter  # optional

        figure = Figure(figsize=(8, 4.2), dpi=160, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        figure.patch.set_alpha(0)
        axes.patch.set_alpha(0)
        top = 0.0
        for line, colour in zip(self.lines, colours_of(line.predictor for line in self.lines), strict=True):
            end = f" ({line.bits_per_byte[-1]:.3f})" if len(line.places) else ""
            axes.plot(
                line.places, line.bits_per_byte, color=colour, linewidth=1.8, label=line.predictor + end
            )
            settled = line.bits_per_byte[line.places > self.size / 50]
            top = max(top, float(settled.max()) * 1.1 if len(settled) else 0.0)
        axes.set_ylim(0, top or 8)
        axes.set_xlim(0, max(self.size, 1))
        axes.set_title(f"Bits per byte so far: {self.name}", loc="left", fontsize=11, color=_INK)
        axes.set_xlabel("bytes read", color=_INK)
        axes.set_ylabel("bits per byte of all bytes read", color=_INK)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.tick_params(colors=_INK, length=0)
        axes.grid(color=_INK, alpha=0.25, linewidth=0.7)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(_INK)
        figure.legend(
            loc="outside lower left",
            ncols=min(4, max(1, len(self.lines))),
            frameon=False,
            labelcolor=_INK,
            fontsize=9,
        )
        out = io.BytesIO()
        figure.savefig(out, format=kind, metadata={"Date": None} if kind == "svg" else None)
        return out.getvalue()

    def _repr_svg_(self) -> str:
        return self.picture("svg").decode()


def check(path: str) -> str:
    """The suffix of a file for a curve. Raises :class:`NzipError` where it is none, or what draws is not
    there."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in (".json", *PICTURES):
        raise NzipError(
            f"{path}: a curve is written as .json, .svg, .png or .pdf: give one of these suffixes"
        )
    if suffix != ".json":
        try:
            import matplotlib  # noqa: F401  # optional
        except ImportError as error:
            raise NzipError(
                f"{path}: drawing needs matplotlib: pip install matplotlib, or write .json"
            ) from error
    return suffix


def bits_over_position(
    data: Buffer,
    predictors: Iterable[str | Predictor],
    *,
    name: str = "data",
    points: int = POINTS,
    block_size: int | None = None,
) -> Curve:
    """How many bits a byte takes up to each of ``points`` places of ``data``, under each of the predictors
    (spellings or objects). Raises :class:`NzipError` where one cannot say what bytes cost."""
    if points < 1:
        raise ValueError(f"at least one point, not {points}")
    lines, size = [], 0
    for predictor in predictors:
        found = costs(data, predictor=predictor, block_size=block_size)
        size = found.size
        places = np.unique(np.linspace(0, size, points + 1).astype(np.int64))[1:]
        running = np.concatenate([[0.0], np.cumsum(found.bits)])[places]
        local = np.diff(running, prepend=0.0) / np.maximum(np.diff(places, prepend=0), 1)
        lines.append(Line(found.predictor, places, running / np.maximum(places, 1), local))
    return Curve(name, size, tuple(lines))
