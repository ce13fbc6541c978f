"""Learn a dictionary from texts: which words, and in which order, so that alike words get alike codes.

A word's score is in how many stretches of the texts it stands. For the order each word has a vector (how
much more often than chance each frequent token stands at the places -2 to 2, reduced by a singular value
decomposition), and the words of each code length are halved again and again along the code's bits.
scripts/make_words.py makes what ships with it, :func:`learn` a dictionary of the user's own.

Concession: the order hangs on floats, so another machine may order a few words otherwise. A dictionary is
data, known by its hash; nobody needs to make the same one again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from nzip.exact.jit import lean
from nzip.predictors.mix.words.dictionary import LONGEST, ONE, TWO

CHUNK = 2000  # tokens of a stretch
NEIGHBOURS = 1500  # the tokens that vectors tell of
DIMENSIONS = 96
PLACES = {-1: 1.0, 1: 1.0, -2: 0.5, 2: 0.5}
FREQUENT = 0.35  # the power of a word's score that is its weight in a split
CHARACTERS = 20  # of a word at most
ALONE = (b"a", b"i", b"s", b"t")  # the letters of ASCII that are words

# For a user's own dictionary.
TIMES, STRETCHES = 3, 2  # how often a word must stand in the texts, and in how many stretches
LETTERS, COMMON = 48, 1 / 2000  # of an alphabet at most; and which share of all letters each of them is
_MORE, _ROUNDS = 16, 5  # of the decomposition: further dimensions while it goes on, and rounds


class Corpus(NamedTuple):
    """``tokens`` by number, the alphabet's letters first; ``texts``: each text's tokens' numbers (int64)."""

    tokens: list[bytes]
    texts: list[np.ndarray]


class Sparse(NamedTuple):
    """A matrix (``shape``) of zeros but for ``values`` (float64) in ``rows`` and ``columns`` (int64), row by
    row."""

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    shape: tuple[int, int]


def alphabet_of(letters: str) -> str:
    """Each of the small ``letters`` beyond ASCII, then its capital, or itself where that is no letter of two
    bytes, or another letter's."""
    out, taken = "", set(letters)
    for c in sorted(letters):
        capital = c.upper()
        if len(capital) != 1 or not 127 < ord(capital) < 2048 or capital in taken:
            capital = c
        taken.add(capital)
        out += c + capital
    return out


def letters_in(texts: Sequence[str]) -> str:
    """The small letters of two bytes that are common in ``texts``."""
    found: Counter[str] = Counter()
    for text in texts:
        found.update(text.lower())
    least = COMMON * sum(n for c, n in found.items() if c.isalpha())
    common = {c: n for c, n in found.items() if 127 < ord(c) < 2048 and c.isalpha() and n >= least}
    return "".join(sorted(sorted(common, key=lambda c: (-common[c], c))[:LETTERS]))


def numbered(texts: Sequence[str], letters: str) -> Corpus:
    """The tokens of ``texts``: words of small letters, signs, empty lines."""
    rule = re.compile(rf"[a-z{letters}]+|[.,;:!?()\[\]\"'=|<>/0-9-]|\n\n")
    # Letters first: each is a word, whether a text has it alone or not.
    numbers = {letter: i for i, letter in enumerate(letters)}
    found = [
        np.array([numbers.setdefault(t, len(numbers)) for t in rule.findall(text.lower())], np.int64)
        for text in texts
    ]
    return Corpus([t.encode() for t in numbers], found)


def stretches(text: np.ndarray, size: int) -> np.ndarray:
    """Of each of ``size`` tokens in which share of a text's stretches it stands, a little more where often in
    one."""
    chunk = np.arange(len(text)) // CHUNK
    pairs, times = np.unique(chunk * size + text, return_counts=True)
    found = np.bincount(pairs % size, 1 + 0.7 * np.log2(times), size)
    return found / (chunk[-1] + 1)


def may_be(word: bytes) -> bool:
    """Whether a token can be a word of a dictionary."""
    letters = word.decode()
    return (
        letters.isalpha()
        and len(word) <= LONGEST
        and len(letters) <= CHARACTERS
        and (len(word) > 1 or word in ALONE)
    )


def neighbourhood(corpus: Corpus, words: Sequence[int]) -> Sparse:
    """What stands beside each word: for each place and frequent token how much more often than chance."""
    apart = np.full(4, -1)
    stream = np.concatenate([part for text in corpus.texts for part in (text, apart)])
    times = np.bincount(stream[stream >= 0], minlength=len(corpus.tokens))
    frequent = np.argsort(-times, kind="stable")[:NEIGHBOURS]
    row = np.full(len(corpus.tokens) + 1, -1)
    row[words] = np.arange(len(words))
    column = np.full(len(corpus.tokens) + 1, -1)
    column[frequent] = np.arange(len(frequent))
    rows, columns = row[stream], column[stream]
    parts = []
    for number, (place, weight) in enumerate(PLACES.items()):
        at = rows[-place:] if place < 0 else rows[:-place]
        near = columns[:place] if place < 0 else columns[place:]
        both = (at >= 0) & (near >= 0)
        cells, counts = np.unique(at[both] * NEIGHBOURS + near[both], return_counts=True)
        word, token = cells // NEIGHBOURS, cells % NEIGHBOURS
        of_word = np.bincount(word, counts, len(words)) + 1
        of_token = (np.bincount(token, counts, NEIGHBOURS) + 1) ** 0.75
        of_token *= of_word.sum() / of_token.sum()
        chance = of_word[word] * of_token[token] / of_word.sum()
        value = np.maximum(np.log(counts / chance), 0) * counts / (counts + 1) * weight
        parts.append((word, token + number * NEIGHBOURS, value))
    word, token, value = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((token, word))
    return Sparse(word[order], token[order], value[order], (len(words), len(PLACES) * NEIGHBOURS))


