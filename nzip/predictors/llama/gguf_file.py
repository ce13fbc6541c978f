"""The container of GGUF: metadata and tensors, every length checked against the file before it is used.
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

Versions 2 and 3, little-endian. A file is mapped, not read: what :attr:`GgufFile.tensors` hold are views.
Every count, length, type, dimension and offset in it may be a lie, so nothing is made of one before the file
was found to be long enough for it, and the table of tensors passes :mod:`nzip.predictors.tensor_table`.

Concession: arrays of arrays, which no model has, are refused; so are the quantisations that the engine does
not run, if only in the tensors that are asked for (:mod:`.gguf_loader`).
"""

from __future__ import annotations

import mmap
import os
import struct
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nzip.errors import NzipError
from nzip.predictors import tensor_table
from nzip.predictors.model_files import open_regular

MAGIC = b"GGUF"
VERSIONS = (2, 3)
LARGEST = 1 << 36  # bytes of a file
MAX_FIELDS = 1 << 12
MAX_KEY = 1 << 8
MAX_STRING = 1 << 24
# Of all arrays together. The longest vocabularies have 2^18 tokens, with a score and a type each, and as many
# merges.
MAX_ELEMENTS = 1 << 22
MAX_ALIGNMENT = 1 << 16
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9


class Type(NamedTuple):
    """How a tensor's numbers are kept: ``group`` of them in ``size`` bytes."""

    name: str
    group: int
    size: int


# All that ggml has had, so that a file with other quantisations is refused by their name.
TYPES = {
    0: Type("F32", 1, 4), 1: Type("F16", 1, 2), 2: Type("Q4_0", 32, 18), 3: Type("Q4_1", 32, 20),
    6: Type("Q5_0", 32, 22), 7: Type("Q5_1", 32, 24), 8: Type("Q8_0", 32, 34), 9: Type("Q8_1", 32, 40),
    10: Type("Q2_K", 256, 84), 11: Type("Q3_K", 256, 110), 12: Type("Q4_K", 256, 144),
    13: Type("Q5_K", 256, 176), 14: Type("Q6_K", 256, 210), 15: Type("Q8_K", 256, 292),
    16: Type("IQ2_XXS", 256, 66), 17: Type("IQ2_XS", 256, 74), 18: Type("IQ3_XXS", 256, 98),
    19: Type("IQ1_S", 256, 50), 20: Type("IQ4_NL", 32, 18), 21: Type("IQ3_S", 256, 110),
    22: Type("IQ2_S", 256, 82), 23: Type("IQ4_XS", 256, 136), 24: Type("I8", 1, 1), 25: Type("I16", 1, 2),
    26: Type("I32", 1, 4), 27: Type("I64", 1, 8), 28: Type("F64", 1, 8), 29: Type("IQ1_M", 256, 56),
    30: Type("BF16", 1, 2),
}  # fmt: skip
_FLOATS = {"F32": "<f4", "F16": "<f2"}


class GgufTensor(NamedTuple):
    """A tensor: ``shape`` as the file has it, the fastest dimension first; ``data``, a view of the file: F32
    and F16 as such, everything else as bytes, the slowest dimension first."""

    name: str
    tensor_type: Type
    shape: tuple[int, ...]
    data: np.ndarray

    @property
    def numbers(self) -> int:
        """How many there are."""
        return int(np.prod(self.shape, dtype=np.int64))


