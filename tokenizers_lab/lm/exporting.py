"""From the lab to the compressor: a trained model as ``X.safetensors`` with ``config.json`` and
``tokenizer.json`` beside it.

That is a Hugging Face Llama folder, and what ``nzip --predictor mix+lm:X.safetensors`` loads. Bytes are a
byte-level BPE without merges. A codec of fixed strings is written as greedy longest match (WordPiece without
a prefix, over byte-level characters).

Concession: codecs whose tokens have no bytes of their own cannot predict bytes and are refused, as is
SentencePiece."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.codecs.bytes import BytesCodec
from tokenizers_lab.codecs.strings import StringsCodec
from tokenizers_lab.errors import LabError
from tokenizers_lab.files import write_whole
from tokenizers_lab.lm.model import Shape
from tokenizers_lab.lm.runs import Run
from tokenizers_lab.pretokenize import bytelevel

EOS = "<|endoftext|>"


def tokenizer_json(codec: Codec, eos: int | None, vocabulary: int) -> dict:
    """The Hugging Face tokenizer of a codec for a model of ``vocabulary`` ids. Raises :class:`LabError` where
    there is none."""
    if isinstance(codec, BpeCodec):
        data = codec.to_json()
    elif isinstance(codec, (BytesCodec, StringsCodec)):
        tokens = [bytes([i]) for i in range(256)] if isinstance(codec, BytesCodec) else codec.strings
        vocab = {bytelevel.to_text(t): i for i, t in enumerate(tokens)}
        model: dict[str, Any] = {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocab,
            "merges": [],
        }
        if isinstance(codec, StringsCodec):
            model = {
                "type": "WordPiece",
                "unk_token": bytelevel.to_text(b"\0"),
                "continuing_subword_prefix": "",
                "max_input_chars_per_word": 1 << 30,
                "vocab": vocab,
            }
        level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}
        data = {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [],
            "normalizer": None,
            "pre_tokenizer": level,
            "post_processor": None,
            "decoder": level,
            "model": model,
        }
    else:
        raise LabError(
            f"{codec.spelling}: cannot be exported: a compressor needs tokens that are byte strings with "
            "a rule of their own "
            "(bytes, byte-level BPE, equal-info[b=16,v=65k], model-dictionary)"
        )
    special = {t["id"] for t in data["added_tokens"]}
    if eos is not None and eos not in special:
        data["added_tokens"].append(
            {
                "id": eos,
                "content": EOS,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
        )
    if eos is not None and eos >= vocabulary:
        raise LabError(f"the end of sequence {eos} is outside the model's {vocabulary} ids")
    return data


def config_json(shape: Shape, eos: int | None) -> dict:
    """Hugging Face's ``config.json`` of a Llama of this shape."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.eps,
        "rope_theta": shape.theta,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": False,
        "bos_token_id": eos,
        "eos_token_id": eos,
        "torch_dtype": "float32",
    }


def export(run: Run, output) -> list[Path]:
    """Write ``output`` and the two files beside it, its folder made where it is missing; returns their paths.
    Raises :class:`LabError` for codecs that cannot, before anything is written."""
    try:
        from safetensors.torch import save  # an optional dependency
    except ImportError:
        raise LabError(
            "safetensors is missing; install the extra: pip install '.[neural]' in nzip's source"
        ) from None
    output = Path(output)
    if output.suffix != ".safetensors":
        raise LabError(f"{output}: name it X.safetensors, or nzip will not know it")
    tokenizer = tokenizer_json(run.codec, run.data["eos"], run.shape.vocabulary)
    model = run.model()
    found = {
        output.parent / "config.json": json.dumps(config_json(run.shape, run.data["eos"]), indent=1).encode()
        + b"\n",
        output.parent / "tokenizer.json": json.dumps(tokenizer, ensure_ascii=False).encode() + b"\n",
        output: save(model.tensors(), {"format": "pt", "made_by": "tokenizers-lab lm export"}),
    }
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"{output.parent}: cannot make this folder: {error.strerror}") from None
    for path, data in found.items():
        write_whole(path, data)
    return list(found)
