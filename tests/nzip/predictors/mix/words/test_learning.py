"""Dictionaries learnt from texts: what becomes a word, alike words beside one another, and a decomposition
that is as good as NumPy's."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest

from nzip.predictors.mix.words import learning
from nzip.predictors.mix.words.dictionary import ONE, parse


def joined(first: str, last: str) -> list[str]:
    return [a + b for a in first.split() for b in last.split()]


NAMES = joined("anna bert clara dora emil", "lein chen son do ka ri")
VERBS = joined("ging kam sah lief schwamm", "en st t te et est")
PLACES = joined("süd nord ost west über", "dorf heim burg au tal see")


def sentences(seed: int, count: int) -> str:
    """Of a name, a verb and a place each."""
    rng = random.Random(seed)
    return "".join(
        f"{rng.choice(NAMES).title()} {rng.choice(VERBS)} nach {rng.choice(PLACES)}. " for _ in range(count)
    )


TEXTS = [sentences(seed, 400) for seed in range(6)]


def test_a_dictionary_holds_the_texts_words_and_letters():
    (content,) = learning.learn(TEXTS, [12_000])
    found = parse(content)
    assert found.alphabet == "üÜ" and found.words[0] == "ü".encode()
    assert set(found.words) == {w.encode() for w in [*NAMES, *VERBS, *PLACES, "nach", "ü"]}


def test_alike_words_stand_beside_one_another():
    (content,) = learning.learn(TEXTS, [12_000])
    of = {w.encode(): k for k, group in enumerate((NAMES, VERBS, PLACES)) for w in group}
    kinds = [of[w] for w in parse(content).words[ONE:] if w in of]
    changes = sum(a != b for a, b in itertools.pairwise(kinds))
    assert len(kinds) > 20 and changes <= 4


def test_sizes_rise_and_never_pass_what_there_is():
    contents = learning.learn(TEXTS, [70, 80, 500, 12_000])
    assert [len(parse(content).words) for content in contents] == [70, 80, 92]


@pytest.mark.parametrize("texts", [[], [""], ["one two three"], ["日本語 " * 900], ["\ufffd" * 99]])
def test_too_little_is_no_dictionary(texts):
    assert learning.learn(texts, [300]) == []


def test_words_that_stand_alone_have_some_order():
    words = [a + b + c for a in "klm" for b in "aeiou" for c in "nrst"] + ["abc", "cab", "bca", "acb", "bac"]
    (content,) = learning.learn([word for word in words for _ in range(5)] * 400, [100])
    assert len(parse(content).words) == len(words)


def test_the_same_texts_give_the_same():
    assert learning.learn(TEXTS, [80]) == learning.learn(list(TEXTS), [80])


@pytest.mark.parametrize(
    ("letters", "alphabet"),
    [
        ("", ""),
        ("éß", "ßßéÉ"),
        ("ığ", "ğĞıı"),  # the capital of a dotless i is no letter of two bytes
        ("σς", "ςΣσσ"),  # two with one capital
        ("אב", "אאבב"),
    ],
)
def test_an_alphabet_takes_each_capital_once(letters, alphabet):
    assert learning.alphabet_of(letters) == alphabet
    parse("\n".join([alphabet, *letters, "a"]).encode())


def test_common_letters_of_two_bytes_make_an_alphabet():
    text = "Çok güzel ığdır " * 500 + "日本 αβ"
    assert learning.letters_in([text]) == "".join(sorted("çüığ"))


def test_any_text_gives_a_dictionary_or_none():
    rng = random.Random(5)
    letters = [chr(c) for c in range(32, 2100) if not 0xD800 <= c < 0xE000] + ["\u0130", "\u1e9e", "ﬁ"]
    for size in (10, 60, 300):
        words = ["".join(rng.choices(letters, k=rng.randint(1, 30))) for _ in range(size)]
        for content in learning.learn([" ".join(rng.choices(words, k=5000)) for _ in range(4)], [100, 1000]):
            parse(content)


def test_the_decomposition_is_numpys():
    rng = np.random.default_rng(3)
    dense = rng.random((60, 12)) @ rng.random((12, 200)) * (rng.random((60, 200)) < 0.3)
    rows, columns = np.nonzero(dense)
    matrix = learning.Sparse(rows, columns, dense[rows, columns], dense.shape)
    u, s = learning.reduced(matrix, 5)
    wanted, sizes, _ = np.linalg.svd(dense, full_matrices=False)
    assert np.allclose(s, sizes[:5], rtol=1e-3)
    assert np.allclose(np.abs((u * wanted[:, :5]).sum(axis=0)), 1, atol=1e-2)
