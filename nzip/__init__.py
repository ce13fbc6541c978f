"""nzip, the neural lossless compressor.

>>> import nzip
>>> data = nzip.compress(b"any bytes-like object")
>>> nzip.decompress(data)
b'any bytes-like object'
>>> with nzip.open("notes.nz", "wt", encoding="utf-8") as file:
...     file.write("text, too")

The names mirror :mod:`lzma` and Python 3.14's ``compression.zstd``. What each needs is imported when it is
first used, so that ``import nzip`` itself costs a few milliseconds.
"""

from __future__ import annotations

import importlib

from nzip.errors import (
    CorruptError,
    FormatError,
    LimitError,
    ModelMismatchError,
    NzipError,
    TruncatedError,
)

__version__ = "0.1.0"

_LAZY = {
    "compress": "nzip.api",
    "decompress": "nzip.api",
    "measure": "nzip.api",
    "Measurement": "nzip.api",
    "open": "nzip.file",
    "NzipFile": "nzip.file",
    "Compressor": "nzip.streaming",
    "Decompressor": "nzip.streaming",
    "skippable_frame": "nzip.api",
    "train_primer": "nzip.primer.training",
}

__all__ = [
    "Compressor",
    "CorruptError",
    "Decompressor",
    "FormatError",
    "LimitError",
    "Measurement",
    "ModelMismatchError",
    "NzipError",
    "NzipFile",
    "TruncatedError",
    "compress",
    "decompress",
    "measure",
    "open",
    "skippable_frame",
    "train_primer",
]


def __getattr__(name: str):
    if name not in _LAZY:
        raise AttributeError(f"module 'nzip' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
