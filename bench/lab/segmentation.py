"""What another way to cut brings with the same vocabulary: the fewest tokens, and the likeliest, against the
vocabulary's own encoding: bytes a token and encoding speed.

    python bench/lab/segmentation.py CORPORA -o bench/lab/segmentation.json

Vocabularies of 8,192 and 32,768 tokens, learnt from 20 MB of English prose; texts that nobody has learnt
from. The fastest of five runs, in turn, one thread. About three minutes of CPU time."""

import argparse
import json
import lzma
import time
from pathlib import Path

import tokenizers_lab as lab
from tokenizers_lab.codecs import model_dictionary, segment
from tokenizers_lab.m1.order_n import OrderN

FILES = ("sotu", "treasury_of_david", "austen", "web_bible", "matthew_henry_concise", "gcide")
DEV = ("moby_dick.txt", "wiki_en_head.xml")
SIZES = (8192, 32768)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    raw = [lzma.decompress((args.corpora / "train" / f"{n}.txt.xz").read_bytes()) for n in FILES]
    text = b"".join(r[: 20_000_000 // len(raw)] for r in raw)
    texts = {name: (args.corpora / "dev" / name).read_bytes()[:1_000_000] for name in DEV}
    largest = SIZES[-1]
    bpe = lab.train(documents=[text], vocab_size=largest)
    model = OrderN.train(text[:8_000_000], 5)
    rows = []
    for size in SIZES:
        kinds = {
            "BPE": bpe.truncated(size),
            "superwords": lab.train(documents=[text], vocab_size=size, transition=size // 2),
            "model dictionary": model_dictionary.create(model, size, "model-dictionary"),
        }
        for kind, own in kinds.items():
            ways = {
                "own": own,
                **{by: segment.create(own, by, text[-4_000_000:], "segment") for by in segment.WAYS},
            }
            for name, data in texts.items():
                best = dict.fromkeys(ways, float("inf"))
                for _ in range(5):
                    for way, codec in ways.items():
                        start = time.process_time()
                        codec.encode(data)
                        best[way] = min(best[way], time.process_time() - start)
                for way, codec in ways.items():
                    ids = codec.encode(data)
                    assert codec.decode(ids) == data
                    rows.append(
                        {
                            "vocabulary": kind,
                            "size": size,
                            "text": name,
                            "way": way,
                            "bytes a token": round(len(data) / len(ids), 4),
                            "tokens, of its own": round(len(ids) / len(own.encode(data)), 4),
                            "speed, of its own": round(best["own"] / best[way], 3),
                            "MB/s": round(len(data) / 1e6 / best[way], 2),
                        }
                    )
                    print(rows[-1], flush=True)
    if args.output:
        args.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
