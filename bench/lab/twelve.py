"""How long does a verdict take: 12 tokenizers of others on 31 MB of text, all measures, two threads.

    tokenizers-lab fetch gpt2 p50k_base cl100k_base o200k_base llama3 llama4 qwen2 deepseek mistral gemma3 \\
        whisper aranizer-bpe
    python bench/lab/twelve.py CORPORA -o twelve.json

CORPORA: the folder of the large corpora, of which eight texts are taken whole: English, documentation,
Python, Spanish, Turkish, JavaScript, Russian, JSON. A run that was broken off goes on where it stopped; only
a whole one says how long it took. CPU seconds are of the process, loading and compiled code included."""

from __future__ import annotations

import argparse
import lzma
import sys
import time
from pathlib import Path

import tokenizers_lab as lab

TOKENIZERS = (
    "gpt2", "p50k_base", "cl100k_base", "o200k_base", "llama3", "llama4", "qwen2", "deepseek", "mistral",
    "gemma3", "whisper", "aranizer-bpe",
)  # fmt: skip
TEXTS = {
    "en": "sotu.txt",
    "docs": "python_doc.txt",
    "code": "python_django.py.txt",
    "es": "ml_sparv_es.txt",
    "tr": "ml_man_tr.txt",
    "js": "js_bundles.js.txt",
    "ru": "ml_man_ru.txt",
    "json": "json_mixed.json.txt",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("twelve.json"))
    parser.add_argument("--tokenizers", nargs="+", default=list(TOKENIZERS))
    parser.add_argument("--texts", nargs="+", choices=TEXTS, default=list(TEXTS))
    args = parser.parse_args()
    begun, broken = time.monotonic(), Path(f"{args.output}.part").exists()
    packed = {name: args.corpora / "train" / f"{TEXTS[name]}.xz" for name in args.texts}
    texts = {name: lzma.decompress(path.read_bytes()) for name, path in packed.items()}

    def tell(done: int, total: int, what: str) -> None:
        print(f"\r{done} of {total} {what:40.40}", end="", file=sys.stderr)

    results = lab.analyze(args.tokenizers, texts, json_path=args.output, workers=2, progress=tell)
    print(file=sys.stderr)
    print(results)
    size = sum(map(len, texts.values()))
    took = f"{time.monotonic() - begun:,.0f} s, {time.process_time():,.0f} s of CPU time"
    print(
        f"{len(args.tokenizers)} tokenizers, {len(texts)} texts, {size:,} bytes: "
        + ("went on with an earlier run" if broken else took)
    )


if __name__ == "__main__":
    main()
