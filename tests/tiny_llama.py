"""A tiny random Llama, written on the fly as GGUF in every quantisation and as a Hugging Face folder.

Its vocabulary lacks 21 byte values, as SmolLM2's does, and has single bytes that begin tokens without being
one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

LAYERS, WIDTH, HEADS, KV_HEADS, HEAD_SIZE, HIDDEN, THETA, EPS = 2, 64, 4, 2, 16, 96, 10000.0, 1e-5
MISSING = (4, 6, 19, 20, 22, 29, 192, 193, 241, 242, *range(245, 256))
GGUF_KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1")


def characters() -> list[str]:
    """GPT-2's stand-in for each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    table, extra = [], 0
    for b in range(256):
        table.append(chr(b) if b in printable else chr(256 + extra))
        extra += b not in printable
    return table


def vocabulary() -> tuple[list[str], list[str]]:
    """Tokens (special ones first) and merges."""
    c = characters()
    tokens = ["<|endoftext|>", "<|im_start|>"] + [c[b] for b in range(256) if b not in MISSING]
    merges = []
    for pair in (
        "t h",
        "th e",
        "Ġ a",
        "Ġ t",
        "Ġt he",
        "i n",
        "e r",
        "o n",
        "a n",
        "an d",
        "Ġ and",
        "r e",
        "n d",
        "Ġ Ġ",
        "ĠĠ ĠĠ",
        "in g",
        "e n",
        "o u",
        "s t",
        "Ġ w",
        "Ġ s",
        "h e",
        "Ð ¾",
        "Ð °",
        "0 0",
        "l l",
        "e s",
        "Ċ Ċ",
        "i s",
        "Ġ is",
    ):
        a, b = pair.split(" ")
        if a in tokens and b in tokens:
            merges.append(pair)
            tokens.append(a + b)
    return tokens, merges


def arrays(seed: int = 0) -> dict[str, np.ndarray]:
    """Float32 tensors by Hugging Face's names, RoPE's halves apart."""
    rng = np.random.default_rng(seed)
    tokens, _ = vocabulary()

    def m(rows, cols, scale=0.25):
        return (rng.normal(size=(rows, cols)) * scale).astype(np.float32)

    out = {
        "model.embed_tokens.weight": m(len(tokens), WIDTH, 0.5),
        "model.norm.weight": 1 + m(1, WIDTH, 0.1)[0],
    }
    for i in range(LAYERS):
        b = f"model.layers.{i}."
        out |= {
            b + "input_layernorm.weight": 1 + m(1, WIDTH, 0.1)[0],
            b + "post_attention_layernorm.weight": 1 + m(1, WIDTH, 0.1)[0],
            b + "self_attn.q_proj.weight": m(HEADS * HEAD_SIZE, WIDTH),
            b + "self_attn.k_proj.weight": m(KV_HEADS * HEAD_SIZE, WIDTH),
            b + "self_attn.v_proj.weight": m(KV_HEADS * HEAD_SIZE, WIDTH),
            b + "self_attn.o_proj.weight": m(WIDTH, HEADS * HEAD_SIZE),
            b + "mlp.gate_proj.weight": m(HIDDEN, WIDTH),
            b + "mlp.up_proj.weight": m(HIDDEN, WIDTH),
            b + "mlp.down_proj.weight": m(WIDTH, HIDDEN),
        }
    return out


