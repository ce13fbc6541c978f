"""Weights as small integers: from a file's numbers to codes, group scales and row scales, and to packed form.

A :class:`QuantMatrix` says ``weight[r, c] = (code[r, c] * d[r, g] + m[r, g]) * rs[r]`` with g = c // 32.
Files in Q4_0 and Q4_1 keep their 4-bit codes as they are; their group scales become integers up to 255 per
row. All else (Q8_0, F16, BF16, F32) becomes 7-bit codes around 64 with integer group scales up to 31.

Concession: Q8_0 loses its last bit here, so that one kernel serves AVX2 without saturation. On SmolLM2 the
whole of quantisation, activations included, costs 0.1-0.3% (bench/lm.py).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.errors import NzipError
from nzip.predictors.llama.packed import (
    CODE_BYTES,
    GROUP,
    MAX_D,
    OFFSET7,
    ROWS,
    Packed,
    aligned,
    padded_cols,
)

MAX_WEIGHT = 1e4


class QuantMatrix(NamedTuple):
    """bits 4 or 7; codes uint8 (R, K); d uint8 (R, K/32); m int16 (R, K/32); rs float32 (R,)."""

    bits: int
    codes: np.ndarray
    d: np.ndarray
    m: np.ndarray
    rs: np.ndarray

    def dequantise(self) -> np.ndarray:
        """The weights as float32 (R, K)."""
        rows, cols = self.codes.shape
        values = (
            self.codes.reshape(rows, -1, GROUP).astype(np.int32) * self.d[:, :, None] + self.m[:, :, None]
        )
        return values.reshape(rows, cols).astype(np.float32) * self.rs[:, None]

    def take(self, rows) -> QuantMatrix:
        """The matrix with its rows reordered or selected."""
        return QuantMatrix(self.bits, self.codes[rows], self.d[rows], self.m[rows], self.rs[rows])


def _check(values: np.ndarray, name: str) -> None:
    if not np.isfinite(values).all() or (values.size and float(np.abs(values).max()) > MAX_WEIGHT):
        raise NzipError(
            f"tensor {name} holds values that are not finite or exceed {MAX_WEIGHT:g}; "
            "is the model file damaged?"
        )


def from_codes4(codes, d, m, name: str = "?") -> QuantMatrix:
    """4-bit codes uint8 (R, K) with float32 group scales d and offsets m, both (R, K/32): weight = code*d +
    m.

    Negative scales (Q4_0 has them) are flipped: code' = 15 - code."""
    _check(d, name)
    _check(m, name)
    negative = d < 0
    codes = np.where(np.repeat(negative, GROUP, 1), 15 - codes, codes).astype(np.uint8)
    m = np.where(negative, m + np.float32(15) * d, m).astype(np.float32)
    d = np.abs(d)
    rs = np.maximum(d.max(1) / np.float32(MAX_D[4]), np.abs(m).max(1) / np.float32(32767)).astype(np.float32)
    safe = np.where(rs > 0, rs, np.float32(1))[:, None]
    return QuantMatrix(4, codes, np.rint(d / safe).astype(np.uint8), np.rint(m / safe).astype(np.int16), rs)


def from_floats(w, name: str = "?", rs=None) -> QuantMatrix:
    """Any float32 matrix (R, K), K a multiple of 32, to 7-bit codes; ``rs``: row scales to be used, not too
    small."""
    w = np.ascontiguousarray(w, np.float32)
    _check(w, name)
    groups = w.reshape(w.shape[0], -1, GROUP)
    peak = np.abs(groups).max(2)
    if rs is None:
        rs = (peak.max(1) / np.float32(63 * MAX_D[7])).astype(np.float32)
    safe = np.where(rs > 0, rs, np.float32(1))[:, None]
    d = np.clip(np.ceil(peak / np.float32(63) / safe), 1, MAX_D[7]).astype(np.float32)
    codes = np.clip(np.rint(groups / (d * safe)[:, :, None]), -63, 63) + OFFSET7
    return QuantMatrix(
        7, codes.astype(np.uint8).reshape(w.shape), d.astype(np.uint8), (-OFFSET7 * d).astype(np.int16), rs
    )


def concatenate(parts: list[QuantMatrix]) -> QuantMatrix:
    """Matrices over the same columns, stacked by rows. Where the bits differ, 4-bit ones are requantised."""
    if len({p.bits for p in parts}) > 1:
        parts = [p if p.bits == 7 else from_floats(p.dequantise()) for p in parts]
    return QuantMatrix(parts[0].bits, *(np.concatenate([p[i] for p in parts]) for i in range(1, 5)))


def pack(layers: list[QuantMatrix]) -> Packed:
    """The kernels' layout of one matrix of every layer. Padding rows and columns weigh nothing."""
    if len({q.bits for q in layers}) > 1:
        layers = [q if q.bits == 7 else from_floats(q.dequantise()) for q in layers]
    bits = layers[0].bits
    rows, cols = layers[0].codes.shape
    blocks, wide = -(-rows // ROWS), padded_cols(cols)
    groups = wide // GROUP
    codes = aligned((len(layers), blocks, groups, CODE_BYTES[bits]), np.uint8)
    d = aligned((len(layers), blocks, groups, ROWS), np.uint8)
    m = aligned((len(layers), blocks, groups // 2, ROWS, 2), np.int16)
    rs = aligned((len(layers), blocks * ROWS), np.float32)
    for i, q in enumerate(layers):
        full = np.zeros((blocks * ROWS, wide), np.uint8)
        full[:rows, :cols] = q.codes
        full_d = np.zeros((blocks * ROWS, groups), np.uint8)
        full_d[:rows, : q.d.shape[1]] = q.d
        full_m = np.zeros((blocks * ROWS, groups), np.int16)
        full_m[:rows, : q.m.shape[1]] = q.m
        if bits == 4:  # block, row, group, chunk, half, j -> block, group, chunk, row, j
            parts = full.reshape(blocks, ROWS, groups, 4, 2, 4).transpose(0, 2, 3, 1, 5, 4)
            codes[i] = (parts[..., 0] | parts[..., 1] << 4).reshape(blocks, groups, -1)
        else:
            codes[i] = (
                full.reshape(blocks, ROWS, groups, 8, 4).transpose(0, 2, 3, 1, 4).reshape(blocks, groups, -1)
            )
        d[i] = full_d.reshape(blocks, ROWS, groups).transpose(0, 2, 1)
        m[i] = full_m.reshape(blocks, ROWS, groups // 2, 2).transpose(0, 2, 1, 3)
        rs[i, :rows] = q.rs
        rs[i, rows:] = 0
    return Packed(bits, codes, d, m, rs, rows, cols)
