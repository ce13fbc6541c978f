"""Where the bits go: :func:`explain` says what each symbol, line, word, kind of byte and segment of content
cost, what was expected in its place, and what each group of the mix's inputs was worth.

``kinds`` tells tags, digits, words and so on apart, ``tables`` adds up, ``page`` draws one HTML page,
``lines`` writes JSON lines. Concession: all of a file's symbols are in memory, some hundred bytes for each
byte.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from nzip.bits_per_byte import from_bits
from nzip.explanation import tables
from nzip.explanation.tables import Cost, InputWorth, Segment, WordCost
from nzip.options import Pricing, settled, shown
from nzip.predictors.pricing import Wish
from nzip.pricing import Readable, after, blocks_of, predictor_of, price_block

if TYPE_CHECKING:
    from typing_extensions import Buffer

SCHEMA = "nzip.explain/1"
GUESSES = 3


@dataclasses.dataclass(frozen=True, eq=False)
class Explanation:
    """What :func:`explain` found. ``data``: what was explained; ``payload``: bytes that it takes.

    By symbol, in the order of the data: ``starts`` int64, ``lengths`` int32, ``bits`` float64, ``stream``
    uint16 (n,): which of ``segments``' streams; ``guesses`` int32 and ``chances`` float32 (n, k): numbers in
    ``names[stream]``, -1 for none; ``helped``, ``harmed`` uint8 (n,): numbers in ``groups`` of the inputs
    that helped and harmed most, and by how many bits, ``gain`` and ``loss`` float32. ``inputs`` is empty and
    these are zeros where the predictor is no mix."""

    name: str
    predictor: str
    data: bytes
    payload: int
    starts: np.ndarray
    lengths: np.ndarray
    bits: np.ndarray
    stream: np.ndarray
    guesses: np.ndarray
    chances: np.ndarray
    names: tuple[tuple[bytes, ...], ...]
    groups: tuple[str, ...]
    helped: np.ndarray
    gain: np.ndarray
    harmed: np.ndarray
    loss: np.ndarray
    inputs: tuple[InputWorth, ...]
    segments: tuple[Segment, ...]

    @property
    def size(self) -> int:
        """Raw bytes."""
        return len(self.data)

    @property
    def total(self) -> float:
        """All bits."""
        return float(self.bits.sum())

    @property
    def bits_per_byte(self) -> float:
        """NaN for no bytes."""
        return from_bits(self.total, self.size)

    def by_byte(self) -> np.ndarray:
        """Bits of each byte, float64 (size,): a symbol's spread evenly over its bytes."""
        return np.repeat(self.bits / self.lengths, self.lengths)

    def kinds(self) -> list[Cost]:
        """What each kind of byte cost, the dearest first."""
        return tables.by_kind(self)

    def lines(self) -> list[Cost]:
        """What each line cost, in order, its end included."""
        return tables.by_line(self)

    def words(self, most: int = 50) -> list[WordCost]:
        """The words that cost most, all their occurrences together."""
        return tables.by_word(self, most)

    def summary(self) -> dict[str, Any]:
        """All of the above but the lines, for JSON."""
        return {
            "schema": SCHEMA,
            "file": self.name,
            "predictor": self.predictor,
            "size": self.size,
            "payload": self.payload,
            "bits": self.total,
            "bits_per_byte": self.bits_per_byte if self.size else None,
            "symbols": len(self.bits),
            "kinds": [row._asdict() for row in self.kinds()],
            "inputs": [row._asdict() for row in self.inputs],
            "segments": [row._asdict() for row in self.segments],
            "words": [row.as_json() for row in self.words()],
        }

    def json_lines(self) -> Iterator[str]:
        """The summary, then a line for each line of the data with its symbols; see :mod:`.lines`."""
        from nzip.explanation.lines import json_lines

        return json_lines(self)

    def html(self, against: Explanation | None = None, limit: int | None = None) -> str:
        """One page, self-contained; see :mod:`.page`. ``against``: shown beside it."""
        from nzip.explanation.page import LIMIT, page

        return page(self, against, LIMIT if limit is None else limit)

    def _repr_html_(self) -> str:
        from nzip.explanation.page import excerpt

        return excerpt(self)

    def __repr__(self) -> str:
        bits = f", {self.bits_per_byte:.4f} bits per byte" if self.size else ""
        return f"<Explanation of {self.size:,} bytes under {self.predictor}{bits}>"


@shown
def explain(
    data: Buffer | Readable,
    level: int | None = None,
    *,
    name: str = "data",
    guesses: int = GUESSES,
    inputs: bool = True,
    **options: Unpack[Pricing],
) -> Explanation:
    """Where the bits of ``data`` (bytes-like, or a binary file to be read to its end) go.

    ``level``, ``predictor``, ``primer``, ``block_size``: as for :func:`nzip.compress`. ``name``: what the
    data is called; ``guesses``: so many of the likeliest symbols are found for each, 0 to 8; ``inputs``: also
    what each group of the mix's inputs was worth: bits that coding would take more with them at zero in the
    dot products, the weights as they are. Both take several times as long as coding.

    Raises :class:`nzip.NzipError` where the predictor cannot say what bytes cost.

    >>> found = explain(b"to be, or not to be: that is the question\\n" * 3, level=1, inputs=False, guesses=0)
    >>> [row.what for row in found.kinds()][:2]
    ['words', 'punctuation']
    """
    if not 0 <= guesses <= 8:
        raise ValueError(f"0 to 8 guesses, not {guesses}")
    predictor = predictor_of(level, options)
    wish = Wish(guesses=guesses, worth=inputs)
    parts, found, own = [], [], predictor
    for start, block in blocks_of(data, predictor, settled(Pricing, options)["block_size"]):
        parts.append(bytes(block))
        found.append(price_block(own, block, start, wish))
        if not start:
            own = after(predictor, block)
    return Explanation(
        name=name,
        predictor=predictor.spelling,
        data=b"".join(parts),
        **tables.joined(found, guesses if any(s.guesses for b in found for s in b.streams) else 0),
    )