def reduced(matrix: Sparse, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """The first singular vectors (float64, rows x dimensions) and values of ``matrix``, nearly: by iterating
    on a subspace that begins at random, always the same."""
    wide = min(dimensions + _MORE, *matrix.shape)
    rows, columns, values, (height, width) = matrix
    right = np.random.default_rng(1).standard_normal((width, wide))
    for _ in range(_ROUNDS):
        left = np.zeros((height, wide))
        _multiply(rows, columns, values, right, left)
        left = left @ _turns(left)[0]
        right = np.zeros((width, wide))
        _multiply(columns, rows, values, left, right)
    turn, sizes = _turns(right)
    return (left @ (turn * sizes))[:, :dimensions], sizes[:dimensions]


def _turns(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What makes the columns of a tall ``matrix`` orthogonal unit vectors, from the right, the first the
    longest before; and these lengths. By way of the small square matrix: a tall one takes much longer."""
    squares, turn = np.linalg.eigh(matrix.T @ matrix)
    lengths = np.sqrt(np.maximum(squares[::-1], max(1e-9 * squares[-1], 1e-30)))
    return turn[:, ::-1] / lengths, lengths


@lean
def _multiply(rows, columns, values, other, out):
    """Add to ``out`` the product of a sparse matrix and ``other``."""
    for i in range(len(values)):
        row, column, value = rows[i], columns[i], values[i]
        for k in range(other.shape[1]):
            out[row, k] += value * other[column, k]


def vectors(corpus: Corpus, words: Sequence[int]) -> np.ndarray:
    """A unit vector a word (float64, words x DIMENSIONS) from its neighbours."""
    u, s = reduced(neighbourhood(corpus, words), min(DIMENSIONS, len(words) - 1))
    found = u * np.sqrt(s)
    return found / (np.linalg.norm(found, axis=1, keepdims=True) + 1e-9)


def in_order(near: np.ndarray, weights: np.ndarray, letters: int) -> list[int]:
    """Which word gets each code, the first ``letters`` of them the first ones: of each length those that
    come next, alike ones beside one another."""
    order = list(range(letters))
    for shorter, end in ((0, ONE), (ONE, ONE + TWO), (ONE + TWO, len(near))):
        start, end = max(shorter, letters), min(end, len(near))
        if start < end:
            part = slice(start, end)
            order += (start + ordered(near[part], weights[part], start - shorter)).tolist()
    return order


def ordered(vectors: np.ndarray, weights: np.ndarray, first: int) -> np.ndarray:
    """Which word gets each code of one length, from the code ``first`` on (counted within its length), by
    halving: words that share a code's first bits are alike."""
    out = np.empty(len(vectors), np.int64)
    last = first + len(vectors)
    work: list[tuple[int, int, np.ndarray, np.ndarray | None, np.ndarray | None, int]]
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
    best: tuple[float, np.ndarray, np.ndarray] | None = None
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
    assert best is not None
    return best[1], best[2]


def learn(texts: Sequence[str], counts: Sequence[int]) -> list[bytes]:
    """The contents of dictionaries for such texts, of at most so many words each (rising), fewer where the
    texts hold no more; none where they hold too few for any."""
    letters = letters_in(texts)
    corpus = numbered(texts, letters)
    size, stream = len(corpus.tokens), np.concatenate([np.zeros(0, np.int64), *corpus.texts])
    if not len(stream):
        return []
    score = stretches(stream, size)
    times = np.bincount(stream, minlength=size)
    within = np.unique(np.arange(len(stream)) // CHUNK * size + stream) % size
    enough = (times >= TIMES) & (np.bincount(within, minlength=size) >= STRETCHES)
    words = list(range(len(letters)))
    words += [
        int(i)
        for i in np.argsort(-score, kind="stable")
        if i >= len(letters) and enough[i] and may_be(corpus.tokens[i])
    ]
    words = words[: max(counts)]
    if len(words) < len(letters) + ONE:
        return []
    near, weights = vectors(corpus, words), np.maximum(score[words], 1e-9) ** FREQUENT
    sizes = sorted({min(count, len(words)) for count in counts})
    return [
        b"\n".join(
            [
                alphabet_of(letters).encode(),
                *(corpus.tokens[words[i]] for i in in_order(near[:n], weights[:n], len(letters))),
            ]
        )
        for n in sizes
    ]
