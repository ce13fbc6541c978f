"""The same text, written in another way: how many tokens change, and how do bits a byte? (TokSuite asks these
of trained models; here they are asked of the tokens alone.)

Changed tokens: the edit (Levenshtein) distance of the tokens of 1 KiB passages before and after, divided by
the longer's number. Length: tokens after, against before. Bits a byte: the interpolated order-2 model of
``entropy``, learned on the first half of the text (256 KiB at most) as it is, judged on the second half as it
is and as it is changed; each divided by its own bytes.

Concession: a change is the same for every language and made without understanding: a typo may be a word, and
wrapping breaks code. Texts that are not UTF-8, or have less than 4 KiB, are left out; so is a change that
leaves the text (nearly) as it was."""

from __future__ import annotations

import codecs
import random
import re
import unicodedata
from collections import Counter
from collections.abc import Callable

import numpy as np

from tokenizers_lab.analysis.entropy import cross_entropy
from tokenizers_lab.analysis.perturbation import levenshtein
from tokenizers_lab.bits_per_byte import from_bits, tokenise
from tokenizers_lab.codec import Codec

MOST = 1 << 18
LEAST = 1 << 12
PASSAGE = 1024
PASSAGES = 16
TYPO_RATE = 0.02
_LINE = 72
_ORDER = 2


def typos(text: str) -> str:
    """One letter in fifty swapped with the next, dropped, doubled, or replaced by another of the text."""
    rng = random.Random(0)
    letters = sorted({c for c in text if c.isalpha()}) or ["a"]
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if not c.isalpha() or rng.random() >= TYPO_RATE:
            out.append(c)
            i += 1
            continue
        kind = rng.randrange(4)
        if kind == 0 and i + 1 < len(text) and text[i + 1].isalpha():
            out += [text[i + 1], c]
            i += 2
            continue
        out.append(("", "", c + c, rng.choice(letters))[kind])
        i += 1
    return "".join(out)


def extra_spaces(text: str) -> str:
    """Two spaces between words where one was."""
    return re.sub(r"(?<=\S) (?=\S)", "  ", text)


def trailing_spaces(text: str) -> str:
    """A space before every line end."""
    return re.sub(r"(?<=[^\s])\n", " \n", text)


def wrapped(text: str) -> str:
    """Lines of at most 72 characters, broken at spaces; line ends that were there stay."""
    out = []
    for line in text.split("\n"):
        while len(line) > _LINE:
            cut = line.rfind(" ", 1, _LINE + 1)
            cut = cut if cut > 0 else line.find(" ", _LINE)
            if cut < 0:
                break
            out.append(line[:cut])
            line = line[cut + 1 :]
        out.append(line)
    return "\n".join(out)


def unwrapped(text: str) -> str:
    """Paragraphs as one line each."""
    return re.sub(r"(?<=\S)\n(?=\S)", " ", text)


_SNAKE = re.compile(r"\b_*[a-z][a-z0-9]*(?:_[a-z0-9]+)+\b")
_CAMEL = re.compile(r"\b[a-z]+[a-z0-9]*(?:[A-Z][a-z0-9]+)+\b")


def renamed(text: str) -> str:
    """Identifiers in the other style: ``snake_case`` ↔ ``camelCase``; each one the same everywhere."""

    def camel(match: re.Match) -> str:
        name = match.group()
        lead = name[: len(name) - len(name.lstrip("_"))]
        first, *rest = name.lstrip("_").split("_")
        return lead + first + "".join(part.capitalize() for part in rest)

    def snake(match: re.Match) -> str:
        return re.sub(r"[A-Z]", lambda m: "_" + m.group().lower(), match.group())

    out, at = [], 0
    for match in re.finditer(f"{_SNAKE.pattern}|{_CAMEL.pattern}", text):
        out += [text[at : match.start()], camel(match) if "_" in match.group() else snake(match)]
        at = match.end()
    return "".join([*out, text[at:]])


CHANGES: dict[str, Callable[[str], str]] = {
    "typos": typos,
    "upper case": str.upper,
    "lower case": str.lower,
    "NFC": lambda text: unicodedata.normalize("NFC", text),
    "NFD": lambda text: unicodedata.normalize("NFD", text),
    "NFKC": lambda text: unicodedata.normalize("NFKC", text),
    "extra spaces": extra_spaces,
    "spaces at line ends": trailing_spaces,
    "wrapped at 72": wrapped,
    "unwrapped": unwrapped,
    "CR LF": lambda text: re.sub(r"(?<!\r)\n", "\r\n", text),
    "renamed identifiers": renamed,
}


def robustness(codec: Codec, raw: bytes) -> dict[str, dict] | None:
    """By change: ``{"touched" (share of words that differ), "changed" (mean over passages), "length",
    "bits_per_byte" (after), "bits_before", "bits_change"}``, the bits None where the codec loses bytes. None
    for texts that are no text, or too short."""
    text = _text(raw)
    if text is None:
        return None
    half = len(text) // 2
    half = text.find("\n", half) + 1 or half
    learned, judged = text[:half], text[half:]
    base = _stream_bits(codec, learned, judged)
    starts = np.linspace(0, max(0, len(text) - PASSAGE), PASSAGES).astype(int).tolist()
    passages = [text[s : s + PASSAGE] for s in dict.fromkeys(starts)]
    before = [codec.encode(p.encode("utf-8")).astype(np.int64) for p in passages]
    out: dict[str, dict] = {}
    for name, change in CHANGES.items():
        touched = _touched(judged, change(judged))
        if touched < 1e-3:
            continue
        after = [codec.encode(change(p).encode("utf-8")).astype(np.int64) for p in passages]
        distances = [levenshtein(a, b) / max(len(a), len(b), 1) for a, b in zip(before, after)]
        bits = _stream_bits(codec, learned, change(judged))
        both = None not in (base, bits)
        out[name] = {
            "touched": touched,
            "changed": float(np.mean(distances)),
            "length": sum(map(len, after)) / max(sum(map(len, before)), 1),
            "bits_per_byte": bits,
            "bits_before": base,
            "bits_change": bits / base - 1 if both and base else None,  # type: ignore[operator]
        }
    return out


def _text(raw: bytes) -> str | None:
    part = raw[:MOST]
    if len(part) < LEAST:
        return None
    try:
        # a character that the cut splits is none of the text's fault
        return codecs.getincrementaldecoder("utf-8")().decode(part, final=len(raw) <= MOST)
    except UnicodeDecodeError:
        return None


def _touched(before: str, after: str) -> float:
    """Share of words and of white space between them that the other text does not have."""
    a, b = (Counter(re.findall(r"\s+|\S+", text)) for text in (before, after))
    return 1 - (a & b).total() / max(a.total(), b.total(), 1)


def _stream_bits(codec: Codec, learned: str, judged: str) -> float | None:
    """Held-out bits a byte of ``judged``; None where its tokens do not hold its bytes."""
    stream = tokenise(codec, judged.encode("utf-8"))
    if stream.problem or not stream.raw:
        return None
    ids = codec.encode(learned.encode("utf-8"))
    bits = cross_entropy(ids, stream.ids, codec.vocab_size, _ORDER)
    return from_bits(bits, len(stream.raw))
