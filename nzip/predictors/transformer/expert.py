"""``transformer:PATH``: a byte-level Llama that ``nzip train --kind transformer`` made, as an expert of the mix.

The file is one safetensors file with Hugging Face's tensor names; its metadata hold the shape. A lane's model sees a
window of the last WINDOW bytes, its first four among them for ever (attention sinks). When encoding, a lane's bytes
are read ahead in chunks; when decoding, all lanes advance in one batch. Both give equal integers.

Concession: Python once a byte; four lanes, so that decoding runs in batches, unless the block is small.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os

import numpy as np

from nzip.errors import NzipError
from nzip.jit import njit
from nzip.predictors.base import EXPERT_BITS, Expert, ExpertState
from nzip.predictors.mix.content import TEXT, detect
from nzip.predictors.ssm.kernel import distribution
from nzip.predictors.transformer import safetensors_loader
from nzip.predictors.transformer.engine import Cache, Engine
from nzip.predictors.transformer.model import Shape

WINDOW = 1024
CHUNK = 128
LANES, BYTES_PER_LANE = 4, 50_000
_FLAT = (1 << EXPERT_BITS) // 256


@njit(nogil=True, cache=True)
def _shares(logits, weights, out):
    for i in range(logits.shape[0]):
        distribution(logits[i, :256], weights, out[i])


class Model:
    """A loaded file: ``engine``, ``made`` (what it was made from) and ``digest``, the SHA-256 of the file, 32 digits."""

    def __init__(self, path: str):
        file = safetensors_loader._File(path)
        try:
            header = json.loads(file.metadata["nzip"])
            shape = Shape(**header["shape"]).check(path)
            self.made = dict(header["made"])
        except (KeyError, TypeError, ValueError) as error:
            wrong = "is not a file of a byte-level transformer: make one with nzip train --kind transformer"
            raise NzipError(f"{path} {wrong}") from error
        if shape.vocabulary != 256:
            raise NzipError(f"{path}: a vocabulary of {shape.vocabulary}, but an expert speaks in 256 bytes")
        self.engine = Engine(safetensors_loader.weights_of(file, shape, False))
        with open(path, "rb") as whole:
            self.digest = hashlib.file_digest(whole, "sha256").hexdigest()[:32]


@functools.lru_cache(maxsize=2)
def _load(path: str, mtime: int, size: int) -> Model:
    return Model(path)


def load(argument: str | None) -> Model:
    """The model that an argument names: a path, or the name of a file in the model directory."""
    from pathlib import Path

    from nzip import models

    if argument is None:
        raise NzipError("no transformer ships: make one with nzip train --kind transformer, and write transformer:PATH")
    path = Path(models.find(argument))
    stat = os.stat(path)
    return _load(str(path), stat.st_mtime_ns, stat.st_size)


class TransformerState(ExpertState):
    """Lanes of one model. ``data`` (encoder): the lanes' bytes, read ahead in chunks."""

    def __init__(self, engine: Engine, lanes: int, data):
        self._engine, self._data = engine, data
        longest = max((len(d) for d in data), default=1) if data is not None else 1
        self._chunk = max(1, min(CHUNK, longest))
        self._cache = Cache(engine.shape, lanes, WINDOW, self._chunk)
        self._seen = np.zeros(lanes, np.int64)
        self._weights = np.zeros(256, np.int32)
        self._ahead = np.zeros((lanes, self._chunk, 256), np.uint32)
        self._out = np.full((lanes, 256), _FLAT, np.uint32)

    def distributions(self) -> np.ndarray:
        return self._out

    def _run(self, lanes: np.ndarray, tokens: np.ndarray, out: np.ndarray) -> None:
        _shares(self._engine.logits(self._engine.forward(self._cache, lanes, tokens)), self._weights, out)

    def update(self, symbols: np.ndarray, active: np.ndarray) -> None:
        lanes = np.flatnonzero(active)
        if self._data is None:
            if len(lanes):
                rows = np.empty((len(lanes), 256), np.uint32)
                self._run(lanes, symbols[lanes].astype(np.int64), rows)
                self._out[lanes] = rows
            return
        for lane in lanes:
            place = self._seen[lane] % self._chunk
            if place == 0:
                part = self._data[lane][self._seen[lane] : self._seen[lane] + self._chunk].astype(np.int64)
                self._run(np.full(len(part), lane), part, self._ahead[lane])
            self._out[lane] = self._ahead[lane][place]
            self._seen[lane] += 1


class TransformerExpert(Expert):
    """See the module's docstring."""

    def __init__(self, argument: str | None = None, given: Model | None = None):
        from nzip.predictors.registry import Part

        self.model = given if given is not None else load(argument)
        self.spelling = str(Part("transformer", argument))

    def config(self) -> dict:
        """The weights' hash."""
        return {"weights": self.model.digest}

    def helps(self, data) -> bool:
        """Text only."""
        return detect(np.frombuffer(data, np.uint8)).kind == TEXT

    def lanes_for(self, size: int) -> int:
        """Lanes that suit a block of ``size`` bytes."""
        return max(1, min(LANES, size // BYTES_PER_LANE))

    def start(self, lanes: int, data=None) -> TransformerState:
        return TransformerState(self.model.engine, lanes, data)

    def memory(self, block_size: int, lanes: int) -> int:
        shape = self.model.engine.shape
        return (self.model.engine.bytes() + Cache.bytes(shape, lanes, WINDOW, CHUNK) + lanes * CHUNK * 1024
                + CHUNK * (shape.hidden * 20 + shape.width * 40) + (8 << 20))


def create(argument: str | None) -> TransformerExpert:
    """The registry's factory."""
    return TransformerExpert(argument)
