"""The claims of arXiv 2601.09039 on shared corpora, with the sampling bias shown beside them.

    python bench/lab/entropy_claims.py CORPORA -o bench/lab/entropy_claims.json --figures bench/lab

1. H₁ rises and H₄, H₅ fall with the tokenizer's training size; 2. η = H₁/log₂K levels off near 0.75 (English,
K = 16k);
3. a vocabulary of another domain costs an offset. Tokenizers are trained on nested prefixes of an English mix
(train/), measured on English they have not seen (dev/). Domains: the first half of a dev file trains, the
second is measured. Each entropy is given as plug-in, Miller–Madow and held-out."""

import argparse
import json
import lzma
from pathlib import Path

import numpy as np
from style import GREEN, GREY, INK, OLIVE, ORANGE, PINK, SKY, TEAL, VIOLET, begin

from tokenizers_lab.analysis.efficiency import efficiency
from tokenizers_lab.analysis.entropy import conditional_entropies
from tokenizers_lab.analysis.mismatch import mismatch
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.training import train

ENGLISH = ["austen.txt", "python_doc.txt", "sotu.txt", "wiki_markup_pages.xml", "gcide.txt", "linux_doc.txt"]
HELD_OUT = ["alice29.txt", "lcet10.txt", "moby_dick.txt"]
DOMAINS = {
    "English": "moby_dick.txt",
    "Turkish": "text_tr.txt",
    "Russian": "text_ru.txt",
    "Chinese": "text_zh-cn.txt",
    "Japanese": "text_ja.txt",
    "Korean": "text_ko.txt",
    "Hindi": "text_hi.txt",
    "Python": "cpython_stdlib.py.txt",
    "JSON": "iso_639-3.json",
    "DNA": "ecoli_536.fna",
}
SIZES = [10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 9_000_000]
VOCABULARIES = [1024, 4096, 16384]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--figures", type=Path)
    parser.add_argument(
        "--draw-only", action="store_true", help="draw the figures from the results that are there"
    )
    args = parser.parse_args()
    if args.draw_only:
        return draw(json.loads(args.output.read_text()), args.figures)
    # Interleaved, so that every prefix holds all sources.
    sources = [
        lzma.decompress((args.corpora / "train" / f"{n}.xz").read_bytes())[:1_500_000] for n in ENGLISH
    ]
    mix = b"".join(s[at : at + 1000] for at in range(0, 1_500_000, 1000) for s in sources)
    held_out = b"".join((args.corpora / "dev" / n).read_bytes() for n in HELD_OUT)
    rows = []
    for size in SIZES:
        largest = train(documents=[mix[:size]], vocab_size=max(VOCABULARIES))
        for vocab in VOCABULARIES:
            if vocab > largest.vocab_size:
                print(f"{size} bytes give only {largest.vocab_size} tokens, not {vocab}", flush=True)
                continue
            codec = largest.truncated(vocab)
            stream = tokenise(codec, held_out).require()
            entry = {
                "train_bytes": size,
                "vocab": vocab,
                "bytes_per_token": len(held_out) / len(stream.ids),
                "utilisation": efficiency(stream.ids, vocab)["utilisation"],
                "entropies": conditional_entropies(stream.ids, vocab, len(held_out) / len(stream.ids)),
            }
            rows.append(entry)
            print(
                size,
                vocab,
                *(f"H{h['k']}={h['value']:.3f}/{h['held_out']:.3f}" for h in entry["entropies"]),
                f"eta={entry['utilisation']['value']:.3f}",
                flush=True,
            )
    codecs, texts = {}, {}
    for name, file in DOMAINS.items():
        raw = (args.corpora / "dev" / file).read_bytes()[:1_400_000]
        half = raw.index(b"\n", len(raw) // 2) + 1
        codecs[name], texts[name] = train(documents=[raw[:half]], vocab_size=4096), raw[half:]
    results = {
        "train": ENGLISH,
        "held_out": HELD_OUT,
        "held_out_bytes": len(held_out),
        "training_size": rows,
        "mismatch": mismatch(codecs, texts),
        "mismatch_vocab": {n: c.vocab_size for n, c in codecs.items()},
    }
    args.output.write_text(json.dumps(results, indent=1) + "\n")
    if args.figures:
        draw(results, args.figures)


def draw(results: dict, folder: Path) -> None:
    plt = begin()
    rows = results["training_size"]
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.4))
    for axis, vocab in zip(axes[:2], (4096, 16384)):
        mine = [r for r in rows if r["vocab"] == vocab]
        for k, colour in zip((1, 2, 3, 4, 5), (TEAL, ORANGE, VIOLET, GREEN, PINK)):
            x = [r["train_bytes"] for r in mine]
            axis.plot(
                x,
                [r["entropies"][k - 1]["value"] for r in mine],
                "-o",
                color=colour,
                label=f"H{k}",
                markersize=4,
            )
            axis.plot(
                x, [r["entropies"][k - 1]["corrected"] for r in mine], "--", color=colour, linewidth=0.9
            )
            axis.plot(
                x,
                [r["entropies"][k - 1]["held_out"] for r in mine],
                ":o",
                color=colour,
                markerfacecolor="none",
                markersize=4,
            )
        axis.set(
            xscale="log",
            xlabel="training bytes",
            ylabel="bits a token",
            title=f"Entropy of BPE's tokens, K = {vocab:,}",
            ylim=(0, None),
        )
    figure.legend(
        *axes[0].get_legend_handles_labels(),
        title="given 0 to 4 tokens before; solid plug-in, dashed Miller–Madow, dotted held out",
        ncols=5,
        fontsize=8,
        title_fontsize=8,
        loc="outside lower left",
    )
    for vocab, colour in zip(VOCABULARIES, (SKY, OLIVE, GREY)):
        mine = [r for r in rows if r["vocab"] == vocab]
        axes[2].errorbar(
            [r["train_bytes"] for r in mine],
            [r["utilisation"]["value"] for r in mine],
            [r["utilisation"]["value"] - r["utilisation"]["low"] for r in mine],
            fmt="-o",
            color=colour,
            label=f"K = {vocab:,}",
            markersize=4,
        )
    axes[2].axhline(0.75, color=INK, linestyle="--", linewidth=1)
    axes[2].set(xscale="log", xlabel="training bytes", ylabel="η = H₁ / log₂ K", title="Capacity utilisation")
    figure.legend(*axes[2].get_legend_handles_labels(), ncols=3, fontsize=8, loc="outside lower right")
    figure.savefig(folder / "entropy_claims.png", dpi=90)
    data = results["mismatch"]
    matrix = 100 * np.array(data["excess"])
    figure, axis = plt.subplots(figsize=(8.2, 6.2))
    axis.grid(False)
    shown = axis.imshow(np.minimum(matrix, 300), cmap="Oranges")
    bar = figure.colorbar(shown, ax=axis, shrink=0.8, extend="max")
    bar.set_label("more tokens a byte than a vocabulary of the domain's own, %")
    bar.outline.set_visible(False)
    for i, row in enumerate(matrix):
        for j, value in enumerate(row):
            axis.text(
                j,
                i,
                f"{value:+.0f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if value > 180 else "black",
            )
    axis.set_xticks(range(len(data["domains"])), data["domains"], rotation=35, ha="right")
    axis.set_yticks(range(len(data["domains"])), data["domains"])
    axis.set(xlabel="measured on", ylabel="trained on", title="Excess tokens a byte, %, vocabulary 4,096")
    figure.savefig(folder / "domain_mismatch.png", dpi=90)


if __name__ == "__main__":
    main()
