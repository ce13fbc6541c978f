"""Make the dictionaries that ship: nzip/predictors/mix/words/NAME.xz from train texts.

Run: python scripts/make_words.py TRAIN_DIR [NAME ...]

TRAIN_DIR holds NAME.xz files. Which words: those in the most stretches of the texts, groups of texts
weighted. Which codes: as nzip/predictors/mix/words/learning.py says. Only sources that are in the public
domain, permissive or CC-BY-SA are named here; licences stand in NOTICE.

Concession: the order hangs on floats, so another BLAS may order a few words otherwise. What ships is the
file, pinned by its hash."""

import argparse
import json
import lzma
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from nzip.hashes import text_hash
from nzip.predictors.mix.words.learning import (
    FREQUENT,
    Corpus,
    alphabet_of,
    in_order,
    may_be,
    numbered,
    stretches,
    vectors,
)

TARGET = Path(__file__).parents[1] / "nzip" / "predictors" / "mix" / "words"


class Recipe(NamedTuple):
    """``groups``: weight and sources; ``count``: words at most; ``letters``: small ones beyond ASCII;
    ``trusted``: sources whose words need not stand in others; ``texts``: how many sources must have the rest,
    ``times`` in all."""

    groups: tuple[tuple[float, tuple[str, ...]], ...]
    count: int = 12_000
    letters: str = ""
    trusted: tuple[str, ...] = ()
    texts: int = 1
    times: int = 2

    @property
    def alphabet(self) -> str:
        return alphabet_of(self.letters)


RECIPES = {
    "english": Recipe(
        groups=(
            (0.31, ("austen.txt", "sotu.txt", "treasury_of_david.txt", "matthew_henry_concise.txt",
                    "web_bible.txt")),
            (0.33, ("wiki_markup_pages.xml", "wiki_en_tables.xml")),
            (0.20, ("wordnet_glosses.txt", "jargon.txt")),
            (0.10, ("postgresql_doc.txt", "python_doc.txt", "gnome_help_en.txt", "debian_handbook_en.txt",
                    "cppreference.txt")),
            (0.06, ("python_django.py.txt", "python_sympy.py.txt", "js_lodash_preact.js.txt",
                    "typescript_node.d.ts.txt", "cpp_leveldb.cc.txt", "json_mixed.json.txt",
                    "css_bootstrap.css.txt")),
        ),
        count=44_000,
        trusted=("wordnet_glosses.txt",),
        texts=2,
    ),
    "cyrillic": Recipe(
        ((0.7, ("ml_gnome_ru.txt",)), (0.3, ("ml_gnome_uk.txt",))),
        letters="абвгдежзийклмнопрстуфхцчшщъыьэюяёєіїґў",
    ),
    "german": Recipe(((1.0, ("ml_handbook_de-DE.txt",)),), letters="äöüß"),
    "french": Recipe(((1.0, ("ml_handbook_fr-FR.txt",)),), letters="àâçèéêîôùû"),
    "spanish": Recipe(((0.5, ("ml_handbook_es-ES.txt",)), (0.5, ("ml_sparv_es.txt",))), letters="áéíñóúü"),
    "italian": Recipe(((1.0, ("ml_handbook_it-IT.txt",)),), letters="àèéìòù"),
    "portuguese": Recipe(((1.0, ("ml_handbook_pt-BR.txt",)),), letters="áâãàçéêíóôõú"),
    "polish": Recipe(((1.0, ("ml_handbook_pl-PL.txt",)),), letters="ąćęłńóśźż"),
    "czech": Recipe(((1.0, ("ml_gnome_cs.txt",)),), letters="áčďéěíňóřšťúůýž"),
    "dutch": Recipe(((1.0, ("ml_gnome_nl.txt",)),), letters="éëï"),
    "swedish": Recipe(((1.0, ("ml_gnome_sv.txt",)),), letters="åäöé"),
    "hungarian": Recipe(((1.0, ("ml_gnome_hu.txt",)),), letters="áéíóöőúüű"),
    "finnish": Recipe(((1.0, ("ml_gnome_fi.txt",)),), letters="äöå"),
}  # fmt: skip
COMMON = 40  # words by which a language is known


