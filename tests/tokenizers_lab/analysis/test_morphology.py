"""Hunspell dictionaries and morphology: the affix rules on a hand-made dictionary, Debian's against spylls,
gold words."""

from pathlib import Path

import pytest

import tokenizers_lab as lab
from tokenizers_lab.analysis.hunspell import FOLDERS, Dictionary
from tokenizers_lab.analysis.morphology import gold_boundaries, lower, purity, read_gold
from tokenizers_lab.bits_per_byte import tokenise
from tokenizers_lab.errors import DataError, LabError

DATA = Path(__file__).parent / "data"

AFF = """SET UTF-8
FLAG num
AF 3
AF 1
AF 1,9
AF 3
NEEDAFFIX 8
FORBIDDENWORD 7
SFX 1 Y 3
SFX 1 0 s [^y]
SFX 1 y ies [^aeiou-]y
SFX 1 0 ler/3 .
SFX 3 N 1
SFX 3 0 im .
PFX 9 Y 1
PFX 9 0 re .
"""
DIC = "5\nev/1\ndog/1\nplay/2\ncity/1\nbad\n"


@pytest.fixture
def small(tmp_path):
    (tmp_path / "xx_XX.aff").write_text(AFF)
    (tmp_path / "xx_XX.dic").write_text(DIC)
    return Dictionary.find("xx", tmp_path)


def test_affix_rules(small):
    valid = ["ev", "evler", "evlerim", "dogs", "cities", "playler", "replay", "replayler", "bad"]
    wrong = ["evim", "citys", "bads", "redog", "rev", "lerim", "", "evlerimim", "ies", "plays"]
    assert [w for w in valid if not small.is_word(w)] == [] and [w for w in wrong if small.is_word(w)] == []
    assert (
        small.is_root("dog")
        and not small.is_root("dogs")
        and small.is_affix("ler")
        and small.is_affix("re")
        and not small.is_affix("dog")
    )


def test_purity_by_hand(small):
    codec = lab.train(documents=["ev ler dogs"] * 3, vocab_size=256 + 12)
    text = b"ev ler dogs zz"
    stream = tokenise(codec, text)
    tokens = [codec.token_bytes(int(i)).decode().strip() for i in stream.ids]
    letters = [t for t in tokens if any(c.isalpha() for c in t)]
    got = purity(stream, small)
    assert got["running"]["tokens"] == len(letters) and got["unique"]["tokens"] == len(
        set(stream.ids[[bool(t) for t in tokens]].tolist())
    )
    assert got["running"]["tr"]["value"] == pytest.approx(
        sum(small.is_word(t) for t in letters) / len(letters)
    )
    assert got["running"]["pure"]["value"] == pytest.approx(
        sum(small.is_root(t) or small.is_affix(t) for t in letters) / len(letters)
    )
    assert purity(tokenise(lab.load("gzip"), text), small) is None


def test_turkish_case():
    assert lower("IŞIK İZMİR", "tr_TR") == "ışık izmir" and lower("IN", "hu") == "in"


def test_missing_dictionary_says_what_to_install(tmp_path):
    with pytest.raises(LabError, match="apt install hunspell-tr") as error:
        Dictionary.find("tr", tmp_path)
    assert "\n" not in str(error.value)
    (tmp_path / "zz.aff").write_text("SET no-such-encoding\n")
    (tmp_path / "zz.dic").write_text("1\na\n")
    with pytest.raises(DataError, match="encoding"):
        Dictionary.find("zz", tmp_path)


def test_a_hundred_gold_words():
    turkish, hungarian = read_gold(DATA / "gold_tr.txt"), read_gold(DATA / "gold_hu.txt")
    assert len(turkish) + len(hungarian) == 100 and len({"".join(w) for w in turkish + hungarian}) == 100
    for words in (turkish, hungarian):
        everywhere = gold_boundaries(lab.load("bytes"), words)
        assert everywhere["recall"] == 1 and everywhere["precision"] < 0.5
        inner = sum(len("".join(w).encode()) - 1 for w in words)
        assert everywhere["precision"] == pytest.approx(sum(len(w) - 1 for w in words) / inner)


def test_gold_scores_by_hand(small, tmp_path):
    # "abcd" cut into ab|cd; gold a|b|cd: one of two found, nothing wrong.
    codec = lab.train(
        documents=["ab cd ab cd"], vocab_size=258, pre="none", veto=[b"b ", b"d ", b" a", b" c"]
    )
    got = gold_boundaries(codec, [["a", "b", "cd"], ["ab", "cd"]])
    assert (got["precision"], got["recall"], got["exact"]) == (1.0, pytest.approx(2 / 3), 0.5)
    for text, match in (("a++b\n", "line 1"), ("# none\n", "no gold word")):
        (tmp_path / "g.txt").write_text(text)
        with pytest.raises(DataError, match=match):
            read_gold(tmp_path / "g.txt")


def real(language: str) -> Dictionary:
    if not any(list(Path(f).glob(f"{language}_*.dic")) for f in FOLDERS):
        pytest.skip(f"needs the dictionary: apt install hunspell-{language}")
    return Dictionary.find(language)


@pytest.mark.parametrize("language", ["tr", "hu"])
def test_gold_words_are_words_by_debians_dictionaries(language):
    dictionary = real(language)
    words = read_gold(DATA / f"gold_{language}.txt")
    known = [w for w in words if dictionary.is_word("".join(w))]
    assert len(known) > 0.9 * len(words)
    pieces = {p for w in words for p in w}
    assert sum(dictionary.is_root(p) or dictionary.is_affix(p) for p in pieces) > 0.7 * len(pieces)
    assert not any(dictionary.is_word(w) for w in ("xqzw", "qqq", "evlerizmenden"))


@pytest.mark.slow
@pytest.mark.parametrize("language,name", [("tr", "tr_TR"), ("hu", "hu_HU")])
def test_words_are_those_of_spylls(language, name, corpus):
    import random
    import re

    spylls = pytest.importorskip("spylls.hunspell")
    ours = real(language)
    folder = next(f for f in FOLDERS if (Path(f) / f"{name}.dic").exists())
    theirs = spylls.Dictionary.from_files(f"{folder}/{name}")
    text = (
        corpus("dev/text_tr.txt").read_text()
        if language == "tr"
        else " ".join("".join(w) for w in read_gold(DATA / "gold_hu.txt"))
    )
    words = sorted({w for w in re.findall(r"[^\W\d_]+", text) if w.islower()})
    words = random.Random(0).sample(words, min(len(words), 1500))
    mine, others = [ours.is_word(w) for w in words], [theirs.lookup(w) for w in words]
    assert sum(a == b for a, b in zip(mine, others)) >= 0.97 * len(words)
