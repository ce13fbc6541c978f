"""The online network's memory: every number that a run learns, and the activations of the span it learns
from.

The network is the recurrent expert's (:mod:`nzip.predictors.ssm`), in float32: it starts either from nothing,
by a seeded integer generator, or from an expert's weights, and goes on learning while it codes.

Concession: a run owns copies of all weights, 14 bytes a matrix parameter and 8 a table parameter.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from nzip import memory
from nzip.predictors.online.products import TILE, near
from nzip.predictors.ssm import contexts
from nzip.predictors.ssm.counts import Counts, new_counts
from nzip.predictors.ssm.kernel import FEED_UNIT, GATED_BITS, UNIT_BITS, first_state
from nzip.predictors.ssm.weights import Shape, Weights

_ONE = np.float32(1)
SPAN = 32  # bytes between two updates
SCRATCH = Shape(128, 2, 16, (14, 16, 18, 18, 16, 18, 8))
_MULTIPLIER, _INCREMENT = 6364136223846793005, 1442695040888963407  # Knuth's MMIX generator


class Online(NamedTuple):
    """A run. Matrices are (inputs, outputs) float32, each with Adam's ``_m`` and ``_v``, and ``_near``, int32
    with half the rows, which predicts: itself in bfloat16, as :func:`.products.near` makes it; ``t`` is the
    span's length."""

    bits: np.ndarray
    first: np.ndarray  # int64 (7,): where each table begins in ``tables``
    bytes: np.ndarray  # (256, width)
    bytes_v: np.ndarray
    tables: np.ndarray  # (rows, row)
    tables_v: np.ndarray
    project: np.ndarray
    project_near: np.ndarray
    project_m: np.ndarray
    project_v: np.ndarray
    mix: np.ndarray  # (layers, width, 3 width)
    mix_near: np.ndarray
    mix_m: np.ndarray
    mix_v: np.ndarray
    bias: np.ndarray  # (layers, 3 width)
    bias_m: np.ndarray
    bias_v: np.ndarray
    out: np.ndarray  # (layers, width, width)
    out_near: np.ndarray
    out_m: np.ndarray
    out_v: np.ndarray
    head: np.ndarray  # (width, 256)
    head_near: np.ndarray
    head_m: np.ndarray
    head_v: np.ndarray
    head_bias: np.ndarray
    head_bias_m: np.ndarray
    head_bias_v: np.ndarray
    gain: np.ndarray  # (1,), which learns nothing
    rates: np.ndarray  # float32 (2,): of matrices and of embeddings
    powers: np.ndarray  # float32 (2,): beta1 ** steps, beta2 ** steps
    place: np.ndarray  # int64 (2,): positions of this span done, and whether one awaits its target
    hashes: np.ndarray  # uint64 (4,)
    symbols: np.ndarray  # int64 (t,)
    rows: np.ndarray  # int64 (t, 7)
    grams: np.ndarray  # (t, 7 row, to a multiple of 4, and 256 of what counts say, where it is fed)
    u: np.ndarray  # (layers + 1, t, width), normalised
    r: np.ndarray  # (layers + 1, t), 1 / rms
    pre: np.ndarray  # (layers, t, 3 width)
    h: np.ndarray  # (layers, t + 1, width); [0] is the state before the span
    y: np.ndarray  # (layers, t, width)
    x: np.ndarray  # (width,)
    logits: np.ndarray
    weights: np.ndarray  # int32 (256,)
    error: np.ndarray  # (t, 256): dloss/dlogits
    dx: np.ndarray  # (t, width)
    wide: np.ndarray  # (t, 3 width)
    transposed: np.ndarray  # (t, width), scratch
    across: np.ndarray  # (3 width or 256, t), transposed scratch
    back: np.ndarray  # (width or as many as grams, t)
    row: np.ndarray  # (3 width, 256 or as many as grams,)
    f: np.ndarray  # int16 (256,)
    counts: Counts


def _random(count: int, seed: int) -> np.ndarray:
    """``count`` float32 in [-1, 1), multiples of 2**-23, from a 64-bit linear congruential generator."""
    # x_n = a**n x_0 + c (a**n - 1) / (a - 1), all powers at once by doubling; wraps at 2**64.
    state, a, c = np.array([seed], np.uint64), _MULTIPLIER, _INCREMENT
    while state.size < count:
        state = np.concatenate([state, state * np.uint64(a) + np.uint64(c)])
        a, c = a * a % 2**64, (a + 1) * c % 2**64
    return ((state[:count] >> np.uint64(40)).astype(np.int64) - (1 << 23)).astype(np.float32) * np.float32(
        2.0**-23
    )