def _interleave(rows: np.ndarray, heads: int) -> np.ndarray:
    """What llama.cpp's converter does to q and k."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(rows.shape)


def write_gguf(path: Path, kind: str = "Q4_1", seed: int = 0, **overrides) -> Path:
    """``overrides``: architecture, rope_scaling, tokenizer, extra_tensor."""
    import gguf

    tokens, merges = vocabulary()
    a = arrays(seed)
    writer = gguf.GGUFWriter(path, overrides.get("architecture", "llama"))
    writer.add_block_count(LAYERS)
    writer.add_context_length(256)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPS)
    if overrides.get("rope_scaling"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(overrides["rope_scaling"]))
    writer.add_tokenizer_model(overrides.get("tokenizer", "gpt2"))
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3] + [1] * (len(tokens) - 2))
    writer.add_token_merges(merges)
    writer.add_bos_token_id(1)
    quantisation = gguf.GGMLQuantizationType[kind]
    names = {
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
    }
    for name, values in a.items():
        if name.startswith("model.layers."):
            i, rest = name.removeprefix("model.layers.").split(".", 1)
            values = (
                _interleave(values, {"q": HEADS, "k": KV_HEADS}[rest[10]])
                if rest[:12] in ("self_attn.q_", "self_attn.k_")
                else values
            )
            name = f"blk.{i}.{names[rest.removesuffix('.weight')]}.weight"
        else:
            name = {
                "model.embed_tokens.weight": "token_embd.weight",
                "model.norm.weight": "output_norm.weight",
            }[name]
        if values.ndim == 1 or kind == "F32":
            writer.add_tensor(name, values)
        else:
            writer.add_tensor(name, gguf.quants.quantize(values, quantisation), raw_dtype=quantisation)
    if overrides.get("extra_tensor"):
        writer.add_tensor(overrides["extra_tensor"], np.zeros(8, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def write_folder(folder: Path, kind: str = "F32", seed: int = 0, **config) -> Path:
    """A Hugging Face folder; ``config`` overrides entries of config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    tokens, merges = vocabulary()
    a = arrays(seed)
    header, blob = {}, b""
    for name, values in a.items():
        raw = {
            "F32": lambda v: v.tobytes(),
            "F16": lambda v: v.astype(np.float16).tobytes(),
            "BF16": lambda v: (v.view(np.uint32) >> 16).astype(np.uint16).tobytes(),
        }[kind](values)
        header[name] = {
            "dtype": kind,
            "shape": list(values.shape),
            "data_offsets": [len(blob), len(blob) + len(raw)],
        }
        blob += raw
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + blob)
    (folder / "config.json").write_text(
        json.dumps(
            {
                "model_type": "llama",
                "hidden_size": WIDTH,
                "num_hidden_layers": LAYERS,
                "num_attention_heads": HEADS,
                "num_key_value_heads": KV_HEADS,
                "intermediate_size": HIDDEN,
                "vocab_size": len(tokens),
                "rope_theta": THETA,
                "rms_norm_eps": EPS,
                "tie_word_embeddings": True,
                "bos_token_id": 1,
                **config,
            }
        )
    )
    special = tokens[:2]
    (folder / "tokenizer.json").write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [
                    {
                        "id": i,
                        "content": t,
                        "single_word": False,
                        "lstrip": False,
                        "rstrip": False,
                        "normalized": False,
                        "special": True,
                    }
                    for i, t in enumerate(special)
                ],
                "normalizer": None,
                "pre_tokenizer": {
                    "type": "Sequence",
                    "pretokenizers": [
                        {"type": "Digits", "individual_digits": True},
                        {
                            "type": "ByteLevel",
                            "add_prefix_space": False,
                            "trim_offsets": True,
                            "use_regex": True,
                        },
                    ],
                },
                "post_processor": None,
                "decoder": {
                    "type": "ByteLevel",
                    "add_prefix_space": True,
                    "trim_offsets": True,
                    "use_regex": True,
                },
                "model": {
                    "type": "BPE",
                    "dropout": None,
                    "unk_token": None,
                    "continuing_subword_prefix": None,
                    "end_of_word_suffix": None,
                    "fuse_unk": False,
                    "byte_fallback": False,
                    "vocab": {t: i for i, t in enumerate(tokens)},
                    "merges": merges,
                },
            }
        )
    )
    return folder


def float_logits(seed: int, tokens, window: int) -> np.ndarray:
    """An independent float64 Llama over the unquantised weights: (T, V). Its window slides with four
    sinks."""
    a = {k: v.astype(np.float64) for k, v in arrays(seed).items()}
    frequency = THETA ** (-np.arange(0, HEAD_SIZE, 2) / HEAD_SIZE)

    def rope(x, n):
        half = HEAD_SIZE // 2
        c, s = np.cos(n * frequency), np.sin(n * frequency)
        return np.concatenate(
            [x[..., :half] * c - x[..., half:] * s, x[..., half:] * c + x[..., :half] * s], -1
        )

    def norm(x, w):
        return x / np.sqrt((x * x).mean() + EPS) * w

    keys, values = [[] for _ in range(LAYERS)], [[] for _ in range(LAYERS)]
    out = []
    for n, token in enumerate(tokens):
        x = a["model.embed_tokens.weight"][token]
        for i in range(LAYERS):
            w = {
                k.removeprefix(f"model.layers.{i}."): v
                for k, v in a.items()
                if k.startswith(f"model.layers.{i}.")
            }
            h = norm(x, w["input_layernorm.weight"])
            q = (w["self_attn.q_proj.weight"] @ h).reshape(HEADS, HEAD_SIZE)
            keys[i].append(rope((w["self_attn.k_proj.weight"] @ h).reshape(KV_HEADS, HEAD_SIZE), n))
            values[i].append((w["self_attn.v_proj.weight"] @ h).reshape(KV_HEADS, HEAD_SIZE))
            seen = [p for p in range(n + 1) if p < 4 or p > n - (window - 4)]
            heads = []
            for g in range(HEADS):
                kv = g // (HEADS // KV_HEADS)
                scores = np.array(
                    [rope(q[g], min(n, window - 1) if p < 4 else n) @ keys[i][p][kv] for p in seen]
                ) / np.sqrt(HEAD_SIZE)
                e = np.exp(scores - scores.max())
                heads.append((e / e.sum()) @ np.array([values[i][p][kv] for p in seen]))
            x = x + w["self_attn.o_proj.weight"] @ np.concatenate(heads)
            h = norm(x, w["post_attention_layernorm.weight"])
            gate = w["mlp.gate_proj.weight"] @ h
            x = x + w["mlp.down_proj.weight"] @ (gate / (1 + np.exp(-gate)) * (w["mlp.up_proj.weight"] @ h))
        out.append(a["model.embed_tokens.weight"] @ norm(x, a["model.norm.weight"]))
    return np.array(out)
