"""Which shipped primer a block of text starts from: the one that codes a sample of it best.

Primers that know some of the block's six-byte sequences (primers.scores) are tried, the likeliest first: the
fastest level, started from each, codes a few thousand bytes of the block. One that does not clearly beat a
cold start is not used, since on a long block its gain fades and its words stay in the way. Then some primers'
*habits* alone are tried: weights and maps that have read much text, and empty contexts. Concession: the
trials take a tenth of a second a block and use the fastest level's judgement for all; only the encoder
chooses, the block names the choice."""

from __future__ import annotations

import numpy as np

from nzip.coding.binary import POSITION, STATE_SIZE, start_encoder
from nzip.predictors.content import TEXT
from nzip.predictors.mix import primers
from nzip.predictors.mix.kernel import TEXTS
from nzip.predictors.mix.plan import plan
from nzip.predictors.mix.state import build
from nzip.predictors.mix.warm_start import warm

LEVEL = 1  # the level that tries
KNOWN = 0.015  # the share of a block's sequences that a primer must know to be tried
NEARLY = 0.6  # and, for a long block, of what the likeliest knows
TRIALS = 4
PIECES, PIECE = 3, 6000  # of a long block, from its beginning, middle and end
GAIN = 0.015  # of the sample's cold size, for a primer to be used
HABITS_OF, HABITS_GAIN = (2, 4, 6), 0.004  # docs, code, European languages
HABITS_MOST = 100_000  # a longer block forms its own habits; others' have been seen to cost it 0.3 %


def choose(data: np.ndarray) -> int:
    """The primer to start ``data`` (uint8, text) from, as in a block's params, or 0 for none."""
    known = primers.scores(data)
    likely = sorted(range(len(known)), key=lambda i: -known[i])[:TRIALS]
    short = len(data) <= HABITS_MOST
    enough = KNOWN if short else max(KNOWN, NEARLY * known[likely[0]])
    tried = [i + 1 for i in likely if known[i] >= enough]
    habits = [primers.HABITS | number for number in HABITS_OF] if short else []
    if not tried and not habits:
        return 0
    sample = _sample(data)
    cold = _coded(sample, 0)
    for codes, gain in ((tried, GAIN), (habits, HABITS_GAIN)):
        size, best = min(((_coded(sample, code), code) for code in codes), default=(cold, 0))
        if size < (1 - gain) * cold:
            return best
    return 0


def _sample(data: np.ndarray) -> np.ndarray:
    """What the trials code, an array of its own."""
    if len(data) <= PIECES * PIECE:
        return data.copy()
    starts = np.linspace(0, len(data) - PIECE, PIECES).astype(np.int64)
    return np.concatenate([data[s : s + PIECE] for s in starts])


def _coded(sample: np.ndarray, code: int) -> int:
    """Bytes that ``sample`` takes after the primer ``code``; 0: after none."""
    if code:
        primer = primers.portion(primers.named(code), LEVEL)
        mix = warm(LEVEL, primer, [0], 0)
        first = len(primer.prefix)
        data = np.empty(first + len(sample), np.uint8)
        data[:first] = np.frombuffer(primer.prefix, np.uint8)
        data[first:] = sample
    else:
        mix = build(plan(LEVEL, TEXT), len(sample), 0, 1, [0])
        first, data = 0, sample
    coder = np.zeros(STATE_SIZE, np.uint64)
    bits = np.zeros(len(sample) * 22 + 4096, np.uint8)
    start_encoder(coder, len(bits))
    ends = np.array([len(data)], np.int64)
    TEXTS[LEVEL](mix, data, ends, len(sample), False, coder, bits, np.zeros((0, 1, 0, 0), np.uint32))
    return int(coder[POSITION])
