"""Time and memory of BPE training as the input grows: text by files, and DNA and binaries without white
space.

    python bench/lab/linear.py CORPORA -o bench/lab/linear.json

Each size runs in a process of its own; DNA and binaries are one single pre-token (``pre="none"``), 4,096
tokens."""

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def one(kind: str, corpora: Path, size: int) -> None:
    from tokenizers_lab.training import train_full

    train_full(documents=["warm up a a"], vocab_size=258)
    if kind == "text":
        files, total = [], 0
        for path in sorted((corpora / "train").glob("*.xz")):
            if total + path.stat().st_size > size:
                break
            files.append(path)
            total += path.stat().st_size
        options: dict[str, Any] = {"files": files, "vocab_size": 8192}
    else:
        names = {
            "dna": ["ecoli_536.fna"],
            "binary": ["libsqlite3.so", "regex_win.pyd", "basis_transcoder.wasm", "allium.bmp"],
        }[kind]
        data = b"".join((corpora / "dev" / n).read_bytes() for n in names)
        data = data.replace(b"\n", b"")[:size] if kind == "dna" else data[:size]
        options = {"documents": [data], "vocab_size": 4096, "pre": "none"}
    start = time.process_time()
    run = train_full(**options)
    print(
        json.dumps(
            {
                "bytes": run.bytes,
                "cpu seconds": round(time.process_time() - start, 2),
                "tokens": run.codec.vocab_size,
                "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--only", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        return one(args.only[0], args.corpora, int(args.only[1]))
    results: dict = {}
    for kind, sizes in (
        ("dna", (1_200_000, 2_400_000, 4_800_000)),
        ("binary", (1_000_000, 2_000_000, 4_000_000)),
        ("text", (3_000_000, 12_000_000, 48_000_000)),
    ):
        for size in sizes:  # for text: bytes of the packed files
            out = subprocess.run(
                [sys.executable, __file__, str(args.corpora), "--only", kind, str(size)],
                check=True,
                capture_output=True,
                text=True,
            )
            entry = json.loads(out.stdout.splitlines()[-1])
            entry["cpu µs a byte"] = round(1e6 * entry["cpu seconds"] / entry["bytes"], 3)
            results.setdefault(kind, []).append(entry)
            print(kind, entry, flush=True)
    if args.output:
        args.output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
