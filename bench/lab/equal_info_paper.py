"""The analyses of Lester et al. 2024 (arXiv 2404.03626), rerun with n-gram M1s on text that M1 has not seen.

    python bench/lab/equal_info_paper.py CORPORA -o bench/lab/equal_info_paper.json --figure
    bench/lab/equal_info_paper.png

M1 is order-5 on 8 MB of English books, the text Moby-Dick: bytes a token over window sizes, M1's resets, bit
n-grams, stability, prefix perturbation. Then, for four corpora and two M1s, what the lossless rules cost
against the published one. Ten minutes of CPU time."""

import argparse
import json
from pathlib import Path

import numpy as np
from model_dictionary import CORPORA, texts
from style import COLOUR, INK, ORANGE, TEAL, begin

from tokenizers_lab.analysis.all_metrics import finite
from tokenizers_lab.analysis.bits import bit_ngrams
from tokenizers_lab.analysis.perturbation import perturbation
from tokenizers_lab.analysis.stability import stability
from tokenizers_lab.analysis.window_sweep import window_sweep
from tokenizers_lab.codecs.ac import ArithmeticCodec
from tokenizers_lab.codecs.equal_info import CDF_BITS, Follower, WindowCodec, create
from tokenizers_lab.codecs.gzip import GzipCodec
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.windows import twin

RULES_ON = 100_000


