"""Datasets of tokens on disk: built from text in shards, checked against it, read by trainers.

``building`` (one machine, any number of processes), ``distributed`` (many machines, by datatrove) and a
single call of ``shard.build_shard`` all write the same bytes; ``verification`` holds them against their
sources. ``TokenReader`` reads with NumPy alone, ``TokenDataset`` is a torch Dataset."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers_lab.datasets.building import build as build
    from tokenizers_lab.datasets.reader import TokenReader as TokenReader
    from tokenizers_lab.datasets.torch_data import TokenDataset as TokenDataset
    from tokenizers_lab.datasets.verification import verify as verify

_WHERE = {
    "build": "building",
    "verify": "verification",
    "TokenReader": "reader",
    "TokenDataset": "torch_data",
}
__all__ = ["TokenDataset", "TokenReader", "build", "verify"]


def __getattr__(name: str):
    """Found when first asked for: torch, and a codec's numba, take their time to import."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
