"""An exact expert of nzip (``transformer``, ``ssm``) as an M1: its distributions, brought to the integers
that arithmetic coding and windows divide by.

Concession: an expert keeps a state of its own, so a context is replayed from its start wherever it is asked
for by itself."""

from __future__ import annotations

import hashlib
import json

import numpy as np

from tokenizers_lab.errors import LabError
from tokenizers_lab.m1.byte_model import ByteModel, Walk, quantise

_LANES = 64


class ExpertModel(ByteModel):
    """An exact nzip expert as a byte model. A context is replayed from its start on every ``cdf``; use
    ``walk``."""

    def __init__(self, expert):
        if not expert.exact:
            raise LabError(
                f"{expert.spelling}: does not promise equal integers everywhere, so it cannot make tokens"
            )
        self.expert, self.spelling = expert, expert.spelling

    def cdf(self, context, bits: int = 16) -> np.ndarray:
        walk = self.walk(bits)
        for byte in bytes(context):
            walk.push(byte)
        return walk.cdf()

    def walk(self, bits: int = 16) -> ExpertWalk:
        return ExpertWalk(self.expert, bits)

    def cdfs(self, contexts: list[bytes], bits: int = 16) -> np.ndarray:
        """Contexts side by side in lanes, ``_LANES`` at a time: an expert may hold megabytes for each."""
        out = np.empty((len(contexts), 257), dtype=np.int64)
        for at in range(0, len(contexts), _LANES):
            self._replay(contexts[at : at + _LANES], bits, out[at : at + _LANES])
        return out

    def _replay(self, contexts: list[bytes], bits: int, out: np.ndarray) -> None:
        """Every context from its start, each asked once it is through."""
        state = self.expert.start(len(contexts))
        lengths = np.array([len(c) for c in contexts])
        for step in range(int(lengths.max()) + 1):
            here = np.flatnonzero(lengths == step)
            if len(here):
                rows = state.distributions()
                for lane in here:
                    out[lane] = quantise(rows[lane].astype(np.int64), bits)
            active = lengths > step
            if active.any():
                symbols = np.array([c[step] if step < len(c) else 0 for c in contexts], dtype=np.uint8)
                state.update(symbols, active)

    def fingerprint(self) -> str:
        # Its kind and its weights; where the file with them lies is no part of it.
        weights = getattr(self.expert, "weights", None)  # those that ship stand in no config
        config = self.expert.config() or ({"weights": weights.digest} if weights is not None else {})
        text = json.dumps([self.spelling.partition(":")[0], config], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


class ExpertWalk(Walk):
    """A run of an expert, one lane."""

    def __init__(self, expert, bits: int):
        self._state, self._bits = expert.start(1), bits
        self._active = np.ones(1, dtype=bool)

    def cdf(self) -> np.ndarray:
        return quantise(self._state.distributions()[0].astype(np.int64), self._bits)

    def push(self, byte: int) -> None:
        self._state.update(np.array([byte], dtype=np.uint8), self._active)
