"""A guess whether a stream of text is better coded as words, and how: cheap, from samples of its bytes.

The commonest words of each dictionary tell the language; English is tried in any case, since source code and
data are in English and have few common words. A dictionary is taken where it leaves few enough bytes of a
sample. Concession: it does not ask the mix; whoever codes may try both."""

from __future__ import annotations

import functools
import re

import numpy as np

from nzip.predictors.mix.words import lines, marks, transform
from nzip.predictors.mix.words.dictionary import Dictionary, index, named
from nzip.predictors.mix.words.options import Words

_SAMPLE, _SAMPLES = 1 << 13, 8
MARKED = 8  # what a byte or a sequence that stands as it is costs, in bytes
SHORTER = 1.15  # a stream may be coded where at most this many bytes are left of one; trials decide
_WORD = re.compile(rb"[a-z\x80-\xff]+")
ENGLISH = 1


def choose(raw: np.ndarray) -> Words | None:
    """How to transform ``raw`` (uint8, text); None: not at all."""
    words = with_lines(raw, choose_dictionary(raw))
    return words if words != (None, 0, False) else None


def with_lines(raw: np.ndarray, dictionary: Dictionary | None) -> Words:
    """How to transform ``raw`` by that dictionary: its lines looked at."""
    crlf = lines.find_crlf(raw)
    width = lines.find_width(lines.remove_cr(raw) if crlf else raw)
    return Words(dictionary, width, crlf)


def choose_dictionary(raw: np.ndarray) -> Dictionary | None:
    """The dictionary that shortens samples of ``raw`` (uint8) most, None where none does by much."""
    left, dictionary = best(sample(raw))
    return dictionary if left <= SHORTER else None


def best(samples: np.ndarray) -> tuple[float, Dictionary]:
    """The dictionary that shortens ``samples`` (uint8) most, and the share of bytes that it leaves, those
    that must be marked counted as more."""
    shares = {_left(samples, named(n)): n for n in _likely(samples)}
    return min(shares), named(shares[min(shares)])


def _left(sample: np.ndarray, dictionary: Dictionary) -> float:
    """Bytes that are left of one of ``sample``, those that had to be marked counted as more."""
    coded = transform.encode(sample, dictionary)
    marked = np.count_nonzero((coded == marks.SEQUENCE) | (coded == marks.BYTE))
    return (len(coded) + MARKED * marked) / max(1, len(sample))


def _likely(sample: np.ndarray) -> set[int]:
    """The numbers of the dictionaries worth trying: English and the one most of whose common words occur."""
    # Capitals beyond ASCII stay as they are: few common words begin a sentence.
    counts = [0] * len(index())
    languages = _common()
    for word in _WORD.findall(sample.tobytes().lower()):
        for language in languages.get(word, ()):
            counts[language] += 1
    return {ENGLISH, counts.index(max(counts)) + 1}


@functools.cache
def _common() -> dict[bytes, list[int]]:
    """In which dictionaries, counted from 0, a word is one of the commonest."""
    found: dict[bytes, list[int]] = {}
    for language, entry in enumerate(index()):
        for word in set(entry["common"].encode().split()):
            found.setdefault(word, []).append(language)
    return found


def sample(raw: np.ndarray) -> np.ndarray:
    """What of ``raw`` (uint8) is looked at."""
    if len(raw) <= _SAMPLES * _SAMPLE:
        return raw
    starts = np.linspace(0, len(raw) - _SAMPLE, _SAMPLES).astype(np.int64)
    return np.concatenate([raw[s : s + _SAMPLE] for s in starts])
