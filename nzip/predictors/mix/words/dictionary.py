"""Dictionaries: words in the order of their codes, and the tables that the transform reads.

A code is one to three bytes and says by itself where it ends: its last byte is a *final* (80 to BF), all
before it are *leads* (C0 to FF). The first 64 words take a final, the next 4,096 a lead and a final, the
rest two leads and a final. A word is of lower-case letters: a to z, and those two-byte letters of UTF-8
that the dictionary's alphabet names; each of those is a word itself, among the first 4,160, so that unknown
words are spelled in codes, too.

A dictionary is part of the format: its hash covers every word, every letter and their order. Concession:
letters of three bytes (Thai, Tamil, Chinese) belong to no alphabet, and a letter whose capital is not one
two-byte letter has none."""

from __future__ import annotations

import functools
import json
import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nzip.cache import PRIMED
from nzip.errors import CorruptError, ModelMismatchError
from nzip.exact.dependencies import dependencies
from nzip.exact.jit import inner, lean
from nzip.hashes import text_hash

ONE, TWO, THREE = 64, 4096, 64 * 4096  # codes of each length
TAG = 13  # bits of a slot that are the word's hash; the rest say which word
MOST = ONE + TWO + THREE
LONGEST = 40  # bytes of a word
HASH_BYTES = 4
USER = 63  # the number of a dictionary of the user's own
# Multiplier of the words' hash: the golden ratio's 64 bits.
K = np.uint64(0x9E3779B97F4A7C15)


class Tables(NamedTuple):
    """What the kernels read. ``letters`` (uint8): all words, one after the other; ``starts`` (uint32, words +
    1): where each begins; ``slots`` (uint32, a power of two): by hash, TAG bits more of it and
    word + 1, 0 empty; ``firsts`` and ``seconds`` (uint64, words): a word's first eight bytes and the next
    eight; ``lower`` (uint16,
    2048): of a letter's code point the lower form's, 0 for what is no letter; ``upper`` (uint16, 2048): of a
    lower letter its capital's code point, 0 where it has none; ``spelled`` (uint16, 2048): of a lower
    two-byte letter the index of its word."""

    letters: np.ndarray
    starts: np.ndarray
    slots: np.ndarray
    firsts: np.ndarray
    seconds: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    spelled: np.ndarray


@dataclass(frozen=True, eq=False)
class Dictionary:
    """``number`` (1 to 62 ship with the package, 63 is the user's own), the first bytes of its ``hash``, its
    ``content`` (as a file: its alphabet, then a word a line) and ``tables``."""

    number: int
    name: str
    hash: bytes
    content: bytes
    tables: Tables

    def __eq__(self, other) -> bool:
        return isinstance(other, Dictionary) and (self.number, self.hash) == (other.number, other.hash)

    def __hash__(self) -> int:
        return hash((self.number, self.hash))

    @property
    def memory(self) -> int:
        """Bytes that it takes, an upper bound."""
        return len(self.tables.letters) + 160 * len(self.tables.firsts) + (1 << 17)

    @functools.cached_property
    def words(self) -> tuple[bytes, ...]:
        """Its words, in the order of their codes."""
        return tuple(self.content.split(b"\n")[1:])

    @property
    def alphabet(self) -> str:
        """Pairs of a lower letter and its capital, a letter without capital twice."""
        return self.content.partition(b"\n")[0].decode()


def build(words: Sequence[bytes], alphabet: str | None = None, name: str = "of the user") -> Dictionary:
    """A dictionary of the user's own from its words in the order of their codes. ``alphabet``: as
    :class:`Dictionary` has it; None: all letters beyond ASCII that occur, with Python's capitals.
    ``ValueError`` for words that the transform could not code."""
    if alphabet is None:
        found = sorted({c for c in b"".join(words).decode() if ord(c) > 127})
        alphabet = "".join(
            c + (up if len(up := c.upper()) == 1 and 127 < ord(up) < 2048 else c) for c in found
        )
    lower, _ = _cases(alphabet)
    if not 0 < len(words) <= MOST:
        raise ValueError(f"a dictionary has 1 to {MOST} words, not {len(words)}")
    if len(set(words)) < len(words):
        raise ValueError("a dictionary with a word twice")
    for word in words:
        letters = word.decode()
        if not 0 < len(word) <= LONGEST or any(ord(c) > 2047 or lower[ord(c)] != ord(c) for c in letters):
            raise ValueError(
                f"not a word of 1 to {LONGEST} bytes of lower-case letters: {letters[:LONGEST]!r}"
            )
    content = b"\n".join([alphabet.encode(), *words])
    return Dictionary(USER, name, text_hash(content)[:HASH_BYTES], content, _made(tuple(words), alphabet))


@functools.lru_cache(maxsize=2)
def parse(content: bytes) -> Dictionary:
    """The user's own dictionary of that content (:attr:`Dictionary.content`). ``ValueError`` where it is
    none."""
    alphabet, *words = content.split(b"\n")
    return build(words, alphabet.decode())


@functools.cache
def index() -> tuple[dict, ...]:
    """The shipped dictionaries in order of their numbers, from 1: dicts with name, hash (hex) and ``common``,
    the words by which their language is known."""
    return tuple(json.loads(pkgutil.get_data(__package__, "index.json") or b""))


@functools.cache
def named(number: int) -> Dictionary:
    """The shipped dictionary of that number. :class:`CorruptError` if there is none,
    :class:`ModelMismatchError` if the installed file is damaged."""
    if not 1 <= number <= len(index()):
        raise CorruptError(f"a block that names dictionary {number}, and there are {len(index())}")
    name, known = index()[number - 1]["name"], index()[number - 1]["hash"]
    kept = f"dictionary-{known}-{_making()}"
    found = _read_kept(kept)
    if found is None:
        content = _unpacked(name, known)
        alphabet, *words = content.split(b"\n")
        found = content, _made(tuple(words), alphabet.decode())
        _keep(kept, *found)
    return Dictionary(number, name, bytes.fromhex(known)[:HASH_BYTES], *found)


