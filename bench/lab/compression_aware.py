"""Compression-aware BPE against plain BPE at vocabulary 1024 (the experiment of arXiv 2601.09039, table of
gains).

    python bench/lab/compression_aware.py CORPORA -o bench/lab/compression_aware.json [--objectives
    gzip,entropy]

Trains on a megabyte each of four English corpora (train/), chooses merges on a 256 KiB validation stream
sampled from them, and measures on English that neither has seen (dev/): the gzip -6 length of the token
stream (ids as u16, LEB128, or LEB128 of frequency ranks) against the gzip -6 length of the bytes."""

import argparse
import json
import lzma
import os
import time
import zlib
from pathlib import Path

import numpy as np

from tokenizers_lab.training import train_full
from tokenizers_lab.training.objectives import adaptive_bits
from tokenizers_lab.training.sampler import Sampler
from tokenizers_lab.training.stream import serialise

TRAIN = ["austen", "python_doc", "wiki_markup_pages", "sotu"]
HELD_OUT = ["alice29.txt", "lcet10.txt", "asyoulik.txt", "moby_dick.txt"]


def measure(codec, text: bytes) -> dict:
    ids = codec.encode(text)
    assert codec.decode(ids) == text and codec.token_lengths()[ids].sum() == len(text)
    out = {
        "tokens": len(ids),
        "adaptive order-1 bytes": adaptive_bits(ids.astype(np.int32), codec.vocab_size, 1) / 8,
    }
    for how in ("u16", "leb128", "rank"):
        out[f"gzip of {how}"] = len(zlib.compress(serialise(ids.astype(np.int32), how), 6))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--objectives", default="frequency,gzip,entropy")
    parser.add_argument("--serialisation", default="u16")
    parser.add_argument("--candidates", type=int, default=32)
    parser.add_argument("--vocab-size", type=int, default=1024)
    args = parser.parse_args()
    documents = []
    for name in TRAIN:
        suffix = "xml" if name.startswith("wiki") else "txt"
        documents.append(
            lzma.decompress((args.corpora / "train" / f"{name}.{suffix}.xz").read_bytes())[:1_000_000]
        )
    held_out = b"".join((args.corpora / "dev" / name).read_bytes() for name in HELD_OUT)
    sampler = Sampler(256 << 10)  # the very stream that training chooses
    for document in documents:
        list(sampler.blocks([document]))
    stream = sampler.joined()
    results = json.loads(args.output.read_text()) if args.output.exists() else {}
    results.update(
        {
            "held out bytes": len(held_out),
            "gzip -6 of the bytes": len(zlib.compress(held_out, 6)),
            "validation bytes": len(stream),
            "gzip -6 of the validation bytes": len(zlib.compress(stream, 6)),
            "train": TRAIN,
            "held out": HELD_OUT,
            "vocab": args.vocab_size,
        }
    )
    runs = results.setdefault("runs", {})
    for objective in args.objectives.split(","):
        name = (
            objective if objective in ("frequency", "entropy") else f"{objective} over {args.serialisation}"
        )
        name += "" if objective == "frequency" or args.candidates == 32 else f", {args.candidates} candidates"
        cpu = time.process_time()
        run = train_full(
            documents=documents,
            vocab_size=args.vocab_size,
            objective=objective,
            serialisation=args.serialisation,
            candidates=args.candidates,
        )
        cpu = time.process_time() - cpu
        merges = len(run.codec.merges)
        runs[name] = {
            **measure(run.codec, held_out),
            "on the validation stream": measure(run.codec, stream),
            "seconds a merge": round(run.seconds / merges, 4),
            "cpu seconds a merge": round(cpu / merges, 4),
            "cores": len(os.sched_getaffinity(0)),
            "validation cost, first and last merge": [run.costs[0], run.costs[-1]] if run.costs else None,
        }
        base = results["gzip -6 of the bytes"]
        for how in ("u16", "leb128", "rank"):
            runs[name][f"gain over bytes, {how}, %"] = round(
                100 * (1 - runs[name][f"gzip of {how}"] / base), 2
            )
            on_stream = (
                runs[name]["on the validation stream"][f"gzip of {how}"]
                / results["gzip -6 of the validation bytes"]
            )
            runs[name][f"gain on the validation stream, {how}, %"] = round(100 * (1 - on_stream), 2)
        print(name, json.dumps(runs[name]), flush=True)
        args.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
