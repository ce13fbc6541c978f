"""Small experts and the mix in one compiled loop: no Python between two bytes.

A *small* expert steps in compiled code (a pretrained network, an online one). The general lock step of
:mod:`nzip.predictors.mix.model` asks experts through Python once a byte, which costs more than they do. Where
a block has one lane and its experts are at most one of each kind, this loop does the same in the same order,
and a test proves the bytes equal.

Concession: one slot for each kind. Two pretrained networks at once go through the general lock step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.base import EXPERT_BITS, Expert, ExpertState
from nzip.predictors.mix import registers as at
from nzip.predictors.mix.kernel import run
from nzip.predictors.online import kernel as online_kernel
from nzip.predictors.online import network
from nzip.predictors.ssm import kernel as ssm_kernel
from nzip.predictors.ssm.weights import blank
from nzip.predictors.transformer import stream as transformer_stream

FLAT = (1 << EXPERT_BITS) // 256
# A pretrained recurrent network; one that goes on learning; one from nothing; a transformer.
STATIC, ADAPTED, ONLINE, TRANSFORMER = range(4)
_KINDS = 4
_STEPS = 1 << 12
_AHEAD = 1 << 10


class Runs(NamedTuple):
    """Fresh runs of a block's experts. ``places`` int64 (4,): which input of the mix each kind feeds, -1 for
    none; a kind that is absent has a tiny stand-in, because compiled code wants one type; but for the
    transformer, which is None then, so that only its users wait for it to be compiled."""

    places: np.ndarray
    net: ssm_kernel.Net
    stream: ssm_kernel.Stream
    adapted: network.Online
    online: network.Online
    transformer: transformer_stream.Stream | None


class SmallExpert(Expert):
    """An expert that steps in compiled code. ``slot`` says which kind it is."""

    slot: int

    def fresh(self):
        """What :func:`advance` moves: ``(net, stream)``, an ``Online`` or a transformer's ``Stream``."""
        raise NotImplementedError

    def advance(self, fresh, data: np.ndarray, out: np.ndarray) -> None:
        """Show ``data`` uint8 (n,) to a run; ``out`` uint32 (n, 256) gets the distribution after each
        byte."""
        raise NotImplementedError

    def start(self, lanes: int, data=None) -> SmallState:
        return SmallState(self, lanes, data)


class SmallState(ExpertState):
    """Lanes of a small expert, for whoever asks byte by byte. When encoding, it computes ahead."""

    def __init__(self, expert: SmallExpert, lanes: int, data):
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


def start(experts: tuple[Expert, ...]) -> Runs | None:
    """Runs for :func:`drive`, or None where the experts are not of its kinds."""
    slots = [e.slot if isinstance(e, SmallExpert) else -1 for e in experts]
    if -1 in slots or len(set(slots)) != len(slots):
        return None
    places = np.full(_KINDS, -1, np.int64)
    places[slots] = np.arange(len(slots))
    if places[STATIC] >= 0:
        net, stream = experts[places[STATIC]].fresh()
    else:
        net = ssm_kernel.make_net(blank())
        stream = ssm_kernel.new_stream(net)
    adapted, online = (
        experts[places[kind]].fresh() if places[kind] >= 0 else network.new_run(blank(), (0.0, 0.0), span=8)
        for kind in (ADAPTED, ONLINE)
    )
    transformer = experts[places[TRANSFORMER]].fresh() if places[TRANSFORMER] >= 0 else None
    return Runs(places, net, stream, adapted, online, transformer)


@njit(nogil=True, cache=True)
def _drive(
    mix, data, ends, steps, decoding, coder, buffer, given, places, net, stream, adapted, online, transformer
):
    """``steps`` bytes of the only lane; ``given`` uint32 (1, 1, experts, 256) holds the distributions before
    the first of them, and after."""
    for _ in range(steps):
        position = np.int64(mix.lanes[0, at.L_POSITION])
        run(mix, data, ends, 1, decoding, coder, buffer, given)
        byte = np.int64(data[position])
        if places[STATIC] >= 0:
            ssm_kernel.step(net, stream, byte, given[0, 0, places[STATIC]])
        if places[ADAPTED] >= 0:
            online_kernel.step(adapted, byte, given[0, 0, places[ADAPTED]])
        if places[ONLINE] >= 0:
            online_kernel.step(online, byte, given[0, 0, places[ONLINE]])
        if transformer is not None:
            transformer_stream.step(transformer, data, position, decoding, given[0, 0, places[TRANSFORMER]])


def drive(runs: Runs, mix, data, first: int, ends, bits, decoding: bool, progress) -> bool:
    """Code ``data[first:]``; False once it is hopeless (see ``bits.drain``)."""
    count = int((runs.places >= 0).sum())
    given = np.full((1, 1, count, 256), FLAT, np.uint32)
    for begin in range(first, len(data), _STEPS):
        steps = min(_STEPS, len(data) - begin)
        _drive(mix, data, ends, steps, decoding, bits.coder, bits.buffer, given, *runs)
        if not bits.drain():
            return False
        if progress is not None:
            progress[0] = begin + steps - first
    return True
