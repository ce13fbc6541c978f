"""A pretrained model as the coders use it: engine, vocabulary, hashes. Loading is remembered per file.

Concession: a model's file is hashed whole each time a process loads it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from pathlib import Path
from typing import NamedTuple

from nzip.errors import NzipError
from nzip.memory import give_back
from nzip.predictors.llama import gguf_loader, safetensors_loader, tokenizer
from nzip.predictors.llama.engine import Engine
from nzip.predictors.llama.tokenizer import Vocabulary
from nzip.predictors.model_files import open_regular, read_regular


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
    try:
        found = os.stat(path)
        if stat.S_ISDIR(found.st_mode):
            path = path / "model.safetensors"
            found = os.stat(path)
    except (OSError, ValueError) as error:
        raise NzipError(f"{path}: no such model file") from error
    if not stat.S_ISREG(found.st_mode):
        raise NzipError(f"{path}: a model is a regular file, and this is none")
    beside = tuple(_stamp(path.parent / name) for name in ("config.json", "tokenizer.json"))
    model = _load(str(path), found.st_mtime_ns, found.st_size, beside)
    give_back()  # reading metadata makes a hundred thousand small objects: glibc keeps their 160 MB
    return model


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file does; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


@functools.lru_cache(maxsize=2)
def _load(path: str, mtime: int, size: int, beside: tuple) -> LanguageModel:
    weights_hash = digest(Path(path))
    if path.endswith(".safetensors"):
        weights, vocabulary = safetensors_loader.load(path)
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
    return LanguageModel(path, engine, vocabulary, weights_hash)


def digest(path: Path) -> str:
    """The hash by which a model's file is known (32 hex digits of a SHA-256); a folder's config.json is in
    it. Raises :class:`NzipError` where a file cannot be read."""
    with open_regular(path, safetensors_loader.LARGEST, "the model") as file:
        found = hashlib.sha256(hashlib.file_digest(file, "sha256").hexdigest().encode())
    if path.suffix == ".safetensors":
        found.update(read_regular(path.parent / "config.json", safetensors_loader.MAX_CONFIG))
    return found.hexdigest()[:32]


def cost(path: Path) -> int:
    """Bytes of memory that loading a model takes, at most: from its table of tensors alone."""
    if path.suffix == ".safetensors":
        tensors = [tensor.numbers for _, tensor in safetensors_loader.TensorFile(path).tensors.values()]
    else:
        tensors = [tensor.numbers for tensor in gguf_loader.open_gguf(path).tensors]
    # Packed weights beside the codes they are made from, one matrix in floats, and the vocabulary.
    return 3 * sum(tensors) + 12 * max(tensors, default=0) + (200 << 20)


def looks(head: bytes) -> bool:
    """Whether a file that begins so may be a model."""
    return head.startswith(b"GGUF") or head[8:9] == b"{"
