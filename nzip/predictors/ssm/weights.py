"""The file of a recurrent expert's weights: integers and their scales, and what they were made from.

Layout (docs/FORMAT.md, "The recurrent expert"): ``NZSSM\\0\\x02\\n``, the length of a JSON header as uint32,
the header, then the tensors one after another, little-endian, C order, in the order of :func:`layout`. The
header holds the shape (width, layers, row, bits), ``made``: free words about sources, seed and step, of an
expert that reads text coded as words, ``words``: the first bytes of the dictionary's hash, and of one that is
fed with counts, ``fed``: true. The expert's
identity is the xxh3-128 of the whole file.

Concession: the file is read whole; nothing in it is compressed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash

from nzip import strict_json
from nzip.errors import NzipError
from nzip.predictors import tensor_table
from nzip.predictors.expert_files import ExpertFiles
from nzip.predictors.model_files import ModelKind
from nzip.predictors.ssm.contexts import COLUMN, COLUMN_ROWS, TABLES

MAGIC = b"NZSSM\0\x02\n"
# Bounds that keep every int32 sum exact: 127 * 32767 * MAX_WIDTH < 2**31, and a file of tens of megabytes.
MAX_WIDTH, MAX_LAYERS, MAX_ROW, MAX_BITS, MAX_HEADER = 512, 16, 64, 20, 1 << 16
_HASH = 4  # bytes of a dictionary's hash
BLOCK = 64  # widths are multiples of this: rows of a packed matrix that one loop carries


class Shape(NamedTuple):
    """Width of the stream and the recurrence, layers, width of a table's row, log2 of each table's rows;
    whether it is fed with counts (:mod:`.counts`)."""

    width: int = 256
    layers: int = 3
    row: int = 16
    bits: tuple[int, ...] = (14, 15, 16, 16, 15, 16, 8)
    fed: bool = False

    def check(self) -> Shape:
        """Itself. :class:`NzipError` for a shape that no expert may have."""
        wrong = (
            not 0 < self.width <= MAX_WIDTH or self.width % BLOCK or not 0 < self.layers <= MAX_LAYERS
            or not 0 < self.row <= MAX_ROW or self.row % 2 or len(self.bits) != TABLES
            or not all(4 <= b <= MAX_BITS for b in self.bits) or 1 << self.bits[COLUMN] != COLUMN_ROWS
        )  # fmt: skip
        if wrong:
            raise NzipError(f"no expert can have the shape {tuple(self)}")
        return self


class Weights(NamedTuple):
    """What the file holds. A matrix is int8 (rows, columns) with one float32 scale a row, that of its input's
    unit included, so that an integer sum times the scale is the product; biases are float32."""

    shape: Shape
    made: dict
    words: bytes  # the first bytes of the hash of the dictionary whose codes it reads; b"": it reads raw text
    digest: str  # xxh3-128 of the file, hexadecimal
    bytes: np.ndarray  # int16 (256, width)
    bytes_scale: np.ndarray  # float32 (1,)
    tables: tuple[np.ndarray, ...]  # int8 (rows, row) each
    project: np.ndarray  # int8 (width, 7 * row)
    project_scale: np.ndarray
    mix: np.ndarray  # int8 (layers, 3 * width, width): update gate, candidate, output gate
    mix_scale: np.ndarray
    mix_bias: np.ndarray
    out: np.ndarray  # int8 (layers, width, width)
    out_scale: np.ndarray
    head: np.ndarray  # int8 (256, width)
    head_scale: np.ndarray
    head_bias: np.ndarray
    # Of an expert that is fed; else of no rows, and zeros.
    feed: np.ndarray = np.zeros((0, 256), np.int8)  # (width, 256)
    feed_scale: np.ndarray = np.zeros(0, np.float32)  # (width,)
    gain: np.ndarray = np.zeros(1, np.float32)  # of f beside the logits
    start: np.ndarray = np.zeros((0, 0), np.float32)  # (layers, width): the state before the first byte


def layout(shape: Shape) -> list[tuple[str, str, tuple[int, ...]]]:
    """Name, dtype and shape of every tensor, in the file's order."""
    w, layers = shape.width, shape.layers
    return [
        ("bytes", "<i2", (256, w)), ("bytes_scale", "<f4", (1,)),
        *((f"table{i}", "i1", (1 << bits, shape.row)) for i, bits in enumerate(shape.bits)),
        ("project", "i1", (w, TABLES * shape.row)), ("project_scale", "<f4", (w,)),
        ("mix", "i1", (layers, 3 * w, w)), ("mix_scale", "<f4", (layers, 3 * w)),
        ("mix_bias", "<f4", (layers, 3 * w)),
        ("out", "i1", (layers, w, w)), ("out_scale", "<f4", (layers, w)),
        ("head", "i1", (256, w)), ("head_scale", "<f4", (256,)), ("head_bias", "<f4", (256,)),
        *(_layout_of_fed(shape) if shape.fed else ()),
    ]  # fmt: skip


