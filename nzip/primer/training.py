"""What of many files goes into a primer: representative pieces (selection.py), and a dictionary where that
helps (dictionaries.py).

A pool of pieces is taken evenly over the files (small files whole, identical ones once; of large ones equal
shares, in slices spread over their length and cut at line ends). The same files give the same primer,
whatever their order.

Concession: a pool holds a part of large files only, so what stands in the rest is not seen.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import xxhash

from nzip.errors import NzipError
from nzip.predictors.content import KIND_NAMES, detect
from nzip.predictors.own_primer import OwnPrimer
from nzip.primer.dictionaries import NOTHING, STEPS, Found, Progress, held_out, try_out, words_of
from nzip.primer.file import MAX_TEXT, Given, pack
from nzip.primer.selection import Piece, chosen

DEFAULT_SIZE = 512 << 10
MIN_SIZE = 1 << 10
# The pool holds this many times the primer's size, up to some bytes. Measured at -1 over 15 Python files with
# 64 KiB from 386 others: 24,687 bytes with a pool of one size, 24,266 with four, 22,814 with sixteen.
POOL = 16
_LARGEST_POOL = 64 << 20
_PIECES = 32  # a primer has at least about this many pieces
_LONGEST, _SHORTEST = 16 << 10, 512  # bytes a piece
_CHUNK = 1 << 20
_LOOK = 1 << 16  # bytes of a file that tell whether it is text


class Trained(NamedTuple):
    """What a ``primer`` holds, and how many of how many files stand in its text; of the rest how many were
    copies of others, and how many no text. ``trial``: what came of asking whether a dictionary helps."""

    primer: OwnPrimer
    used: int
    files: int
    copies: int
    others: int
    trial: Found


class _Sample(NamedTuple):
    """A file by its path, or bytes at hand."""

    source: str | bytes
    size: int

    def read(self, start: int, count: int) -> bytes:
        if isinstance(self.source, bytes):
            return self.source[start : start + count]
        with open(self.source, "rb") as file:
            file.seek(start)
            return file.read(count)

    def digest(self) -> bytes:
        digest = xxhash.xxh3_128()
        for at in range(0, self.size, _CHUNK):
            digest.update(self.read(at, _CHUNK))
        return digest.digest()


def train_primer(
    samples: Iterable[Given],
    size: int = DEFAULT_SIZE,
    dictionary: bool = True,
    progress: Progress | None = None,
) -> bytes:
    """A primer file, as bytes for ``primer=`` or to be written to disk, from ``samples``: an iterable of
    bytes-like objects (each a whole file's content) and of paths. ``size``: bytes of text it holds at most.
    ``dictionary``: try whether a dictionary of the samples' words helps, and put it in where it does.
    ``progress``: called as ``progress(done, total)`` after each of some steps.

    Raises :class:`nzip.NzipError` where there is nothing to learn from: no bytes at all, or no text.
    """
    return pack(train(samples, size, dictionary, progress).primer)


def train(
    samples: Iterable[Given],
    size: int = DEFAULT_SIZE,
    dictionary: bool = True,
    progress: Progress | None = None,
) -> Trained:
    """As :func:`train_primer`, not packed, with what was taken told."""
    if not MIN_SIZE <= size <= MAX_TEXT:
        raise NzipError(f"a primer's size is {MIN_SIZE >> 10} KiB to {MAX_TEXT >> 20} MiB, not {size} bytes")
    found = [sample for sample in map(_sample, samples) if sample.size]
    if not found:
        raise NzipError("there is nothing to make a primer from: no files, or all of them empty")
    unique = _without_copies(found)
    texts = [sample for sample in unique if _kind(sample.read(0, _LOOK)) == "text"]
    if not texts:
        kind = _kind(unique[-1].read(0, _LOOK))
        raise NzipError(
            f"a primer is text, and these files look like {kind}: the mix starts warm on text alone"
        )
    pool = _pool(texts, size)
    trial = _try_dictionary(pool, size, progress) if dictionary else NOTHING
    words = [b"", *words_of([piece.data for piece in pool], [trial.words])][-1] if trial.words else b""
    kept = chosen(pool, size)
    text = b"".join(piece.data for piece in kept)
    used = len({piece.file for piece in kept})
    if progress is not None:
        progress(STEPS, STEPS)
    return Trained(
        OwnPrimer(text, words), used, len(found), len(found) - len(unique), len(unique) - len(texts), trial
    )


def _try_dictionary(pool: list[Piece], size: int, progress: Progress | None) -> Found:
    held = held_out([len(piece.data) for piece in pool])
    if not held:
        return NOTHING
    aside = set(held)
    rest = [piece for number, piece in enumerate(pool) if number not in aside]
    steps = itertools.count(1)

    def told() -> None:
        if progress is not None:
            progress(next(steps), STEPS)

    text = b"".join(piece.data for piece in chosen(rest, size))
    told()
    return try_out(b"".join(pool[number].data for number in held), [piece.data for piece in rest], text, told)


def _sample(given: Given) -> _Sample:
    if isinstance(given, (bytes, bytearray, memoryview)):
        return _Sample(bytes(given), memoryview(given).nbytes)
    path = os.fsdecode(given)
    return _Sample(path, os.path.getsize(path))


def _kind(data: bytes) -> str:
    return KIND_NAMES[detect(np.frombuffer(data, np.uint8)).kind]


def _without_copies(samples: list[_Sample]) -> list[_Sample]:
    """The samples by size and hash, each content once: an order that does not depend on how they were
    given."""
    by_size: dict[int, list[_Sample]] = {}
    for sample in samples:
        by_size.setdefault(sample.size, []).append(sample)
    found = []
    for size in sorted(by_size):
        found += [
            sample for _, sample in sorted({sample.digest(): sample for sample in by_size[size]}.items())
        ]
    return found


def _pool(samples: list[_Sample], size: int) -> list[Piece]:
    """Pieces of about ``POOL`` times ``size`` bytes together, evenly over the samples."""
    budget = min(POOL * size, max(_LARGEST_POOL, size))
    longest = max(_SHORTEST, min(_LONGEST, size // _PIECES))
    whole = min(_LONGEST, size // 4)
    most = max(1, budget // _SHORTEST)
    taken: Sequence[int] = range(len(samples))
    if len(samples) > most:
        taken = [i * len(samples) // most for i in range(most)]
    pieces: list[Piece] = []
    # From small to large: what a small file leaves of its share falls to the larger ones.
    for done, number in enumerate(taken):
        sample = samples[number]
        share = min(sample.size, max(_SHORTEST, budget // (len(taken) - done)))
        for data in (
            [sample.read(0, share)] if sample.size <= min(share, whole) else _slices(sample, share, longest)
        ):
            pieces.append(Piece(number, data))
            budget -= len(data)
    return pieces


def _slices(sample: _Sample, share: int, longest: int) -> list[bytes]:
    """About ``share`` bytes of ``sample`` in evenly spread pieces of about ``longest`` bytes, whole lines."""
    count = -(-share // longest)
    if share >= sample.size:
        edges = [i * sample.size // count for i in range(count + 1)]
        spans = list(itertools.pairwise(edges))
    else:
        length = share // count
        step = (sample.size - length) // max(1, count - 1) if count > 1 else 0
        spans = [(i * step, i * step + length) for i in range(count)]
    found = (
        _whole_lines(sample.read(start, end - start), start > 0, end < sample.size) for start, end in spans
    )
    return [data for data in found if data]


def _whole_lines(data: bytes, cut_before: bool, cut_behind: bool) -> bytes:
    """``data`` without the part of a line at its cut ends, where lines are not too long for that; ends with a
    line end in any case."""
    if cut_before:
        first = data.find(b"\n") + 1
        if first <= len(data) // 4:
            data = data[first:]
        while data and 0x80 <= data[0] < 0xC0:  # the rest of a UTF-8 letter
            data = data[1:]
    if cut_behind:
        last = data.rfind(b"\n") + 1
        if last >= len(data) * 3 // 4:
            data = data[:last]
    return data if data.endswith(b"\n") or not data else data + b"\n"
