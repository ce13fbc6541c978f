"""Make the dictionaries that ship: nzip/predictors/mix/words/NAME.xz from train texts.

Run: python scripts/make_words.py TRAIN_DIR [NAME ...]

TRAIN_DIR holds NAME.xz files. Which words: those in the most pieces of the texts, groups of texts weighted.
Which codes: words that stand among the same neighbours get codes that begin alike. For that each word has a
vector (how much more often than chance each frequent token stands at the places -2 to 2, reduced by a
singular value decomposition), and the words of each code length are halved again and again along the code's
bits. Only sources that are in the public domain, permissive or CC-BY-SA are named here; licences stand in
NOTICE.

Concession: the order hangs on floats, so another BLAS may order a few words otherwise. What ships is the
file, pinned by its hash."""

import argparse
import json
import lzma
import re
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import svds

sys.path.insert(0, str(Path(__file__).parents[1]))
from nzip.hashes import text_hash
from nzip.predictors.mix.words.dictionary import LONGEST, ONE, TWO

TARGET = Path(__file__).parents[1] / "nzip" / "predictors" / "mix" / "words"
CHUNK = 2000  # tokens
NEIGHBOURS = 1500  # the tokens that vectors tell of
DIMENSIONS = 96
PLACES = {-1: 1.0, 1: 1.0, -2: 0.5, 2: 0.5}
FREQUENT = 0.35  # the power of a word's score that is its weight in a split


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
        """Each letter, then its capital, or itself where that is no letter of two bytes."""
        pairs = ((c, c.upper()) for c in sorted(self.letters))
        return "".join(c + (up if len(up) == 1 and ord(up) > 127 else c) for c, up in pairs)


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


class Corpus(NamedTuple):
    """``tokens`` by number, ``texts``: per source its tokens' numbers."""

    tokens: list[bytes]
    texts: dict[str, np.ndarray]


def read(recipe: Recipe, train: Path) -> Corpus:
    letters = recipe.alphabet[::2]
    rule = re.compile(rf"[a-z{letters}]+|[.,;:!?()\[\]\"'=|<>/0-9-]|\n\n")
    # Letters first: each is a word, whether a text has it alone or not.
    numbers = {letter: i for i, letter in enumerate(letters)}
    texts = {}
    for _, sources in recipe.groups:
        for source in sources:
            raw = lzma.decompress((train / f"{source}.xz").read_bytes())
            found = rule.findall(raw.decode(errors="replace").lower())
            texts[source] = np.array([numbers.setdefault(t, len(numbers)) for t in found], np.int64)
            print(f"{source}: {len(found)} tokens, {len(numbers)} known", flush=True)
    return Corpus([t.encode() for t in numbers], texts)


def scores(recipe: Recipe, corpus: Corpus) -> np.ndarray:
    """Of each token in how many chunks it stands, a little more where often in one, the groups weighted."""
    total = np.zeros(len(corpus.tokens))
    for weight, sources in recipe.groups:
        for source in sources:
            text = corpus.texts[source]
            chunk = np.arange(len(text)) // CHUNK
            pairs, times = np.unique(chunk * len(total) + text, return_counts=True)
            found = np.bincount(pairs % len(total), 1 + 0.7 * np.log2(times), len(total))
            total += weight / len(sources) / (chunk[-1] + 1) * found
    return total


