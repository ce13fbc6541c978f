"""Hugging Face models of Llama architecture: ``model.safetensors`` with ``config.json`` and
``tokenizer.json`` beside it.

The container is read directly (https://github.com/huggingface/safetensors#format): its NumPy front end knows
no BF16. F32, F16 and BF16 are read; biases, RoPE scaling, shards and other architectures are refused in one
line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nzip import strict_json
from nzip.errors import NzipError
from nzip.predictors import tensor_table
from nzip.predictors.llama import tokenizer
from nzip.predictors.llama.model import Shape, Weights, embedding_of, pair_rope_rows
from nzip.predictors.llama.quantised import QuantMatrix, concatenate, from_floats
from nzip.predictors.model_files import open_regular, read_regular

_TYPES = {"F32": 4, "F16": 2, "BF16": 2}
# Bytes a number of every type that the format has.
_ALL_TYPES = {
    **_TYPES, "F64": 8, "I64": 8, "U64": 8, "I32": 4, "U32": 4, "I16": 2, "U16": 2, "I8": 1, "U8": 1,
    "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1,
}  # fmt: skip
_MAX_HEADER = 4 << 20
MAX_CONFIG = 1 << 20
LARGEST = 1 << 36  # bytes of a file


class TensorFile:
    """Tensors of one safetensors file as float32; the whole table is checked before a number is read.

    ``data``: the file's bytes, where it lies in memory and ``path`` only names it. Raises
    :class:`NzipError` for what is no such file, or one whose table cannot be true.
    """

    def __init__(self, path: Path, data: bytes | None = None):
        self.path = path = Path(path)
        self._data = data
        if data is None:
            with open_regular(path, LARGEST) as file:
                whole = file.seek(0, 2)
        else:
            whole = len(data)
        try:
            length = int.from_bytes(self._bytes(0, 8), "little")
            if whole < 8 or length > min(_MAX_HEADER, whole - 8):
                raise ValueError("its header is too long")
            table = strict_json.loads(self._bytes(8, length), _MAX_HEADER)
            if not isinstance(table, dict):
                raise ValueError("no table of tensors")  # noqa: TRY004  # becomes an NzipError
            metadata = table.pop("__metadata__", None) or {}
            if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
                raise ValueError("its metadata are no texts")
            found = {name: _entry(name, entry) for name, entry in table.items()}
        except ValueError as error:
            raise NzipError(f"{path}: not a readable safetensors file ({error})") from error
        self.metadata: dict[str, str] = metadata
        self.tensors: dict[str, tuple[str, tensor_table.Tensor]] = found
        self._start = 8 + length
        self.numbers = tensor_table.check(
            (tensor for _, tensor in found.values()), whole - self._start, str(path), whole=True
        )
        self.unused = set(self.tensors)

    def _bytes(self, start: int, count: int) -> bytes:
        if self._data is not None:
            return self._data[start : start + count]
        with open_regular(self.path, LARGEST) as file:
            file.seek(start)
            return file.read(count)

    def raw(self, name: str, shape: tuple[int, ...], types: dict[str, int]) -> tuple[str, bytes]:
        """A tensor's type, among ``types`` (to bytes a number), and its bytes; its shape must be
        ``shape``."""
        entry = self.tensors.get(name)
        if entry is None:
            raise NzipError(f"{self.path}: tensor {name} is missing")
        self.unused.discard(name)
        kind, tensor = entry
        if kind not in types:
            raise NzipError(
                f"{self.path}: tensor {name} is stored as {kind}; this engine reads {', '.join(types)}"
            )
        if tensor.shape != shape:
            raise NzipError(f"{self.path}: tensor {name} has shape {tensor.shape}; expected {shape}")
        data = self._bytes(self._start + tensor.begin, tensor.end - tensor.begin)
        if len(data) != tensor.end - tensor.begin:
            raise NzipError(f"{self.path}: was cut short while it was read")
        return kind, data

    def get(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A tensor of exactly that shape, float32."""
        kind, raw = self.raw(name, shape, _TYPES)
        if kind == "BF16":
            return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
        return np.frombuffer(raw, "<f4" if kind == "F32" else "<f2").astype(np.float32).reshape(shape)

    def matrix(self, name: str, rows: int, cols: int) -> QuantMatrix:
        """The matrix ``name``.weight, quantised."""
        return from_floats(self.get(name + ".weight", (rows, cols)), name)

    def embedding(self, name: str, rows: int, cols: int) -> tuple[np.ndarray, np.ndarray]:
        """The embedding ``name``.weight, as :func:`.model.embedding_of` gives it."""
        return embedding_of(self.get(name + ".weight", (rows, cols)), name + ".weight")


def _entry(name: str, entry: Any) -> tuple[str, tensor_table.Tensor]:
    """A tensor's type and place, of a table that may be anything; whether they can be true, others say."""
    if not isinstance(entry, dict):
        raise ValueError("an entry of its table is none")  # noqa: TRY004  # as above
    kind, offsets, shape = entry.get("dtype"), entry.get("data_offsets"), entry.get("shape")
    if not isinstance(kind, str) or kind not in _ALL_TYPES:
        raise ValueError(f"a tensor of the type {str(kind)[:20]!r}")
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise ValueError("an entry of its table lacks shape or bytes")
    return kind, tensor_table.Tensor(name, tuple(shape), 1, _ALL_TYPES[kind], *offsets)


