"""``transformer``: a byte-level Llama as an expert of the mix; the one that ships, or with
``transformer:PATH`` one that ``nzip train --kind transformer`` made.

A lane's model sees a window of the last WINDOW bytes, its first four among them for ever (attention sinks).
When encoding, a lane's bytes are read ahead in chunks; when decoding, one by one. Both give equal integers.

Concession: a decoder is several times slower than an encoder.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from nzip.predictors.base import Expert
from nzip.predictors.content import TEXT, Content
from nzip.predictors.expert_files import ExpertFiles
from nzip.predictors.llama.engine import Engine
from nzip.predictors.model_files import ModelKind, takes_model
from nzip.predictors.spelling import Part
from nzip.predictors.stepping import TRANSFORMER, SmallExpert
from nzip.predictors.transformer import byte_file, stream

WINDOW = 1024


class Model:
    """The bytes of a file, called ``name`` in errors, ready to run: ``engine``, ``made`` (what the weights
    were made from) and ``digest``, the first 32 hexadecimal digits of the bytes' SHA-256.

    Raises :class:`NzipError` where they are no such file."""

    def __init__(self, data: bytes, name: str):
        weights, self.made = byte_file.read(name, data)
        self.engine = Engine(weights)
        self.digest = digest(data)


def digest(data: bytes) -> str:
    """The hash by which a file's weights are known: the first 32 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:32]


# The file that ships, and those of the user's own.
FILES = ExpertFiles("transformer", {None: Path(__file__).with_name("english.safetensors")}, Model, keep=2)


class TransformerExpert(SmallExpert):
    """See the module's docstring."""

    slot = TRANSFORMER

    def __init__(self, argument: str | None = None, given: Model | None = None):
        self.model = given if given is not None else FILES.load(argument)
        self.spelling = str(Part("transformer", argument))
        self._argument = argument

    def config(self) -> dict:
        """The weights' hash."""
        return {"weights": self.model.digest}

    def embedded(self) -> tuple[Expert, str, bytes] | None:
        """The weights' file, unless it is the one that ships."""
        return FILES.embedded(self._argument, TransformerExpert)

    def helps(self, data: np.ndarray, content: Content) -> bool:
        """Text only."""
        return content.kind == TEXT

    def fresh(self) -> stream.Stream:
        return stream.new_stream(self.model.engine, WINDOW)

    def advance(self, fresh, data, out) -> None:
        stream.steps(fresh, data, out)

    def memory(self, block_size: int, lanes: int) -> int:
        return self.model.engine.bytes() + lanes * (
            stream.stream_bytes(self.model.engine, WINDOW) + (1 << 21)
        )


def _cost(data: bytes) -> int:
    """Building holds the file, weights as codes and packed, and the largest tensor in floats."""
    whole, largest = byte_file.numbers(data)
    return len(data) + 3 * whole + 16 * largest


@takes_model(ModelKind("transformer", digest, _cost, lambda head: head[8:9] == b"{"))
def create(argument: str | None, data: bytes | None = None) -> TransformerExpert:
    """The registry's factory."""
    return TransformerExpert(argument, FILES.given(argument, data))
