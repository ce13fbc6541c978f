"""How far vocabularies are from the best of their size, as far as that is proved (``tokenizers-lab bound``).

    python bench/lab/gap.py CORPORA -o bench/lab/gap.json

Two bounds at 8,192 and 32,768 tokens, on English prose, reference and manuals of the train corpora, which all
vocabularies have learnt from: over words (2 MB; every vocabulary within GPT-2's words), and over anything
(1 MB; tokens of up to 24 bytes that occur twice, across words and lines). Some five minutes of CPU time."""

import argparse
import contextlib
import json
import lzma
import time
from pathlib import Path

import tokenizers_lab as lab
from tokenizers_lab.analysis.gap import gaps
from tokenizers_lab.codecs import equal_info, model_dictionary, segment
from tokenizers_lab.m1.order_n import OrderN
from tokenizers_lab.training.sentencepiece import train_unigram

FILES = ("sotu", "gcide", "linux_doc", "python_doc")


def vocabularies(text: bytes, size: int) -> dict:
    model = OrderN.train(text, 4)
    bpe = lab.train(documents=[text], vocab_size=size)
    superwords = lab.train(documents=[text], vocab_size=size, transition=size // 2)
    made = {
        "BPE": bpe,
        "BPE, fewest tokens": segment.create(bpe, "fewest", b"", "x"),
        "superwords": superwords,
        "superwords, fewest tokens": segment.create(superwords, "fewest", b"", "x"),
        "Equal-Info strings": equal_info.create(model, 16, 16, "stop", 1, "x", size),
        "model dictionary": model_dictionary.create(model, size, "x"),
    }
    with contextlib.suppress(lab.LabError):  # SentencePiece finds no 32,768 pieces in so little text
        made["Unigram"] = train_unigram([text], size)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    raw = [lzma.decompress((args.corpora / "train" / f"{n}.txt.xz").read_bytes()) for n in FILES]
    out = []
    for pre, megabytes, options in (
        ("gpt2", 2, {"rounds": 300}),
        ("none", 1, {"longest": 24, "least": 2, "rounds": 150}),
    ):
        text = b"".join(r[3_000_000 : 3_000_000 + megabytes * 250_000] for r in raw)
        for size in (8192, 32768):
            made = vocabularies(text, size)
            start = time.process_time()
            found = gaps(list(made.values()), text, size, labels=list(made), pre=pre, **options)
            found["cpu seconds"] = round(time.process_time() - start, 1)
            found.pop("strings")
            out.append(found)
            print(json.dumps(found), flush=True)
            if args.output:
                args.output.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
