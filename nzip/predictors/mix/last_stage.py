"""The last stage: a small network, trained beforehand, that corrects what the mix says of a bit.

The mixer's own weights start almost alike for every text and learn slowly. What is the same in every text
(how far the sets' opinions may be trusted when the expert, a match and the counts disagree so and so) is
learnt once, from training texts that neither primers nor experts know (scripts/train_last_stage.py), and
ships as whole numbers, a file for each form of text. The network sees the first layer's outputs, the mixer's
and the maps' opinions, the expert's, the match model's and five small contexts, and says by how much the
stretch of the probability is to be moved. It learns nothing while it codes.

Two layers of UNITS with max(0, x) between, all in int16 with sums in int32: docs/FORMAT.md, "The last stage".
The readable twin is twin/last_stage.py. Helpers of kernel.py.

Concession: it serves the plans of level 5 for text and words, with a first expert that was trained
beforehand: for these it was trained.
"""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from nzip.exact.jit import later
from nzip.predictors.base import Expert
from nzip.predictors.content import TEXT
from nzip.predictors.mix import constants as at
from nzip.predictors.mix.compiled import clamp, helper, i64, inlined, u64
from nzip.predictors.mix.constants import CODED
from nzip.predictors.mix.expert_inputs import fine_stretch
from nzip.predictors.stepping import ADAPTED, STATIC

(dot,) = later("nzip.predictors.mix.intrinsics.vector", "dot")

LEVEL = 5
INPUTS, UNITS = 32, 48
# Places of the inputs, behind the first layer's outputs (16 of them at most).
(
    MIXER,
    BY_BYTE,
    BY_TWO,
    BY_EXPECTED,
    SAID,
    OPINION,
    AWAY,
    LIKELIEST,
    LEANS,
    SURE,
    MATCH,
    MATCHED,
    KNOWN,
    AGE,
) = range(at.FINAL_WIDTH, at.FINAL_WIDTH + 14)
# In the file, one behind the other: a row of UNITS int16 for each value of the contexts (the byte's bits so
# far, the byte before, the expert's likeliest byte, the match model, the shape of the last two bytes), the
# first layer's rows of INPUTS, the second's of UNITS, its biases, the last weights.
CONTEXTS = BITS, BEFORE, BEST, LENGTH, SHAPES = 256, 256, 257, 64, 256
_PARTIAL = 0
_BEFORE = _PARTIAL + BITS * UNITS
_BEST = _BEFORE + BEFORE * UNITS
_LENGTH = _BEST + BEST * UNITS
_SHAPE = _LENGTH + LENGTH * UNITS
FIRST = _SHAPE + SHAPES * UNITS
SECOND = FIRST + UNITS * INPUTS
BIAS = SECOND + UNITS * UNITS
LAST = BIAS + UNITS
SIZE = LAST + UNITS
NOTED = INPUTS + len(CONTEXTS) + 1  # numbers that are noted of a bit, for who trains the network
# Weights count 1 / 4096, units 1 / 1024, biases 1 / 2048, stretch 1 / 256.
_TO_UNITS, _BIAS_UP, _BIAS2_UP, _TO_STRETCH = 10, 9, 11, 14
_TOP = 32767
_MOST = 4095  # stretch at most


@helper
def likeliest(cumulative):
    """The byte that the first expert thinks likeliest, the first of several, and its weight."""
    best, most = 0, u64(0)
    for s in range(256):
        weight = cumulative[0, s + 1] - cumulative[0, s]
        if weight > most:
            best, most = s, weight
    return best, most


