"""The last stage: a small network, trained beforehand, that corrects what the mix says of a bit.

The mixer's own weights start almost alike for every text and learn slowly. What is the same in every text
(how far the sets' opinions may be trusted when the expert, a match and the counts disagree so and so) is
learnt once, from training texts that neither primers nor experts know (scripts/train_last_stage.py), and
ships as whole numbers: a file for each form of text where the first expert stays as it is, and one where it
goes on learning and others stand beside it. The network sees the first layer's outputs, the mixer's
and the maps' opinions, the experts', the match model's, those of 32 contexts, and five small contexts of its
own, and says by how much the stretch of the probability is to be moved.

Two layers of UNITS with max(0, x) between, then a sum, all in int16 with sums in int32: docs/FORMAT.md, "The
last stage". The layers stay as they are; the sum's weights go on learning from the stream, in two vectors,
one for every bit and one by the byte's bits so far. That hardly moves what the texts it was trained on are
like, and helps where a text is not (JSON, tables).
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
from nzip.predictors.mix.state import Mix
from nzip.predictors.stepping import ADAPTED, STATIC

dot, train = later("nzip.predictors.mix.intrinsics.vector", "dot", "train")

LEVEL = 5
INPUTS, UNITS = 64, 48
# Places of the inputs, behind the first layer's outputs (16 of them at most); the contexts' come last.
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
    SECOND_SAYS,
    THIRD_SAYS,
    CONTEXT,
) = range(at.FINAL_WIDTH, at.FINAL_WIDTH + 17)
SEEN = INPUTS - CONTEXT  # contexts whose stretches are seen
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
# Weights count 1 / 4096, those that learn 1 / 16384, units 1 / 1024, biases 1 / 2048, stretch 1 / 256.
_TO_UNITS, _BIAS_UP, _BIAS2_UP = 10, 9, 11
_FINER = 4  # a last weight's unit over that of one that learns
_TO_STRETCH = 17  # half the sum of both vectors
_RATE = 10
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
    last, layer, x, z, units, units2, squash, stretch, d, p1, p2, p3, p, opinion, away, others, expected,
    match_level, hits, c0, c1, bit, best, sure, shape, age,
):  # fmt: skip
    """The corrected P(1) in 22 bits. ``x`` int16: the first layer's inputs, two a context. ``z`` int16
    (INPUTS,): the first layer's outputs stand in its first FINAL_WIDTH entries, the rest is scratch, as
    ``units`` int16 (UNITS,) is. ``units2`` int16 (UNITS,): the second layer's, which :func:`learn` wants.
    ``others``: what the second and the third expert say."""
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
    z[SECOND_SAYS] = np.int16(others[0])
    z[THIRD_SAYS] = np.int16(others[1])
    for i in range(SEEN):
        z[CONTEXT + i] = x[2 * i]
    partial, before = _PARTIAL + c0 * UNITS, _BEFORE + c1 * UNITS
    likely = _BEST + likeliest_row(best, c0, bit) * UNITS
    length, form = _LENGTH + match_row(match_level, expected) * UNITS, _SHAPE + shape * UNITS
    for k in range(UNITS):
        total = i64(dot(last, FIRST + k * INPUTS, z, INPUTS))
        start = i64(last[partial + k]) + i64(last[before + k]) + i64(last[likely + k])
        start += i64(last[length + k]) + i64(last[form + k])
        units[k] = np.int16(min(_TOP, max(0, (total + (start << _BIAS_UP)) >> _TO_UNITS)))
    for k in range(UNITS):
        total = i64(dot(last, SECOND + k * UNITS, units, UNITS)) + (i64(last[BIAS + k]) << _BIAS2_UP)
        units2[k] = np.int16(min(_TOP, max(0, total >> 12)))
    moved = i64(dot(layer, 0, units2, UNITS)) + i64(dot(layer, c0 * UNITS, units2, UNITS))
    return i64(squash[u64(clamp(said + (moved >> _TO_STRETCH), _MOST) + at.SQUASH_ZERO)])


@helper
def learn(layer, c0, units2, error):
    """What a bit teaches the last layer. ``error``: by how much P(1) was too low, in 22 bits; ``c0``,
    ``units2`` as they were."""
    e = clamp((error * _RATE) >> 14, _TOP)
    train(layer, 0, units2, UNITS, e)
    train(layer, c0 * UNITS, units2, UNITS, e)


# By form: where the first expert stays as it is or stands alone, and where it goes on learning beside others.
FILES = {
    CODED: ("last_words.i16", "last_words_online.i16"),
    TEXT: ("last_text.i16", "last_text_online.i16"),
}
NONE = np.zeros(0, np.int16)


@functools.cache
def read(name: str) -> np.ndarray:
    """The weights of a file that ships, int16 (SIZE,)."""
    return np.frombuffer(Path(__file__).with_name(name).read_bytes(), "<i2").astype(np.int16)


def file_of(level: int, kind: int, experts: tuple[Expert, ...]) -> str | None:
    """The name of the file that a mix of ``level`` with these experts has a last stage from, if any."""
    slot = getattr(experts[0], "slot", None) if experts else None
    if level != LEVEL or kind not in FILES or slot not in (STATIC, ADAPTED):
        return None
    return FILES[kind][slot == ADAPTED and len(experts) > 1]


def of(level: int, kind: int, experts: tuple[Expert, ...]) -> np.ndarray:
    """The weights of that file, or :data:`NONE`."""
    name = file_of(level, kind, experts)
    return read(name) if name else NONE


def put_on(mix: Mix, last: np.ndarray) -> Mix:
    """``mix`` with a last stage of the weights ``last``, which has learnt nothing of the stream yet; with
    :data:`NONE` without one."""
    return mix._replace(last=last, last_layer=np.tile(last[LAST:] * np.int16(_FINER), BITS))
