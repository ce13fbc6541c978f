"""A run of ``lm`` inside the mix: lanes that walk the vocabulary's trie byte by byte and wait for each other.

Each lane walks the vocabulary's trie (:mod:`.trie`) under the frequencies of its current token. Where the
bytes so far are a token that may go on, "does it end here?" is a side decision. A lane whose token has ended
is held until every waking lane's has; then all learn, the bias settles, and the model runs them in one batch.

A lane sleeps through regions of 4 KiB that the model cannot help (:func:`.spans.helps`): its distribution is
flat, the model does not run, and the mix carries on alone. That, too, is a side decision, once a region.

A byte that no token can begin with is an escape: the mix codes it nearly alone, and the model does not see
it. A decoder fed damaged data may fall out of the trie inside a token; the lane then starts a new token, as
good as any."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.base import EXPERT_BITS, SIDE_BITS, ExpertState
from nzip.predictors.llama.team import share
from nzip.predictors.lm import adapt, spans, trie
from nzip.predictors.lm.adaptive_state import new_state
from nzip.predictors.lm.runner import Runner
from nzip.predictors.lm.settings import Settings
from nzip.predictors.lm.source import LanguageModel

REGION = 1 << 12
NOTHING, SLEEP, END, ESCAPE = 0, 1, 2, 3
_FLAT = (1 << EXPERT_BITS) // 256
# To wake a team takes as long as the running sums of so many lanes by half.
_LANES_TO_SHARE = 6
# Chance that a byte which begins tokens but is none stands alone.
_ESCAPE_CHANCE = 1 << (SIDE_BITS - 12)


@njit(nogil=True, cache=True)
def _take(
    symbols,
    active,
    blob,
    offsets,
    lengths,
    sums,
    low,
    high,
    inner,
    depth,
    asleep,
    place,
    check,
    asked,
    chance,
    ended,
    held,
):
    """Move every active lane by its byte: see :class:`LmExpertState` for the arrays."""
    for lane in range(active.size):
        if not active[lane]:
            continue
        place[lane] += 1
        if asleep[lane]:
            if place[lane] >= check[lane]:
                asked[lane] = SLEEP
            continue
        a, b = trie.child(blob, offsets, inner[lane], high[lane], depth[lane], symbols[lane])
        if a == b:
            ended[lane] = -2  # an escaped byte
            continue
        low[lane], high[lane], inner[lane] = a, b, a
        depth[lane] += 1
        if lengths[a] == depth[lane]:
            if b - a == 1:
                ended[lane] = a
            else:
                asked[lane] = END
                chance[lane] = trie.end_chance(sums[lane], a, b)
                inner[lane] = a + 1
        elif depth[lane] == 1:
            asked[lane] = ESCAPE
            chance[lane] = _ESCAPE_CHANCE


@njit(nogil=True, cache=True, error_model="numpy")
def _learn(state, lanes, tokens):
    """In lane order: what each of ``lanes`` saw, ``tokens[lane]``."""
    for lane in lanes:
        adapt.learn(state, lane, tokens[lane])


@njit(nogil=True, cache=True, error_model="numpy")
def _propose(state, lanes, frequencies, totals):
    """In lane order: each lane's candidates and their shares."""
    for lane in lanes:
        adapt.propose(state, lane, frequencies[lane], totals[lane])


@njit(nogil=True, cache=True)
def _sum_up(point, member, members, frequencies, live, candidates, shares, count, lanes, sums):
    """A team's job: the running sums of its lanes."""
    low, high = share(lanes.size, member, members)
    for lane in lanes[low:high]:
        trie.running_sums(frequencies[lane], live, candidates[lane], shares[lane], count[lane], sums[lane])


@njit(nogil=True, cache=True)
def _fill_all(blob, offsets, sums, inner, high, depth, asleep, held, out):
    for lane in range(out.shape[0]):
        if asleep[lane] or held[lane]:
            out[lane, :] = _FLAT
        else:
            trie.fill(blob, offsets, inner[lane], high[lane], depth[lane], sums[lane], out[lane])


def awake_runs(data: bytes, vocabulary) -> list[tuple[int, int, bool]]:
    """(start, end, awake) of the runs of regions of one lane, for its encoder."""
    runs: list[tuple[int, int, bool]] = []
    for at in range(0, len(data), REGION):
        end = min(at + REGION, len(data))
        awake = spans.helps(data[at:end][: spans.SAMPLE], vocabulary)
        if runs and runs[-1][2] == awake:
            runs[-1] = (runs[-1][0], end, awake)
        else:
            runs.append((at, end, awake))
    return runs