@helper
def sureness(cumulative, weight, squash):
    """The stretch of the probability that the likeliest byte has."""
    p = i64((weight << u64(at.PROBABILITY_BITS)) // max(cumulative[0, 256], u64(1)))
    return fine_stretch(squash, min((1 << at.PROBABILITY_BITS) - 2, max(2, p)))


@helper
def age_of(seen):
    """How many bytes were seen, as the bits that the number has."""
    bits = 0
    while seen > 0:
        bits += 1
        seen >>= 1
    return bits


@inlined
def likeliest_row(best, c0, bit):
    """The context of the expert's likeliest byte: 1 + the byte, 0 where the bits so far are others."""
    return best + 1 if ((best | 256) >> (8 - bit)) == c0 else 0


@inlined
def match_row(match_level, expected):
    """The context of the match model."""
    return 2 * match_level + expected if expected else 0


@helper
def note(stage, row, z, c0, c1, bit, best, match_level, expected, shape, y):
    """After :func:`refine`, for who trains the network: what it saw, into ``stage`` int16 (bits, NOTED)."""
    for k in range(INPUTS):
        stage[row, k] = z[k]
    stage[row, INPUTS] = np.int16(c0)
    stage[row, INPUTS + 1] = np.int16(c1)
    stage[row, INPUTS + 2] = np.int16(likeliest_row(best, c0, bit))
    stage[row, INPUTS + 3] = np.int16(match_row(match_level, expected))
    stage[row, INPUTS + 4] = np.int16(shape)
    stage[row, INPUTS + 5] = np.int16(y)


@helper
def refine(
    last, z, units, squash, stretch, d, p1, p2, p3, p, opinion, away, expected, match_level, hits, c0, c1,
    bit, best, sure, shape, age,
):  # fmt: skip
    """The corrected P(1) in 22 bits. ``z`` int16 (INPUTS,): the first layer's outputs stand in its first
    FINAL_WIDTH entries, the rest is scratch, as ``units`` int16 (UNITS,) is."""
    said = fine_stretch(squash, min((1 << at.PROBABILITY_BITS) - 2, max(2, p)))
    z[MIXER] = np.int16(d)
    z[BY_BYTE] = stretch[u64(p1 >> 10)]
    z[BY_TWO] = stretch[u64(p2 >> 10)]
    z[BY_EXPECTED] = stretch[u64(p3 >> 10)]
    z[SAID] = np.int16(said)
    z[OPINION] = np.int16(opinion)
    z[AWAY] = np.int16(away)
    agrees = ((best | 256) >> (8 - bit)) == c0
    lean = (2 * ((best >> (7 - bit)) & 1) - 1) if agrees else 0
    z[LIKELIEST] = np.int16(256 * lean)
    z[LEANS] = np.int16(lean * sure)
    z[SURE] = np.int16(sure) if agrees else np.int16(0)
    z[MATCH] = np.int16(32 * match_level) if expected else np.int16(0)
    z[MATCHED] = np.int16(256 * (2 * expected - 3)) if expected else np.int16(0)
    z[KNOWN] = np.int16(32 * hits)
    z[AGE] = np.int16(32 * age)
    partial, before = _PARTIAL + c0 * UNITS, _BEFORE + c1 * UNITS
    likely = _BEST + likeliest_row(best, c0, bit) * UNITS
    length, form = _LENGTH + match_row(match_level, expected) * UNITS, _SHAPE + shape * UNITS
    for k in range(UNITS):
        total = i64(dot(last, FIRST + k * INPUTS, z, INPUTS))
        start = i64(last[partial + k]) + i64(last[before + k]) + i64(last[likely + k])
        start += i64(last[length + k]) + i64(last[form + k])
        units[k] = np.int16(min(_TOP, max(0, (total + (start << _BIAS_UP)) >> _TO_UNITS)))
    moved = i64(0)
    for k in range(UNITS):
        total = i64(dot(last, SECOND + k * UNITS, units, UNITS)) + (i64(last[BIAS + k]) << _BIAS2_UP)
        moved += min(_TOP, max(0, total >> 12)) * i64(last[LAST + k])
    return i64(squash[u64(clamp(said + (moved >> _TO_STRETCH), _MOST) + at.SQUASH_ZERO)])


FILES = {CODED: "last_words.i16", TEXT: "last_text.i16"}
NONE = np.zeros(0, np.int16)


@functools.cache
def weights(kind: int) -> np.ndarray:
    """The weights that ship for ``kind`` of stream, int16 (SIZE,); :data:`NONE` where there are none."""
    if kind not in FILES:
        return NONE
    return np.frombuffer(Path(__file__).with_name(FILES[kind]).read_bytes(), "<i2").astype(np.int16)


def of(level: int, kind: int, experts: tuple[Expert, ...]) -> np.ndarray:
    """What a mix of ``level`` with these experts has for a last stage: weights, or :data:`NONE`."""
    if level != LEVEL or not experts or getattr(experts[0], "slot", None) not in (STATIC, ADAPTED):
        return NONE
    return weights(kind)
