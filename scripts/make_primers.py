"""Make the primers that ship: nzip/predictors/mix/primer_texts/ (texts, index, signatures) from train texts.

Run: python scripts/make_primers.py TRAIN_DIR

TRAIN_DIR holds NAME.xz files. Only sources that are in the public domain, permissive or CC-BY-SA are named
here; their licences stand in NOTICE. Slices are taken evenly over a source, cut at line ends, and what suits
most files comes last, since the mix trusts what it saw last.
"""

import argparse
import json
import lzma
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from nzip.hashes import text_hash
from nzip.predictors.mix import primers
from nzip.predictors.mix.words.lines import find_width

TARGET = Path(__file__).parents[1] / "nzip" / "predictors" / "mix" / "primer_texts"
K = 1000
# name: (source, bytes, slices), ...
RECIPES: dict[str, tuple[tuple[str, int, int], ...]] = {
    "prose": (
        ("jargon.txt", 100 * K, 2), ("sotu.txt", 160 * K, 3), ("web_bible.txt", 160 * K, 3),
        ("matthew_henry_concise.txt", 100 * K, 2), ("treasury_of_david.txt", 220 * K, 3),
        ("austen.txt", 560 * K, 5),
    ),
    "docs": (
        ("postgresql_doc.txt", 100 * K, 3), ("python_doc.txt", 120 * K, 3), ("gnome_help_en.txt", 80 * K, 1),
        ("debian_handbook_en.txt", 100 * K, 2),
    ),
    "wiki": (
        ("wiki_en_tables.xml", 150 * K, 1), ("jargon.txt", 30 * K, 1), ("wiki_markup_pages.xml", 1500 * K, 1),
    ),
    "code": (
        ("cpp_leveldb.cc.txt", 90 * K, 3), ("typescript_node.d.ts.txt", 60 * K, 2),
        ("css_bootstrap.css.txt", 30 * K, 1), ("js_lodash_preact.js.txt", 80 * K, 3),
        ("js_bundles.js.txt", 80 * K, 3), ("python_sympy.py.txt", 60 * K, 2),
        ("python_django.py.txt", 130 * K, 4),
    ),
    "data": (
        ("svg_icons.svg.txt", 60 * K, 2), ("css_bootstrap.css.txt", 60 * K, 2),
        ("json_mixed.json.txt", 280 * K, 6),
    ),
    "european": (
        ("ml_gnome_fi.txt", 25 * K, 1), ("ml_gnome_hu.txt", 35 * K, 1), ("ml_gnome_sv.txt", 35 * K, 1),
        ("ml_gnome_nl.txt", 35 * K, 1), ("ml_gnome_cs.txt", 35 * K, 1), ("ml_handbook_pl-PL.txt", 35 * K, 1),
        ("ml_handbook_pt-BR.txt", 60 * K, 1), ("ml_handbook_it-IT.txt", 60 * K, 1),
        ("ml_handbook_es-ES.txt", 50 * K, 1), ("ml_sparv_es.txt", 50 * K, 1),
        ("ml_handbook_fr-FR.txt", 70 * K, 1), ("ml_handbook_de-DE.txt", 70 * K, 1),
    ),
    "cyrillic": (("ml_gnome_uk.txt", 100 * K, 2), ("ml_gnome_ru.txt", 300 * K, 2)),
    "asian": (
        ("ml_gnome_ta.txt", 80 * K, 1), ("ml_gnome_vi.txt", 60 * K, 1), ("ml_gnome_ja.txt", 130 * K, 1),
        ("ml_gnome_zh_CN.txt", 85 * K, 1),
    ),
}  # fmt: skip


def slices(text: bytes, total: int, count: int) -> bytes:
    """``count`` pieces of ``text``, evenly spread, cut at line ends, about ``total`` bytes together."""
    size, parts = total // count, []
    step = max(1, (len(text) - size) // count)
    for i in range(count):
        start = text.find(b"\n", i * step) + 1 if i else 0
        end = text.find(b"\n", start + size) + 1 or len(text)
        parts.append(text[start:end])
    return b"".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    options = parser.parse_args()
    TARGET.mkdir(exist_ok=True)
    entries, signatures = [], []
    for name, sources in RECIPES.items():
        text = b"".join(
            slices(lzma.decompress((options.train / f"{s}.xz").read_bytes()), n, k) for s, n, k in sources
        )
        packed = lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)
        (TARGET / f"{name}.xz").write_bytes(packed)
        signature = primers.sequences(np.frombuffer(text, np.uint8))
        signatures.append(signature.astype("<u4").tobytes())
        digest = text_hash(text).hex()
        entries.append(
            {
                "name": name,
                "bytes": len(text),
                "hash": digest,
                "width": find_width(np.frombuffer(text, np.uint8)),
                "signature": len(signature),
            }
        )
        print(f"{name}: {len(text)} bytes, {len(packed)} packed, {len(signature)} sequences in the signature")
    (TARGET / "signatures.bin").write_bytes(b"".join(signatures))
    (TARGET / "index.json").write_text(json.dumps({"primers": entries}, indent=1) + "\n")
    print(f"all: {sum(p.stat().st_size for p in TARGET.iterdir())} bytes")


if __name__ == "__main__":
    main()
