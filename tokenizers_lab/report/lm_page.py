"""The report of a sweep of language models: tables, learning curves, and the shapes that the literature says
should hold.

Input: the results of ``lm/sweep.py`` (``tokenizers_lab_lm``: 1). Runs of one arm and size with several seeds
are one row: their mean and half their range."""

from __future__ import annotations

import re

from tokenizers_lab.report.cells import Table, number, percent
from tokenizers_lab.report.drawing import SERIES, figure, legend, svg

_LINES, _POINTS = (
    ("-", "--", ":"),
    ("o", "s", "^"),
)  # for as many arms as there are colours, the next as many, ...


def groups(results: dict) -> dict[tuple[str, str], list[dict]]:
    """Runs by (size, arm), in the order of the results."""
    found: dict = {}
    for run in results["runs"]:
        found.setdefault((run["size"], run["arm"]), []).append(run)
    return found


def spread(values: list[float], digits: int = 4) -> str:
    """Their mean, and behind ± half their range where there are several."""
    mean, half = sum(values) / len(values), (max(values) - min(values)) / 2
    return f"{mean:.{digits}f}" + (f" ± {half:.{digits}f}" if len(values) > 1 else "")


def bits(runs: list[dict]) -> float:
    """Mean held-out bits per byte."""
    return sum(r["held_out"]["bits_per_byte"] for r in runs) / len(runs)


def gain(runs: list[dict]) -> float:
    """Bits a token below the uniform model, mean."""
    return sum(r["trivial"]["uniform"] - r["held_out"]["bits_per_token"] for r in runs) / len(runs)


def tables(results: dict) -> list[Table]:
    """All tables of a sweep."""
    found, out = groups(results), []
    for size in dict.fromkeys(s for s, _ in found):
        rows = []
        for (_, arm), runs in sorted(
            ((k, v) for k, v in found.items() if k[0] == size), key=lambda x: bits(x[1])
        ):
            r = runs[0]
            rows.append(
                [
                    arm,
                    spread([x["held_out"]["bits_per_byte"] for x in runs]),
                    spread([x["held_out"]["bits_per_token"] for x in runs]),
                    number(r["trivial"]["uniform"]),
                    number(r["trivial"]["unigram"]),
                    number(1 / r["cost"]["tokens_per_byte"]),
                    number(r["vocabulary"]),
                    *(number(r["cost"][k] / 1e6) for k in ("body", "model", "with_m1")),
                    number(r["bytes"] / 1e6),
                    number(r["tokens"] / 1e6),
                    f"{r['training_flops']:.2e}",
                    number(sum(x["seconds"] for x in runs) / 3600, 2),
                ]
            )
        parameters = next(v[0]["parameters"] for k, v in found.items() if k[0] == size)
        out.append(
            Table(
                f"{size}: bits per byte",
                f"{parameters:,} parameters without embedding and output layer; context "
                f"{results['context']} tokens; "
                f"{results['match']} matched at {results['budget']:,.0f}. Held out, every token of whole "
                "documents scored once, bytes accounted. "
                "MFLOPs a byte: forward, without and with the output layer, and with M1. ±: half the "
                "range over seeds.",
                [
                    "arm",
                    "bits/byte",
                    "bits/token",
                    "uniform",
                    "unigram",
                    "bytes/token",
                    "vocabulary",
                    "MFLOPs/byte, body",
                    "with output layer",
                    "and M1",
                    "MB seen",
                    "M tokens seen",
                    "training FLOPs",
                    "hours",
                ],
                rows,
            )
        )
    rows = [
        [arm, size, row["position"], number(row["tokens"]), percent(row["accuracy"])]
        for (size, arm), runs in found.items()
        for row in runs[0]["position_accuracy"]
    ]
    out.append(
        Table(
            "Accuracy by position",
            "How often the likeliest token is right, first seed.",
            ["arm", "size", "position", "tokens", "accuracy"],
            rows,
        )
    )
    rows = [
        [
            arm,
            size,
            way,
            percent(r["seq2seq"][way]["accuracy"]),
            percent(r["seq2seq"][way]["blind"]),
            number(r["seq2seq"][way]["bits"]),
            number(r["seq2seq"][way]["blind_bits"]),
        ]
        for (size, arm), runs in found.items()
        for r in runs[:1]
        if r.get("seq2seq")
        for way in r["seq2seq"]
    ]
    if rows:
        out.append(
            Table(
                "Compress and decompress",
                "A model of this size trained on passages and their tokens; the second part given the "
                "first, teacher-"
                "forced, held out. Blind: a model that never has the first part.",
                ["arm", "size", "way", "right", "right, blind", "bits", "bits, blind"],
                rows,
            )
        )
    rows = shapes(results)
    if rows:
        out.insert(
            0,
            Table(
                "Shapes",
                "What Lester et al. 2024 report at 25M parameters and more, asked of these runs.",
                ["claim", "size", "holds", "evidence"],
                rows,
            ),
        )
    return out


