"""``transformer``: a byte-level Llama as an expert of the mix; the one that ships, or with
``transformer:PATH`` one that ``nzip train --kind transformer`` made.

A lane's model sees a window of the last WINDOW bytes, its first four among them for ever (attention sinks).
When encoding, a lane's bytes are read ahead in chunks; when decoding, one by one. Both give equal integers.

Concession: a decoder is several times slower than an encoder.
"""

from __future__ import annotations

import functools
import hashlib
import os

import numpy as np

from nzip.errors import NzipError
from nzip.predictors.content import TEXT, Content
from nzip.predictors.llama.engine import Engine
from nzip.predictors.stepping import TRANSFORMER, SmallExpert
from nzip.predictors.transformer import byte_file, stream

SHIPPED = "english.safetensors"
WINDOW = 1024


class Model:
    """A loaded file: ``engine``, ``made`` (what it was made from) and ``digest``, the SHA-256 of the file, 32
    digits.

    ``data``: the file's bytes, where it lies in memory and ``path`` only names it."""

    def __init__(self, path: str, data: bytes | None = None):
        weights, self.made = byte_file.read(path, data)
        self.engine = Engine(weights)
        if data is not None:
            self.digest = hashlib.sha256(data).hexdigest()[:32]
            return
        with open(path, "rb") as whole:
            self.digest = hashlib.file_digest(whole, "sha256").hexdigest()[:32]


@functools.lru_cache(maxsize=2)
def _load(path: str, mtime: int, size: int) -> Model:
    return Model(path)


def path_of(argument: str | None) -> str:
    """The file that an argument names: None the shipped one, else a path, or the name of a file in the model
    directory."""
    from nzip import pretrained

    return (
        os.path.join(os.path.dirname(__file__), SHIPPED)
        if argument is None
        else str(pretrained.find(argument))
    )


def load(argument: str | None) -> Model:
    """The model that an argument names."""
    path = path_of(argument)
    try:
        stat = os.stat(path)
    except OSError as error:
        raise NzipError(f"the transformer {path} cannot be read: {error.strerror}") from error
    return _load(path, stat.st_mtime_ns, stat.st_size)


class TransformerExpert(SmallExpert):
    """See the module's docstring."""

    slot = TRANSFORMER

    def __init__(self, argument: str | None = None, given: Model | None = None):
        from nzip.predictors.registry import Part

        self.model = given if given is not None else load(argument)
        self.spelling = str(Part("transformer", argument))
        self._argument = argument

    def config(self) -> dict:
        """The weights' hash."""
        return {"weights": self.model.digest}

    def embedded(self) -> tuple[TransformerExpert, str, bytes] | None:
        """The weights' file, unless it is the one that ships."""
        if self._argument is None:
            return None
        path = path_of(self._argument)
        with open(path, "rb") as file:
            data = file.read()
        name = os.path.basename(path)
        return TransformerExpert(name, Model(path, data)), name, data

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


def create(argument: str | None, data: bytes | None = None) -> TransformerExpert:
    """The registry's factory."""
    return TransformerExpert(argument, None if data is None else Model(argument, data))
