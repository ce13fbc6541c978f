"""nzip, the neural lossless compressor.

>>> import nzip
>>> data = nzip.compress(b"any bytes-like object")
>>> nzip.decompress(data)
b'any bytes-like object'
>>> nzip.measure(data * 100, level=5).bits_per_byte < 1
True

The names mirror :mod:`lzma` and Python 3.14's ``compression.zstd``. What each needs is imported when it is
first used, so that ``import nzip`` itself costs a few milliseconds.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, cast

from nzip.errors import (
    CorruptError,
    FormatError,
    LimitError,
    ModelMismatchError,
    NzipError,
    TruncatedError,
)

__version__ = "0.1.0"

if TYPE_CHECKING:  # what `_LAZY` gives, for type checkers, which do not run it
    from nzip.api import (
        Measurement,
        compress,
        decompress,
        measure,
        recover,
        skippable_frame,
    )
    from nzip.benchmark import bench
    from nzip.curves import Curve, bits_over_position
    from nzip.diagnosis import Diagnosis, Finding, diagnose
    from nzip.estimation import Estimate, LevelEstimate, estimate
    from nzip.explanation import Explanation, explain
    from nzip.file import NzipFile, open
    from nzip.file_to_file import Converted, compress_file, decompress_file
    from nzip.listing import Contents, contents
    from nzip.pricing import BlockCosts, Costs, costs, costs_by_block
    from nzip.primer.training import train_primer
    from nzip.streaming import Compressor, Decompressor
    from nzip.training.own import TrainedExpert, train_expert

_LAZY = {
    "compress": "nzip.api",
    "decompress": "nzip.api",
    "measure": "nzip.api",
    "Measurement": "nzip.api",
    "recover": "nzip.api",
    "skippable_frame": "nzip.api",
    "open": "nzip.file",
    "NzipFile": "nzip.file",
    "Compressor": "nzip.streaming",
    "Decompressor": "nzip.streaming",
    "compress_file": "nzip.file_to_file",
    "decompress_file": "nzip.file_to_file",
    "Converted": "nzip.file_to_file",
    "diagnose": "nzip.diagnosis",
    "Diagnosis": "nzip.diagnosis",
    "Finding": "nzip.diagnosis",
    "bench": "nzip.benchmark",
    "estimate": "nzip.estimation",
    "Estimate": "nzip.estimation",
    "LevelEstimate": "nzip.estimation",
    "contents": "nzip.listing",
    "Contents": "nzip.listing",
    "bits_over_position": "nzip.curves",
    "Curve": "nzip.curves",
    "explain": "nzip.explanation",
    "Explanation": "nzip.explanation",
    "costs": "nzip.pricing",
    "costs_by_block": "nzip.pricing",
    "Costs": "nzip.pricing",
    "BlockCosts": "nzip.pricing",
    "train_primer": "nzip.primer.training",
    "train_expert": "nzip.training.own",
    "TrainedExpert": "nzip.training.own",
}

__all__ = [
    "BlockCosts",
    "Compressor",
    "Contents",
    "Converted",
    "CorruptError",
    "Costs",
    "Curve",
    "Decompressor",
    "Diagnosis",
    "Estimate",
    "Explanation",
    "Finding",
    "FormatError",
    "LevelEstimate",
    "LimitError",
    "Measurement",
    "ModelMismatchError",
    "NzipError",
    "NzipFile",
    "TrainedExpert",
    "TruncatedError",
    "bench",
    "bits_over_position",
    "compress",
    "compress_file",
    "contents",
    "costs",
    "costs_by_block",
    "decompress",
    "decompress_file",
    "diagnose",
    "estimate",
    "explain",
    "measure",
    "open",
    "recover",
    "skippable_frame",
    "train_expert",
    "train_primer",
]


def _open_for_fsspec(file: Any, mode: str = "rb", **options: Any) -> Any:
    """What fsspec calls for ``compression="nzip"``."""
    from nzip.file import NzipFile  # start-up: NumPy

    return NzipFile(file, mode.replace("t", ""), **options)


def _register_with_fsspec() -> None:
    """Where fsspec is here already, it learns of us: a dictionary's entry, and nothing is imported."""
    compression = sys.modules.get("fsspec.compression")
    if "nzip" not in getattr(compression, "compr", {"nzip": None}):  # or half imported, and knows nothing yet
        cast(Any, compression).register_compression("nzip", _open_for_fsspec, "nz")


_register_with_fsspec()


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'nzip' has no attribute {name!r}")
    value = getattr(importlib.import_module(_LAZY[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
