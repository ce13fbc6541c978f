"""One step of the recurrent expert, exact: from a byte to the distribution of the next.

Every sum is an integer sum (int8 weights, int16 activations, int32; squares in int64). What lies between is
elementwise IEEE float32, + − × ÷ sqrt rint, one operation at a time, so that every machine, batch and thread
gives equal bits. :mod:`.twin` says the same in NumPy; docs/FORMAT.md writes it down.

Concession: one stream at a time; a lane costs what a stream costs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.exact import cpu
from nzip.exact.jit import njit
from nzip.predictors.distribution import distribution
from nzip.predictors.ssm import contexts
from nzip.predictors.ssm.counts import Counts, new_counts, take
from nzip.predictors.ssm.matvec import matvec, pack
from nzip.predictors.ssm.weights import Weights

f32 = np.float32
UNIT_BITS = 12  # normalised activations: int16 in units of 2**-12, within ±8 as in training
GATED_BITS = 9  # gated states, which training leaves unbounded: int16 in units of 2**-9, within ±64
FEED_UNIT = 2.0**-10  # of f (:mod:`.counts`) as it is learnt from
_UNIT, _GATED, _TOP = f32(1 << UNIT_BITS), f32(1 << GATED_BITS), f32(32767)
# The residual stream is squared in units of 2**-10 and held inside ±2**12, so that no sum of squares passes
# 2**53.
_FINE, _ROOM = f32(1 << 10), f32(1 << 12)
_EPSILON = f32(1e-4)
_HALF, _ONE = f32(0.5), f32(1)


class Net(NamedTuple):
    """Packed weights and scales, read only. The scales of activations' units are multiplied into the
    rows'."""

    bits: np.ndarray  # int64 (7,)
    bytes: np.ndarray  # float32 (256, width)
    tables: np.ndarray  # int8, all rows of all tables one after another (rows, row)
    first: np.ndarray  # int64 (7,): where each table begins
    project: np.ndarray
    project_scale: np.ndarray
    mix: np.ndarray
    mix_scale: np.ndarray
    mix_bias: np.ndarray
    out: np.ndarray
    out_scale: np.ndarray
    head: np.ndarray
    head_scale: np.ndarray
    head_bias: np.ndarray
    feed: np.ndarray  # packed as the others; of no rows where the network is not fed
    feed_scale: np.ndarray
    gain: np.ndarray  # float32 (1,)
    start: np.ndarray  # float32 (layers, width): the state before the first byte
    coded: bool  # it reads text coded as words
    isa: int


class Stream(NamedTuple):
    """The state of one stream, and scratch: ``h`` float32 (layers, width), ``hashes`` uint64 (6,)."""

    h: np.ndarray
    hashes: np.ndarray
    rows: np.ndarray
    grams: np.ndarray
    x: np.ndarray
    u: np.ndarray
    sums: np.ndarray
    logits: np.ndarray
    weights: np.ndarray
    counts: Counts
    f: np.ndarray  # int16 (256,): what the counts say


def make_net(w: Weights, isa: int | None = None) -> Net:
    """Weights as the kernel reads them; ``isa`` (None: the best there is) changes the speed, never the
    bits."""
    sizes = np.array([t.shape[0] for t in w.tables], np.int64)
    return Net(
        bits=np.array(w.shape.bits, np.int64),
        bytes=w.bytes.astype(np.float32) * w.bytes_scale,
        tables=np.concatenate(w.tables),
        first=np.cumsum(sizes) - sizes,
        project=pack(w.project),
        project_scale=w.project_scale.copy(),
        mix=np.stack([pack(m) for m in w.mix]),
        mix_scale=w.mix_scale.copy(),
        mix_bias=w.mix_bias.copy(),
        out=np.stack([pack(m) for m in w.out]),
        out_scale=w.out_scale.copy(),
        head=pack(w.head),
        head_scale=w.head_scale.copy(),
        head_bias=w.head_bias.copy(),
        feed=pack(w.feed),
        feed_scale=w.feed_scale.copy(),
        gain=w.gain.copy(),
        start=first_state(w),
        coded=bool(w.words),
        isa=cpu.detect() if isa is None else isa,
    )


def first_state(w: Weights) -> np.ndarray:
    """The state before the first byte, float32 (layers, width), to write to."""
    return w.start.copy() if w.shape.fed else np.zeros((w.shape.layers, w.shape.width), np.float32)