def choose(recipe: Recipe, corpus: Corpus, score: np.ndarray) -> list[int]:
    """The words, best first, and before them the alphabet's letters."""
    size = len(corpus.tokens)
    present = {source: np.bincount(text, minlength=size) for source, text in corpus.texts.items()}
    times = sum(present.values())
    texts = sum((count > 0).astype(int) for count in present.values())
    trusted = sum((present[source] for source in recipe.trusted), np.zeros(size, int)) > 0
    first = list(range(len(recipe.alphabet) // 2))
    words = []
    for i in np.argsort(-score, kind="stable"):
        word = corpus.tokens[i]
        if not word.decode().isalpha() or len(word) > LONGEST or len(word.decode()) > 20 or i < len(first):
            continue
        if len(word) == 1 and word not in (b"a", b"i", b"s", b"t"):
            continue
        if times[i] >= recipe.times and (trusted[i] or texts[i] >= recipe.texts):
            words.append(int(i))
    print(f"{len(words)} words to choose from")
    return first + words[: recipe.count - len(first)]


def vectors(corpus: Corpus, words: list[int]) -> np.ndarray:
    """A unit vector a word (float64, words x DIMENSIONS) from its neighbours."""
    apart = np.full(4, -1)
    stream = np.concatenate([part for text in corpus.texts.values() for part in (text, apart)])
    times = np.bincount(stream[stream >= 0], minlength=len(corpus.tokens))
    row = np.full(len(corpus.tokens) + 1, -1)
    row[words] = np.arange(len(words))
    column = np.full(len(corpus.tokens) + 1, -1)
    column[np.argsort(-times, kind="stable")[:NEIGHBOURS]] = np.arange(NEIGHBOURS)
    rows, columns = row[stream], column[stream]
    blocks = []
    for place, weight in PLACES.items():
        at = rows[-place:] if place < 0 else rows[:-place]
        near = columns[:place] if place < 0 else columns[place:]
        both = (at >= 0) & (near >= 0)
        ones = np.ones(int(both.sum()))
        counts = sparse.coo_matrix((ones, (at[both], near[both])), (len(words), NEIGHBOURS)).tocsr().tocoo()
        of_word = np.asarray(counts.sum(1)).ravel() + 1
        of_token = (np.asarray(counts.sum(0)).ravel() + 1) ** 0.75
        of_token *= of_word.sum() / of_token.sum()
        chance = of_word[counts.row] * of_token[counts.col] / of_word.sum()
        value = np.maximum(np.log(counts.data / chance), 0) * counts.data / (counts.data + 1) * weight
        blocks.append(sparse.coo_matrix((value, (counts.row, counts.col)), counts.shape))
    matrix = sparse.hstack(blocks).tocsr()
    u, s, _ = svds(matrix, k=min(DIMENSIONS, len(words) - 1), v0=np.ones(min(matrix.shape)))
    found = u * np.sqrt(s)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9)


def ordered(vectors: np.ndarray, weights: np.ndarray, first: int) -> np.ndarray:
    """Which word gets each code of one length, from the code ``first`` on (counted within its length), by
    halving: words that share a code's first bits are alike."""
    out = np.empty(len(vectors), np.int64)
    last = first + len(vectors)
    work = [(first, last, np.arange(len(vectors)), None, None, last.bit_length())]
    while work:
        start, end, members, left, right, bit = work.pop()
        if end - start == 1:
            out[start - first] = members[0]
            continue
        while start >> bit == (end - 1) >> bit:
            bit -= 1
        middle = (end - 1) >> bit << bit
        low, high = halves(vectors[members], weights[members], middle - start)
        means = [mean(vectors[members[part]], weights[members[part]]) for part in (low, high)]
        if 2 * len(low) == len(members) and turned(means, left, right):
            low, high, means = high, low, means[::-1]
        work.append((start, middle, members[low], left, means[1], bit - 1))
        work.append((middle, end, members[high], means[0], right, bit - 1))
    return out


def mean(vectors: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ vectors / weights.sum()


def turned(means: list[np.ndarray], left: np.ndarray | None, right: np.ndarray | None) -> bool:
    """Whether the halves, changed about, were more like what stands beside them."""
    gain = 0.0
    if left is not None:
        gain += (means[1] - means[0]) @ left
    if right is not None:
        gain += (means[0] - means[1]) @ right
    return gain > 0


def halves(vectors: np.ndarray, weights: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    """The members in two parts, ``first`` of them in the first: along the first principal direction, then as
    2-means moves them."""
    if len(vectors) == 2:
        return np.array([0]), np.array([1])
    centred = (vectors - mean(vectors, weights)) * np.sqrt(weights)[:, None]
    direction = np.random.default_rng(len(vectors)).standard_normal(vectors.shape[1])
    for _ in range(12):
        direction = centred.T @ (centred @ direction)
        direction /= np.linalg.norm(direction) + 1e-12
    best = None
    for sign in (1, -1) if 2 * first != len(vectors) else (1,):
        along = vectors @ (direction * sign)
        before = None
        for _ in range(8):
            order = np.argsort(along, kind="stable")
            low, high = order[:first], order[first:]
            if before is not None and np.array_equal(np.sort(low), before):
                break
            before = np.sort(low)
            a, b = mean(vectors[low], weights[low]), mean(vectors[high], weights[high])
            along = vectors @ (b - a)
        # Within unit vectors the means' lengths say how close the halves are.
        spread = -(weights[low].sum() * a @ a + weights[high].sum() * b @ b)
        if best is None or spread < best[0]:
            best = (spread, low, high)
    return best[1], best[2]


def make(recipe: Recipe, train: Path) -> tuple[bytes, list[str]]:
    """A dictionary's content, and its language's commonest words of at least two letters."""
    began = time.perf_counter()
    corpus = read(recipe, train)
    score = scores(recipe, corpus)
    words = choose(recipe, corpus, score)
    print(f"{len(words)} words chosen, {time.perf_counter() - began:.0f} s", flush=True)
    near = vectors(corpus, words)
    print(f"vectors, {time.perf_counter() - began:.0f} s", flush=True)
    weights = np.maximum(score[words], 1e-9) ** FREQUENT
    letters = len(recipe.alphabet) // 2
    order = list(range(letters))
    for shorter, end in ((0, ONE), (ONE, ONE + TWO), (ONE + TWO, len(words))):
        start, end = max(shorter, letters), min(end, len(words))
        if start < end:
            part = slice(start, end)
            order += (start + ordered(near[part], weights[part], start - shorter)).tolist()
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
