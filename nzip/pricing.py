"""What every byte costs: the bits that coding takes, as arrays.

:func:`costs` is the whole answer, :func:`costs_by_block` one block after the other, for files of any size.
Blocks are cut and coded as :func:`nzip.compress` does it, so the bits of all bytes sum to the payload's
length, but for what ends each coded stream (a byte or two) and the container's headers, which belong to no
byte. A stream coded as words or tokens is priced by symbol (``view="symbols"``), and each symbol's bits are
spread evenly over its bytes (``view="bytes"``).

Concession: one thread. Of a short text, of which several ways are tried, the best is coded once more.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, Unpack, cast

import numpy as np

from nzip import codec
from nzip.api import Readable, _ViewReader, as_bytes, left_in
from nzip.bits_per_byte import from_bits
from nzip.container import heads, pipeline
from nzip.container.meter import Meter
from nzip.errors import NzipError
from nzip.exact.compiler import need_compiler
from nzip.io import streams
from nzip.options import Pricing, choose_predictor, settled, shown
from nzip.predictors.base import Predictor
from nzip.predictors.pricing import PricedStream, Wish, by_byte, stored

if TYPE_CHECKING:
    from typing_extensions import Buffer

SCHEMA = "nzip.costs/1"
View: TypeAlias = Literal["bytes", "symbols"]
Rows = Callable[[np.ndarray, np.ndarray], None]


class BlockCosts(NamedTuple):
    """One block as it was coded: ``start`` and ``size`` in raw bytes, ``payload`` in coded ones; ``method``
    "coded" or "stored"; ``streams``: its symbols by content, whose ``starts`` count from the block's."""

    start: int
    size: int
    payload: int
    method: str
    streams: tuple[PricedStream, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Costs:
    """Bits by byte or by symbol. Stands for its ``bits`` wherever NumPy wants an array.

    ``bits`` float64 (n,). ``starts`` int64 (n,), ``lengths`` int32 (n,): which bytes each entry is about; in
    the view of bytes, one each. ``size`` in raw bytes, ``payload`` in coded ones. ``predictor``: its
    spelling. ``blocks``: how it was coded. ``distributions``: uint32 (size, 256), each row summing to 2**24,
    where they were asked for."""

    bits: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    view: View
    size: int
    payload: int
    predictor: str
    blocks: tuple[BlockCosts, ...]
    distributions: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.bits)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        return np.array(self.bits, dtype=dtype, copy=True if copy is None else copy)

    @property
    def spans(self) -> np.ndarray:
        """Where each entry begins and ends in the data, int64 (n, 2)."""
        return np.stack([self.starts, self.starts + self.lengths], axis=1)

    @property
    def total(self) -> float:
        """All bits."""
        return float(self.bits.sum())

    @property
    def bits_per_byte(self) -> float:
        """Of all bits; NaN for no bytes."""
        return from_bits(self.total, self.size)

    def columns(self) -> dict[str, np.ndarray]:
        """What a table is made of: ``pandas.DataFrame(costs.columns())``, polars' and pyarrow's alike."""
        return {"start": self.starts, "length": self.lengths, "bits": self.bits}

    def to_pandas(self) -> Any:
        """A ``pandas.DataFrame`` with the columns ``start``, ``length`` and ``bits``."""
        import pandas  # optional

        return pandas.DataFrame(self.columns())

    def to_arrow(self) -> Any:
        """A ``pyarrow.Table`` of the same columns; the schema's metadata say what it is."""
        import pyarrow  # optional

        return pyarrow.table(self.columns()).replace_schema_metadata({"nzip": json.dumps(self.header())})

    def header(self) -> dict[str, Any]:
        """What the entries are, for JSON."""
        return {
            "schema": SCHEMA,
            "predictor": self.predictor,
            "view": self.view,
            "size": self.size,
            "payload": self.payload,
            "bits": self.total,
            "bits_per_byte": self.bits_per_byte if self.size else None,
        }

    def save(self, path: str) -> None:
        """Write a file: ``.npy`` (float64 bits; of symbols records of start, length and bits), ``.jsonl`` (a
        header, then an object an entry) or ``.parquet``. Raises :class:`nzip.NzipError` for another suffix or
        a library that is missing, :class:`OSError`."""
        from nzip.cost_files import Writer  # start-up

        with Writer(path, self.view) as file:
            file.take(self)
            file.commit(self.header())

    def __repr__(self) -> str:
        bits = f", {self.bits_per_byte:.4f} bits per byte" if self.size else ""
        return f"<Costs of {self.size:,} bytes under {self.predictor}, {len(self):,} {self.view}{bits}>"

    def _repr_html_(self) -> str:
        from html import escape  # start-up

        rows = {
            "predictor": escape(self.predictor),
            "raw bytes": f"{self.size:,}",
            "payload bytes": f"{self.payload:,}",
            "bits per byte": f"{self.bits_per_byte:.4f}" if self.size else "–",
            self.view: f"{len(self):,}",
        }
        cells = "".join(f"<tr><th style='text-align:left'>{k}</th><td>{v}</td></tr>" for k, v in rows.items())
        return f"<table>{cells}</table>"


