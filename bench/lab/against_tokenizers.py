"""BPE training and encoding against Hugging Face `tokenizers`, in one run on the same pre-tokens.

    python bench/lab/against_tokenizers.py CORPORA -o bench/lab/against_tokenizers.json [--megabytes 50]
    [--vocab-size 32000]

Training: the same documents (64 KB pieces of train/*), each in a process of its own, so that peak memory is
its own; merges are compared one by one. Encoding: dev/wiki_en_head.xml, single thread, the best of five of
each, ids compared."""

import argparse
import json
import lzma
import os
import resource
import subprocess
import sys
import time
from pathlib import Path


def documents(corpora: Path, megabytes: float):
    total = 0
    for path in sorted((corpora / "train").glob("*.xz")):
        text = lzma.decompress(path.read_bytes()).decode("utf-8", "replace")
        piece, size = [], 0
        for line in text.splitlines(keepends=True):
            piece.append(line)
            size += len(line)
            if size >= 65536:
                joined = "".join(piece)
                total += len(joined.encode())
                yield joined
                piece, size = [], 0
                if total >= megabytes * 1e6:
                    return
        if piece:
            yield "".join(piece)


def train(which: str, corpora: Path, megabytes: float, vocab: int, merges_file: str) -> None:
    texts = list(documents(corpora, megabytes))
    size = sum(len(t.encode()) for t in texts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if which == "tokenizers":
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers

        start, cpu = time.perf_counter(), time.process_time()
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.train_from_iterator(
            texts,
            trainers.BpeTrainer(
                vocab_size=vocab, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
            ),
        )
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
    else:
        from tokenizers_lab.training import train_full

        train_full(documents=["warm up, a a"], vocab_size=258)  # compile, or load what was compiled
        start, cpu = time.perf_counter(), time.process_time()
        run = train_full(documents=texts, vocab_size=vocab)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        merges = run.codec.to_json()["model"]["merges"]
    Path(merges_file).write_text(json.dumps(merges))
    print(
        json.dumps(
            {
                "bytes": size,
                "seconds": round(wall, 2),
                "cpu seconds": round(cpu, 2),
                "merges": len(merges),
                "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "of it before": round(before),
            }
        )
    )


def encoding(corpora: Path, vocab: int) -> dict:
    os.environ["RAYON_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    import tempfile

    from tokenizers import Tokenizer

    from tokenizers_lab.training import train as train_codec

    text = (corpora / "dev" / "wiki_en_head.xml").read_bytes()
    codec = train_codec(documents=list(documents(corpora, 10)), vocab_size=vocab)
    with tempfile.TemporaryDirectory() as folder:
        codec.save(f"{folder}/T.json")
        theirs = Tokenizer.from_file(f"{folder}/T.json")
    as_text = text.decode()
    ours_time = hf_time = 1e9
    for _ in range(5):
        start = time.process_time()
        ids = codec.encode(text)
        ours_time = min(ours_time, time.process_time() - start)
        start = time.process_time()
        hf_ids = theirs.encode(as_text).ids
        hf_time = min(hf_time, time.process_time() - start)
    return {
        "bytes": len(text),
        "ours MB/s": round(len(text) / 1e6 / ours_time, 2),
        "tokenizers MB/s": round(len(text) / 1e6 / hf_time, 2),
        "ratio": round(hf_time / ours_time, 2),
        "equal ids": ids.tolist() == hf_ids,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--megabytes", type=float, default=50)
    parser.add_argument("--vocab-size", type=int, default=32000)
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--merges", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        return train(args.only, args.corpora, args.megabytes, args.vocab_size, args.merges)
    import tempfile

    results: dict = {"cores": len(os.sched_getaffinity(0)), "vocab": args.vocab_size}
    with tempfile.TemporaryDirectory() as folder:
        merges = {}
        for which in ("tokenizers", "tokenizers_lab", "tokenizers"):  # the peer before and after
            file = f"{folder}/{which}.json"
            out = subprocess.run(
                [
                    sys.executable,
                    __file__,
                    str(args.corpora),
                    "--megabytes",
                    str(args.megabytes),
                    "--vocab-size",
                    str(args.vocab_size),
                    "--only",
                    which,
                    "--merges",
                    file,
                ],
                check=True,
                capture_output=True,
                text=True,
            )
            entry = json.loads(out.stdout.splitlines()[-1])
            if which in results:
                entry = min(results[which], entry, key=lambda e: e["seconds"])
            results[which] = entry
            merges[which] = json.loads(Path(file).read_text())
            print(which, out.stdout.strip(), flush=True)
    results["equal merges"] = merges["tokenizers"] == merges["tokenizers_lab"]
    for key in ("seconds", "cpu seconds"):
        results[f"{key}, ours over theirs"] = round(
            results["tokenizers_lab"][key] / results["tokenizers"][key], 3
        )
    results["encoding"] = encoding(args.corpora, args.vocab_size)
    print(json.dumps(results, indent=1))
    if args.output:
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
