"""What an expert in compiled code is: it steps a byte at a time, without Python between two bytes.

A *small* expert (a pretrained network, an online one, a byte-level transformer) is cheap enough that asking it
through Python once a byte would cost more than it does. It therefore says which *slot* it fills in the compiled
loop that steps experts and mix together (:mod:`nzip.predictors.mix.fused`); whoever has no such loop (a bare
expert, several lanes) asks it through :class:`SmallState`, as any other.

Concession: one slot for each kind. Two pretrained networks at once go through the general lock step.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.base import EXPERT_BITS, Expert, ExpertState

# What an expert says before the first byte: every byte alike.
FLAT = (1 << EXPERT_BITS) // 256
# A pretrained recurrent network; one that goes on learning; one from nothing; a transformer.
STATIC, ADAPTED, ONLINE, TRANSFORMER = range(4)
SLOTS = 4
_AHEAD = 1 << 10  # bytes that an encoder's state computes ahead


class SmallExpert(Expert):
    """An expert that steps in compiled code. ``slot`` (STATIC to TRANSFORMER) says which kind it is."""

    slot: int

    def fresh(self):
        """What :func:`advance` moves: ``(net, stream)``, an ``Online`` or a transformer's ``Stream``."""
        raise NotImplementedError

    def advance(self, fresh, data: np.ndarray, out: np.ndarray) -> None:
        """Show ``data`` uint8 (n,) to a run; ``out`` uint32 (n, 256) gets the distribution after each
        byte."""
        raise NotImplementedError

    def start(self, lanes: int, data: list[np.ndarray] | None = None) -> SmallState:
        return SmallState(self, lanes, data)


class SmallState(ExpertState):
    """Lanes of a small expert, for whoever asks byte by byte. When encoding, it computes ahead."""

    def __init__(self, expert: SmallExpert, lanes: int, data: list[np.ndarray] | None):
        self._expert, self._data = expert, data
        self._runs = [expert.fresh() for _ in range(lanes)]
        self._seen = [0] * lanes
        self._ahead = [np.empty((0, 256), np.uint32)] * lanes
        self._out = np.full((lanes, 256), FLAT, np.uint32)

    def distributions(self) -> np.ndarray:
        return self._out

    def update(self, symbols: np.ndarray, active: np.ndarray) -> None:
        for lane in np.flatnonzero(active):
            if self._data is None:
                self._expert.advance(self._runs[lane], symbols[lane : lane + 1], self._out[lane : lane + 1])
                continue
            place = self._seen[lane] % _AHEAD
            if place == 0:
                part = np.ascontiguousarray(self._data[lane][self._seen[lane] : self._seen[lane] + _AHEAD])
                self._ahead[lane] = np.empty((len(part), 256), np.uint32)
                self._expert.advance(self._runs[lane], part, self._ahead[lane])
            self._out[lane] = self._ahead[lane][place]
            self._seen[lane] += 1