def by_name(name: str) -> Dictionary:
    """The shipped dictionary of that name. ``ValueError`` where there is none."""
    names = [entry["name"] for entry in index()]
    if name not in names:
        raise ValueError(f"no dictionary is called {name!r}: there are {', '.join(names)}")
    return named(names.index(name) + 1)


def _unpacked(name: str, known: str) -> bytes:
    """The content of a shipped dictionary, whose hash is ``known``."""
    import lzma  # start-up: what is in the cache already is not unpacked

    damaged = ModelMismatchError(f"the installed dictionary {name} is damaged: reinstall nzip")
    try:
        content = lzma.decompress(pkgutil.get_data(__package__, f"{name}.xz") or b"")
    except lzma.LZMAError:
        raise damaged from None
    if text_hash(content).hex() != known:
        raise damaged
    return content


# To unpack a dictionary and to sort its words into tables takes half as long as importing NumPy: they are
# kept in the cache, as tables of primed mixes are. First stand the lengths of the content and of each table.
_KINDS = (np.uint8, np.uint32, np.uint32, np.uint64, np.uint64, np.uint16, np.uint16, np.uint16)


@functools.cache
def _making() -> str:
    """A hash of the code that makes tables."""
    return dependencies(_made)


def _keep(name: str, content: bytes, tables: Tables) -> None:
    parts: list = [content, *tables]
    sizes = np.array([len(content), *(table.nbytes for table in tables)], np.int64)
    PRIMED.put(
        name,
        [sizes.data, *(piece for part in parts for piece in (part, bytes(-memoryview(part).nbytes % 8)))],
    )


def _read_kept(name: str) -> tuple[bytes, Tables] | None:
    kept = PRIMED.read(name)
    if kept is None:
        return None
    count = 1 + len(_KINDS)
    sizes = np.frombuffer(kept, np.int64, count).tolist()
    found, begin = [], 8 * count
    for size, kind in zip(sizes, (np.uint8, *_KINDS), strict=True):
        found.append(np.frombuffer(kept, kind, size // np.dtype(kind).itemsize, begin))
        begin += size + -size % 8
    found[1].flags.writeable = False  # as it is made: compiled code tells them apart
    return found[0].tobytes(), Tables(*found[1:])


def _made(words: tuple[bytes, ...], alphabet: str) -> Tables:
    lower, upper = _cases(alphabet)
    spelled = np.zeros(2048, np.uint16)
    places = {word: i for i, word in enumerate(words[: ONE + TWO])}
    for letter in alphabet[::2]:
        if letter.encode() not in places:
            raise ValueError(f"{letter!r} is a letter of the alphabet, and not among the first words")
        spelled[ord(letter)] = places[letter.encode()]
    blob = np.frombuffer(b"".join(words), np.uint8)
    starts = np.cumsum([0, *map(len, words)], dtype=np.uint32)
    slots = np.zeros(1 << (2 * len(words)).bit_length(), np.uint32)
    firsts, seconds = np.zeros((2, len(words)), np.uint64)
    _fill(slots, firsts, seconds, blob, starts)
    return Tables(blob, starts, slots, firsts, seconds, lower, upper, spelled)


def _cases(alphabet: str) -> tuple[np.ndarray, np.ndarray]:
    """The tables ``lower`` and ``upper`` of an alphabet, ASCII's letters added."""
    lower, upper = np.zeros(2048, np.uint16), np.zeros(2048, np.uint16)
    pairs = [(c, c - 32) for c in range(ord("a"), ord("z") + 1)]
    points = [ord(c) for c in alphabet]
    if len(points) % 2 or any(not 128 <= p < 2048 for p in points):
        raise ValueError("an alphabet is pairs of two-byte letters of UTF-8")
    for small, capital in pairs + list(zip(points[::2], points[1::2], strict=True)):
        if lower[small] or lower[capital]:
            raise ValueError(f"{chr(small)!r} or {chr(capital)!r} stands in the alphabet twice")
        lower[small] = lower[capital] = small
        upper[small] = capital if capital != small else 0
    return lower, upper


@inner
def keyed(data, start, end):
    """The word ``data[start:end]`` as (uint64) its first eight bytes, the next eight, and a hash of all, the
    same in every process."""
    first = second = np.uint64(0)
    for k in range(start, min(end, start + 8)):
        first = first << np.uint64(8) | np.uint64(data[k])
    for k in range(start + 8, min(end, start + 16)):
        second = second << np.uint64(8) | np.uint64(data[k])
    h = mixed(mixed(np.uint64(0), first), second)
    for k in range(start + 16, end):
        h = mixed(h, np.uint64(data[k]))
    return first, second, h


@inner
def mixed(h, more):
    """The hash ``h`` with ``more`` (uint64) added to it."""
    h = (h ^ more) * K
    return h ^ h >> np.uint64(29)


@lean
def _fill(slots, firsts, seconds, letters, starts):
    mask = np.uint64(len(slots) - 1)
    for word in range(len(starts) - 1):
        firsts[word], seconds[word], h = keyed(letters, np.int64(starts[word]), np.int64(starts[word + 1]))
        slot = (h >> np.uint64(20)) & mask
        while slots[slot]:
            slot = (slot + np.uint64(1)) & mask
        slots[slot] = (h >> np.uint64(64 - TAG)) << np.uint64(32 - TAG) | np.uint64(word + 1)