def _find(found, size, pattern):
    return next(
        (
            runs
            for (s, _), runs in found.items()
            if s == size and re.fullmatch(pattern, _plain(runs[0]["spelling"]))
        ),
        None,
    )


def _plain(spelling: str) -> str:
    """A spelling without its M1 and in a fixed order: ``equal-info b=16 v=65536``."""
    name, _, inside = spelling.partition("[")
    items = dict(p.partition("=")[::2] for p in inside.rstrip("]").split(",") if p)
    kept = {
        "b": items.get("b"),
        "v": {"65536": "65k"}.get(items.get("v", ""), items.get("v")),
        "reset": items.get("reset"),
        "keep": items.get("keep"),
    }
    return " ".join([name, *(f"{k}={v}" for k, v in kept.items() if v and not (k == "reset" and v == "1"))])


def shapes(results: dict) -> list[list[str]]:
    """The claims that these runs can answer, as rows."""
    found, out = groups(results), []
    for size in dict.fromkeys(s for s, _ in found):
        ac, ei, pairs = (
            _find(found, size, p)
            for p in (r"ac( v=256)?", r"equal-info b=16 v=65k", r"equal-info b=16 v=256")
        )
        wide = _find(found, size, r"equal-info b=32 v=256")

        def row(claim, holds, evidence, size=size):
            out.append([claim, size, "yes" if holds else "no", evidence])

        if ac:
            row("AC: nothing is learnt", gain(ac) < 0.02, f"{gain(ac):+.3f} bits a token below uniform")
        if pairs:
            row("EI[16,256] is learnt", gain(pairs) > 0.2, f"{gain(pairs):+.3f} bits a token below uniform")
        if ei and pairs:
            row(
                "EI[16,65k] before EI[16,256]",
                bits(ei) < bits(pairs),
                f"{bits(ei):.4f} against {bits(pairs):.4f} bits/byte",
            )
        if pairs and wide:
            row(
                "a longer window is harder",
                gain(wide) < gain(pairs),
                f"b = 32: {gain(wide):+.3f}, b = 16: {gain(pairs):+.3f} bits a token below uniform",
            )
        for v, every in (("256", pairs), ("65k", ei)):
            for reset, word in (("2", "every other"), ("never", "never")):
                other = _find(found, size, rf"equal-info b=16 v={v} reset={reset}")
                if every and other:
                    row(
                        f"EI[16,{v}]: M1 reset every window before {word}",
                        bits(every) < bits(other),
                        f"{bits(every):.4f} against {bits(other):.4f} bits/byte, {gain(every):+.3f} "
                        f"against {gain(other):+.3f} bits a token below uniform",
                    )
        lifts = {
            arm: (p["accuracy"] - p["blind"], _plain(runs[0]["spelling"]))
            for (s, arm), runs in found.items()
            if s == size
            for p in [runs[0].get("seq2seq", {}).get("decompress")]
            if p
        }
        streams = [(arm, lift) for arm, (lift, plain) in lifts.items() if plain.startswith("ac")]
        for arm, (lift, plain) in lifts.items():
            if plain.startswith("equal-info b=16") and streams:
                row(
                    f"{arm} is decompressed, AC is not",
                    lift > streams[0][1] + 0.05,
                    f"right beyond blind: {100 * lift:+.1f} points, {streams[0][0]} "
                    f"{100 * streams[0][1]:+.1f}",
                )
    return out


