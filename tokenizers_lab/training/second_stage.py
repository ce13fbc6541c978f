"""The second stage of ``train --superwords``: from a vocabulary of words to one of superwords, with its
checkpoint (``superwords.py`` has the merges, ``bpe.py`` the first stage).

A checkpoint is two files, the vocabulary so far and, beside it, ``.cells``: the text as tokens. Where the
cells do not belong to the vocabulary (a crash between the two), the stage begins anew from its first
vocabulary, to the same end. Concession: Ctrl-C keeps all, a crash what was kept within the last minute.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xxhash

from nzip.io import safe_output
from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, pack_strings, unpack_arrays, unpack_strings, write_whole
from tokenizers_lab.pretokenize import WORDS, PreTokenizer
from tokenizers_lab.sources.finding import STANDARD_INPUT
from tokenizers_lab.training import checkpoint as checkpoints
from tokenizers_lab.training.superword_kernel import BORDER
from tokenizers_lab.training.superwords import Cells, Grower, cells_of
from tokenizers_lab.training.wishes import spelling_of

KIND = "superwords"
_SECONDS = 60.0
_PIECE = 1 << 20
_KEPT = ("bytes", "documents", "distinct", "dropped")


def check(transition: int, vocab_size: int, special: list[str], pre: str, paths, documents) -> None:
    """Raises :class:`LabError` for what superwords cannot be learnt from."""
    if not 256 + len(special) <= transition < vocab_size:
        raise LabError(
            f"the transition to superwords, {transition:,}, must stand from {256 + len(special):,} (bytes "
            f"and special tokens) to {vocab_size - 1:,}, before the end of the vocabulary"
        )
    if pre not in WORDS:
        raise LabError(
            f"superwords need words to begin with: --pre {', '.join(WORDS)}, not {pre} (with none, merges "
            "cross words from the first on)"
        )
    if STANDARD_INPUT in paths or iter(documents or ()) is documents:
        raise LabError(
            "superwords read their text twice: give files, not standard input (in Python a list of "
            "documents, not an iterator)"
        )


def check_parent(name, parent: BpeCodec, special: list[str], transition: int) -> None:
    """Raises :class:`LabError` where the superwords of ``parent`` cannot go on."""
    if list(parent.special) != special or sorted(parent.special.values()) != list(range(len(special))):
        raise LabError(
            f"{name}: has the special tokens {list(parent.special)}; extend it with the same, first"
        )
    if transition > parent.vocab_size:
        raise LabError(
            f"{name}: has superwords and {parent.vocab_size:,} tokens; a transition at {transition:,} would "
            "be behind its own"
        )


@dataclass
class Kept:
    """What a checkpoint holds: the first stage's codec, what it was counted on, merges since (int32 of shape
    (merges, 3)), and cells, or None where they must be made anew."""

    codec: BpeCodec
    counts: dict
    merges: np.ndarray
    cells: Cells | None

    @classmethod
    def begin(cls, codec: BpeCodec, *numbers: int) -> Kept:
        """The state after the first stage: its vocabulary over lines, and the numbers in the order of
        ``Training``."""
        codec = BpeCodec(codec.tokens, codec.merges, PreTokenizer("lines"), codec.special)
        return cls(codec, dict(zip(_KEPT, numbers)), np.zeros((0, 3), np.int32), None)


class Stage:
    """``codec``: over lines, what the merges begin from. ``settings``, ``checkpoint``: as of ``train_full``;
    ``counts``: what is told beside the vocabulary."""

    def __init__(self, kept: Kept, settings: dict, checkpoint):
        self.kept, self.settings, self.path, self.saved = kept, settings, checkpoint, -_SECONDS

    def run(
        self,
        documents: Callable[[], Iterable],
        vocab_size: int,
        workers: int,
        max_memory: int,
        max_token_length: int,
        min_frequency: int,
        vetoed=None,
        progress=None,
    ) -> tuple[BpeCodec, bool]:
        """The vocabulary, and whether no pair was left for more. ``documents()`` gives the text again."""
        codec, cells = self.kept.codec, self.kept.cells
        try:
            if cells is None:
                self.kept.merges = self.kept.merges[:0]
                cells = Cells(Path(self.path).parent if self.path else None)
                self._read(codec, documents, workers, cells, progress)
                cells.map()
            never = [spelling_of(name) for name in codec.special]
            grower = Grower(
                codec, cells, vocab_size, max_memory, max_token_length, min_frequency, never=never
            )
            grower.replay(self.kept.merges)

            def step():
                if progress:
                    progress("merge", min(grower.tokens, vocab_size), vocab_size)

            try:
                more = grower.grow(vocab_size, vetoed, lambda: self._save(grower), step)
            except KeyboardInterrupt:
                grower.compact()
                self._save(grower, True)
                raise
            return self._codec(grower), not more
        finally:
            if cells is not None:
                cells.close()

    def _read(self, codec, documents, workers, cells, progress) -> None:
        total, done = self.kept.counts["bytes"], 0

        def step(n):
            nonlocal done
            done += n
            if progress:
                progress("encode", done, total)

        read = cells_of(codec, documents(), workers, cells, step)
        if total and read != total:
            raise DataError(
                f"the text had {total:,} bytes when its words were counted, and {read:,} when it was read "
                "again; train on what stands still"
            )
        self.kept.counts["bytes"] = read

    def _codec(self, grower: Grower) -> BpeCodec:
        merges: dict[tuple[int, int], int] = {}
        for a, b, new in [*self.kept.codec.merges.tolist(), *grower.merges().tolist()]:
            merges.pop((a, b), None)  # a pair merged twice keeps its last rank
            merges[a, b] = new
        codec = self.kept.codec
        return BpeCodec(
            [*codec.tokens, *map(grower.token, range(len(codec.tokens), grower.tokens))],
            [(a, b, new) for (a, b), new in merges.items()],
            codec.pre,
            codec.special,
        )

    def _save(self, grower: Grower, now: bool = False) -> None:
        if not self.path or not now and time.monotonic() - self.saved < _SECONDS:
            return
        cells, digest = grower.cells, xxhash.xxh64()
        try:
            with safe_output.Output(_cells_path(self.path), force=True) as out:
                for at in range(0, cells.n, _PIECE):
                    piece = cells.array[at : min(at + _PIECE, cells.n)].tobytes()
                    digest.update(piece)
                    out.write(piece)
                out.commit()
        except safe_output.FileError as error:
            raise LabError(str(error)) from None
        codec = self.kept.codec
        head = {
            "kind": KIND,
            "settings": self.settings,
            "counts": self.kept.counts,
            "special": list(codec.special),
            "cells": [cells.n, digest.hexdigest()],
        }
        arrays = {
            "first": codec.merges.astype(np.int32),
            "merges": grower.merges(),
            **pack_strings(codec.tokens[len(codec.special) :]),
        }
        write_whole(self.path, pack_arrays(head, arrays))
        self.saved = time.monotonic()


def _cells_path(path) -> str:
    return f"{path}.cells"


def remove(path) -> None:
    """Remove the files of a checkpoint."""
    for name in (path, _cells_path(path)):
        Path(name).unlink(missing_ok=True)


def load(path, settings: dict) -> Kept | None:
    """What the checkpoint ``path`` holds, or None where it is one of the first stage. Raises
    :class:`LabError` as ``checkpoint.load``."""
    head, arrays = unpack_arrays(Path(path))
    if head.get("kind") != KIND:
        return None
    counts, special, cells = (head.get(key) or [] for key in ("counts", "special", "cells"))
    sound = (
        isinstance(head.get("settings"), dict)
        and isinstance(counts, dict)
        and sorted(counts) == sorted(_KEPT)
        and all(type(counts[key]) is int and 0 <= counts[key] < 1 << 53 for key in _KEPT)
        and isinstance(special, list)
        and all(isinstance(name, str) for name in special)
        and isinstance(cells, list)
        and len(cells) == 2
        and all(
            name in arrays
            and arrays[name].dtype == np.int32
            and arrays[name].ndim == 2
            and arrays[name].shape[1] == 3
            for name in ("first", "merges")
        )
    )
    if sound:
        checkpoints.require_settings(path, head["settings"], settings)
        tokens = [*(b"" for _ in special), *unpack_strings(arrays, str(path))]
        if _spelled(tokens, arrays["first"]):
            names = {name: i for i, name in enumerate(special)}
            codec = BpeCodec(tokens, arrays["first"], PreTokenizer("lines"), names)
            top = codec.vocab_size + len(arrays["merges"])
            return Kept(codec, dict(counts), arrays["merges"], _load_cells(path, cells[0], cells[1], top))
    raise DataError(f"{path}: the checkpoint's tables contradict each other; remove it to begin anew")


def _spelled(tokens: list[bytes], merges: np.ndarray) -> bool:
    """Whether each merge spells its token."""
    if len(merges) and not 0 <= int(merges.min()) <= int(merges.max()) < len(tokens):
        return False
    return all(
        tokens[a] and tokens[b] and tokens[a] + tokens[b] == tokens[new] for a, b, new in merges.tolist()
    )


def _load_cells(path, n, digest, top: int) -> Cells | None:
    """The cells of a checkpoint, or None where they are not its own."""
    found = xxhash.xxh64()
    cells = Cells(Path(path).parent)
    first, last, size = BORDER, BORDER, 0
    try:
        with open(_cells_path(path), "rb") as file:
            while piece := file.read(4 * _PIECE):
                found.update(piece)
                array = np.frombuffer(piece[: len(piece) // 4 * 4], np.int32)
                if not len(array) or array.min() < BORDER or array.max() >= top:
                    break
                if not size:
                    first = array[0]
                size, last = size + len(array), array[-1]
                cells.add(array if size > len(array) else array[1:])
    except OSError:
        size = -1
    if size != n or found.hexdigest() != digest or first != BORDER or last != BORDER:
        cells.close()
        return None
    cells.map()
    return cells
