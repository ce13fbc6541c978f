"""Equal-Info tokens: encoding against Hugging Face BPE, and building datasets of growing size.

    python bench/lab/equal_info_speed.py CORPORA -o bench/lab/equal_info_speed.json [--megabytes 100]

Encoding: dev/wiki_en_head.xml, best of five of each in turn; ``tokenizers`` with a BPE of 32,000 tokens, on
one thread and, in a second process, on all cores (``encode_batch`` over the lines in pieces of 64 KB). M1 is
order-5 on 8 MB of English books. Datasets: the train texts end to end, ``dataset build`` with two workers,
the best of three, each in a process of its own; memory is the sum of the peaks of the parent and of two
workers."""

import argparse
import json
import lzma
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRAIN = ["austen.txt", "sotu.txt", "web_bible.txt"]


def texts(corpora: Path, names) -> bytes:
    return b"".join(
        lzma.decompress((corpora / "train" / f"{n}.xz").read_bytes())[: 8_000_000 // len(names)]
        for n in names
    )


def encoding(corpora: Path, codec: str, tokenizer: str, threads: int) -> dict:
    os.environ["RAYON_NUM_THREADS"], os.environ["TOKENIZERS_PARALLELISM"] = (
        str(threads),
        str(threads > 1).lower(),
    )
    from tokenizers import Tokenizer

    import tokenizers_lab as lab

    raw = (corpora / "dev" / "wiki_en_head.xml").read_bytes()
    text, ours, theirs = raw.decode(), lab.load(codec), Tokenizer.from_file(tokenizer)
    cut, pieces = 0, []
    while cut < len(text):
        end = text.find("\n", cut + 65536) + 1 or len(text)
        pieces.append(text[cut:end])
        cut = end
    ours.encode(raw[:1000])
    best = {"ours": 1e9, "theirs": 1e9}
    for _ in range(5):
        start = time.perf_counter()
        ids = ours.encode(raw)
        best["ours"] = min(best["ours"], time.perf_counter() - start)
        start = time.perf_counter()
        got = theirs.encode_batch(pieces) if threads > 1 else [theirs.encode(p) for p in pieces]
        best["theirs"] = min(best["theirs"], time.perf_counter() - start)
    assert ours.decode(ids) == raw
    return {
        "threads of tokenizers": threads,
        "ours MB/s, one thread": round(len(raw) / 1e6 / best["ours"], 2),
        "tokenizers MB/s": round(len(raw) / 1e6 / best["theirs"], 2),
        "ours over theirs": round(best["theirs"] / best["ours"], 2),
        "ours bytes a token": round(len(raw) / len(ids), 3),
        "theirs": round(len(raw) / sum(len(g.ids) for g in got), 3),
    }


def dataset(codec: str, text: str, folder: str) -> dict:
    from tokenizers_lab.datasets import build

    start = time.perf_counter()
    manifest = build(codec, [text], folder, workers=2)
    seconds = time.perf_counter() - start
    peak = [
        resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    total = manifest.data["totals"]["train"]
    cpu = sum(sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "bytes": total["bytes"],
        "tokens": total["tokens"],
        "seconds": round(seconds, 2),
        "MB/s": round(total["bytes"] / 1e6 / seconds, 1),
        "cpu seconds": round(cpu, 2),
        "peak MiB": round(peak[0] + 2 * peak[1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--only", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        kind, *rest = args.only
        print(
            json.dumps(
                encoding(args.corpora, rest[0], rest[1], int(rest[2]))
                if kind == "encoding"
                else dataset(*rest)
            )
        )
        return
    import tokenizers_lab as lab

    def again(*only):
        out = subprocess.run(
            [sys.executable, __file__, str(args.corpora), "--only", *only],
            check=True,
            capture_output=True,
            text=True,
        )
        entry = json.loads(out.stdout.splitlines()[-1])
        print(only[0], entry, flush=True)
        return entry

    results: dict = {"cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as folder:
        books = f"{folder}/books.txt"
        Path(books).write_bytes(texts(args.corpora, TRAIN))
        start = time.perf_counter()
        codec = lab.load(f"equal-info[b=16,v=65k,m1=order-5,train={books}]")
        results["compiling"] = {
            "seconds": round(time.perf_counter() - start, 2),
            "ids in use": codec.used_vocab_size(),
            "of": codec.nominal_vocab_size,
        }
        codec.save(f"{folder}/ei.bin")
        lab.train(documents=[Path(books).read_bytes()], vocab_size=32000).save(f"{folder}/T.json")
        results["encoding"] = [
            again("encoding", f"{folder}/ei.bin", f"{folder}/T.json", n) for n in ("1", str(results["cores"]))
        ]
        whole = b""
        for path in sorted((args.corpora / "train").glob("*.xz")):
            whole += lzma.decompress(path.read_bytes())
            if len(whole) >= args.megabytes * 1_000_000:
                break
        results["datasets"] = []
        for share in (8, 4, 2, 1):
            Path(f"{folder}/text").write_bytes(whole[: args.megabytes * 1_000_000 // share])
            runs = [
                again("dataset", f"{folder}/ei.bin", f"{folder}/text", f"{folder}/d{share}-{i}")
                for i in range(3)
            ]
            results["datasets"].append(min(runs, key=lambda r: r["seconds"]))
    print(json.dumps(results, indent=1))
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