def _parameters(shape: Shape, weights: Weights | None) -> dict[str, np.ndarray]:
    width, layers, row = shape.width, shape.layers, shape.row
    grams = contexts.TABLES * row
    table_rows = sum(1 << b for b in shape.bits)
    if weights is not None:
        unit = np.float32(1 << UNIT_BITS)

        def product(codes, scale, by=_ONE):
            return np.ascontiguousarray((codes.astype(np.float32) * (scale * by)[..., None]).swapaxes(-1, -2))

        # The table's unit stays in the projection, whose input is the row's integers; both are balanced here
        # so that rows and projection learn at the scale they were trained at.
        project = product(weights.project, weights.project_scale)
        return {
            "bytes": weights.bytes.astype(np.float32) * weights.bytes_scale,
            "tables": np.concatenate(weights.tables).astype(np.float32) * np.float32(1 / 64),
            "project": project * np.float32(64),
            "mix": product(weights.mix, weights.mix_scale, unit),
            "bias": weights.mix_bias.astype(np.float32),
            "out": product(weights.out, weights.out_scale, np.float32(1 << GATED_BITS)),
            "head": product(weights.head, weights.head_scale, unit),
            "head_bias": weights.head_bias.astype(np.float32),
        } | (
            {"feed": product(weights.feed, weights.feed_scale, np.float32(1 / FEED_UNIT))}
            if shape.fed
            else {}
        )
    # Uniform on ±sqrt(3) sigma; powers of two, so that nothing is rounded by the machine's own square roots.
    bias = np.zeros((layers, 3 * width), np.float32)
    bias[:, :width] = -np.arange(width, dtype=np.float32) * np.float32(8.0 / width)

    def uniform(shape_, size, seed):
        return _random(int(np.prod(shape_)), seed).reshape(shape_) * np.float32(size)

    wide = 1.6 / math.sqrt(width)  # correctly rounded everywhere, as a power is not
    return {
        "bytes": uniform((256, width), 0.5, 1),
        "tables": np.zeros((table_rows, row), np.float32),
        "project": uniform((grams, width), 0.5, 2),
        "mix": uniform((layers, width, 3 * width), wide, 3),
        "bias": bias,
        "out": uniform((layers, width, width), wide / 2, 4),
        "head": uniform((width, 256), wide / 4, 5),
        "head_bias": np.zeros(256, np.float32),
    }


def _placed(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """``arrays``, which is emptied, moved into one stretch of large pages, each from a cache line's
    beginning: predicting takes as long as the way of the weights from memory, and
    at a page's end the processor stops
    fetching ahead."""
    line = 64
    block = memory.zeros(sum(-(-array.nbytes // line) * line for array in arrays.values()))
    placed, at = {}, 0
    for name in list(arrays):
        array = arrays.pop(name)
        to = block[at : at + array.nbytes].view(array.dtype).reshape(array.shape)
        if not name.endswith(("_m", "_v")):  # these begin as zeros
            to[...] = array
        placed[name] = to
        at += -(-array.nbytes // line) * line
    return placed


def new_run(
    weights: Weights | None, rates: tuple[float, float], span: int = SPAN, shape: Shape = SCRATCH
) -> Online:
    """A run that has seen nothing: from ``weights``, or from nothing in the given ``shape``."""
    shape = weights.shape if weights is not None else shape
    width, layers, row = shape.width, shape.layers, shape.row
    # Products take four inputs at a time: rows of zeros that see zeros, and stay so, make up what is missing.
    grams = -(-contexts.TABLES * row // 4) * 4
    own = _parameters(shape, weights)
    own["project"] = np.pad(own["project"], [(0, grams - contexts.TABLES * row), (0, 0)])
    if shape.fed:
        own["project"] = np.concatenate([own["project"], own.pop("feed")])
        grams += 256
    most = max(3 * width, 256, grams)
    sizes = np.array([1 << b for b in shape.bits], np.int64)
    state = {}
    for name in list(own):
        value = state[name] = np.ascontiguousarray(own.pop(name))
        state[name + "_v"] = np.zeros_like(value)
        if name not in ("bytes", "tables"):
            state[name + "_m"] = np.zeros_like(value)
        if name in ("project", "mix", "out", "head"):
            *layers_, rows, columns = value.shape
            rounded = np.empty((*layers_, columns // TILE, rows // 2, TILE), np.int32)
            for of, to in zip(
                state[name].reshape(-1, rows, columns), rounded.reshape(-1, *rounded.shape[-3:]), strict=True
            ):
                near(of, to)
            state[name + "_near"] = rounded

    def room(*dims):
        return np.zeros(dims, np.float32)

    state |= {
        "bits": np.array(shape.bits, np.int64), "first": np.cumsum(sizes) - sizes,
        "rates": np.array(rates, np.float32), "powers": np.ones(2, np.float32),
        "place": np.zeros(2, np.int64), "hashes": contexts.begin(weights is not None and bool(weights.words)),
        "symbols": np.zeros(span, np.int64), "rows": np.zeros((span, contexts.TABLES), np.int64),
        "grams": room(span, grams), "u": room(layers + 1, span, width), "r": room(layers + 1, span),
        "pre": room(layers, span, 3 * width), "h": room(layers, span + 1, width),
        "y": room(layers, span, width), "x": room(width), "logits": room(256),
        "weights": np.zeros(256, np.int32), "error": room(span, 256), "dx": room(span, width),
        "wide": room(span, 3 * width), "transposed": room(span, width),
        "across": room(most, span), "back": room(max(width, grams), span), "row": room(most),
        "f": np.zeros(256, np.int16),
        "gain": room(1) if weights is None else weights.gain.copy(),
    }  # fmt: skip
    if weights is not None:
        state["h"][:, 0] = first_state(weights)
    return Online(**_placed(state), counts=new_counts(shape.fed))
