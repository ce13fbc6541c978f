"""The language model over lanes in lock step: each round gives every active lane its next-token frequencies.

An encoder knows its lanes' tokens: the model reads them ahead, lane by lane in chunks (fast), and the heads
of several rounds are computed together. A decoder feeds one token per lane and round, all lanes in one batch.
Both give the same integers, because the engine does. A team of threads shares each product's rows, and what
comes after the model lane by lane; what a lane gets does not depend on that.

A lane's symbol below the vocabulary's size is a token and moves the model on; an escaped byte does not, and
the lane's next round sees the same logits again.
"""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from nzip.memory import give_back
from nzip.predictors.llama.attention import TILE
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.llama.packed import aligned
from nzip.predictors.llama.team import Team, default_threads, share
from nzip.predictors.lm import softmax
from nzip.predictors.lm.continuous_cache import ContinuousCache, look_up

# Tokens of a lane read ahead at once, and rows of each lane's logits that an encoder keeps.
CHUNK = 128
ROWS_AHEAD = 8


@njit(nogil=True, cache=True, error_model="numpy")
def _take(point, member, members, lanes, hidden, logits, all_hidden, all_logits):
    """Row i of what a decoder's step for some lanes made is ``lanes[i]``'s; each member copies its part of
    every row."""
    low, high = share(logits.shape[1], member, members)
    for i in range(lanes.size):
        all_logits[lanes[i], 0, low:high] = logits[i, low:high]
        if member == 0:
            all_hidden[lanes[i], 0] = hidden[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _weigh(
    point,
    member,
    members,
    isa,
    lanes,
    rows,
    continuous_cache,
    all_hidden,
    hidden_rows,
    logits,
    bias,
    e,
    frequencies,
    totals,
):
    """One member's lanes, from the model's state to frequencies. lanes int64 (n,); ``rows`` and
    ``hidden_rows`` int64 (n,): which of each lane's logits and states."""
    low, high = share(lanes.size, member, members)
    if low < high:
        hidden = np.empty((high - low, all_hidden.shape[2]), np.float32)
        for i in range(low, high):
            hidden[i - low] = all_hidden[lanes[i], hidden_rows[i]]
        look_up(isa, continuous_cache, lanes[low:high], hidden)
    for i in range(low, high):
        lane = lanes[i]
        totals[lane] = softmax.frequencies(logits[lane, rows[i]], bias, e[lane], frequencies[lane])


@njit(nogil=True, cache=True, error_model="numpy")
def _settle(point, member, members, bias, frequencies, lanes, symbols):
    low, high = share(bias.value.size, member, members)
    softmax.settle_bias(bias, frequencies, lanes, symbols, low, high)


class Runner:
    """``tokens``: int64 arrays per lane when encoding (model tokens only, no escapes), None when decoding.

    Use: ``prepare(lanes)`` fills ``frequencies[lane]`` and ``totals[lane]`` for those lanes under ``bias``,
    and looks up what they continuous_cache; after coding, ``advance(lane, token)`` notes the token; the next
    ``prepare`` feeds what was noted."""

    def __init__(
        self,
        engine: Engine,
        start: int,
        window: int,
        lanes: int,
        bias: softmax.Bias,
        continuous_cache: ContinuousCache,
        tokens: list[np.ndarray] | None = None,
        threads: int | None = None,
    ):
        give_back()  # what the probe has compiled, before the cache is made
        self.engine, self.bias, self.continuous_cache, self.lanes = engine, bias, continuous_cache, lanes
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
        self._team = Team(threads or default_threads())
        # what the team does at the next round's beginning: to wake it takes a tenth of a millisecond
        self._jobs: list = []

    @staticmethod
    def bytes(engine: Engine, lanes: int, window: int) -> int:
        """Memory of a runner, an upper bound."""
        columns = engine.logit_columns
        return (
            Cache.bytes(engine.shape, lanes, window, CHUNK)
            + lanes * columns * (8 + 4 * ROWS_AHEAD)
            + lanes * CHUNK * engine.shape.width * 4
            + CHUNK * (engine.shape.hidden * 20 + engine.shape.width * 40)
            + default_threads() * 8 * TILE * engine.shape.heads * (window + CHUNK)
        )

    def close(self) -> None:
        """End the threads."""
        self._team.close()

    def prepare(self, lanes: np.ndarray) -> None:
        """Compute the frequencies of ``lanes`` (ascending integers)."""
        lanes = np.asarray(lanes, np.int64)
        rows, hidden_rows = (
            self._step(lanes) if self._tokens is None else self._read_ahead(lanes, self._tokens)
        )
        self._jobs.append(
            (
                _weigh,
                (
                    self.engine.isa,
                    lanes,
                    rows,
                    self.continuous_cache,
                    self._hidden,
                    hidden_rows,
                    self._logits,
                    self.bias.value,
                    self._e,
                    self.frequencies,
                    self.totals,
                ),
            )
        )
        self._work()

    def run(self, work, *args) -> None:
        """Have the team do ``work(point, member, members, *args)`` now."""
        self._team.run((work, args))

    def _work(self) -> None:
        jobs, self._jobs = self._jobs, []
        self._team.run(*jobs)

    def advance(self, lane: int | np.integer, token: int | np.integer) -> None:
        """The lane's token became known."""
        self._pending[lane] = token
        self._place[lane] += 1

    def settle(self, lanes: np.ndarray, symbols) -> None:
        """The step is over: change the bias by what all ``lanes`` saw, in lane order. ``symbols`` int64,
        theirs."""
        self._jobs.append((_settle, (self.bias, self.frequencies, lanes, np.asarray(symbols, np.int64))))

    def _step(self, lanes: np.ndarray):
        """Decoder: one batch over the lanes that have a token to read."""
        fed = lanes[self._pending[lanes] >= 0]
        if len(fed):
            whole = len(fed) == self.lanes
            hidden = (
                self._hidden[:, 0] if whole else np.empty((len(fed), self.engine.shape.width), np.float32)
            )
            head, logits = self.engine.logits_job(hidden, self._logits[:, 0] if whole else None)
            self._jobs += [
                self.engine.forward_job(self._cache, fed, self._pending[fed], hidden, self._team.members),
                head,
            ]
            if not whole:
                self._jobs.append((_take, (fed, hidden, logits, self._hidden, self._logits)))
            self._pending[fed] = -1
        none = np.zeros(len(lanes), np.int64)
        return none, none

    def _read_ahead(self, lanes: np.ndarray, tokens: list[np.ndarray]):
        """Encoder: chunks of each lane's known tokens when its place passes them."""
        stale = []
        for lane in lanes:
            place, first = self._place[lane], self._hidden_from[lane]
            if first < 0 or place >= first + self._chunk:
                part = tokens[lane][place : place + self._chunk]
                self._jobs.append(
                    self.engine.forward_job(
                        self._cache, np.full(len(part), lane), part, self._hidden[lane], self._team.members
                    )
                )
                self._work()  # the job's scratch is the next one's, too
                self._hidden_from[lane] = place
            if place >= self._logits_until[lane]:
                stale.append(lane)
        if stale:
            self._work()
            counts = [
                min(
                    self._ahead,
                    len(tokens[lane]) - self._place[lane],
                    self._hidden_from[lane] + self._chunk - self._place[lane],
                )
                for lane in stale
            ]
            rows = np.concatenate(
                [
                    self._hidden[lane, self._place[lane] - self._hidden_from[lane] :][:count]
                    for lane, count in zip(stale, counts)
                ]
            )
            logits = self.engine.logits(rows, team=self._team)
            at = 0
            for lane, count in zip(stale, counts):
                self._logits[lane, :count] = logits[at : at + count]
                self._logits_from[lane] = self._place[lane]
                self._logits_until[lane] = self._place[lane] + count
                at += count
        return self._place[lanes] - self._logits_from[lanes], self._place[lanes] - self._hidden_from[lanes]