@shown
def costs(
    data: Buffer | Readable,
    level: int | None = None,
    view: View = "bytes",
    distributions: bool | Rows = False,
    raw: bool = False,
    **options: Unpack[Pricing],
) -> Costs:
    """What each byte of ``data`` (bytes-like, or a binary file to be read to its end) costs, in bits.

    ``level``, ``predictor``, ``primer``, ``block_size``: as for :func:`nzip.compress`. ``view``: "bytes", or
    "symbols": codes of words, tokens, bytes, as they were coded. ``distributions``: also the distribution
    before each byte, 1 KiB a byte of data; or a function that is given them as they come, as places (int64
    (n,)) and rows (uint32 (n, 256)). There are such of bare experts, and of streams that the mix codes as
    bytes: where it would code words, give ``raw=True``, which prices the bytes as if there were no words.

    Raises :class:`nzip.NzipError` where the predictor cannot say what bytes cost, or has no distributions.

    >>> found = costs(b"abracadabra " * 20, level=1)
    >>> len(found), bool(found.bits[:12].sum() > found.bits[-12:].sum())
    (240, True)
    """
    parts = list(costs_by_block(data, level, view, distributions, raw, **options))
    if not parts:
        return _whole([], view, predictor_of(level, options).spelling)
    return _whole(parts, view, parts[0].predictor)


@shown
def costs_by_block(
    data: Buffer | Readable,
    level: int | None = None,
    view: View = "bytes",
    distributions: bool | Rows = False,
    raw: bool = False,
    **options: Unpack[Pricing],
) -> Iterator[Costs]:
    """:func:`costs` of one block after the other, with places in the whole of ``data``: at no time is more in
    memory than a block's."""
    predictor = predictor_of(level, options)
    return priced(data, predictor, settled(Pricing, options)["block_size"], view, distributions, raw)


def predictor_of(level: int | None, options: Pricing) -> Predictor:
    chosen = settled(Pricing, options)
    need_compiler()
    return choose_predictor(level, chosen["predictor"], chosen["primer"])


def priced(
    data: Buffer | Readable,
    predictor: Predictor,
    block_size: int | None,
    view: View,
    distributions: bool | Rows,
    raw: bool,
    meter: Meter | None = None,
) -> Iterator[Costs]:
    """:func:`costs_by_block` under a predictor that is there; ``meter`` is told how far it is."""
    meter, wish = meter or Meter(), Wish(raw=raw)
    if view not in ("bytes", "symbols"):
        raise ValueError(f"a view is 'bytes' or 'symbols', not {view!r}")
    own = predictor
    for start, block in blocks_of(data, predictor, block_size):
        rows = np.zeros((len(block), 256), np.uint32) if distributions is True else None
        given = distributions if callable(distributions) else None
        asked = _Rows(start, rows, given) if rows is not None or given else None
        with meter.block(len(block)) as progress:
            found = price_block(own, block, start, wish._replace(rows=asked), progress)
        if not start:
            own = after(predictor, block)
        if asked is not None:
            asked.check(found, predictor.spelling)
        yield _of_block(found, view, predictor.spelling, rows)