def rules(corpora: Path) -> list[dict]:
    rows = []
    for name, (files, held_out) in CORPORA.items():
        train, text = texts(corpora, files, held_out)
        data = text[len(text) // 2 :][:RULES_ON]
        for order in (3, 5):
            model = OrderN.train(train, order)
            row = {"corpus": name, "m1": f"order-{order}", "bytes": len(data)}
            for rule in twin.RULES:
                codec = WindowCodec(model, 16, 16, rule)
                cells, sizes = codec.windows(np.frombuffer(data, np.uint8))
                row[rule] = round(len(data) / len(cells), 4)
                if (
                    rule == "greedy"
                ):  # a window's first bytes come out right, so it is wrong where more come out
                    part = slice(0, 2000)
                    lengths = [
                        len(
                            twin.decode(
                                sum(x << 32 * i for i, x in enumerate(c)),
                                Follower(model, CDF_BITS),
                                16,
                                CDF_BITS,
                            )
                        )
                        for c in cells[part].tolist()
                    ]
                    row["greedy, windows decoded wrongly"] = round(
                        float(np.mean(np.array(lengths) != sizes[part])), 4
                    )
            row["ids"] = {
                rule: create(model, 16, 16, rule, 1, "equal-info").used_vocab_size()
                for rule in ("stop", "fit")
            }
            fit = create(model, 16, 16, "fit", 1, "equal-info").encode(data)
            row["fit"] = round(len(data) / len(fit), 4)
            row["stop under greedy"] = round(1 - row["stop"] / row["greedy"], 5)
            rows.append(row)
            print(row, flush=True)
    return rows


def paper(corpora: Path) -> dict:
    train, text = texts(corpora, *CORPORA["English books"])
    model = OrderN.train(train, 5)
    out: dict = {"sweep": window_sweep(model, text)}
    print(json.dumps(out["sweep"]), flush=True)
    codecs = {f"EI[{b},256]": create(model, b, 8, "stop", 1, "equal-info") for b in (16, 24, 32, 64, 128)}
    codecs |= {
        "AC[256]": ArithmeticCodec(model, 8),
        "GZip[256]": GzipCodec(),
        "EI[16,65k]": create(model, 16, 16, "stop", 1, "equal-info"),
    }
    for name, codec in codecs.items():
        ids = codec.encode(text[:600_000])
        out[name] = {
            "bit_ngrams": bit_ngrams(ids, codec.token_bits) if codec.token_bits else None,
            "stability": stability(codec, text),
            "perturbation": perturbation(codec, text),
        }
        print(
            name,
            [round(p["stability"], 3) for p in out[name]["stability"]],
            out[name]["perturbation"]["edits"]["change"]["mean"],
            flush=True,
        )
    return out


def figure(results: dict, path: Path) -> None:
    plt = begin()
    colours = {name: COLOUR[name] for name in results["paper"] if name in COLOUR}
    drawn, ((bits, stable), (reach, sweep)) = plt.subplots(2, 2, figsize=(12, 8.6))
    for name, colour in colours.items():
        entry = results["paper"][name]
        if entry["bit_ngrams"]:
            curve = entry["bit_ngrams"]["stream"]["aligned"]
            bits.plot([p["n"] for p in curve], [p["p50"] for p in curve], color=colour, label=name)
            bits.fill_between(
                [p["n"] for p in curve],
                [p["p5"] for p in curve],
                [p["p95"] for p in curve],
                color=colour,
                alpha=0.08,
                linewidth=0,
            )
        points = entry["stability"]
        stable.plot(
            [p["position"] + 1 for p in points],
            [p["stability"] for p in points],
            "o-",
            color=colour,
            label=name,
            markersize=4,
        )
        histogram = np.array(entry["perturbation"]["edits"]["change"]["histogram"])
        reach.plot(
            np.linspace(0.025, 0.975, len(histogram)),
            np.cumsum(histogram) / histogram.sum(),
            color=colour,
            label=name,
        )
    control = results["paper"]["AC[256]"]["bit_ngrams"]["control"]["aligned"]
    bits.plot(
        [p["n"] for p in control],
        [p["p50"] for p in control],
        "--",
        color=INK,
        linewidth=1,
        label="random bits",
    )
    bits.set(
        yscale="symlog",
        title="Aligned bit n-grams: distance from uniform",
        xlabel="n, bits",
        ylabel="Kullback–Leibler divergence, bits",
    )
    bits.set_yscale("symlog", linthresh=1e-3)
    bits.set_xlim(1, 10)
    bits.set_ylim(-0.01, 2)
    stable.set(
        title="Stability of token → text",
        xlabel="position in the window, tokens",
        ylabel="stability",
        ylim=(0, 1.05),
    )
    reach.set(
        title="After one byte is changed: how far tokens move",
        xlabel="edit distance of tokens / length",
        ylabel="share of passages within it",
        ylim=(0, 1.03),
    )
    data = results["paper"]["sweep"]
    widths = [w["width"] for w in data["windows"]]
    for tokens, colour in ((8, TEAL), (16, ORANGE)):
        sweep.plot(
            widths,
            [w[f"per_token_{tokens}"] for w in data["windows"]],
            "o-",
            color=colour,
            label=f"{tokens}-bit tokens",
        )
        sweep.axhline(data["ac"][f"per_token_{tokens}"], color=colour, linestyle="--", linewidth=1)
    sweep.set_xscale("log", base=2)
    sweep.set_xticks(widths, [str(w) for w in widths])
    sweep.minorticks_off()
    sweep.set(
        title="Size of windows (dashed: AC, no windows)",
        xlabel="bits a window",
        ylabel="bytes a token",
        ylim=(0, None),
    )
    # the colours of the first go for the two after it
    drawn.legend(*bits.get_legend_handles_labels(), ncols=9, fontsize=8, loc="outside upper left")
    drawn.legend(*sweep.get_legend_handles_labels(), ncols=2, fontsize=8, loc="outside lower right")
    drawn.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    parser.add_argument(
        "--draw-only", action="store_true", help="draw the figure from the results that are there"
    )
    args = parser.parse_args()
    if args.draw_only:
        return figure(json.loads(args.output.read_text()), args.figure)
    results = {"paper": paper(args.corpora), "rules": rules(args.corpora)}
    args.output.write_text(json.dumps(finite(results), separators=(",", ":")) + "\n")
    if args.figure:
        figure(results, args.figure)


if __name__ == "__main__":
    main()