class LmExpertState(ExpertState):
    """A run over lanes. Per lane: ``low``..``high``, the ranks that begin with the ``depth`` bytes of the
    token so far (``inner``: without the token that they are themselves, once it is known to go on), ``held``
    until the next round, ``asked`` the side decision that is due, ``place`` in bytes and ``check``, where
    sleep is asked next."""

    def __init__(self, model: LanguageModel, settings: Settings, lanes: int, data, threads: int | None):
        self._model, self._vocabulary, self._lanes = model, model.vocabulary, lanes
        vocabulary = model.vocabulary
        self._plan: list = []  # an encoder alone has one
        tokens = None
        if data is not None:
            self._plan = [self._plan_lane(bytes(d)) for d in data]
            tokens = [
                np.array([s for s in symbols if s < vocabulary.size], np.int64) for _, symbols in self._plan
            ]
        self._next = np.zeros(lanes, np.int64)
        self._state = new_state(vocabulary.size, lanes, 1 << 12, model.engine.shape.width)
        self._runner = Runner(
            model.engine,
            vocabulary.start,
            settings.window_for(lanes),
            lanes,
            self._state.bias,
            self._state.continuous_cache,
            tokens,
            threads,
        )
        self._sums = np.zeros((lanes, vocabulary.live + 1), np.uint64)
        (
            self._low,
            self._high,
            self._inner,
            self._depth,
            self._place,
            self._check,
            self._asked,
            self._chance,
        ) = (np.zeros(lanes, np.int64) for _ in range(8))
        self._ended = np.full(lanes, -1, np.int64)  # a token; -2 an escaped byte; -1 nothing new
        self._asleep, self._held = np.zeros(lanes, bool), np.zeros(lanes, bool)
        self._asked[:] = SLEEP
        self._sleep_chance = [1 << SIDE_BITS - 3, (1 << SIDE_BITS) - (1 << SIDE_BITS - 3)]
        self._out = np.full((lanes, 256), _FLAT, np.uint32)

    def _plan_lane(self, data: bytes):
        """Where the lane sleeps (by region), and the symbols of its waking runs."""
        runs = awake_runs(data, self._vocabulary)
        asleep = [not awake for start, end, awake in runs for _ in range(start, end, REGION)]
        parts = [self._vocabulary.encode(data[start:end]) for start, end, awake in runs if awake]
        return asleep, np.concatenate(parts) if parts else np.empty(0, np.int64)

    def side(self, lane: int) -> int | None:
        asked = self._asked[lane]
        if asked == NOTHING:
            return None
        if asked == SLEEP:
            return self._sleep_chance[int(self._asleep[lane])]
        return int(self._chance[lane])

    def asking(self) -> np.ndarray:
        return self._asked != NOTHING

    def choose(self, lane: int) -> int:
        asleep, symbols = self._plan[lane]
        if self._asked[lane] == SLEEP:
            return int(asleep[int(self._place[lane]) // REGION])
        symbol = symbols[self._next[lane]]
        if self._asked[lane] == ESCAPE:
            return int(symbol >= self._vocabulary.size)
        return int(symbol == self._low[lane])

    def decided(self, lane: int, bit: int) -> None:
        asked = self._asked[lane]
        self._asked[lane] = NOTHING
        if asked == SLEEP:
            before = int(self._asleep[lane])
            chance = self._sleep_chance[before]
            chance += (((1 << SIDE_BITS) - chance) >> 3) if bit else -(chance >> 3)
            self._sleep_chance[before] = min(max(chance, 64), (1 << SIDE_BITS) - 64)
            self._asleep[lane] = bool(bit)
            self._held[lane] = not bit
            self._check[lane] = (self._place[lane] // REGION + 1) * REGION
        elif bit:
            self._ended[lane] = self._low[lane] if asked == END else -2
            self._boundary(lane)

    def _boundary(self, lane: int) -> None:
        """The lane's token, or its escaped byte, is over: it waits for the round, or is first asked to
        sleep."""
        self._next[lane] += 1
        self._depth[lane] = 0
        self._held[lane] = True
        if self._place[lane] >= self._check[lane]:
            self._asked[lane] = SLEEP

    def ready(self, active: np.ndarray) -> np.ndarray:
        going = active > self._held  # of booleans: and not
        if not (going > self._asleep).any():
            waiting = np.flatnonzero(active & self._held)
            if waiting.size:
                self._round(waiting)
                going = active > self._held
        return going

    def _round(self, lanes: np.ndarray) -> None:
        """Learn what the waiting lanes saw, run the model, and stand at the trie's root again."""
        state = self._state
        if int(state.length.max()) + 1 >= state.history.shape[1]:
            self._state = state = state._replace(
                history=np.concatenate([state.history, np.zeros_like(state.history)], axis=1)
            )
        spoken = lanes[self._ended[lanes] >= 0]
        _learn(state, spoken, self._ended)
        for lane in spoken:
            self._runner.advance(lane, int(self._ended[lane]))
        if spoken.size:
            self._runner.settle(spoken, self._ended[spoken])
        self._runner.prepare(lanes)
        _propose(state, lanes, self._runner.frequencies, self._runner.totals)
        work = (
            self._runner.frequencies,
            self._vocabulary.live,
            state.candidates,
            state.shares,
            state.questions,
            lanes,
            self._sums,
        )
        if lanes.size < _LANES_TO_SHARE:
            _sum_up(None, 0, 1, *work)
        else:
            self._runner.run(_sum_up, *work)
        self._low[lanes] = self._inner[lanes] = self._depth[lanes] = 0
        self._high[lanes] = self._vocabulary.live
        self._ended[lanes] = -1
        self._held[lanes] = False

    def distributions(self) -> np.ndarray:
        v = self._vocabulary
        _fill_all(
            v.blob,
            v.offsets,
            self._sums,
            self._inner,
            self._high,
            self._depth,
            self._asleep,
            self._held,
            self._out,
        )
        return self._out

    def update(self, symbols: np.ndarray, active: np.ndarray) -> None:
        v = self._vocabulary
        _take(
            symbols,
            active,
            v.blob,
            v.offsets,
            v.lengths,
            self._sums,
            self._low,
            self._high,
            self._inner,
            self._depth,
            self._asleep,
            self._place,
            self._check,
            self._asked,
            self._chance,
            self._ended,
            self._held,
        )
        for lane in np.flatnonzero(active & (self._ended != -1)):
            if not self._held[lane] and not self._asleep[lane]:
                self._boundary(int(lane))