def read(recipe: Recipe, train: Path) -> tuple[Corpus, list[str]]:
    """The recipe's texts, and of each its source's name."""
    sources = [source for _, group in recipe.groups for source in group]
    texts = [lzma.decompress((train / f"{s}.xz").read_bytes()).decode(errors="replace") for s in sources]
    return numbered(texts, "".join(sorted(recipe.letters))), sources


def scores(recipe: Recipe, corpus: Corpus) -> np.ndarray:
    """Of each token in how many stretches it stands, the groups weighted."""
    total = np.zeros(len(corpus.tokens))
    texts = iter(corpus.texts)
    for weight, sources in recipe.groups:
        for _ in sources:
            total += weight / len(sources) * stretches(next(texts), len(total))
    return total


def choose(recipe: Recipe, corpus: Corpus, sources: list[str], score: np.ndarray) -> list[int]:
    """The words, best first, and before them the alphabet's letters."""
    size = len(corpus.tokens)
    present = {s: np.bincount(text, minlength=size) for s, text in zip(sources, corpus.texts, strict=True)}
    times = sum(present.values())
    texts = sum((count > 0).astype(int) for count in present.values())
    trusted = sum((present[source] for source in recipe.trusted), np.zeros(size, int)) > 0
    first = list(range(len(recipe.alphabet) // 2))
    words = []
    for i in np.argsort(-score, kind="stable"):
        known = times[i] >= recipe.times and (trusted[i] or texts[i] >= recipe.texts)
        if i >= len(first) and known and may_be(corpus.tokens[i]):
            words.append(int(i))
    print(f"{len(words)} words to choose from")
    return first + words[: recipe.count - len(first)]


def make(recipe: Recipe, train: Path) -> tuple[bytes, list[str]]:
    """A dictionary's content, and its language's commonest words of at least two letters."""
    began = time.perf_counter()
    corpus, sources = read(recipe, train)
    score = scores(recipe, corpus)
    words = choose(recipe, corpus, sources, score)
    print(f"{len(words)} words chosen, {time.perf_counter() - began:.0f} s", flush=True)
    near = vectors(corpus, words)
    print(f"vectors, {time.perf_counter() - began:.0f} s", flush=True)
    weights = np.maximum(score[words], 1e-9) ** FREQUENT
    letters = len(recipe.alphabet) // 2
    order = in_order(near, weights, letters)
    print(f"ordered, {time.perf_counter() - began:.0f} s", flush=True)
    found = [corpus.tokens[i] for i in words]
    common = [word.decode() for word in found[letters:] if len(word.decode()) > 1][:COMMON]
    return b"\n".join([recipe.alphabet.encode(), *(found[i] for i in order)]), common


def pack(content: bytes) -> bytes:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 4, "lp": 0, "pb": 0}]
    return lzma.compress(content, check=lzma.CHECK_NONE, filters=filters)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("train", type=Path)
    parser.add_argument("names", nargs="*", default=list(RECIPES), help="which dictionaries, all by default")
    options = parser.parse_args()
    index = TARGET / "index.json"
    known = {e["name"]: e for e in json.loads(index.read_text(encoding="utf-8"))} if index.exists() else {}
    for name in options.names:
        content, common = make(RECIPES[name], options.train)
        packed = pack(content)
        (TARGET / f"{name}.xz").write_bytes(packed)
        known[name] = {"name": name, "hash": text_hash(content).hex(), "common": " ".join(common)}
        print(f"{name}: {len(packed)} bytes")
    entries = [known[name] for name in RECIPES if name in known]
    index.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"all: {sum(path.stat().st_size for path in TARGET.glob('*.xz'))} bytes")


if __name__ == "__main__":
    main()