def new_stream(net: Net) -> Stream:
    """A stream that has seen nothing."""
    width = net.bytes.shape[1]
    return Stream(
        h=net.start.copy(),
        hashes=contexts.begin(net.coded),
        rows=np.zeros(contexts.TABLES, np.int64),
        grams=np.zeros(contexts.TABLES * net.tables.shape[1], np.int16),
        x=np.zeros(width, np.float32),
        u=np.zeros(width, np.int16),
        sums=np.zeros(max(3 * width, 256), np.int32),
        logits=np.zeros(256, np.float32),
        weights=np.zeros(256, np.int32),
        counts=new_counts(net.feed.shape[0] > 0),
        f=np.zeros(256, np.int16),
    )


@njit(nogil=True, cache=True, error_model="numpy")
def normalise(x, u):
    """u = rint(x / rms(x) * 2**12), int16, within ±32767; x float32 is held inside ±2**12."""
    squares = np.int64(0)
    for j in range(x.size):
        x[j] = min(max(x[j], -_ROOM), _ROOM)
        v = np.int64(np.int32(np.rint(f32(x[j] * _FINE))))
        squares += v * v
    mean = f32(f32(squares) / f32(x.size << 20))
    r = f32(_UNIT / f32(np.sqrt(f32(mean + _EPSILON))))
    for j in range(x.size):
        u[j] = np.int16(np.rint(min(max(f32(x[j] * r), -_TOP), _TOP)))


@njit(nogil=True, cache=True, error_model="numpy")
def recur(sums, scale, bias, h, u):
    """The gated recurrence of one layer from the integer sums of its three products; u gets the gated
    state."""
    d = h.size
    for j in range(d):
        a = f32(f32(f32(sums[j]) * scale[j]) + bias[j])
        c = f32(f32(f32(sums[d + j]) * scale[d + j]) + bias[d + j])
        o = f32(f32(f32(sums[2 * d + j]) * scale[2 * d + j]) + bias[2 * d + j])
        z = f32(_HALF + f32(_HALF * f32(a / f32(np.sqrt(f32(_ONE + f32(a * a)))))))
        g = f32(_HALF + f32(_HALF * f32(o / f32(np.sqrt(f32(_ONE + f32(o * o)))))))
        s = f32(c / f32(np.sqrt(f32(_ONE + f32(c * c)))))
        h[j] = f32(h[j] + f32(z * f32(s - h[j])))
        y = f32(f32(h[j] * o) * g)
        u[j] = np.int16(np.rint(min(max(f32(y * _GATED), -_TOP), _TOP)))


@njit(nogil=True, cache=True, error_model="numpy")
def step(net, s, byte, out):
    """The stream ``s`` has seen ``byte``: move it, and write the next byte's distribution to ``out`` uint32
    (256,)."""
    width = s.x.size
    contexts.take(s.hashes, byte)
    contexts.rows(s.hashes, net.bits, s.rows)
    row = net.tables.shape[1]
    for t in range(contexts.TABLES):
        at = net.first[t] + s.rows[t]
        for j in range(row):
            s.grams[t * row + j] = net.tables[at, j]
    matvec(net.project, s.grams, s.sums, net.isa)
    for j in range(width):
        s.x[j] = f32(net.bytes[byte, j] + f32(f32(s.sums[j]) * net.project_scale[j]))
    fed = net.feed.shape[0] > 0
    if fed:
        take(s.counts, byte, s.f)
        matvec(net.feed, s.f, s.sums, net.isa)
        for j in range(width):
            s.x[j] = f32(s.x[j] + f32(f32(s.sums[j]) * net.feed_scale[j]))
    for layer in range(net.mix.shape[0]):
        normalise(s.x, s.u)
        matvec(net.mix[layer], s.u, s.sums, net.isa)
        recur(s.sums, net.mix_scale[layer], net.mix_bias[layer], s.h[layer], s.u)
        matvec(net.out[layer], s.u, s.sums, net.isa)
        for j in range(width):
            s.x[j] = f32(s.x[j] + f32(f32(s.sums[j]) * net.out_scale[layer, j]))
    normalise(s.x, s.u)
    matvec(net.head, s.u, s.sums, net.isa)
    for j in range(256):
        s.logits[j] = f32(f32(f32(s.sums[j]) * net.head_scale[j]) + net.head_bias[j])
    if fed:
        for j in range(256):
            s.logits[j] = f32(s.logits[j] + f32(net.gain[0] * f32(s.f[j])))
    distribution(s.logits, s.weights, out)


@njit(nogil=True, cache=True, error_model="numpy")
def steps(net, s, data, out):
    """:func:`step` for every byte of ``data`` (uint8 (n,)); ``out`` uint32 (n, 256)."""
    for t in range(data.size):
        step(net, s, data[t], out[t])
