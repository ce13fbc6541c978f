"""Parity-aware merges against plain BPE: tokens a language, their Gini, and tokens in all.

    python bench/lab/parity.py CORPORA -o bench/lab/parity.json

The Debian handbook in five languages, 700 KB of each: equal bytes stand in for equal content, for no
exact translations are among the corpora. Figures are of the training text. Ten seconds of CPU time."""

import argparse
import json
import lzma
from pathlib import Path

import tokenizers_lab as lab
from tokenizers_lab.training.parity import train_parity

LANGUAGES = ("de-DE", "es-ES", "fr-FR", "it-IT", "pt-BR")


def gini(counts: list[int]) -> float:
    mean = sum(counts) / len(counts)
    return sum(abs(a - b) for a in counts for b in counts) / (2 * len(counts) ** 2 * mean)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    texts = [
        lzma.decompress((args.corpora / "train" / f"ml_handbook_{n}.txt.xz").read_bytes())[:700_000]
        for n in LANGUAGES
    ]
    rows = []
    for size in (2000, 8192):
        run = train_parity(texts, size)
        plain = lab.train(documents=texts, vocab_size=size)
        for kind, tokens in (("parity", run.tokens), ("plain", [len(plain.encode(t)) for t in texts])):
            rows.append({"size": size, "merges": kind, "tokens": dict(zip(LANGUAGES, tokens))})
            rows[-1] |= {"gini": round(gini(tokens), 5), "all": sum(tokens)}
            print(rows[-1], flush=True)
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
