"""Forward and backward of what lies between a Llama's matrix products, each in one pass over memory, for the
CPU.

``torch`` does the products and attention in bfloat16. Norm, rotation and gate would cost it two dozen passes
and copies; here bfloat16 is read and written as it stands, as the upper half of a float32 (rounded to even).

Concession: ``fastmath`` and a polynomial for 2^x (relative error 4e-6, far below bfloat16's): this trains
weights, it never codes."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import torch

_fast: dict[str, Any] = {"fastmath": True, "nogil": True, "cache": True, "error_model": "numpy"}
_inline: dict[str, Any] = {**_fast, "inline": "always"}


@numba.njit(**_inline)
def _wide(code):
    return np.uint32(np.uint32(code) << np.uint32(16))


@numba.njit(**_inline)
def _narrow(word):
    return np.uint16((word + np.uint32(0x7FFF) + ((word >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))


@numba.njit(**_fast)
def _widen(codes, values):
    """bfloat16 codes (n,) to float32 (n,)."""
    words = values.view(np.uint32)
    for j in range(len(codes)):
        words[j] = _wide(codes[j])


@numba.njit(**_fast)
def _round(values, codes):
    """float32 (n,) to bfloat16 codes (n,), to the nearest, ties to even."""
    words = values.view(np.uint32)
    for j in range(len(codes)):
        codes[j] = _narrow(words[j])


@numba.njit(**_fast)
def _sigmoid(values, out):
    """out = 1 / (1 + 2^(-x log2 e)), x clipped to ±60."""
    words = out.view(np.int32)
    n = len(values)
    for j in range(n):
        t = np.float32(-1.4426950408889634) * min(max(values[j], np.float32(-60.0)), np.float32(60.0))
        whole = np.floor(t)
        f = t - whole
        p = np.float32(1.8943970e-3)
        p = p * f + np.float32(8.9406781e-3)
        p = p * f + np.float32(5.5876310e-2)
        p = p * f + np.float32(2.4013187e-1)
        p = p * f + np.float32(6.9315673e-1)
        p = p * f + np.float32(0.99999977)
        words[j] = (np.int32(whole) + np.int32(127)) << np.int32(23)
        out[j] = np.float32(1.0) / (np.float32(1.0) + p * out[j])


@numba.njit(**_fast)
def norm_forward(x, weight, epsilon, u, inverse):
    """u = x / rms(x) * weight. x float32 (n, d), u bfloat16 codes (n, d), inverse (n,) gets 1 / rms."""
    n, d = x.shape
    row = np.empty(d, np.float32)
    for i in range(n):
        s = np.float32(0.0)
        for j in range(d):
            s += x[i, j] * x[i, j]
        r = np.float32(1.0) / np.sqrt(s / np.float32(d) + np.float32(epsilon))
        inverse[i] = r
        for j in range(d):
            row[j] = x[i, j] * r * weight[j]
        _round(row, u[i])


@numba.njit(**_fast)
def norm_backward(du, x, weight, inverse, dx, dweight):
    """The gradient of :func:`norm_forward`; du bfloat16 codes (n, d); ``dweight`` (d,) is added to."""
    n, d = x.shape
    row, unit = np.empty(d, np.float32), np.empty(d, np.float32)
    for i in range(n):
        _widen(du[i], row)
        r, s = inverse[i], np.float32(0.0)
        for j in range(d):
            unit[j] = x[i, j] * r
            dweight[j] += row[j] * unit[j]
            row[j] *= weight[j]
            s += row[j] * unit[j]
        s /= np.float32(d)
        for j in range(d):
            dx[i, j] = (row[j] - unit[j] * s) * r


@numba.njit(**_fast)
def gate_forward(gate_up, y):
    """y = silu(gate) * up; bfloat16 codes (n, 2 h) and (n, h)."""
    n, h = y.shape
    g, u, s = np.empty(h, np.float32), np.empty(h, np.float32), np.empty(h, np.float32)
    for i in range(n):
        _widen(gate_up[i, :h], g)
        _widen(gate_up[i, h:], u)
        _sigmoid(g, s)
        for j in range(h):
            g[j] *= s[j] * u[j]
        _round(g, y[i])


@numba.njit(**_fast)
def gate_backward(dy, gate_up, dgate_up):
    """The gradient of :func:`gate_forward`."""
    n, h = dy.shape
    g, u, s, d = (
        np.empty(h, np.float32),
        np.empty(h, np.float32),
        np.empty(h, np.float32),
        np.empty(h, np.float32),
    )
    for i in range(n):
        _widen(gate_up[i, :h], g)
        _widen(gate_up[i, h:], u)
        _widen(dy[i], d)
        _sigmoid(g, s)
        for j in range(h):
            du = d[j] * g[j] * s[j]
            g[j] = d[j] * u[j] * s[j] * (np.float32(1.0) + g[j] * (np.float32(1.0) - s[j]))
            u[j] = du
        _round(g, dgate_up[i, :h])
        _round(u, dgate_up[i, h:])


@numba.njit(**_fast)
def rotate_forward(qkv, cos, sin, out):
    """Split and rotate: bfloat16 codes qkv (b, t, 3, heads, size) → out (3, b, heads, t, size); cos, sin (t,
    size / 2)."""
    b, t, _, heads, size = qkv.shape
    half = size // 2
    row, rotated = np.empty(size, np.float32), np.empty(size, np.float32)
    for i in range(b):
        for k in range(t):
            for h in range(heads):
                for part in range(2):
                    _widen(qkv[i, k, part, h], row)
                    for j in range(half):
                        rotated[j] = row[j] * cos[k, j] - row[j + half] * sin[k, j]
                        rotated[j + half] = row[j + half] * cos[k, j] + row[j] * sin[k, j]
                    _round(rotated, out[part, i, h, k])
                for j in range(size):
                    out[2, i, h, k, j] = qkv[i, k, 2, h, j]


@numba.njit(**_fast)
def rotate_backward(dq, dk, dv, cos, sin, dqkv):
    """The gradient of :func:`rotate_forward`: three (b, heads, t, size) → (b, t, 3, heads, size),
    rotated back."""
    b, t, _, heads, size = dqkv.shape
    half = size // 2
    row, rotated = np.empty(size, np.float32), np.empty(size, np.float32)
    for i in range(b):
        for k in range(t):
            for h in range(heads):
                for part in range(2):
                    _widen(dq[i, h, k] if part == 0 else dk[i, h, k], row)
                    for j in range(half):
                        rotated[j] = row[j] * cos[k, j] + row[j + half] * sin[k, j]
                        rotated[j + half] = row[j + half] * cos[k, j] - row[j] * sin[k, j]
                    _round(rotated, dqkv[i, k, part, h])
                for j in range(size):
                    dqkv[i, k, 2, h, j] = dv[i, h, k, j]


def _codes(tensor: torch.Tensor) -> np.ndarray:
    return tensor.contiguous().view(torch.int16).numpy().view(np.uint16)


def _like(*shape: int) -> torch.Tensor:
    return torch.empty(shape, dtype=torch.bfloat16)


class Norm(torch.autograd.Function):
    """``apply(x float32 (..., d), weight (d,), epsilon)`` → bfloat16 (..., d)."""

    @staticmethod
    def forward(ctx, x, weight, epsilon):
        flat = x.reshape(-1, x.shape[-1])
        u, inverse = _like(*flat.shape), torch.empty(flat.shape[0])
        norm_forward(flat.numpy(), weight.detach().numpy(), epsilon, _codes(u), inverse.numpy())
        ctx.save_for_backward(flat, weight, inverse)
        return u.view(x.shape)

    @staticmethod
    def backward(ctx, du):
        x, weight, inverse = ctx.saved_tensors
        dx, dweight = torch.empty_like(x), torch.zeros_like(weight)
        norm_backward(
            _codes(du.reshape(x.shape)),
            x.numpy(),
            weight.detach().numpy(),
            inverse.numpy(),
            dx.numpy(),
            dweight.numpy(),
        )
        return dx.view(du.shape), dweight, None


class Gate(torch.autograd.Function):
    """``apply(gate_up bfloat16 (..., 2 h))`` → silu(gate) * up, bfloat16 (..., h)."""

    @staticmethod
    def forward(ctx, gate_up):
        flat = gate_up.reshape(-1, gate_up.shape[-1])
        y = _like(flat.shape[0], flat.shape[1] // 2)
        gate_forward(_codes(flat), _codes(y))
        ctx.save_for_backward(flat)
        return y.view(*gate_up.shape[:-1], y.shape[1])

    @staticmethod
    def backward(ctx, dy):
        (gate_up,) = ctx.saved_tensors
        out = torch.empty_like(gate_up)
        gate_backward(_codes(dy.reshape(gate_up.shape[0], -1)), _codes(gate_up), _codes(out))
        return out.view(*dy.shape[:-1], gate_up.shape[1])


class Rotate(torch.autograd.Function):
    """``apply(qkv bfloat16 (b, t, 3, heads, size), cos, sin float32 (t, size / 2))`` → q, k, v, each (b,
    heads, t, size)."""

    @staticmethod
    def forward(ctx, qkv, cos, sin):
        b, t, _, heads, size = qkv.shape
        out = _like(3, b, heads, t, size)
        rotate_forward(_codes(qkv), cos.numpy(), sin.numpy(), _codes(out))
        ctx.save_for_backward(cos, sin)
        return out[0], out[1], out[2]

    @staticmethod
    def backward(ctx, dq, dk, dv):
        cos, sin = ctx.saved_tensors
        b, heads, t, size = dq.shape
        out = _like(b, t, 3, heads, size)
        rotate_backward(_codes(dq), _codes(dk), _codes(dv), cos.numpy(), sin.numpy(), _codes(out))
        return out, None, None
