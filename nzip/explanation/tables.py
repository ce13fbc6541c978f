"""Bits added up: by kind of byte, line, word, segment of content and group of inputs.

Concession: where a symbol is of two kinds, its bits are shared by bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nzip.bits_per_byte import from_bits
from nzip.explanation import kinds

if TYPE_CHECKING:
    from nzip.explanation import Explanation
    from nzip.pricing import BlockCosts


class Cost(NamedTuple):
    """``what`` cost so many ``bits`` for so many ``bytes``; ``start``: where it begins, of a line."""

    what: str
    bytes: int
    bits: float
    start: int | None = None

    @property
    def bits_per_byte(self) -> float:
        """NaN for no bytes."""
        return from_bits(self.bits, self.bytes)


class WordCost(NamedTuple):
    """A ``word``, so many ``times``: ``bits`` of all together, of the ``first`` one, and of the
    dearest, which begins at ``place``."""

    word: bytes
    times: int
    bits: float
    first: float
    dearest: float
    place: int

    def as_json(self) -> dict[str, Any]:
        """With the word as text; bytes that are none as in ``\\\\xff``."""
        return {**self._asdict(), "word": self.word.decode("utf-8", "backslashreplace")}


class Segment(NamedTuple):
    """A stream of a block: ``stream``, its number, ``kind`` of content, ``form``, ``primer``, ``pieces`` that
    it is cut into; ``bytes``, ``bits``; the ``block`` begins at ``start``."""

    stream: int
    block: int
    start: int
    kind: str
    form: str
    primer: str
    pieces: int
    bytes: int
    bits: float


class InputWorth(NamedTuple):
    """Bits that the file would take more without a group of inputs: of all streams, and by stream."""

    group: str
    bits: float
    by_stream: tuple[float, ...]


def joined(blocks: Sequence[BlockCosts], guesses: int) -> dict[str, Any]:
    """What an explanation holds of the costs of some blocks."""
    streams = [(block, stream) for block in blocks for stream in block.streams]
    groups = tuple(
        dict.fromkeys(g for _, s in streams if s.worth for g in s.worth.groups if g and s.worth is not None)
    )
    columns: dict[str, list[np.ndarray]] = {
        key: [] for key in ("starts", "lengths", "bits", "stream", "helped", "gain", "harmed", "loss")
    }
    numbers, chances, names, segments = [], [], [], []
    totals = np.zeros((len(groups), len(streams)))
    for i, (block, stream) in enumerate(streams):
        n = len(stream.bits)
        columns["starts"].append(stream.starts + block.start)
        columns["lengths"].append(stream.lengths)
        columns["bits"].append(stream.bits)
        columns["stream"].append(np.full(n, i, np.uint16))
        worth = stream.worth
        if worth is None:
            for key, kind in (
                ("helped", np.uint8),
                ("harmed", np.uint8),
                ("gain", np.float32),
                ("loss", np.float32),
            ):
                columns[key].append(np.zeros(n, kind))
        else:
            which = np.array([groups.index(g) if g else 0 for g in worth.groups], np.uint8)
            for at, total in zip(which, worth.total, strict=True):
                totals[at, i] += total
            columns["helped"].append(which[worth.best])
            columns["harmed"].append(which[worth.worst])
            columns["gain"].append(np.maximum(worth.gain, 0))
            columns["loss"].append(np.minimum(worth.loss, 0))
        found = stream.guesses
        numbers.append(found.numbers if found else np.full((n, guesses), -1, np.int32))
        chances.append(found.chances if found else np.zeros((n, guesses), np.float32))
        names.append(tuple(found.names) if found else ())
        pieces = (
            1 + int(np.count_nonzero(stream.starts[1:] != (stream.starts + stream.lengths)[:-1])) if n else 0
        )
        segments.append(
            Segment(i, blocks.index(block), block.start, stream.kind, stream.form, stream.primer, pieces,
                    stream.size, float(stream.bits.sum()))
        )  # fmt: skip
    empty: dict[str, type] = {
        "starts": np.int64, "lengths": np.int32, "bits": np.float64, "stream": np.uint16, "helped": np.uint8,
        "gain": np.float32, "harmed": np.uint8, "loss": np.float32,
    }  # fmt: skip
    whole = {key: np.concatenate([np.zeros(0, empty[key]), *parts]) for key, parts in columns.items()}
    order = np.argsort(whole["starts"], kind="stable")
    inputs = sorted(
        (InputWorth(g, float(t.sum()), tuple(map(float, t))) for g, t in zip(groups, totals, strict=True)),
        key=lambda row: -row.bits,
    )
    none = np.zeros((0, guesses))
    return dict(
        payload=sum(block.payload for block in blocks),
        guesses=np.concatenate([none.astype(np.int32), *numbers])[order],
        chances=np.concatenate([none.astype(np.float32), *chances])[order],
        names=tuple(names),
        groups=groups,
        inputs=tuple(inputs),
        segments=tuple(segments),
        **{key: part[order] for key, part in whole.items()},
    )


def by_kind(found: Explanation) -> list[Cost]:
    """Kinds of bytes in text; elsewhere what their stream holds."""
    of_byte = kinds.of_bytes(found.data).astype(np.int64)
    names = list(kinds.KINDS)
    stream = np.repeat(found.stream, found.lengths)
    for segment in found.segments:
        if segment.kind in ("text", "any", "other", "stored"):
            continue
        if segment.kind not in names:
            names.append(segment.kind)
        of_byte[stream == segment.stream] = names.index(segment.kind)
    bits = np.bincount(of_byte, found.by_byte(), len(names))
    sizes = np.bincount(of_byte, minlength=len(names))
    rows = [Cost(n, int(s), float(b)) for n, s, b in zip(names, sizes, bits, strict=True) if s]
    return sorted(rows, key=lambda row: -row.bits)


def line_starts(data: bytes) -> np.ndarray:
    """Where each line begins, int64; none for no data."""
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 10) + 1
    starts = np.concatenate([[0], ends])
    return starts[starts < len(data)]


def by_line(found: Explanation) -> list[Cost]:
    """Lines, numbered from one."""
    starts = line_starts(found.data)
    if not len(starts):
        return []
    bits = np.add.reduceat(found.by_byte(), starts)
    sizes = np.diff(starts, append=found.size)
    return [
        Cost(str(i + 1), n, b, s)
        for i, (n, b, s) in enumerate(zip(sizes.tolist(), bits.tolist(), starts.tolist(), strict=True))
    ]


def by_word(found: Explanation, most: int) -> list[WordCost]:
    """Words, as they are spelled."""
    running = np.concatenate([[0.0], np.cumsum(found.by_byte())])
    rows: dict[bytes, list] = {}
    for match in kinds.WORD.finditer(found.data):
        bits = float(running[match.end()] - running[match.start()])
        row = rows.setdefault(match.group(), [0, 0.0, bits, -1.0, 0])
        row[0] += 1
        row[1] += bits
        if bits > row[3]:
            row[3], row[4] = bits, match.start()
    words = sorted((WordCost(word, *row) for word, row in rows.items()), key=lambda row: -row.bits)
    return words[:most]