def plots(results: dict) -> list[tuple[str, str, str]]:
    """Learning curves, and bits per byte against FLOPs a byte, for each size. An arm looks the same in all;
    legends stand in the order of the results, the worst above, as the points do."""
    found, out = groups(results), []
    places = {arm: i for i, arm in enumerate(dict.fromkeys(arm for _, arm in found))}
    for size in dict.fromkeys(s for s, _ in found):
        arms = sorted(
            ((arm, runs) for (s, arm), runs in found.items() if s == size), key=lambda one: -bits(one[1])
        )
        drawn, axes = figure(6.8, 4.2)
        for arm, runs in arms:
            turn, i = divmod(places[arm], len(SERIES))
            points = list(zip(*(r["curve"] for r in runs)))  # every seed is judged after the same steps
            axes.plot(
                [p[0]["bytes"] / 1e6 for p in points],
                [sum(x["bits_per_byte"] for x in p) / len(p) for p in points],
                _LINES[turn % len(_LINES)],
                marker="o",
                markersize=3.5,
                color=SERIES[i],
                linewidth=1.6,
                label=arm,
            )
        _log(axes)
        axes.set_xlabel("MB of raw text seen", fontsize=9)
        axes.set_ylabel("bits per byte, held out", fontsize=9)
        legend(drawn)
        note = f"Less is better; mean over seeds. {_shown_part(results, arms)}"
        out.append((f"{size}: learning curves", note.rstrip(), svg(drawn)))
        drawn, axes = figure(6.8, 4.2)
        for arm, runs in arms:
            turn, i = divmod(places[arm], len(SERIES))
            axes.plot(
                [runs[0]["cost"]["with_m1"] / 1e6],
                [bits(runs)],
                _POINTS[turn % len(_POINTS)],
                color=SERIES[i],
                markersize=7,
                label=arm,
            )
        axes.set_xlim(left=0)
        axes.set_xlabel("MFLOPs a byte, output layer and M1 counted", fontsize=9)
        axes.set_ylabel("bits per byte, held out", fontsize=9)
        legend(drawn)
        out.append((f"{size}: bits per byte against cost", "Down and to the left is better.", svg(drawn)))
    return out


def _shown_part(results: dict, arms) -> str:
    """What of the held-out text the curves and the tables were judged on, in words; "" for results of old,
    which do not say."""
    if "eval_bytes" not in results:
        return ""
    judged = sorted({r["held_out"]["bytes"] for _, runs in arms for r in runs if "bytes" in r["held_out"]})
    tables = f"; the tables: {judged[0]:,} bytes" if judged else ""
    return (
        "The curves show the first whole documents of the held-out text that fit into "
        f"{results['eval_bytes']:,} bytes (one at least){tables}, so a curve need not end at the "
        "table's figure."
    )


def _log(axes) -> None:
    """A logarithmic x axis with ticks at 1, 2 and 5, in plain figures."""
    from matplotlib.ticker import (  # start-up, and an optional dependency
        FuncFormatter,
        LogLocator,
        NullLocator,
    )

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())


def sections(results: dict) -> tuple[str, str, list[dict]]:
    """(title, summary, sections) of the page."""
    done, planned = len(results["runs"]), results["planned"]
    summary = (
        f"{done} of {planned} runs"
        + ("." if done == planned else "; the others are still to come.")
        + f" Text: {', '.join(results['files'])}."
    )
    return (
        f"Language models: {results['name']}",
        summary,
        [{"name": "Results", "tables": tables(results), "plots": plots(results)}],
    )
