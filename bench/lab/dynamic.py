"""How much shorter batches of tokens become by merges made for each batch alone.

    python bench/lab/dynamic.py CORPORA -o bench/lab/dynamic.json

Over bytes, BPE and superwords of 32,768 tokens from 20 MB of English; texts nobody has learnt from, up to
1.2 MB of each. About a minute of CPU time."""

import argparse
import json
import lzma
from pathlib import Path

import tokenizers_lab as lab
from tokenizers_lab.analysis.dynamic import dynamic

FILES = ("sotu", "treasury_of_david", "austen", "web_bible", "gcide")
DEV = ("moby_dick.txt", "wiki_en_head.xml", "cpython_stdlib.py.txt")
SIZE = 32768


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    raw = [lzma.decompress((args.corpora / "train" / f"{n}.txt.xz").read_bytes())[:4_000_000] for n in FILES]
    codecs = {
        "bytes": lab.load("bytes"),
        "BPE": lab.train(documents=raw, vocab_size=SIZE),
        "superwords": lab.train(documents=raw, vocab_size=SIZE, transition=SIZE // 2),
    }
    rows = []
    for name in DEV:
        data = (args.corpora / "dev" / name).read_bytes()[:1_200_000]
        for kind, codec in codecs.items():
            for row in dynamic(codec.encode(data), codec.vocab_size):
                rows.append({"text": name, "codec": kind, **{k: round(v, 4) for k, v in row.items()}})
                print(rows[-1], flush=True)
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