def _shape(config: dict, where: str) -> Shape:
    architecture = config.get("model_type")
    if architecture != "llama":
        raise NzipError(
            f"{where}: architecture {str(architecture)[:40]!r} is not supported; "
            "this engine runs Llama-architecture models"
        )
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, dict):
        raise NzipError(f"{where}: its RoPE parameters in config.json are none")
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise NzipError(f"{where}: RoPE scaling ({str(kind)[:40]!r}) is not supported")
    if config.get("attention_bias") or config.get("mlp_bias"):
        raise NzipError(f"{where}: biases are not supported")
    if config.get("hidden_act", "silu") != "silu":
        raise NzipError(f"{where}: activation {str(config['hidden_act'])[:40]!r} is not supported")
    try:
        heads, width = config["num_attention_heads"], config["hidden_size"]
        return Shape(
            layers=config["num_hidden_layers"],
            width=width,
            heads=heads,
            kv_heads=config.get("num_key_value_heads", heads),
            head_size=config.get("head_dim") or width // heads,
            hidden=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            theta=float(config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
            eps=float(config["rms_norm_eps"]),
        ).check(where)
    except KeyError as error:
        raise NzipError(f"{where}: config.json lacks {error}") from error
    except (TypeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise NzipError(f"{where}: config.json holds sizes that are none ({error})") from error


def weights_of(file: TensorFile, s: Shape, tied: bool) -> Weights:
    """The quantised weights in a file of Hugging Face's tensor names; ``tied``: the head is the embedding."""
    q_rows, kv_rows = s.heads * s.head_size, s.kv_heads * s.head_size
    embedding, embedding_scale = file.embedding("model.embed_tokens", s.vocabulary, s.width)
    tied = tied or "lm_head.weight" not in file.tensors
    head = file.matrix("model.embed_tokens" if tied else "lm_head", s.vocabulary, s.width)
    file.unused.discard("lm_head.weight")
    weights = Weights(
        s,
        embedding,
        embedding_scale,
        head,
        file.get("model.norm.weight", (s.width,)),
        np.empty((s.layers, 2, s.width), np.float32),
    )
    for i in range(s.layers):
        b = f"model.layers.{i}."

        def paired(name: str, heads: int, b=b):
            return file.matrix(b + name, heads * s.head_size, s.width).take(
                pair_rope_rows(heads * s.head_size, heads)
            )

        weights.norms[i, 0] = file.get(b + "input_layernorm.weight", (s.width,))
        weights.norms[i, 1] = file.get(b + "post_attention_layernorm.weight", (s.width,))
        weights.qkv.append(
            concatenate(
                [
                    paired("self_attn.q_proj", s.heads),
                    paired("self_attn.k_proj", s.kv_heads),
                    file.matrix(b + "self_attn.v_proj", kv_rows, s.width),
                ]
            )
        )
        weights.attention_out.append(file.matrix(b + "self_attn.o_proj", s.width, q_rows))
        weights.gate_up.append(
            concatenate([file.matrix(b + f"mlp.{n}_proj", s.hidden, s.width) for n in ("gate", "up")])
        )
        weights.down.append(file.matrix(b + "mlp.down_proj", s.width, s.hidden))
    extra = sorted(name for name in file.unused if not name.endswith("rotary_emb.inv_freq"))
    if extra:
        raise NzipError(f"{file.path}: tensor {extra[0]} belongs to no plain Llama model; not supported")
    return weights


def load(path: str) -> tuple[Weights, tokenizer.Vocabulary]:
    """The weights and the vocabulary of ``path`` (a .safetensors file)."""
    folder = Path(path).parent
    try:
        config_text = read_regular(folder / "config.json", MAX_CONFIG)
        tokenizer_text = read_regular(folder / "tokenizer.json", tokenizer.MAX_JSON)
    except NzipError as error:
        raise NzipError(f"{path}: needs config.json and tokenizer.json beside it ({error})") from error
    try:
        config = strict_json.loads(config_text, MAX_CONFIG)
    except ValueError as error:
        raise NzipError(f"{folder / 'config.json'}: not readable ({error})") from error
    if not isinstance(config, dict):
        raise NzipError(f"{folder / 'config.json'}: not readable (no object)")
    s = _shape(config, path)
    file = TensorFile(Path(path))
    weights = weights_of(file, s, bool(config.get("tie_word_embeddings", False)))
    vocabulary = tokenizer.from_tokenizer_json(
        tokenizer_text, s.vocabulary, _token_id(config, "bos"), _token_id(config, "eos"), path
    )
    return weights, vocabulary


def _token_id(config: dict, which: str) -> int | None:
    value = config.get(f"{which}_token_id")
    if isinstance(value, list) and value:
        value = value[0]
    return value if type(value) is int else None
