"""From a trained network to the expert's file: int8 weights with a scale a row.

Concession: plain rounding after training. With a scale a row and int16 activations it costs less than a
thousandth of the size; ``python scripts/train_expert.py loss`` measures it."""

from __future__ import annotations

import math

import numpy as np

from nzip.predictors.ssm.contexts import TABLES
from nzip.predictors.ssm.counts import UNIT_BITS as COUNT_BITS
from nzip.predictors.ssm.kernel import FEED_UNIT, GATED_BITS, UNIT_BITS
from nzip.predictors.ssm.weights import Shape, write

# The tables, most of a file, are rounded to every eighth number: that costs a ten thousandth of a text's
# size, and a packed file (in the wheel, or embedded) is a quarter smaller.
COARSE = 8


def _rows(matrix: np.ndarray, unit: float) -> tuple[np.ndarray, np.ndarray]:
    peak = np.maximum(np.abs(matrix).max(axis=-1), 1e-8)
    codes = np.rint(matrix * (127 / peak)[..., None]).astype(np.int8)
    return codes, (peak / 127 * unit).astype(np.float32)


def export(net, made: dict) -> bytes:
    """The bytes of the weights file of a :class:`nzip.training.recurrent.Recurrent`; ``made`` goes into its
    header."""
    state = {name: tensor.detach().float().numpy() for name, tensor in net.state_dict().items()}
    shape = Shape(*net.shape)
    tensors = {}
    peak = float(np.abs(state["bytes.weight"]).max())
    tensors["bytes"] = np.rint(state["bytes.weight"] * (32767 / peak))
    tensors["bytes_scale"] = np.array([peak / 32767])
    project = state["project.weight"].copy()
    for i in range(TABLES):
        table = state[f"tables.{i}.weight"]
        # The few largest entries are cut: the rest of the table gains the resolution.
        peak = max(float(np.quantile(np.abs(table), 0.9999)), 1e-8)
        steps = np.rint(table * (127 / peak / COARSE))
        tensors[f"table{i}"] = COARSE * np.clip(steps, -127 // COARSE + 1, 127 // COARSE)
        project[:, i * shape.row : (i + 1) * shape.row] *= peak / 127
    tensors["project"], tensors["project_scale"] = _rows(project, 1.0)
    unit = 2.0**-UNIT_BITS
    layers = range(shape.layers)
    mix = np.stack([state[f"layers.{i}.mix.weight"] for i in layers])
    tensors["mix"], tensors["mix_scale"] = _rows(mix, unit)
    tensors["mix_bias"] = np.stack([state[f"layers.{i}.mix.bias"] for i in layers])
    tensors["out"], tensors["out_scale"] = _rows(
        np.stack([state[f"layers.{i}.out.weight"] for i in layers]), 2.0**-GATED_BITS
    )
    tensors["head"], tensors["head_scale"] = _rows(state["head.weight"], unit)
    tensors["head_bias"] = state["head.bias"]
    if shape.fed:
        tensors["feed"], tensors["feed_scale"] = _rows(state["feed.weight"], FEED_UNIT)
        tensors["start"] = state["begin"]
        tensors["gain"] = state["gain"] * (math.log(2) * 2.0**-COUNT_BITS)
    return write(shape, made, tensors, net.words.hash if net.words else b"")
