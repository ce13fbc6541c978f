"""Matrix products and Adam of the online network in float32 with a written order: no two machines differ.

Each sum runs over its index in rising order, one multiplication and one addition at a time; what is
vectorised is the other index, whose elements do not meet. So LLVM may use any vector width and the bits stay
the same. Predicting reads the weights rounded to bfloat16, kept beside them: what a byte costs is the way of
all weights from memory.

Concession: the inner loops are those of :mod:`.vector_code`, because LLVM must not reorder float sums and
does not keep a row of accumulators in registers by itself. Adam takes a tile's gradient from there, too, so
that it never goes through memory."""

from __future__ import annotations

import numpy as np

from nzip.exact.jit import later, njit

bits_of, float_of = later("nzip.exact.bits", "bits_of", "float_of")
backward8, backward32, forward_tile, learn_tile, transpose_square = later(
    "nzip.predictors.online.vector_code",
    "backward8",
    "backward32",
    "forward_tile",
    "learn_tile",
    "transpose_square",
)
ROWS = 4  # that the inner loop of the backward product takes at once
SQUARE = 8  # rows and columns that are transposed at once
TILE = 64  # columns that the inner loop of the forward product takes at once
f32 = np.float32
BETA1, BETA2, EPSILON = f32(0.9), f32(0.99), f32(1e-8)
_ONE = f32(1)
_UPPER = np.int32(-65536)


@njit(inline="always")
def _rounded(x):
    """The bits of the bfloat16 nearest to x, ties to even, in the upper half of an int32; below it, what is
    to be cut off."""
    b = bits_of(x)
    return b + np.int32(0x7FFF) + ((b >> 16) & np.int32(1))


@njit(nogil=True, cache=True, error_model="numpy")
def near(weight, out):
    """``out`` int32 (N / 64, K / 2, 64): the bfloat16 nearest each of ``weight`` float32 (K, N), in tiles of
    64 columns, of which row k / 2 holds row k in the lower and row k + 1 in the upper half."""
    for tile in range(out.shape[0]):
        for k in range(0, weight.shape[0], 2):
            low, high, both = weight[k], weight[k + 1], out[tile, k >> 1]
            for n in range(TILE):
                at = tile * TILE + n
                both[n] = ((_rounded(low[at]) >> 16) & np.int32(0xFFFF)) | (_rounded(high[at]) & _UPPER)


@njit(nogil=True, cache=True, error_model="numpy")
def forward(weight, x, out):
    """out[n] = Σ_k x[k] weight[k, n], k rising; ``weight`` int32 (N / 64, K / 2, 64), as :func:`near` makes
    it, x (K,), out (N,) float32, contiguous."""
    pairs = weight.shape[1]
    w, y = weight.ctypes.data, out.ctypes.data
    for tile in range(weight.shape[0]):
        forward_tile((w + tile * pairs * 4 * TILE, pairs, x.ctypes.data, y + tile * 4 * TILE))


@njit(nogil=True, cache=True, error_model="numpy")
def backward(weight, dy, dx):
    """dx[k, t] = Σ_n weight[k, n] dy[n, t], n rising; dy (N, T), dx (K, T), K a multiple
    of 4 and T of 8; contiguous."""
    k_all, n_all = weight.shape
    wide = dy.shape[1] * 4
    w, y, x = weight.ctypes.data, dy.ctypes.data, dx.ctypes.data
    for k in range(0, k_all, ROWS):
        for t in range(0, wide, 128 if wide % 128 == 0 else 32):
            arguments = (w + 4 * k * n_all, 4 * n_all, n_all, y + t, x + k * wide + t, wide)
            if wide % 128 == 0:
                backward32(arguments)
            else:
                backward8(arguments)


@njit(nogil=True, cache=True, error_model="numpy")
def adam(weight, m, v, gradient, rate, first, second):
    """One step of Adam on float32 vectors; ``first`` and ``second``: 1 / (1 - beta**steps)."""
    for n in range(weight.size):
        g = gradient[n]
        mn = f32(f32(BETA1 * m[n]) + f32(f32(_ONE - BETA1) * g))
        vn = f32(f32(BETA2 * v[n]) + f32(f32(_ONE - BETA2) * f32(g * g)))
        m[n], v[n] = mn, vn
        weight[n] = f32(
            weight[n] - f32(rate * f32(f32(mn * first) / f32(np.sqrt(f32(vn * second)) + EPSILON)))
        )


@njit(nogil=True, cache=True, error_model="numpy")
def transpose(a, out):
    """out = a transposed, float32 (T, N), T a multiple of 8, both contiguous."""
    rows, columns = a.shape
    row, to_row = 4 * columns, 4 * out.shape[1]
    whole = columns - columns % SQUARE
    for j in range(0, whole, SQUARE):
        for i in range(0, rows, SQUARE):
            transpose_square((
                a.ctypes.data + i * row + 4 * j, row, out.ctypes.data + j * to_row + 4 * i, to_row,
            ))  # fmt: skip
    for j in range(whole, columns):
        for i in range(rows):
            out[j, i] = a[i, j]


@njit(nogil=True, cache=True, error_model="numpy")
def learn(weight, rounded, m, v, x, dy, across, rate, first, second):
    """Adam on ``weight`` (K, N), and on ``rounded``, its :func:`near`, from its gradient Σ_t x[t, k] dy[t,
    n], t rising; x (T, K), dy (T, N), K a multiple of 4, N of 64, contiguous; scratch: ``across`` (K or more,
    T)."""
    k_all, n_all = weight.shape
    count = x.shape[0]
    transpose(x, across)
    wide = 4 * n_all
    columns, y, near_ = across.ctypes.data, dy.ctypes.data, rounded.ctypes.data
    w, m_, v_ = weight.ctypes.data, m.ctypes.data, v.ctypes.data
    factors = (rate, first, second)
    for k in range(0, k_all, ROWS):
        for n in range(0, wide, 128):
            at = k * wide + n
            to = near_ + (n // (4 * TILE)) * (k_all // 2) * 4 * TILE + (k >> 1) * 4 * TILE + n % (4 * TILE)
            ahead = 256 if n + 256 < wide else 3 * wide + 256
            arguments = (
                columns + 4 * k * count, 4 * count, count, y + n, wide, w + at, m_ + at, v_ + at, to,
                4 * TILE, ahead,
            )  # fmt: skip
            learn_tile(arguments, factors)
