"""What training texts share with the texts that nzip is judged on: whole lines, and shingles of 48 bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

LINE = 40  # bytes from which a line counts as a sentence of its own, not a heading or an idiom
SHINGLE = 48  # bytes
PLAIN = 12  # different bytes below which a shared shingle says nothing (indents, rules)
SAMPLED = 16  # one shingle in so many is looked at, chosen by its hash, so the same ones on both sides


def normal(line: str) -> bytes:
    """A line as it is compared: without its case, its blanks one space each."""
    return " ".join(line.split()).casefold().encode()


def shingles(data: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(places, hashes) of the sampled shingles."""
    count = len(data) - SHINGLE + 1
    if count <= 0:
        return np.zeros(0, np.int64), np.zeros(0, np.uint64)
    words = np.ndarray((len(data) - 7,), "<u8", data, strides=(1,))
    mixed = np.zeros(count, np.uint64)
    for k in range(0, SHINGLE, 8):
        mixed ^= words[k : k + count]
        mixed *= np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
    at = np.flatnonzero(mixed % np.uint64(SAMPLED) == 0)
    return at, mixed[at]


class Judged:
    """What the judged texts hold: their lines and the hashes of a sample of their shingles."""

    def __init__(self, texts: Iterator[bytes]) -> None:
        self.lines: set[bytes] = set()
        hashes = [np.zeros(0, np.uint64)]
        for data in texts:
            for line in data.decode("utf-8", "replace").split("\n"):
                if len(key := normal(line)) >= LINE:
                    self.lines.add(hashlib.blake2b(key, digest_size=8).digest())
            for first in range(0, len(data), 1 << 24):
                hashes.append(np.unique(shingles(data[first : first + (1 << 24) + SHINGLE - 1])[1]))
        self.hashes = np.unique(np.concatenate(hashes))

    def holds(self, line: str) -> bool:
        key = normal(line)
        return len(key) >= LINE and hashlib.blake2b(key, digest_size=8).digest() in self.lines

    @staticmethod
    def _telling(data: bytes, hashes: np.ndarray, shared: np.ndarray) -> np.ndarray:
        """Which of the shared places hold a shingle that says something."""
        _, first, which = np.unique(hashes, return_index=True, return_inverse=True)
        telling = [len(set(data[one : one + SHINGLE])) >= PLAIN for one in shared[first].tolist()]
        return np.array(telling, bool)[which]

    def without_shared(self, text: str) -> tuple[str, int]:
        """The text without the lines that a shared shingle touches, and how many these were."""
        data = text.encode()
        at, hashes = shingles(data)
        place = np.searchsorted(self.hashes, hashes)
        place[place == len(self.hashes)] = 0
        found = self.hashes[place] == hashes if len(self.hashes) else np.zeros(len(at), bool)
        lines = data.split(b"\n")
        starts = np.cumsum([0] + [len(line) + 1 for line in lines])
        bad = np.zeros(len(lines) + 1, bool)
        for one in at[found][self._telling(data, hashes[found], at[found])]:
            first, last = np.searchsorted(starts, [one, one + SHINGLE - 1], "right") - 1
            bad[first : last + 1] = True
        kept = [line for line, drop in zip(lines, bad, strict=False) if not drop]
        return b"\n".join(kept).decode(), int(bad.sum())


def judged_bytes(paths: tuple[Path, ...]) -> Iterator[bytes]:
    for path in paths:
        for file in sorted(p for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file()):
            yield file.read_bytes()
