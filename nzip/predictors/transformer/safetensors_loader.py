"""Hugging Face models of Llama architecture: ``model.safetensors`` with ``config.json`` and ``tokenizer.json`` beside it.

The container is read directly (https://github.com/huggingface/safetensors#format): its NumPy front end knows no
BF16. F32, F16 and BF16 are read; biases, RoPE scaling, shards and other architectures are refused in one line.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from nzip.errors import NzipError
from nzip.predictors.transformer import tokenizer
from nzip.predictors.transformer.model import Shape, Weights, embedding_of, pair_rope_rows
from nzip.predictors.transformer.quantised import concatenate, from_floats

_TYPES = {"F32": 4, "F16": 2, "BF16": 2}
_MAX_HEADER = 100 << 20


class _File:
    """Tensors of one safetensors file as float32, bounds checked before anything is read."""

    def __init__(self, path: Path):
        self.path = path = Path(path)
        try:
            with open(path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length > _MAX_HEADER:
                    raise ValueError("its header is too long")
                self.tensors = json.loads(file.read(length))
        except (ValueError, UnicodeDecodeError) as error:
            raise NzipError(f"{path}: not a readable safetensors file ({error})") from error
        if not isinstance(self.tensors, dict):
            raise NzipError(f"{path}: not a readable safetensors file (no table of tensors)")
        self.metadata = self.tensors.pop("__metadata__", None) or {}
        self._start = 8 + length
        self._size = path.stat().st_size - self._start
        self.unused = set(self.tensors)

    def get(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """A tensor of exactly that shape, float32."""
        entry = self.tensors.get(name)
        if entry is None:
            raise NzipError(f"{self.path}: tensor {name} is missing")
        self.unused.discard(name)
        kind, (begin, end) = entry["dtype"], entry["data_offsets"]
        if kind not in _TYPES:
            raise NzipError(f"{self.path}: tensor {name} is stored as {kind}; this engine reads {', '.join(_TYPES)}")
        if tuple(entry["shape"]) != shape or end - begin != math.prod(shape) * _TYPES[kind] or not 0 <= begin <= end <= self._size:
            raise NzipError(f"{self.path}: tensor {name} has shape {tuple(entry['shape'])} or bytes that do not fit; expected {shape}")
        with open(self.path, "rb") as file:
            file.seek(self._start + begin)
            raw = file.read(end - begin)
        if kind == "BF16":
            return (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32).reshape(shape)
        return np.frombuffer(raw, "<f4" if kind == "F32" else "<f2").astype(np.float32).reshape(shape)


def _shape(config: dict, where: str) -> Shape:
    architecture = config.get("model_type")
    if architecture != "llama":
        raise NzipError(f"{where}: architecture {architecture!r} is not supported; this engine runs Llama-architecture models")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise NzipError(f"{where}: RoPE scaling ({kind}) is not supported")
    if config.get("attention_bias") or config.get("mlp_bias"):
        raise NzipError(f"{where}: biases are not supported")
    if config.get("hidden_act", "silu") != "silu":
        raise NzipError(f"{where}: activation {config['hidden_act']!r} is not supported")
    try:
        heads, width = config["num_attention_heads"], config["hidden_size"]
        return Shape(layers=config["num_hidden_layers"], width=width, heads=heads,
                     kv_heads=config.get("num_key_value_heads", heads), head_size=config.get("head_dim") or width // heads,
                     hidden=config["intermediate_size"], vocabulary=config["vocab_size"],
                     theta=float(config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
                     eps=float(config["rms_norm_eps"])).check(where)
    except (KeyError, TypeError, ZeroDivisionError) as error:
        raise NzipError(f"{where}: config.json lacks {error}") from error


def weights_of(file: _File, s: Shape, tied: bool) -> Weights:
    """The quantised weights in a file of Hugging Face's tensor names; ``tied``: the head is the embedding."""
    q_rows, kv_rows = s.heads * s.head_size, s.kv_heads * s.head_size
    table = file.get("model.embed_tokens.weight", (s.vocabulary, s.width))
    embedding, embedding_scale = embedding_of(table, "model.embed_tokens.weight")
    tied = tied or "lm_head.weight" not in file.tensors
    head = from_floats(table if tied else file.get("lm_head.weight", (s.vocabulary, s.width)), "lm_head.weight")
    file.unused.discard("lm_head.weight")
    weights = Weights(s, embedding, embedding_scale, head, file.get("model.norm.weight", (s.width,)),
                      np.empty((s.layers, 2, s.width), np.float32))
    for i in range(s.layers):
        b = f"model.layers.{i}."

        def matrix(name: str, rows: int, cols: int, heads: int = 0, b=b):
            values = file.get(f"{b}{name}.weight", (rows, cols))
            return from_floats(pair_rope_rows(values, heads) if heads else values, b + name)

        weights.norms[i, 0] = file.get(b + "input_layernorm.weight", (s.width,))
        weights.norms[i, 1] = file.get(b + "post_attention_layernorm.weight", (s.width,))
        weights.qkv.append(concatenate([matrix("self_attn.q_proj", q_rows, s.width, s.heads),
                                        matrix("self_attn.k_proj", kv_rows, s.width, s.kv_heads),
                                        matrix("self_attn.v_proj", kv_rows, s.width)]))
        weights.attention_out.append(matrix("self_attn.o_proj", s.width, q_rows))
        weights.gate_up.append(concatenate([matrix("mlp.gate_proj", s.hidden, s.width), matrix("mlp.up_proj", s.hidden, s.width)]))
        weights.down.append(matrix("mlp.down_proj", s.width, s.hidden))
    extra = sorted(name for name in file.unused if not name.endswith("rotary_emb.inv_freq"))
    if extra:
        raise NzipError(f"{file.path}: tensor {extra[0]} belongs to no plain Llama model; not supported")
    return weights


def load(path: str) -> tuple[Weights, tokenizer.Vocabulary]:
    """The weights and the vocabulary of ``path`` (a .safetensors file)."""
    folder = Path(path).parent
    try:
        config = json.loads((folder / "config.json").read_text())
        tokenizer_text = (folder / "tokenizer.json").read_text()
    except (OSError, ValueError) as error:
        raise NzipError(f"{path}: needs config.json and tokenizer.json beside it ({error})") from error
    s = _shape(config, path)
    file = _File(Path(path))
    weights = weights_of(file, s, config.get("tie_word_embeddings", False))
    vocabulary = tokenizer.from_tokenizer_json(tokenizer_text, s.vocabulary, _token_id(config, "bos"), _token_id(config, "eos"), path)
    return weights, vocabulary


def _token_id(config: dict, which: str) -> int | None:
    value = config.get(f"{which}_token_id")
    return value[0] if isinstance(value, list) and value else value if isinstance(value, int) else None
