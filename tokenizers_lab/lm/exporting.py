"""From the lab to the compressor: a trained model as a folder with ``model.safetensors``, its configuration
and its tokenizer.

That is a Hugging Face Llama folder, which transformers reads by its name, and what
``nzip --predictor mix+lm:FOLDER/model.safetensors`` loads. ``tokenizer_config.json`` says that nothing is put
before a text and which token ends one: without it releases of transformers guess, each in its own way.
Bytes are a byte-level BPE without merges. A codec of fixed strings is written as greedy longest match
(WordPiece without a prefix, over byte-level characters).

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
        # As one string, which every release of tokenizers reads; pairs came with 0.20. No byte-level
        # character is a space.
        data["model"]["merges"] = [" ".join(pair) for pair in data["model"]["merges"]]
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


def tokenizer_config_json(tokenizer: dict, eos: int | None, shape: Shape) -> dict:
    """What transformers has to know beside ``tokenizer.json``."""
    name = next((t["content"] for t in tokenizer["added_tokens"] if t["id"] == eos), None)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "add_bos_token": False,
        "add_eos_token": False,
        "bos_token": None,
        "eos_token": name,
        "pad_token": name,
        "unk_token": None,
        "clean_up_tokenization_spaces": False,
        "model_max_length": shape.context,
    }


def files_of(output) -> dict[str, Path]:
    """Where the parts of an export go, by what they are. ``output``: a folder, or X.safetensors in one.
    Raises :class:`LabError` for a name that is neither."""
    output = Path(output)
    if output.suffix != ".safetensors":
        if output.suffix and not output.is_dir():
            raise LabError(f"{output}: name a folder, or a file X.safetensors, or nzip will not know it")
        output = output / "model.safetensors"
    parts = ("config", "generation_config", "tokenizer", "tokenizer_config")
    return {**{part: output.parent / f"{part}.json" for part in parts}, "model": output}


def export(run: Run, output) -> list[Path]:
    """Write the files of :func:`files_of`, the folder made where it is missing; returns their paths. Raises
    :class:`LabError` for codecs that cannot, before anything is written."""
    try:
        from safetensors.torch import save  # an optional dependency
    except ImportError:
        raise LabError(
            "safetensors is missing; install the extra: pip install '.[neural]' in nzip's source"
        ) from None
    paths = files_of(output)
    output, eos = paths["model"], run.data["eos"]
    tokenizer = tokenizer_json(run.codec, run.data["eos"], run.shape.vocabulary)
    model = run.model()
    ends = {"bos_token_id": eos, "eos_token_id": eos, "pad_token_id": eos}
    contents = {
        "config": config_json(run.shape, eos),
        "generation_config": {**ends, "do_sample": True},
        "tokenizer": tokenizer,
        "tokenizer_config": tokenizer_config_json(tokenizer, eos, run.shape),
    }
    found = {
        paths[part]: json.dumps(value, ensure_ascii=False, indent=None if part == "tokenizer" else 1).encode()
        + b"\n"
        for part, value in contents.items()
    }
    found[output] = save(model.tensors(), {"format": "pt", "made_by": "tokenizers-lab lm export"})
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(f"{output.parent}: cannot make this folder: {error.strerror}") from None
    for path, data in found.items():
        write_whole(path, data)
    return list(found)