class GgufFile:
    """An open file: ``fields`` (metadata by key: numbers, truths, texts, and lists of them) and
    ``tensors``.

    Raises :class:`NzipError` with one line for what is no such file, or one that lies."""

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        with open_regular(path, LARGEST, "the model") as file:
            try:
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except (OSError, ValueError) as error:  # an empty file
                raise NzipError(f"{path}: not a readable GGUF file ({error})") from error
        self._at = 0
        self._elements = 0
        self.fields: dict[str, Any] = {}
        try:
            tensors, start = self._read()
        except (ValueError, struct.error) as error:
            raise NzipError(f"{path}: not a readable GGUF file ({error})") from error
        tensor_table.check(
            [table for _, table in tensors], len(self._data) - start, str(path), align=self._alignment
        )
        self.tensors = [self._view(kind, table, start) for kind, table in tensors]

    def _read(self) -> tuple[list[tuple[Type, tensor_table.Tensor]], int]:
        if self._data[:4] != MAGIC:
            raise ValueError("it does not begin with GGUF")
        self._at = 4
        version = self._number("<I")
        if version not in VERSIONS:
            raise ValueError(f"version {version}, and {VERSIONS[0]} and {VERSIONS[1]} are read")
        count, fields = self._number("<Q"), self._number("<Q")
        if count > tensor_table.MAX_TENSORS or fields > MAX_FIELDS:
            raise ValueError(f"{count} tensors and {fields} fields are more than any model has")
        for _ in range(fields):
            key = self._text(MAX_KEY)
            if key in self.fields:
                raise ValueError("a field stands in it twice")
            self.fields[key] = self._value(self._number("<I"))
        self._alignment = self.fields.get("general.alignment", 32)
        if (
            type(self._alignment) is not int
            or not 0 < self._alignment <= MAX_ALIGNMENT
            or self._alignment & (self._alignment - 1)
        ):
            raise ValueError("an alignment that is no power of two")
        found = [self._entry() for _ in range(count)]
        start = -(-self._at // self._alignment) * self._alignment
        if found and start > len(self._data):
            raise ValueError("it ends before its tensors")
        return found, start

    def _entry(self) -> tuple[Type, tensor_table.Tensor]:
        name = self._text(tensor_table.MAX_NAME)
        dims = self._number("<I")
        if not 0 < dims <= tensor_table.MAX_DIMS:
            raise ValueError(f"a tensor of {dims} dimensions")
        shape = tuple(reversed([self._number("<Q") for _ in range(dims)]))
        code, begin = self._number("<I"), self._number("<Q")
        kind = TYPES.get(code)
        if kind is None:
            raise ValueError(f"a tensor of the type {code}, which is none")
        table = tensor_table.Tensor(name, shape, kind.group, kind.size, begin, 0)
        return kind, table._replace(end=begin + table.numbers // kind.group * kind.size)

    def _view(self, kind: Type, table: tensor_table.Tensor, start: int) -> GgufTensor:
        data = np.frombuffer(self._data, np.uint8, table.end - table.begin, start + table.begin)
        if kind.name in _FLOATS:
            data = data.view(_FLOATS[kind.name]).reshape(table.shape)
        else:
            data = data.reshape(*table.shape[:-1], table.shape[-1] // kind.group * kind.size)
        return GgufTensor(table.name, kind, tuple(reversed(table.shape)), data)

    def _take(self, size: int) -> int:
        """Where the next ``size`` bytes begin."""
        at = self._at
        if size > len(self._data) - at:
            raise ValueError("it ends inside its header")
        self._at = at + size
        return at

    def _number(self, form: str) -> Any:
        return struct.unpack_from(form, self._data, self._take(struct.calcsize(form)))[0]

    def _text(self, limit: int) -> str:
        length = self._number("<Q")
        if length > limit:
            raise ValueError(f"a text of {length} bytes")
        at = self._take(length)
        try:
            return self._data[at : at + length].decode()
        except UnicodeDecodeError as error:
            raise ValueError("a text that is no UTF-8") from error

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _STRING:
            return self._text(MAX_STRING)
        if kind != _ARRAY:
            raise ValueError(f"a field of the type {kind}, which is none")
        inner, count = self._number("<I"), self._number("<Q")
        self._elements += count
        if self._elements > MAX_ELEMENTS:
            raise ValueError(f"arrays of more than {MAX_ELEMENTS} elements")
        if inner == _STRING:
            if 8 * count > len(self._data) - self._at:
                raise ValueError("an array that ends behind the file")
            return [self._text(MAX_STRING) for _ in range(count)]
        if inner not in _SCALARS:
            raise ValueError(f"an array of the type {inner}, which is not read")
        dtype = np.dtype(_SCALARS[inner])
        at = self._take(count * dtype.itemsize)
        return np.frombuffer(self._data, dtype, count, at).tolist()
