"""Does a dictionary of the strings likeliest under M1 hold more bytes a token than BPE of the same size?

    python bench/lab/model_dictionary.py CORPORA -o bench/lab/model_dictionary.json [--figure
    bench/lab/model_dictionary.png] python bench/lab/model_dictionary.py CORPORA -o
    bench/lab/model_dictionary_ssm.json --only 'English books' --m1 ssm:books.expert

Four corpora, each with text that neither side has seen; the same training text for BPE (GPT-2's pattern, and
without any pattern, so that tokens may cross words as the dictionary's do), for M1, and so for the dictionary
and Equal-Info Windows of 16 bits. Sizes count ids in use. About ten minutes of CPU time."""

import argparse
import json
import lzma
from pathlib import Path

from style import COLOUR, begin

import tokenizers_lab as lab
from tokenizers_lab.codecs import equal_info, model_dictionary
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.m1.spelling import load_model

SIZES = (4096, 16384, 65536)
# name: (training files, their bytes, text for measuring or None: the last tenth of the training files, at
# most 2 MB)
CORPORA = {
    "English books": (["austen.txt", "sotu.txt", "web_bible.txt"], "moby_dick.txt"),
    "Python": (["python_django.py.txt", "python_sympy.py.txt"], "cpython_stdlib.py.txt"),
    "Spanish": (["ml_sparv_es.txt"], None),
    "technical English": (["linux_doc.txt"], None),
}
TRAIN, MEASURE = 8_000_000, 2_000_000


def texts(corpora: Path, names, held_out) -> tuple[bytes, bytes]:
    raw = [lzma.decompress((corpora / "train" / f"{n}.xz").read_bytes()) for n in names]
    if held_out:
        share = TRAIN // len(raw)
        return b"".join(r[:share] for r in raw), (corpora / "dev" / held_out).read_bytes()[:MEASURE]
    cut = len(raw[0]) * 9 // 10
    return raw[0][:cut][:TRAIN], raw[0][cut:][:MEASURE]


def measure(train: bytes, text: bytes, given=None) -> list[dict]:
    """``given``: the M1s by name; else order-3 and order-5 of ``train``."""
    rows = []

    def row(kind, codec, m1=None):
        ids = codec.encode(text)
        assert codec.decode(ids) == text and int(codec.token_lengths()[ids].sum()) == len(text)
        rows.append(
            {
                "kind": kind,
                "m1": m1,
                "ids in use": codec.used_vocab_size(),
                "tokens": len(ids),
                "bytes a token": round(len(text) / len(ids), 4),
            }
        )
        print(f"   {kind} {m1 or ''} {codec.used_vocab_size()}: {len(text) / len(ids):.4f}", flush=True)

    sizes, windows = set(SIZES), {}
    for name, model in (given or {f"order-{n}": OrderN.train(train, n) for n in (3, 5)}).items():
        windows[name] = equal_info.create(model, 16, 16, "stop", 1, "equal-info")
        sizes.add(windows[name].used_vocab_size())
        for size in sorted({*SIZES, windows[name].used_vocab_size()}):
            row("model dictionary", model_dictionary.create(model, size + 2, "model-dictionary"), name)
        row("equal-info[b=16]", windows[name], name)
    for kind, pre in (("BPE", "gpt2"), ("BPE across words", "none")):
        documents = [train] if pre == "gpt2" else [train[i : i + 65536] for i in range(0, len(train), 65536)]
        codec = lab.train(documents=documents, vocab_size=max(sizes), pre=pre)
        for size in sorted(
            sizes | {codec.vocab_size}
        ):  # the pattern may leave no pair to merge before the largest
            if size <= codec.vocab_size:
                row(kind, codec.truncated(size))
    return rows


def figure(results: dict, path: Path) -> None:
    plt = begin()
    drawn, axes_of = plt.subplots(1, len(results), figsize=(13, 4), sharey=True)
    styles = {
        ("BPE", None): (COLOUR["BPE"], "o-"),
        ("BPE across words", None): (COLOUR["BPE"], "o--"),
        ("model dictionary", "order-3"): (COLOUR["model dictionary"], "s--"),
        ("model dictionary", "order-5"): (COLOUR["model dictionary"], "s-"),
        ("equal-info[b=16]", "order-3"): (COLOUR["equal-info"], "^"),
        ("equal-info[b=16]", "order-5"): (COLOUR["equal-info"], "D"),
    }
    for axes, (name, entry) in zip(axes_of, results.items()):
        for (kind, m1), (colour, style) in styles.items():
            points = sorted(
                (r["ids in use"], r["bytes a token"])
                for r in entry["rows"]
                if (r["kind"], r["m1"]) == (kind, m1)
            )
            axes.plot(
                *zip(*points), style, color=colour, label=f"{kind}{f', M1 {m1}' if m1 else ''}", markersize=5
            )
        axes.set_xscale("log", base=2)
        axes.set_xticks(SIZES, [f"{s // 1024}k" for s in SIZES])
        axes.minorticks_off()
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("ids in use (1k = 1,024)")
    axes_of[0].set_ylabel("bytes a token, unseen text")
    drawn.suptitle("Bytes a token on unseen text, by vocabulary", x=0.01, ha="left", fontsize=12)
    drawn.legend(
        *axes_of[0].get_legend_handles_labels(),
        ncols=6,
        fontsize=8,
        handlelength=3.2,
        loc="outside lower left",
    )
    drawn.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--only", choices=list(CORPORA))
    parser.add_argument(
        "--m1",
        help="instead of order-3 and order-5: any M1, such as an expert that 'nzip train' made from "
        "--write's file",
    )
    parser.add_argument("--write", type=Path, help="write the training text of --only to this file, and stop")
    parser.add_argument(
        "--draw-only", action="store_true", help="draw the figure from the results that are there"
    )
    args = parser.parse_args()
    if args.draw_only:
        return figure(json.loads(args.output.read_text()), args.figure)
    if args.write:
        args.write.write_bytes(texts(args.corpora, *CORPORA[args.only])[0])
        return
    results = {}
    for name, (files, held_out) in CORPORA.items():
        if args.only not in (None, name):
            continue
        train, text = texts(args.corpora, files, held_out)
        print(f"{name}: {len(train):,} bytes to learn from, {len(text):,} to measure on", flush=True)
        results[name] = {
            "training bytes": len(train),
            "measured bytes": len(text),
            "training files": files,
            "measured on": held_out or "the training file's last tenth",
            "rows": measure(train, text, args.m1 and {args.m1.partition(":")[0]: load_model(args.m1)}),
        }
        args.output.write_text(json.dumps(results, indent=1) + "\n")
    if args.figure:
        figure(results, args.figure)


if __name__ == "__main__":
    main()
