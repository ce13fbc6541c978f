"""Do tokens follow the language's own pieces? %TR, %Pure, and boundaries against gold morphemes.

%TR is the share of tokens that are valid words of the language; %Pure the share that are roots or valid
affixes (Bayram et al. 2025; here by Hunspell dictionaries). Both over the distinct tokens of a stream and
over its running tokens. Counted are tokens that hold a letter; a leading space is not part of the token's
form, and case is folded by the language's rule (Turkish İ/ı). Gold boundaries: precision, recall, F1 of the
cuts inside each word."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tokenizers_lab.analysis.estimate import groups_of, ratio
from tokenizers_lab.analysis.hunspell import Dictionary
from tokenizers_lab.analysis.overlap import boundary_scores
from tokenizers_lab.bits_per_byte import Tokenised
from tokenizers_lab.codec import Codec
from tokenizers_lab.errors import DataError, LabError


def form(token: bytes, language: str) -> str | None:
    """The token as a dictionary would list it, or None if it holds no letter or is not UTF-8."""
    try:
        text = token.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
    return text if any(c.isalpha() for c in text) else None


def lower(text: str, language: str) -> str:
    """Lower case by the language's rule: in Turkish (and Azeri) I → ı and İ → i."""
    if language.split("_")[0] in ("tr", "az"):
        text = text.replace("I", "ı").replace("İ", "i")
    return text.lower()


def purity(stream: Tokenised, dictionary: Dictionary) -> dict | None:
    """``{"unique": {"tr", "pure", "tokens"}, "running": {"tr", "pure", "tokens"}}``; shares in 0..1, the
    running ones with intervals. A token that is cut inside a character counts as neither. None where tokens
    have no bytes of their own."""
    codec, language = stream.codec, dictionary.language
    if codec.token_bytes(0) is None:
        return None
    seen = np.unique(stream.ids)
    letters, word, pure = (np.zeros(codec.vocab_size, dtype=bool) for _ in range(3))
    for i in seen.tolist():
        token = codec.token_bytes(i) or b""
        text = form(token, language)
        # A piece of a character is a token of the text like any other, and certainly no word.
        letters[i] = text is not None or any(b >= 128 for b in token) and not _is_text(token)
        if text is None:
            continue
        forms = (text, lower(text, language))
        word[i] = any(dictionary.is_word(f) for f in forms)
        pure[i] = any(dictionary.is_root(f) or dictionary.is_affix(f) for f in forms)
    group = groups_of(len(stream.ids))
    groups = int(group.max(initial=0)) + 1

    def running(flags):
        base = np.bincount(group, weights=letters[stream.ids], minlength=groups)
        return ratio(
            np.bincount(group, weights=flags[stream.ids] & letters[stream.ids], minlength=groups), base
        )

    kinds = int(letters.sum())
    return {
        "language": language,
        "unique": {
            "tokens": kinds,
            "tr": float(word.sum() / kinds) if kinds else None,
            "pure": float(pure.sum() / kinds) if kinds else None,
        },
        "running": {"tokens": int(letters[stream.ids].sum()), "tr": running(word), "pure": running(pure)},
    }


def _is_text(token: bytes) -> bool:
    try:
        token.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def read_gold(path) -> list[list[str]]:
    """Gold words, one a line, morphemes joined by ``+``: ``ev+ler+imiz``. ``#`` begins a comment."""
    if not Path(path).is_file():
        raise LabError(f"{path}: no such file")
    words = []
    for number, line in enumerate(Path(path).read_text("utf-8").splitlines(), 1):
        line = line.split("#")[0].strip()
        if line:
            pieces = line.split("+")
            if not all(pieces):
                raise DataError(f"{path}: line {number} has an empty morpheme")
            words.append(pieces)
    if not words:
        raise DataError(f"{path}: holds no gold word")
    return words


def gold_boundaries(codec: Codec, words: list[list[str]], prefix: bytes = b" ") -> dict:
    """Micro-averaged precision, recall and F1 of the codec's cuts inside each word (encoded after ``prefix``)
    against the cuts between its morphemes; ``exact``: share of words cut exactly so."""
    cuts, gold, exact = set(), set(), 0
    for n, pieces in enumerate(words):
        raw = prefix + "".join(pieces).encode("utf-8")
        ends = np.cumsum([len(p.encode("utf-8")) for p in pieces])[:-1] + len(prefix)
        mine = {int(o) for o in codec.offsets(raw)[1:-1] if len(prefix) < o < len(raw)}
        theirs = set(ends.tolist())
        exact += mine == theirs
        cuts |= {(n, o) for o in mine}
        gold |= {(n, o) for o in theirs}
    return {**boundary_scores(cuts, gold), "words": len(words), "exact": exact / len(words)}
