"""A pretrained model as the coders use it: engine, vocabulary, hashes. Loading is remembered per file.

Concession: a model's file is hashed whole each time a process loads it.
"""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from nzip.errors import NzipError
from nzip.hashes import file_sha256
from nzip.memory import give_back
from nzip.predictors.llama import gguf_loader, safetensors_loader, tokenizer
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.tokenizer import Vocabulary


class LanguageModel(NamedTuple):
    """``weights_hash`` is the SHA-256 (32 hex digits) of the model's file; ``name`` what errors call it."""

    name: str
    engine: Engine
    vocabulary: Vocabulary
    weights_hash: str


def load(path: str | os.PathLike) -> LanguageModel:
    """The model in a GGUF file, a safetensors file or a directory with one (its config and tokenizer beside
    it).

    Raises :class:`NzipError` with one line for what is missing or not supported."""
    path = Path(path)
    if path.is_dir():
        path = path / "model.safetensors"
    if not path.is_file():
        raise NzipError(f"{path}: no such model file")
    stat = path.stat()
    model = _load(str(path), stat.st_mtime_ns, stat.st_size)
    give_back()  # reading metadata makes a hundred thousand small objects: glibc keeps their 160 MB
    return model


@functools.lru_cache(maxsize=2)
def _load(path: str, mtime: int, size: int) -> LanguageModel:
    digest = hashlib.sha256(file_sha256(Path(path)).encode())
    if path.endswith(".safetensors"):
        weights, vocabulary = safetensors_loader.load(path)
        digest.update((Path(path).parent / "config.json").read_bytes())
    else:
        reader = gguf_loader.open_gguf(path)
        vocabulary = tokenizer.from_gguf(
            lambda key, default: gguf_loader.metadata(reader, key, default), path
        )
        weights = gguf_loader.load_weights(reader, path)
    if vocabulary.size != weights.shape.vocabulary:
        raise NzipError(f"{path}: {vocabulary.size} tokens, but weights for {weights.shape.vocabulary}")
    weights.reorder_vocabulary(vocabulary.order)
    engine = Engine(weights)
    del weights
    return LanguageModel(path, engine, vocabulary, digest.hexdigest()[:32])