def _layout_of_fed(shape: Shape) -> tuple[tuple[str, str, tuple[int, ...]], ...]:
    return (
        ("feed", "i1", (shape.width, 256)), ("feed_scale", "<f4", (shape.width,)), ("gain", "<f4", (1,)),
        ("start", "<f4", (shape.layers, shape.width)),
    )  # fmt: skip


def write(shape: Shape, made: dict, tensors: dict[str, np.ndarray], words: bytes = b"") -> bytes:
    """The file's bytes. ``tensors`` by the names of :class:`Weights`, tables as ``table0`` … ``table6``."""
    said: dict = {"shape": [*shape[:3], list(shape.bits)], "made": made}
    said |= {"words": words.hex()} if words else {}
    said |= {"fed": True} if shape.fed else {}
    header = json.dumps(said, sort_keys=True).encode()
    parts = [MAGIC, struct.pack("<I", len(header)), header]
    for name, dtype, dims in layout(shape.check()):
        tensor = np.ascontiguousarray(tensors[name], np.dtype(dtype))
        if tensor.shape != dims:
            raise ValueError(f"{name} has the shape {tensor.shape}, not {dims}")
        parts.append(tensor.tobytes())
    return b"".join(parts)


def read(data: bytes, name: str = "the expert") -> Weights:
    """The weights in ``data``. :class:`NzipError` where it is no such file, cut short or too long."""
    if data.startswith(MAGIC[:6]) and not data.startswith(MAGIC):
        raise NzipError(f"{name} holds expert weights of another version of nzip: train them again")
    if not data.startswith(MAGIC) or len(data) < len(MAGIC) + 4:
        raise NzipError(f"{name} is not a file of expert weights: make one with nzip train")
    (size,) = struct.unpack_from("<I", data, len(MAGIC))
    at = len(MAGIC) + 4 + size
    try:
        if size > MAX_HEADER or at > len(data):
            raise ValueError
        header = strict_json.loads(data[len(MAGIC) + 4 : at], MAX_HEADER)
        width, layers, row, bits = header["shape"]
        if not all(type(n) is int for n in (width, layers, row, *bits)) or not isinstance(
            header["made"], dict
        ):
            raise ValueError
        fed = header.get("fed", False)
        if type(fed) is not bool:
            raise ValueError
        shape = Shape(width, layers, row, tuple(bits), fed).check()
        words = bytes.fromhex(header.get("words", ""))
        if len(words) not in (0, _HASH):
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise NzipError(f"{name} has a damaged header") from error
    tensors = layout(shape)
    whole = sum(np.dtype(d).itemsize * int(np.prod(s)) for _, d, s in tensors)
    if len(data) - at != whole:
        raise NzipError(f"{name} is cut short or longer than its header says")
    tensor_table.check(_table(tensors), whole, name, whole=True)
    found = {}
    for tensor, dtype, dims in tensors:
        count = int(np.prod(dims))
        found[tensor] = np.frombuffer(data, np.dtype(dtype), count, at).reshape(dims)
        at += found[tensor].nbytes
    if not all(
        np.isfinite(v).all() and np.abs(v).max() < 1e6 for v in found.values() if v.dtype == np.float32
    ):
        raise NzipError(f"{name} holds numbers that no weights have")
    tables = tuple(found.pop(f"table{i}") for i in range(TABLES))
    return Weights(shape=shape, made=header["made"], words=words, digest=digest(data), tables=tables, **found)


def _table(tensors: list[tuple[str, str, tuple[int, ...]]]) -> Iterator[tensor_table.Tensor]:
    begin = 0
    for name, dtype, dims in tensors:
        entry = tensor_table.Tensor(name, dims, 1, np.dtype(dtype).itemsize, begin, 0)
        entry = entry._replace(end=begin + entry.numbers * entry.group_bytes)
        begin = entry.end
        yield entry


def blank() -> Weights:
    """The smallest weights there can be, all zero: a stand-in where a compiled loop wants some."""
    shape = Shape(BLOCK, 1, 2, (4,) * (TABLES - 1) + (COLUMN_ROWS.bit_length() - 1,))
    return read(write(shape, {}, {name: np.zeros(dims, dtype) for name, dtype, dims in layout(shape)}))


# The file that ships, and those of the user's own.
WORDS = "words"  # the argument of the one that reads English coded as words
FILES = ExpertFiles(
    "expert",
    {None: Path(__file__).with_name("english.expert"), WORDS: Path(__file__).with_name("words.expert")},
    read,
)
# Memory of a network that is built from a file, for each byte of it: the file, and its matrices packed anew.
BUILT = 3


def digest(data: bytes) -> str:
    """The hash by which a file's weights are known: xxh3-128, hexadecimal."""
    return xxhash.xxh3_128_hexdigest(data)


# What an argument of ``ssm`` or ``online`` names.
KIND = ModelKind(
    "expert",
    digest=digest,
    cost=lambda data: BUILT * len(data),
    looks=lambda head: head.startswith(MAGIC),
    name_of=lambda argument: None if argument in ("ssm", WORDS) else argument,
)
