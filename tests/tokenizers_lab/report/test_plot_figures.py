"""Every figure that the page draws is the JSON's: pictures are read as a person would, positions against the
ticks of the axes, and each point, bar, interval and label is held against the results."""

import copy
import math
import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import tokenizers_lab as lab
from tokenizers_lab.report import write_report
from tokenizers_lab.report.plots import plots

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"
HEAD = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n\n'
PO = HEAD + 'msgid "Save the file"\nmsgstr "{}"\n'


@pytest.fixture(scope="module")
def results(bpe, english, tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    for language, text in (("tr", "Dosyayı kaydet"), ("de", "Datei speichern")):
        (folder / f"{language}.po").write_text(PO.format(text))
    return lab.analyze(
        [bpe, "gzip", "equal-info[b=32,v=256,m1=order-1]"],
        {
            "en": english[:12_000],
            "tr": "İstanbul'da ığüşöç öğrenciler\n".encode() * 150,
            "short": b"to be or not",
        },
        compressors=("gzip", "lzma"),
        labels=["bpe", "gzip", "windows"],
        aligned={"en": f"source:{folder / 'tr.po'}", "tr": folder / "tr.po", "de": folder / "de.po"},
        domains=True,
        sweep="order-1",
    )  # fmt: skip


class Drawing:
    """A picture as one reads it. ``x``, ``y``: what a coordinate means, by the ticks (None: the axis has
    names, which ``names`` has by axis). ``lines`` and ``markers``: [(points, colour)], ``bars``: [(x0, x1,
    y0, y1, colour)], in the picture's coordinates and the order drawn; ``texts``: [(text, x, y)] inside the
    axes."""

    def __init__(self, text: str, x=float, y=float):
        axes = next(g for g in ET.fromstring(text).iter(f"{SVG}g") if g.get("id", "").endswith("axes_1"))
        self.names: dict[str, list[str]] = {}
        self.x, self.y = (self._axis(axes, n, read) for n, read in ((1, x), (2, y)))
        self.lines, self.markers, self.bars, self.texts = [], [], [], []
        for group in axes:
            name = group.get("id", "").partition("-")[2]
            paths = group.findall(f"{SVG}path")
            if name.startswith("line2d"):
                self.lines += [(_points(p.get("d")), _style(p)["stroke"]) for p in paths]
                uses = list(group.iter(f"{SVG}use"))
                if uses:
                    where = np.array([[float(u.get("x")), float(u.get("y"))] for u in uses])
                    self.markers.append((where, _style(uses[0])["stroke"]))
            elif name.startswith("patch") and paths:
                fill = _style(paths[0]).get("fill", "none")
                if fill.startswith("var(--s"):
                    at = _points(paths[0].get("d"))
                    self.bars.append(
                        (*at[:, 0].min(keepdims=True), at[:, 0].max(), at[:, 1].min(), at[:, 1].max(), fill)
                    )
            elif name.startswith("text"):
                self.texts += [
                    ("".join(t.itertext()), float(t.get("x")), float(t.get("y")))
                    for t in group.iter(f"{SVG}text")
                ]

    def _axis(self, axes, number: int, read):
        group = next(g for g in axes if g.get("id").endswith(f"matplotlib.axis_{number}"))
        ticks, names = [], []
        for tick in group:
            if not re.search(r"[xy]tick_\d+$", tick.get("id")):
                continue
            text = next(tick.iter(f"{SVG}text"), None)
            if text is None:
                continue
            label = "".join(text.itertext()).replace("−", "-")
            names.append(label)
            if read is not None:  # where its line of the grid begins
                at = _points(next(tick.iter(f"{SVG}path")).get("d"))[0]
                ticks.append((at[number - 1], read(label)))
        self.names["xy"[number - 1]] = names
        if read is None:
            return None
        (a, va), (b, vb) = ticks[0], ticks[-1]
        for at, value in ticks:  # the axis is what it says it is
            assert abs(va + (at - a) * (vb - va) / (b - a) - value) < 1e-4 * abs(vb - va), ticks
        return lambda at: va + (np.asarray(at) - a) * (vb - va) / (b - a)

    def values(self, points):
        """Points as the axes read them."""
        return np.column_stack([self.x(points[:, 0]), self.y(points[:, 1])])


def _points(d: str) -> np.ndarray:
    return np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", d), float)


def _style(element) -> dict[str, str]:
    return dict(part.strip().split(": ") for part in element.get("style").split(";") if ": " in part)


def near(found, wanted) -> None:
    found, wanted = np.asarray(found, float), np.asarray(wanted, float)
    assert found.shape == wanted.shape
    assert (np.abs(found - wanted) <= 2e-4 * max(np.abs(wanted).max(initial=0), 1e-9)).all(), (found, wanted)


def series(i: int) -> str:
    return f"var(--s{i % 8})"


def dots(drawing: Drawing, items) -> None:
    assert drawing.names["y"] == [name for name, _ in items]
    there = [entry for _, entry in items if entry["value"] is not None]
    near([drawing.x(m[0, 0]) for m, _ in drawing.markers], [e["value"] for e in there])
    heights = [m[0, 1] for m, _ in drawing.markers]
    assert heights == sorted(heights)
    wide = [e for e in there if e["low"] is not None]
    assert len(drawing.lines) == len(wide)
    for (points, _), entry in zip(drawing.lines, wide):
        near(drawing.x(points[:, 0]), [entry["low"], entry["high"]])
        assert points[0, 1] in heights


def hold(drawn, results) -> int:
    """Hold every picture of ``drawn`` (what ``plots`` gave) against ``results``; how many."""
    left = {title: text for title, _, text in drawn}
    count = len(left)
    assert count == len(drawn)
    for name in [f["name"] for f in results["files"]]:
        entries = [(c["name"], c["files"][name]) for c in results["codecs"]]
        dots(
            Drawing(left.pop(f"{name}: bytes a token"), y=None),
            [(n, e["counts"]["bytes_per_token"]) for n, e in entries],
        )
        picture = Drawing(left.pop(f"{name}: entropies"), x=lambda text: float(text[1:]))
        curves = iter(picture.markers)
        for i, (_, e) in enumerate(entries):
            for key in ("value", "held_out"):
                wanted = [[h["k"], h[key]] for h in e["entropies"] if h[key] is not None]
                if not wanted:
                    continue
                points, colour = next(curves)
                near(picture.values(points), wanted)
                assert colour == series(i)
        bars_of(
            Drawing(left.pop(f"{name}: bits per byte of the token stream"), y=None), results, name, entries
        )
        windows = [(n, e["stability"]) for n, e in entries if e.get("stability")]
        if f"{name}: stability of token → text" in left:
            picture = Drawing(left.pop(f"{name}: stability of token → text"))
            curves = iter(picture.markers)
            for i, (_, places) in enumerate(windows):
                kept = [[p["position"] + 1, p["stability"]] for p in places if p["stability"] is not None]
                if kept:
                    points, colour = next(curves)
                    near(picture.values(points), kept)
                    assert colour == series(i)
        perturbed = [(n, e["perturbation"]) for n, e in entries if e.get("perturbation")]
        if perturbed:
            picture = Drawing(left.pop(f"{name}: reach of a changed byte"), y=None)
            assert picture.names["y"] == [n for n, _ in perturbed]
            bars, row = list(picture.bars), None
            for i, (_, data) in enumerate(perturbed):
                histogram = data["edits"]["change"]["histogram"]
                for b, n in enumerate(histogram):
                    if n:
                        x0, x1, y0, y1, colour = bars.pop(0)
                        near([picture.x((x0 + x1) / 2)], [(b + 0.5) / len(histogram)])
                        row = row or (y1 - y0) / (n / max(histogram))
                        assert colour == series(i) and abs((y1 - y0) / row - n / max(histogram)) < 1e-3
            assert not bars
        if f"{name}: distance of bit n-grams from uniform" in left:
            bits_of(left.pop(f"{name}: distance of bit n-grams from uniform"), entries)
        sweep = results["window_sweep"][name]
        picture = Drawing(left.pop(f"{name}: window sweep"), x=lambda text: math.log2(float(text)))
        for i, bits in enumerate((8, 16)):
            wanted = [[math.log2(w["width"]), w[f"per_token_{bits}"]] for w in sweep["windows"]]
            near(picture.values(picture.markers[i][0]), wanted)
            near(picture.y(picture.lines[2 * i + 1][0][:, 1]), 2 * [sweep["ac"][f"per_token_{bits}"]])
    for codec in results["codecs"]:
        languages = codec["parity"]["languages"]
        picture = Drawing(left.pop(f"Parity: {codec['name']}"), y=None)
        dots(picture, [(k, v["parity"]) for k, v in languages.items()])
    picture = Drawing(left.pop("Domain mismatch"), x=None, y=None)
    data = results["mismatch"]
    assert picture.names["x"] == picture.names["y"] == data["domains"]
    flat = [v for row in data["excess"] for v in row]
    assert [t for t, _, _ in picture.texts] == ["–" if v is None else f"{100 * v:+.0f}%" for v in flat]
    columns = sorted({round(x, 2) for _, x, _ in picture.texts})
    assert [columns.index(round(x, 2)) for _, x, _ in picture.texts] == 3 * [0, 1, 2]
    assert not left, f"pictures that nothing here holds: {list(left)}"
    return count


def bars_of(drawing: Drawing, results, file: str, entries) -> None:
    baseline = results["baselines"][file]
    assert drawing.names["y"] == [n for n, _ in entries]
    bars = iter(drawing.bars)
    for j, compressor in enumerate(baseline):
        tops = []
        for _, e in entries:
            value = ((e["stream_bits_per_byte"] or {}).get(compressor) or {}).get("bits_per_byte", 0)
            x0, x1, y0, _, colour = next(bars)
            near([drawing.x(x0), drawing.x(x1)], [0, value])
            assert colour == series(j)
            tops.append(y0)
        assert tops == sorted(tops)
    near(drawing.x(drawing.lines[-1][0][:, 0]), 2 * [min(b["bits_per_byte"] for b in baseline.values())])


def bits_of(text: str, entries) -> None:
    """The axis is a symmetric logarithm: heights are its transform but for one scale and one place."""
    from matplotlib.scale import SymmetricalLogTransform

    picture = Drawing(text, y=None)
    wanted, found = [], []
    lines = iter(picture.lines)
    for _, e in entries:
        if e.get("bit_ngrams"):
            data = e["bit_ngrams"]
            for curve in (
                data["stream"]["aligned"],
                data["stream"]["overlapping"],
                data["control"]["aligned"],
            ):
                points, _ = next(lines)
                near(picture.x(points[:, 0]), [p["n"] for p in curve])
                found += points[:, 1].tolist()
                wanted += [p["p50"] for p in curve]
    heights = SymmetricalLogTransform(10, 1e-3, 1).transform(np.array(wanted))
    scale, place = np.polyfit(heights, found, 1)
    assert scale < 0 and np.abs(scale * heights + place - found).max() < 0.05


@pytest.fixture(scope="module")
def drawn(results):
    return plots(results)


def test_every_point_bar_and_label_is_a_figure_of_the_results(results, drawn):
    assert hold(drawn, results) > 15
    page = write_report(results)
    for _, _, drawing in drawn:
        assert drawing in page


def nudged(results, path):
    """The same results with the figure at a path changed by a fiftieth."""
    other = copy.deepcopy(results)
    *way, last = path
    at = other
    for key in way:
        at = at[key]
    at[last] = at[last] * 1.02 + 0.01
    return other


@pytest.mark.parametrize(
    "path",
    [
        ("codecs", 1, "files", "en", "counts", "bytes_per_token", "value"),
        ("codecs", 2, "files", "tr", "counts", "bytes_per_token", "low"),
        ("codecs", 0, "files", "en", "entropies", 3, "value"),
        ("codecs", 2, "files", "en", "entropies", 1, "held_out"),
        ("codecs", 1, "files", "tr", "stream_bits_per_byte", "lzma", "bits_per_byte"),
        ("baselines", "en", "lzma", "bits_per_byte"),
        ("codecs", 2, "files", "en", "stability", 0, "stability"),
        ("codecs", 1, "files", "en", "perturbation", "edits", "change", "histogram", -1),
        ("codecs", 1, "files", "en", "bit_ngrams", "stream", "aligned", 2, "p50"),
        ("codecs", 0, "parity", "languages", "tr", "parity", "value"),
        ("mismatch", "excess", 0, 1),
        ("window_sweep", "en", "windows", 1, "per_token_8"),
        ("window_sweep", "tr", "ac", "per_token_16"),
    ],
    ids=lambda path: "/".join(map(str, path)),
)
def test_a_picture_of_other_figures_is_found_out(results, drawn, path):
    with pytest.raises(AssertionError):
        hold(drawn, nudged(results, path))
