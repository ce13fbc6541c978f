"""What marks for case and spaces bring: bytes a token, bits a byte of the stream (nzip -3 on the first
256 KB, held-out order-2 counts) and encoding speed, beside BPE of the same size from the same text.

    python bench/lab/marks.py CORPORA -o bench/lab/marks.json

8,192 and 32,768 tokens from 12 MB of English of the train corpora; texts that nobody has learnt from: the
last 160 KB of each of those files, end to end, and dev texts. A minute and a half of CPU time."""

import argparse
import json
import lzma
import time
from pathlib import Path

import tokenizers_lab as lab
from tokenizers_lab.analysis.compression import stream_bits_per_byte
from tokenizers_lab.analysis.goals import goals
from tokenizers_lab.bits_per_byte import tokenise

FILES = ("sotu", "treasury_of_david", "austen", "gcide", "linux_doc", "python_doc")
DEV = ("moby_dick.txt", "wiki_en_head.xml")
SIZES = (8192, 32768)
MARKS = (None, "case", "space", "case+space")
HELD = 160_000
STRONG = 256 << 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    args = parser.parse_args()
    whole = [lzma.decompress((args.corpora / "train" / f"{n}.txt.xz").read_bytes()) for n in FILES]
    texts = {"held out": b"".join(raw[-HELD:] for raw in whole)}
    texts |= {name: (args.corpora / "dev" / name).read_bytes()[:1_000_000] for name in DEV}
    learnt = [raw[:-HELD][: 12_000_000 // len(FILES)] for raw in whole]
    del whole
    kinds = {}
    for marks in MARKS:
        start = time.process_time()
        largest = lab.train(documents=learnt, vocab_size=SIZES[-1], marks=marks)
        print(marks, f"{time.process_time() - start:.1f} s of CPU time", flush=True)
        kinds |= {(size, marks): largest.truncated(size) for size in SIZES}
    rows = []
    for size in SIZES:
        for name, text in texts.items():
            best = dict.fromkeys(MARKS, float("inf"))
            for _ in range(3):
                for marks in MARKS:
                    start = time.process_time()
                    kinds[size, marks].encode(text)
                    best[marks] = min(best[marks], time.process_time() - start)
            for marks in MARKS:
                stream = tokenise(kinds[size, marks], text, name).require()
                found = goals(stream, stream_bits_per_byte(stream, ("nzip",), STRONG, 3), STRONG)
                rows.append(
                    {
                        "size": size,
                        "marks": marks,
                        "text": name,
                        "bytes a token": round(len(text) / len(stream.ids), 4),
                        "nzip -3, bits a byte": round(found["nzip"]["value"], 4),
                        "order 2, bits a byte": round(found["order2"]["value"], 4),
                        "ids seen": len(set(stream.ids.tolist())),
                        "encoding, of BPE's speed": round(best[None] / best[marks], 3),
                    }
                )
                print(rows[-1], flush=True)
                if args.output:  # as far as it has come
                    args.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
