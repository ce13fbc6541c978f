"""GGUF files of Llama-architecture models: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

Q4_0 and Q4_1 tensors keep their codes; Q8_0, F16, BF16 and F32 become 7-bit codes (see :mod:`.quantised`).
Whatever would silently change the model – another architecture, RoPE scaling, biases, experts, other
quantisations – is refused in one line.

Concession: a model must lie in one file.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from nzip.errors import NzipError
from nzip.predictors.llama.gguf_file import GgufFile
from nzip.predictors.llama.model import Shape, Weights, embedding_of
from nzip.predictors.llama.quantised import GROUP, QuantMatrix, concatenate, from_codes4, from_floats

SUPPORTED = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")
_LAYER_TENSORS = (
    "attn_norm",
    "attn_q",
    "attn_k",
    "attn_v",
    "attn_output",
    "ffn_norm",
    "ffn_gate",
    "ffn_up",
    "ffn_down",
)


def open_gguf(path) -> GgufFile:
    """The open file. Raises :class:`NzipError`, one line, where it is none."""
    return GgufFile(path)


def metadata(reader: GgufFile, key: str, default: Any = None) -> Any:
    """The value of one metadata field."""
    return reader.fields.get(key, default)


def _blocks(tensor, rows: int) -> np.ndarray:
    return np.ascontiguousarray(tensor.data).reshape(rows, -1).view(np.uint8)


def _half(raw) -> np.ndarray:
    return np.ascontiguousarray(raw).view(np.float16).astype(np.float32)[..., 0]


class _Rows(NamedTuple):
    """Some rows of a tensor, in what :func:`floats_of` and :func:`matrix_of` ask of a whole one."""

    name: str
    tensor_type: object
    shape: tuple
    data: np.ndarray


def _parts(tensor):
    """A matrix in parts of some megabytes, which then stay in the processor's cache while they are
    converted."""
    columns, rows = (int(n) for n in tensor.shape)
    step = max(1, (1 << 20) // columns)
    for at in range(0, rows, step):
        part = tensor.data[at : at + step]
        yield _Rows(tensor.name, tensor.tensor_type, (columns, len(part)), part)


def floats_of(tensor) -> np.ndarray:
    """A tensor as float32 (rows, columns) or (n,), by elementwise arithmetic that is the same everywhere."""
    kind = tensor.tensor_type.name
    shape = tuple(int(n) for n in reversed(tensor.shape))
    rows = int(np.prod(shape[:-1]))
    if kind == "F32":
        return np.array(tensor.data, np.float32).reshape(
            shape
        )  # copied: a view would keep the whole file mapped
    if kind == "F16":
        return np.asarray(tensor.data).view(np.float16).astype(np.float32).reshape(shape)
    raw = _blocks(tensor, rows)
    if kind == "BF16":
        return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if kind == "Q8_0":
        blocks = raw.reshape(rows, -1, 34)
        return (blocks[..., 2:].view(np.int8).astype(np.float32) * _half(blocks[..., :2])[..., None]).reshape(
            shape
        )
    if kind in ("Q4_0", "Q4_1"):
        codes, d, m = _codes4(tensor, rows)
        return (
            (codes.reshape(rows, -1, GROUP) * d[..., None] + m[..., None]).astype(np.float32).reshape(shape)
        )
    raise NzipError(f"tensor {tensor.name} is stored as {kind}; this engine reads {', '.join(SUPPORTED)}")


def _codes4(tensor, rows: int):
    """Codes uint8 (rows, columns) and float32 group scales and offsets of a Q4_0 or Q4_1 tensor."""
    if tensor.tensor_type.name == "Q4_1":
        blocks = _blocks(tensor, rows).reshape(rows, -1, 20)
        d, m, nibbles = _half(blocks[..., :2]), _half(blocks[..., 2:4]), blocks[..., 4:]
    else:
        blocks = _blocks(tensor, rows).reshape(rows, -1, 18)
        d, nibbles = _half(blocks[..., :2]), blocks[..., 2:]
        m = np.float32(-8) * d
    codes = np.concatenate([nibbles & 15, nibbles >> 4], axis=2)
    return codes.reshape(rows, -1), d, m


def matrix_of(tensor) -> QuantMatrix:
    """A two-dimensional tensor, quantised for the engine."""
    if tensor.tensor_type.name in ("Q4_0", "Q4_1"):
        codes, d, m = _codes4(tensor, int(tensor.shape[1]))
        return from_codes4(codes, d, m, tensor.name)
    made = [from_floats(floats_of(part), tensor.name) for part in _parts(tensor)]
    return concatenate(made) if len(made) > 1 else made[0]


def shape_of(reader, path: str) -> Shape:
    """The shape that an open file's metadata says. Raises :class:`NzipError` for what is no plain Llama."""
    architecture = metadata(reader, "general.architecture")
    if architecture != "llama":
        raise NzipError(
            f"{path}: architecture {str(architecture)[:40]!r} is not supported; "
            "this engine runs Llama-architecture models"
        )

    def need(key):
        value = metadata(reader, f"llama.{key}")
        if value is None:
            raise NzipError(f"{path}: the metadata lacks llama.{key}")
        return value

    scaling = metadata(reader, "llama.rope.scaling.type", "none")
    if scaling != "none":
        raise NzipError(f"{path}: RoPE scaling ({str(scaling)[:40]!r}) is not supported")
    if metadata(reader, "llama.expert_count", 0):
        raise NzipError(f"{path}: mixtures of experts are not supported")
    heads, width = need("attention.head_count"), need("embedding_length")
    if not all(type(n) is int for n in (heads, width, need("feed_forward_length"))) or heads < 1:
        raise NzipError(f"{path}: head counts or FFN sizes that differ between layers are not supported")
    size = metadata(reader, "llama.attention.key_length", width // heads)
    for key in ("llama.attention.value_length", "llama.rope.dimension_count"):
        if metadata(reader, key, size) != size:
            raise NzipError(f"{path}: {key} differs from the head size {str(size)[:40]}; not supported")
    tokens = metadata(reader, "tokenizer.ggml.tokens")
    vocabulary = metadata(reader, "llama.vocab_size", len(tokens) if isinstance(tokens, list) else 0)
    theta, eps = metadata(reader, "llama.rope.freq_base", 10000.0), need("attention.layer_norm_rms_epsilon")
    if not all(isinstance(x, int | float) and math.isfinite(x) for x in (theta, eps)):
        raise NzipError(f"{path}: RoPE base or epsilon are no numbers")
    return Shape(
        layers=need("block_count"),
        width=width,
        heads=heads,
        kv_heads=metadata(reader, "llama.attention.head_count_kv", heads),
        head_size=size,
        hidden=need("feed_forward_length"),
        vocabulary=vocabulary,
        theta=float(theta),
        eps=float(eps),
    ).check(path)


def load_weights(reader, path: str) -> Weights:
    """The quantised weights of an open GGUF file."""
    shape = shape_of(reader, path)
    tensors = {t.name: t for t in reader.tensors}
    known = {f"blk.{i}.{name}.weight" for i in range(shape.layers) for name in _LAYER_TENSORS}
    known |= {"token_embd.weight", "output_norm.weight", "output.weight"}
    extra = sorted(set(tensors) - known)
    if extra:
        raise NzipError(f"{path}: tensor {extra[0]} belongs to no plain Llama model; not supported")
    q_rows, kv_rows = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    expected = {
        "attn_norm": (shape.width,),
        "ffn_norm": (shape.width,),
        "attn_q": (q_rows, shape.width),
        "attn_k": (kv_rows, shape.width),
        "attn_v": (kv_rows, shape.width),
        "attn_output": (shape.width, q_rows),
        "ffn_gate": (shape.hidden, shape.width),
        "ffn_up": (shape.hidden, shape.width),
        "ffn_down": (shape.width, shape.hidden),
        "token_embd": (shape.vocabulary, shape.width),
        "output": (shape.vocabulary, shape.width),
        "output_norm": (shape.width,),
    }

    def get(name):
        tensor = tensors.get(name + ".weight")
        if tensor is None:
            raise NzipError(f"{path}: tensor {name}.weight is missing")
        got = tuple(int(n) for n in reversed(tensor.shape))
        if got != expected[name.split(".")[-1]]:
            raise NzipError(
                f"{path}: tensor {name}.weight has shape {got}, expected {expected[name.split('.')[-1]]}"
            )
        if tensor.tensor_type.name not in SUPPORTED:
            raise NzipError(
                f"{path}: tensor {name}.weight is stored as {tensor.tensor_type.name}; "
                f"this engine reads {', '.join(SUPPORTED)}"
            )
        return tensor

    table = get("token_embd")
    made = [embedding_of(floats_of(part), "token_embd.weight") for part in _parts(table)]
    embedding, embedding_scale = (np.concatenate(parts) for parts in zip(*made))
    weights = Weights(
        shape,
        embedding,
        embedding_scale,
        head=matrix_of(get("output") if "output.weight" in tensors else table),
        final_norm=floats_of(get("output_norm")),
        norms=np.empty((shape.layers, 2, shape.width), np.float32),
    )
    for i in range(shape.layers):
        b = f"blk.{i}."
        weights.norms[i] = floats_of(get(b + "attn_norm")), floats_of(get(b + "ffn_norm"))
        weights.qkv.append(concatenate([matrix_of(get(b + n)) for n in ("attn_q", "attn_k", "attn_v")]))
        weights.attention_out.append(matrix_of(get(b + "attn_output")))
        weights.gate_up.append(concatenate([matrix_of(get(b + n)) for n in ("ffn_gate", "ffn_up")]))
        weights.down.append(matrix_of(get(b + "ffn_down")))
    return weights
