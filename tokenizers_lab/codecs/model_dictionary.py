"""The model dictionary, an extension of ours: ``model-dictionary[n=65k,m1=order-3,train=FILE]``.

The N strings that M1, with a fresh context, finds most probable (all 256 bytes among them), and longest
match. A Tunstall-like counterpart of Equal-Info Windows without their coder: where that set has what happens
to end at a stop cell, this has the likeliest strings, so N ids are N strings."""

from __future__ import annotations

from tokenizers_lab.codecs.strings import StringsCodec
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.windows.growth import likeliest_strings


def create(model: ByteModel, size: int, spelling: str) -> StringsCodec:
    """``size``: ids in all, the two special ones included."""
    strings = sorted(likeliest_strings(model, size - 2))
    return StringsCodec(strings, {"codec": "model-dictionary", "m1": model.fingerprint()}, spelling)
