"""Lanes in lock step: experts and the mix, a byte of every ready lane a step, asked through Python.

A step is side decisions first, lane by lane, then every ready lane's byte. All lanes share one adaptive state
in (step, lane) order, which is what makes the result independent of batches and threads. fused.py does the
same in one compiled loop where it can."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from nzip.coding.binary import decode_bit, encode_bit
from nzip.predictors.base import SIDE_BITS, Expert, ExpertState
from nzip.predictors.mix import constants as at
from nzip.predictors.mix.coder import Input, Output
from nzip.predictors.mix.handing_on import Told
from nzip.predictors.mix.kernel import run
from nzip.predictors.mix.ledger import Ledger
from nzip.predictors.mix.state import Mix

_TOLD = 1 << 10  # steps between two times that what was decoded is told of


def drive(
    experts: tuple[Expert, ...],
    mix: Mix,
    data: np.ndarray,
    first: int,
    ends: np.ndarray,
    bits: Output | Input,
    decoding: bool,
    progress: Callable[[int], None],
    told: Told | None = None,
    ledger: Ledger | None = None,
) -> bool:
    """Code every lane of ``data`` (uint8) up to its end (``ends`` int64), the block from ``first`` on;
    ``progress`` is told how many bytes are done, ``told`` of what is decoded, ``ledger``, whose mix this is,
    of what is encoded. False once it is hopeless (see ``bits.drain``)."""
    kernel = run if ledger is None else ledger.kernel
    starts = mix.lanes[:, at.L_START].astype(np.int64)
    lanes = len(starts)
    own = None if decoding else [data[s:e] for s, e in zip(starts, ends, strict=True)]
    states = [e.start(lanes, own) for e in experts]
    symbols, positions, done = np.zeros(lanes, np.uint8), mix.lanes[:, at.L_POSITION].astype(np.int64), 0
    for step in itertools.count(1):
        active = positions < ends
        left = active.any()
        if told is not None and (step % _TOLD == 0 or not left):
            for i in range(lanes):
                told.reached(i, int(positions[i]) - first)
        if not left:
            break
        for lane in np.flatnonzero(_asked(states, active)):
            for state in states:
                if ledger is None or not isinstance(bits, Output):
                    _side_decisions(state, int(lane), bits, decoding)
                    continue
                before = bits.spent()
                _side_decisions(state, int(lane), bits, decoding)
                ledger.side(int(positions[lane]), bits.spent() - before)
        ready = active
        for state in states:
            answer = state.ready(active)
            if answer is not None:
                ready = ready & answer
        count = int(np.count_nonzero(ready))
        if count == 0:
            raise RuntimeError("experts that hold lanes for batches do not agree on any lane")
        rows = [s.distributions() for s in states]
        given = rows[0][:, None] if len(rows) == 1 else np.stack(rows, axis=1)
        given = np.ascontiguousarray(given[None], np.uint32)
        kernel(mix, data, np.where(ready, ends, 0), 1, decoding, bits.coder, bits.buffer, given)
        if not bits.drain():
            return False
        symbols[ready] = data[positions[ready]]
        positions += ready
        done += count
        for state in states:
            state.update(symbols, ready)
        progress(done)
    if ledger is not None:
        ledger.end(first, len(data) - first)
    return True


def _asked(states: list[ExpertState], active: np.ndarray) -> np.ndarray:
    """The active lanes about which some expert may have a side decision."""
    due = np.zeros_like(active)
    for state in states:
        asking = state.asking()
        if asking is None:
            return active
        due |= asking
    return due & active


def _side_decisions(state: ExpertState, lane: int, bits: Output | Input, decoding: bool) -> None:
    while (p := state.side(lane)) is not None:
        p22 = min(max(int(p), 1), (1 << SIDE_BITS) - 1) << (at.PROBABILITY_BITS - SIDE_BITS)
        if decoding:
            bit = decode_bit(bits.coder, bits.buffer, p22)
        else:
            bit = state.choose(lane)
            encode_bit(bits.coder, bits.buffer, bit, p22)
            bits.drain()
        state.decided(lane, bit)
