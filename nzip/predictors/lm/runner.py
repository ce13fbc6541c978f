"""The language model over lanes in lock step: each round gives every active lane its next-token frequencies.

An encoder knows its lanes' tokens: the model reads them ahead, lane by lane in chunks (fast), and the heads of
several rounds are computed together. A decoder feeds one token per lane and round, all lanes in one batch.
Both give the same integers, because the engine does. Lanes are shared out to threads; what a lane gets does
not depend on that.

A lane's symbol below the vocabulary's size is a token and moves the model on; an escaped byte does not, and
the lane's next round sees the same logits again.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from nzip.jit import give_back
from nzip.predictors.lm import softmax
from nzip.predictors.lm.recall import Recall, look_up
from nzip.predictors.transformer.engine import Cache, Engine
from nzip.predictors.transformer.kernels import aligned

# Tokens of a lane read ahead at once, and rows of logits that the encoder keeps per thread.
CHUNK = 128
ROWS_AHEAD = 8


def default_threads() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Runner:
    """``tokens``: int64 arrays per lane when encoding (model tokens only, no escapes), None when decoding.

    Use: ``prepare(lanes)`` fills ``frequencies[lane]`` and ``totals[lane]`` for those lanes under ``bias``, and looks up
    what they recall; after coding, ``advance(lane, token)`` notes the token; the next ``prepare`` feeds what was noted.
    """

    def __init__(self, engine: Engine, start: int, window: int, lanes: int, bias: softmax.Bias, recall: Recall,
                 tokens: list[np.ndarray] | None = None, threads: int | None = None):
        give_back()  # what the probe has compiled, before the cache is made
        self.engine, self.bias, self.recall, self.lanes = engine, bias, recall, lanes
        self._tokens = None
        if tokens is not None:  # what the model reads before it predicts each of them, and after the last
            self._tokens = [np.concatenate([[start], t]).astype(np.int64) for t in tokens]
        longest = max((len(t) for t in self._tokens), default=1) if self._tokens is not None else 1
        self._chunk = max(1, min(CHUNK, longest))
        self._cache = Cache(engine.shape, lanes, window, self._chunk)
        self.frequencies = aligned((lanes, engine.vocabulary), np.uint32)
        self.totals = np.zeros(lanes, np.int64)
        self._e = aligned((lanes, engine.vocabulary), np.float32)
        self._pending = np.full(lanes, start, np.int64)  # the token each lane's model has to read next, or -1
        self._place = np.zeros(lanes, np.int64)  # tokens the lane has coded
        self._ahead = max(1, min(ROWS_AHEAD, self._chunk)) if tokens is not None else 1
        self._logits = aligned((lanes, self._ahead, engine.logit_columns), np.float32)
        self._hidden = np.zeros((lanes, self._chunk, engine.shape.width), np.float32)
        self._hidden_from = np.full(lanes, -1, np.int64)  # encoder: first place in _hidden, and in _logits
        self._logits_from, self._logits_until = np.full(lanes, -1, np.int64), np.full(lanes, -1, np.int64)
        self._pool = None
        self._threads = max(1, min(threads or default_threads(), lanes))
        if self._threads > 1:
            self._pool = ThreadPoolExecutor(self._threads)

    @staticmethod
    def bytes(engine: Engine, lanes: int, window: int) -> int:
        """Memory of a runner, an upper bound."""
        columns = engine.logit_columns
        return (Cache.bytes(engine.shape, lanes, window, CHUNK) + lanes * columns * (8 + 4 * ROWS_AHEAD)
                + lanes * CHUNK * engine.shape.width * 4 + default_threads() * CHUNK * (engine.shape.hidden * 20 + engine.shape.width * 40))

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    def prepare(self, lanes: np.ndarray) -> None:
        """Compute the frequencies of ``lanes`` (ascending integers)."""
        work = self._read_ahead if self._tokens is not None else self._step
        parts = [part for part in np.array_split(np.asarray(lanes), self._threads) if len(part)]
        if self._pool is None or len(parts) == 1:
            for part in parts:
                work(part)
        else:
            for future in [self._pool.submit(work, part) for part in parts]:
                future.result()

    def advance(self, lane: int, token: int) -> None:
        """The lane's token became known."""
        self._pending[lane] = token
        self._place[lane] += 1

    def settle(self, lanes: np.ndarray, symbols) -> None:
        """The step is over: change the bias by what all ``lanes`` saw, in lane order. ``symbols`` int64, theirs."""
        symbols = np.asarray(symbols, np.int64)
        edges = np.linspace(0, self.bias.value.size, (self._threads if self._pool else 1) + 1).astype(np.int64)
        parts = [(self.bias, self.frequencies, lanes, symbols, a, b) for a, b in zip(edges, edges[1:])]
        if self._pool is None:
            softmax.settle_bias(*parts[0])
            return
        for future in [self._pool.submit(softmax.settle_bias, *part) for part in parts]:
            future.result()

    def _frequencies(self, lane: int, row: int) -> None:
        self.totals[lane] = softmax.frequencies(self._logits[lane, row], self.bias.value, self._e[lane], self.frequencies[lane])

    def _step(self, lanes: np.ndarray) -> None:
        """Decoder: one batch over the lanes that have a token to read."""
        fed = lanes[self._pending[lanes] >= 0]
        if len(fed):
            hidden = self.engine.forward(self._cache, fed, self._pending[fed])
            rows = self.engine.logits(hidden)
            self._logits[fed, 0] = rows
            self._hidden[fed, 0] = hidden
            self._pending[fed] = -1
        look_up(self.engine.isa, self.recall, lanes, self._hidden[lanes, 0])
        for lane in lanes:
            self._frequencies(lane, 0)

    def _read_ahead(self, lanes: np.ndarray) -> None:
        """Encoder: chunks of each lane's known tokens when its place passes them."""
        stale = []
        for lane in lanes:
            place, first = self._place[lane], self._hidden_from[lane]
            if first < 0 or place >= first + self._chunk:
                part = self._tokens[lane][place : place + self._chunk]
                self.engine.forward(self._cache, np.full(len(part), lane), part, out=self._hidden[lane])
                self._hidden_from[lane] = place
            if place >= self._logits_until[lane]:
                stale.append(lane)
        if stale:
            counts = [min(self._ahead, len(self._tokens[lane]) - self._place[lane],
                          self._hidden_from[lane] + self._chunk - self._place[lane]) for lane in stale]
            rows = np.concatenate([self._hidden[lane, self._place[lane] - self._hidden_from[lane] :][:count]
                                   for lane, count in zip(stale, counts)])
            logits = self.engine.logits(rows)
            at = 0
            for lane, count in zip(stale, counts):
                self._logits[lane, :count] = logits[at : at + count]
                self._logits_from[lane] = self._place[lane]
                self._logits_until[lane] = self._place[lane] + count
                at += count
        look_up(self.engine.isa, self.recall, lanes, self._hidden[lanes, self._place[lanes] - self._hidden_from[lanes]])
        for lane in lanes:
            self._frequencies(lane, self._place[lane] - self._logits_from[lane])
