"""GGUF files of Llama-architecture models: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md

Q4_0 and Q4_1 tensors keep their codes; Q8_0, F16, BF16 and F32 become 7-bit codes (see :mod:`.quantised`).
Whatever would silently change the model – another architecture, RoPE scaling, biases, experts, other
quantisations – is refused in one line.

Concession: a model must lie in one file.
"""

from __future__ import annotations

import functools
import sys
from typing import NamedTuple

import numpy as np

from nzip.errors import NzipError
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


def open_gguf(path):
    """A ``gguf.GGUFReader``, or one line that says why not."""
    try:
        import gguf  # optional: the extra `lm`
    except ImportError as error:
        raise NzipError(
            "reading GGUF models needs the package gguf: pip install '.[lm]' in nzip's source"
        ) from error
    try:
        return _reader(gguf)(path)
    except (ValueError, KeyError, IndexError, OverflowError, TypeError, AssertionError) as error:
        raise NzipError(f"{path}: not a readable GGUF file ({error or type(error).__name__})") from error


@functools.cache
def _reader(gguf):
    """``gguf.GGUFReader``, which reads a field that is an array element by element; a vocabulary's 150,000
    take it four seconds. Here they are cut from the file's bytes at once. Should the method it replaces get
    another name, all is as slow as there."""

    class Reader(gguf.GGUFReader):  # type: ignore[name-defined]  # known where the package is, alone
        def _get_field_parts(self, orig_offs, raw_type):
            if raw_type != gguf.GGUFValueType.ARRAY or self.byte_order == "S":
                return super()._get_field_parts(orig_offs, raw_type)
            plain = self.data.view(np.ndarray)
            head = [self._get(orig_offs, np.uint32), self._get(orig_offs + 4, np.uint64)]
            kind, count, at = gguf.GGUFValueType(int(head[0][0])), int(head[1][0]), orig_offs + 12
            if kind == gguf.GGUFValueType.STRING:
                parts, at = _strings(plain, at, count)
                return (
                    at - orig_offs,
                    head + parts,
                    list(range(3, 3 + 2 * count, 2)),
                    [gguf.GGUFValueType.ARRAY] + [kind] * (count > 0),
                )
            if kind not in self.gguf_scalar_to_np:
                return super()._get_field_parts(orig_offs, raw_type)
            dtype = np.dtype(self.gguf_scalar_to_np[kind]).newbyteorder(self.byte_order)
            if count > (plain.size - at) // dtype.itemsize:
                raise ValueError("an array that ends behind the file")
            values = plain[at : at + count * dtype.itemsize].view(dtype)
            parts = [values[i : i + 1] for i in range(count)]
            return (
                12 + values.nbytes,
                head + parts,
                list(range(2, 2 + count)),
                [gguf.GGUFValueType.ARRAY] + [kind] * (count > 0),
            )

    return Reader


def _strings(data: np.ndarray, at: int, count: int):
    """``count`` strings of a GGUF array at ``at``, each as its length and its bytes, one after the other; and
    where they end."""
    parts: list[np.ndarray] = []
    if count > (data.size - at) // 8:
        raise ValueError("an array that ends behind the file")
    for _ in range(count):
        start = at + 8
        length = int.from_bytes(data[at:start].tobytes(), sys.byteorder)
        at = start + length
        if at > data.size:
            raise ValueError("a string that ends behind the file")
        parts += data[start - 8 : start].view(np.uint64), data[start:at]
    return parts, at


def metadata(reader, key, default=None):
    """The value of one metadata field."""
    field = reader.fields.get(key)
    return default if field is None else field.contents()


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
            f"{path}: architecture {architecture!r} is not supported; "
            "this engine runs Llama-architecture models"
        )

    def need(key):
        value = metadata(reader, f"llama.{key}")
        if value is None:
            raise NzipError(f"{path}: the metadata lacks llama.{key}")
        return value

    scaling = metadata(reader, "llama.rope.scaling.type", "none")
    if scaling != "none":
        raise NzipError(f"{path}: RoPE scaling ({scaling}) is not supported")
    if metadata(reader, "llama.expert_count", 0):
        raise NzipError(f"{path}: mixtures of experts are not supported")
    heads, width = need("attention.head_count"), need("embedding_length")
    if not isinstance(heads, int) or not isinstance(need("feed_forward_length"), int) or heads < 1:
        raise NzipError(f"{path}: head counts or FFN sizes that differ between layers are not supported")
    size = metadata(reader, "llama.attention.key_length", width // heads)
    for key in ("llama.attention.value_length", "llama.rope.dimension_count"):
        if metadata(reader, key, size) != size:
            raise NzipError(f"{path}: {key} differs from the head size {size}; not supported")
    tokens = reader.fields.get("tokenizer.ggml.tokens")
    vocabulary = metadata(reader, "llama.vocab_size", len(tokens.data) if tokens else 0)
    return Shape(
        layers=need("block_count"),
        width=width,
        heads=heads,
        kv_heads=metadata(reader, "llama.attention.head_count_kv", heads),
        head_size=size,
        hidden=need("feed_forward_length"),
        vocabulary=vocabulary,
        theta=float(metadata(reader, "llama.rope.freq_base", 10000.0)),
        eps=float(need("attention.layer_norm_rms_epsilon")),
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
