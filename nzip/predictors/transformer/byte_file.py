"""The file of a byte-level transformer: one safetensors file, in Hugging Face's names, of small integers and
their scales.

A matrix NAME of R rows and K columns is three tensors: ``NAME.weight`` int8 (R, K), in -63 to 63;
``NAME.group`` uint8 (R, K / 32), in 1 to 31; ``NAME.scale`` float16 (R). A weight is code · group · scale /
1953. The embedding is ``.weight`` int8 and ``.scale`` float16 (256, width / 32), one a group of 32; norms are
float16. The metadata entry ``nzip`` holds ``shape`` and ``made`` in JSON. A matrix whose ``.weight`` is in
floats is rounded when it is read.

Concession: 7 bits of each byte are used, because the engine's products take 7.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from nzip import strict_json
from nzip.errors import NzipError
from nzip.predictors.expert_files import LARGEST
from nzip.predictors.llama.model import Shape, Weights
from nzip.predictors.llama.packed import GROUP, MAX_D, OFFSET7
from nzip.predictors.llama.quantised import QuantMatrix, from_floats
from nzip.predictors.llama.safetensors_loader import TensorFile, weights_of
from nzip.predictors.model_files import read_regular

PEAK = OFFSET7 - 1  # the largest code
_UNIT = np.float32(PEAK * MAX_D[7])  # a row's scale is that of its largest possible weight
_MAX_SCALE = 1e4
_MAX_HEADER = 1 << 16
_WRONG = "is not a file of a byte-level transformer: nzip train makes them"


class ByteFile(TensorFile):
    """The tensors, quantised as they lie in the file."""

    def _codes(self, name: str, rows: int, cols: int) -> np.ndarray:
        return np.frombuffer(self.raw(name, (rows, cols), {"I8": 1})[1], np.int8).reshape(rows, cols)

    def _is_integers(self, name: str) -> bool:
        entry = self.tensors.get(name + ".weight")
        return entry is not None and entry[0] == "I8"

    def _scale(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        scale = self.get(name + ".scale", shape)
        if not (np.isfinite(scale).all() and scale.min() >= 0 and scale.max() <= _MAX_SCALE):
            raise NzipError(f"{self.path}: the scales of {name} are none")
        return scale

    def matrix(self, name: str, rows: int, cols: int) -> QuantMatrix:
        if not self._is_integers(name):
            return super().matrix(name, rows, cols)
        codes = self._codes(name + ".weight", rows, cols)
        raw = self.raw(name + ".group", (rows, cols // GROUP), {"U8": 1})[1]
        group = np.frombuffer(raw, np.uint8).reshape(rows, cols // GROUP)
        if codes.min() < -PEAK or codes.max() > PEAK or group.min() < 1 or group.max() > MAX_D[7]:
            raise NzipError(f"{self.path}: tensor {name} holds numbers that no weights have")
        scale = self._scale(name, (rows,)) / _UNIT
        return QuantMatrix(
            7,
            (codes + np.int8(OFFSET7)).astype(np.uint8),
            group.copy(),
            group.astype(np.int16) * -OFFSET7,
            scale,
        )

    def embedding(self, name: str, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        if not self._is_integers(name):
            return super().embedding(name, rows, cols)
        return self._codes(name + ".weight", rows, cols).copy(), self._scale(name, (rows, cols // GROUP))


def read(path, data: bytes | None = None) -> tuple[Weights, dict]:
    """The weights in the file ``path``, or in its bytes ``data``, and what they were made from.

    Raises :class:`NzipError` where it is no such file, or one that the engine does not run."""
    if data is None:
        data = read_regular(path, LARGEST)
    file = ByteFile(path, data)
    try:
        header = strict_json.loads(file.metadata["nzip"], _MAX_HEADER)
        shape, made = header["shape"], dict(header["made"])
        wrong = any(type(shape[k]) is not (float if k in ("theta", "eps") else int) for k in shape)
        shape = Shape(**shape)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise NzipError(f"{path} {_WRONG}") from error
    if wrong:
        raise NzipError(f"{path} {_WRONG}")
    shape.check(str(path))
    if shape.vocabulary != 256:
        raise NzipError(f"{path}: a vocabulary of {shape.vocabulary}, but an expert speaks in 256 bytes")
    return weights_of(file, shape, False), made


def numbers(data: bytes) -> tuple[int, int]:
    """How many weights a file lists, and its largest tensor. Raises :class:`NzipError` where it is none."""
    file = ByteFile(Path("the transformer"), data)
    return file.numbers, max((tensor.numbers for _, tensor in file.tensors.values()), default=0)


def _half(scale: np.ndarray) -> np.ndarray:
    """float32 to float16, rounded up, so that no code is cut."""
    half = scale.astype(np.float16)
    return np.where(half < scale, np.nextafter(half, np.float16(np.inf)), half)


def quantised(tensors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The file's tensors from float32 ones by Hugging Face's names."""
    found: dict[str, np.ndarray] = {}
    for name, values in tensors.items():
        name = name.removesuffix(".weight")
        if values.ndim == 1:
            found[name + ".weight"] = values.astype(np.float16)
        elif name == "model.embed_tokens":
            groups = values.reshape(len(values), -1, GROUP)
            scale = found[name + ".scale"] = _half(np.abs(groups).max(2) / np.float32(127))
            safe = np.where(scale > 0, scale, np.float16(1)).astype(np.float32)[:, :, None]
            found[name + ".weight"] = (
                np.clip(np.rint(groups / safe), -127, 127).astype(np.int8).reshape(values.shape)
            )
        else:
            scale = found[name + ".scale"] = _half(np.abs(values).max(1))
            matrix = from_floats(values, name, scale.astype(np.float32) / _UNIT)
            found[name + ".weight"] = matrix.codes.astype(np.int8) - np.int8(OFFSET7)
            found[name + ".group"] = matrix.d
    return found


def write(shape: Shape, made: dict, tensors: dict[str, np.ndarray]) -> bytes:
    """The file's bytes; ``tensors`` float32 by Hugging Face's names. Needs the package safetensors."""
    from safetensors.numpy import save  # optional: the extra `neural`

    metadata = {"nzip": json.dumps({"shape": vars(shape), "made": made}, sort_keys=True)}
    return save({name: np.ascontiguousarray(t) for name, t in quantised(tensors).items()}, metadata)
