"""Merges by the likelihood of a unigram model against merges by frequency.

    python bench/lab/likelihood.py CORPORA -o bench/lab/likelihood.json

2,048 tokens from 4 MB of English prose, 32 candidates a merge, a stream of 256 KiB; bytes a token and bits a
byte (of the unigram model fitted to the text itself, and of adaptive order-1 counts) on texts that nobody has
learnt from. Half a minute of CPU time."""

import argparse
import json
import lzma
import time
from pathlib import Path

import numpy as np

import tokenizers_lab as lab
from tokenizers_lab.training.objectives import adaptive_bits, unigram_bits

FILES = ("sotu", "treasury_of_david", "austen", "gcide")
DEV = ("moby_dick.txt", "wiki_en_head.xml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    texts = [
        lzma.decompress((args.corpora / "train" / f"{n}.txt.xz").read_bytes())[:1_000_000] for n in FILES
    ]
    rows = []
    for objective in ("frequency", "likelihood"):
        start = time.process_time()
        codec = lab.train(documents=texts, vocab_size=2048, objective=objective)
        seconds = round(time.process_time() - start, 1)
        for name in DEV:
            data = (args.corpora / "dev" / name).read_bytes()[:1_000_000]
            ids = codec.encode(data).astype(np.int64)
            rows.append(
                {
                    "objective": objective,
                    "text": name,
                    "bytes a token": round(len(data) / len(ids), 4),
                    "unigram bits a byte": round(unigram_bits(ids, codec.vocab_size) / len(data), 4),
                    "adaptive order-1 bits a byte": round(
                        adaptive_bits(ids, codec.vocab_size, 1) / len(data), 4
                    ),
                    "cpu seconds": seconds,
                }
            )
            print(rows[-1], flush=True)
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
