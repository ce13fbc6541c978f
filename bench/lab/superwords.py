"""What superwords cost to learn, and what they bring: time and memory at four sizes of text, then bytes a
token, bits a byte of the stream and encoding speed on texts that nobody has learnt from.

    python bench/lab/superwords.py CORPORA -o bench/lab/superwords.json

The text is English (manuals, reference, prose) of the train corpora, end to end: 129.7 MB, of which the first
so many are taken. Each run is a process of its own. 32,768 tokens, two workers; some five minutes of CPU
time."""

import argparse
import json
import lzma
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FILES = (
    "sotu", "treasury_of_david", "austen", "web_bible", "matthew_henry_concise", "anarchist_faq", "foldoc",
    "gcide", "linux_doc", "postgresql_doc", "python_doc", "perl_pod", "racket_doc", "wordnet_glosses",
    "libreoffice_help_en", "apache_doc", "git_doc", "octave_doc", "cppreference", "man_en", "debian_docs",
    "debian_handbook_en", "jargon", "gnome_help_en",
)  # fmt: skip
DEV = ("moby_dick.txt", "lcet10.txt", "wiki_en_head.xml")
SIZE = 32768


def train(text: str, transition: int, memory: int, output: str) -> dict:
    from tokenizers_lab.training import train_full

    warm = ["warm up a a a\n"] * 2
    train_full(documents=warm, vocab_size=260, transition=258, veto=[b"xyz"])
    train_full(documents=warm, vocab_size=260, transition=258)
    warm = ["warm up a a a\n"] * 2
    train_full(documents=warm, vocab_size=260, transition=258, veto=[b"xyz"])
    train_full(documents=warm, vocab_size=260, transition=258)
    wall, cpu = time.perf_counter(), time.process_time()
    run = train_full(
        [text], SIZE, transition=transition or None, max_memory=memory << 20, workers=2, checkpoint=None
    )
    run.codec.save(output)
    return {
        "bytes": run.bytes,
        "tokens": run.codec.vocab_size,
        "transition": transition or None,
        "max_memory MiB": memory,
        "cpu seconds": round(time.process_time() - cpu, 1),
        "wall seconds": round(time.perf_counter() - wall, 1),
        "peak MiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "fingerprint": run.codec.fingerprint()[:16],
    }


def worth(names: dict[str, str], corpora: Path) -> list[dict]:
    import tokenizers_lab as lab

    codecs = {name: lab.load(path) for name, path in names.items()}
    rows = []
    for dev in DEV:
        text = (corpora / "dev" / dev).read_bytes()[:2_000_000]
        best = dict.fromkeys(codecs, float("inf"))
        for _ in range(5):
            for name, codec in codecs.items():
                start = time.process_time()
                codec.encode(text)
                best[name] = min(best[name], time.process_time() - start)
        results = lab.analyze(
            list(codecs.values()),
            {dev: text},
            labels=list(codecs),
            strong_bytes=512 << 10,
            compressors=("nzip", "lzma"),
            workers=1,
        )
        for name, codec in codecs.items():
            ids = codec.encode(text)
            assert codec.decode(ids) == text
            found = {
                r["goal"]: r["value"] for r in results.rows() if r["codec"] == name and r.get("file") == dev
            }
            rows.append(
                {
                    "text": dev,
                    "vocabulary": name,
                    "bytes a token": round(len(text) / len(ids), 4),
                    "encoding, of BPE's speed": round(best["BPE"] / best[name], 3),
                    "MB/s": round(len(text) / 1e6 / best[name], 2),
                    **{
                        goal: round(value, 4)
                        for goal, value in found.items()
                        if goal not in ("bytes_per_token", "speed")
                    },
                }
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--only", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        text, transition, memory, output = args.only
        print(json.dumps(train(text, int(transition), int(memory), output)))
        return
    out: dict = {"cost": []}
    with tempfile.TemporaryDirectory() as folder:
        whole = b"".join(
            lzma.decompress((args.corpora / "train" / f"{name}.txt.xz").read_bytes()) for name in FILES
        )
        names = {}
        for megabytes, transition, memory in (
            (12.5, SIZE // 2, 1024), (25, SIZE // 2, 1024), (50, SIZE // 2, 1024), (100, SIZE // 2, 1024),
            (100, SIZE // 2, 96), (100, 0, 1024), (100, SIZE // 4, 1024), (100, SIZE * 7 // 8, 1024),
        ):  # fmt: skip
            text, vocabulary = Path(folder) / f"{megabytes}.txt", Path(folder) / f"{transition}.json"
            text.write_bytes(whole[: int(megabytes * 1e6)])
            entry = json.loads(
                subprocess.run(
                    [
                        sys.executable,
                        __file__,
                        str(args.corpora),
                        "--only",
                        str(text),
                        str(transition),
                        str(memory),
                        str(vocabulary),
                    ],
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout.splitlines()[-1]
            )
            print(entry, flush=True)
            out["cost"].append(entry)
            if megabytes == 100:
                names[f"superwords from {transition:,}" if transition else "BPE"] = str(vocabulary)
        del whole
        out["worth"] = worth(names, args.corpora)
    if args.output:
        args.output.write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