def blocks_of(
    data: Buffer | Readable, predictor: Predictor, block_size: int | None
) -> Iterator[tuple[int, memoryview]]:
    """(where it begins, its bytes) of each block of ``data``, as compressing makes them."""
    with contextlib.ExitStack() as stack:
        try:
            view = stack.enter_context(as_bytes(cast("Buffer", data)))
            source: Any = _ViewReader(view)
            size: int | None = len(view)
        except TypeError:
            if not hasattr(data, "read"):
                raise
            source, size = data, left_in(data)
        if block_size is None:
            block_size = pipeline.block_size_for(predictor, size)
        pipeline.check_block_size(block_size)
        start = 0
        while block := streams.read_fully(source, block_size):
            yield start, memoryview(block)
            start += len(block)


def after(predictor: Predictor, first: memoryview) -> Predictor:
    """What codes the blocks behind the ``first`` of a stream."""
    head = heads.of(first) if predictor.takes_head else b""
    return predictor.with_head(head) if head else predictor


def price_block(predictor: Predictor, block: memoryview, start: int, wish: Wish, progress=None) -> BlockCosts:
    """``block`` coded and priced, or stored, where :func:`nzip.codec.encode_block` would store it."""
    found = predictor.price(block, wish, progress)
    if len(found.params) + found.payload > codec.most(len(block)):
        return BlockCosts(start, len(block), len(block), "stored", (stored(len(block)),))
    return BlockCosts(start, len(block), found.payload, "coded", found.streams)


class _Rows:
    """Distributions on their way: into an array of the block's, or to a function of the caller's."""

    def __init__(self, start: int, rows: np.ndarray | None, give: Rows | None):
        self._start, self._rows, self._give = start, rows, give

    def __call__(self, places: np.ndarray, rows: np.ndarray) -> None:
        if self._rows is not None:
            self._rows[places] = rows
        if self._give is not None:
            self._give(places + self._start, rows)

    def check(self, found: BlockCosts, spelling: str) -> None:
        """Nothing of the block may lack its distributions: raises :class:`NzipError` where words do."""
        words = next((s for s in found.streams if s.form not in ("", "stored")), None)
        if words is not None:
            raise NzipError(f"{spelling} codes this data as {words.form}: bytes have no distributions there")
        for stream in found.streams:
            if stream.form == "stored" and self._rows is not None:
                self._rows[stream.starts] = 1 << 16
            elif stream.form == "stored":
                for at in range(0, stream.size, 1024):
                    part = stream.starts[at : at + 1024]
                    self(part, np.full((len(part), 256), 1 << 16, np.uint32))


def _of_block(found: BlockCosts, view: View, spelling: str, rows: np.ndarray | None) -> Costs:
    starts = np.concatenate([s.starts for s in found.streams] or [np.zeros(0, np.int64)])
    lengths = np.concatenate([s.lengths for s in found.streams] or [np.zeros(0, np.int32)])
    bits = np.concatenate([s.bits for s in found.streams] or [np.zeros(0)])
    if view == "bytes":
        bits = by_byte(found.streams, found.size)
        starts, lengths = np.arange(found.size), np.ones(found.size, np.int32)
    elif len(found.streams) > 1:
        order = np.argsort(starts, kind="stable")
        starts, lengths, bits = starts[order], lengths[order], bits[order]
    return Costs(
        bits, starts + found.start, lengths, view, found.size, found.payload, spelling, (found,), rows
    )


def _whole(parts: list[Costs], view: View, spelling: str) -> Costs:
    if len(parts) == 1:
        return parts[0]

    def joined(name: str, kind: type) -> np.ndarray:
        return np.concatenate([np.zeros(0, kind), *(getattr(part, name) for part in parts)])

    rows = [part.distributions for part in parts if part.distributions is not None]
    return Costs(
        joined("bits", np.float64),
        joined("starts", np.int64),
        joined("lengths", np.int32),
        view,
        sum(part.size for part in parts),
        sum(part.payload for part in parts),
        spelling,
        tuple(block for part in parts for block in part.blocks),
        np.concatenate(rows) if rows else None,
    )
