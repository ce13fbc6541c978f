"""Byte-level BPE vocabularies (GPT-2's kind), as a coder wants them: sorted by bytes, any input encodable.

A :class:`Vocabulary` renumbers the model's tokens by *rank*: ordinary tokens in the order of their bytes, so
that all tokens with a common prefix are one range; then special tokens and duplicates, which text never
becomes. ``encode`` turns any bytes into symbols: ranks, and ``size + b`` for a byte b that no token begins
with at that place (SmolLM2 lacks 21 byte values). Only the encoder needs it: a decoder reads the symbols from
the file, so how they were chosen binds no one, and the package ``tokenizers`` may change its mind.

Concession: SentencePiece and Unigram vocabularies are refused, and WordPiece unless it is plain longest match
over bytes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from nzip import strict_json
from nzip.errors import NzipError
from nzip.predictors.llama import tokenizer_config as config

# Text is handed to the tokenizer in pieces of about this many characters, cut before a space.
PIECE = 1 << 16
MAX_TOKEN = 1 << 12  # bytes
MAX_JSON = 1 << 26  # bytes of a tokenizer.json
_NORMAL = 1  # gguf's token type of ordinary tokens
_SURROGATES = re.compile("([\udc80-\udcff]+)")

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
    r"\s+(?!\S)|\s+"
)
# tokenizer.ggml.pre → (digits split singly, pattern). A wrong guess costs size, never correctness.
PRE_TOKENIZERS = {
    "gpt-2": (False, _GPT2),
    "default": (False, _GPT2),
    "smollm": (True, _GPT2),
    "starcoder": (True, _GPT2),
    "llama-bpe": (False, _LLAMA3),
    "llama3": (False, _LLAMA3),
}


def _byte_of_character() -> dict[str, int]:
    """GPT-2's printable stand-ins for bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, extra = {chr(b): b for b in printable}, 0
    for b in range(256):
        if b not in printable:
            table[chr(256 + extra)] = b
            extra += 1
    return table


class Vocabulary:
    """``tokens``: bytes by rank. ``order``: int64, the model's id of each rank. ``size``: number of ranks.
    ``live``: number of ordinary tokens (ranks below it). ``start``: rank of the token a text begins with."""

    def __init__(self, strings: list[str], ordinary, start: int, encoder, where: str):
        """``strings`` by model id, in GPT-2's characters; ``ordinary`` bool by id; ``encoder``: text → model
        ids, or None for longest match."""
        table = _byte_of_character()
        by_bytes: dict[bytes, int] = {}
        for i, text in enumerate(strings):
            if ordinary[i] and text:
                if len(text) > MAX_TOKEN:
                    raise NzipError(f"{where}: token {i} has more than {MAX_TOKEN} bytes")
                try:
                    by_bytes.setdefault(bytes([table[c] for c in text]), i)
                except KeyError as error:
                    raise NzipError(
                        f"{where}: token {i} is not of a byte-level vocabulary; not supported"
                    ) from error
        if len({t[0] for t in by_bytes}) < 2:
            raise NzipError(f"{where}: the vocabulary holds no ordinary tokens")
        live = sorted(by_bytes)
        ids = [by_bytes[t] for t in live]
        rest = sorted(set(range(len(strings))) - set(ids))
        self.tokens = live + [b""] * len(rest)
        self.live, self.size = len(live), len(strings)
        self.order = np.array(ids + rest, np.int64)
        rank = np.empty(self.size, np.int64)
        rank[self.order] = np.arange(self.size)
        self._rank_of_id = rank
        self.start = int(rank[start])
        self.lengths = np.array([len(t) for t in self.tokens], np.int64)
        self.blob = np.frombuffer(b"".join(self.tokens), np.uint8)
        self.offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        self._index = {t: i for i, t in enumerate(live)}
        self._longest = int(self.lengths.max())
        self._encoder = encoder

    def hash(self) -> str:
        """Hex digest of what decoding depends on: each rank's bytes and model id, and the start token."""
        digest = hashlib.sha256(self.blob.tobytes())
        digest.update(self.lengths.astype("<i8").tobytes() + self.order.astype("<i8").tobytes())
        digest.update(self.start.to_bytes(8, "little"))
        return digest.hexdigest()[:32]

    def greedy(self, data: bytes) -> list[int]:
        """Symbols by longest match: for bytes that are no UTF-8, and where the tokenizer changes the text."""
        out, i = [], 0
        while i < len(data):
            for n in range(min(self._longest, len(data) - i), 0, -1):
                rank = self._index.get(data[i : i + n])
                if rank is not None:
                    out.append(rank)
                    i += n
                    break
            else:
                out.append(self.size + data[i])
                i += 1
        return out

    def _encode_text(self, text: str) -> list[np.ndarray]:
        pieces, at = [], 0
        while at < len(text):
            cut = at + PIECE
            if cut < len(text):
                space = text.rfind(" ", at + PIECE // 2, cut)
                cut = space if space > at else cut
            pieces.append(text[at:cut])
            at = cut
        parts = []
        for piece in pieces:
            ranks = self._rank_of_id[self._encoder(piece)]
            data = piece.encode()
            if self.decode(ranks) != data:
                ranks = np.array(self.greedy(data), np.int64)
            parts.append(ranks)
        return parts

    def encode(self, data: bytes) -> np.ndarray:
        """Any bytes → symbols, int64, each below ``size + 256``; ``decode`` inverts it."""
        if self._encoder is None:
            return np.array(self.greedy(bytes(data)), np.int64)
        parts: list = []
        for i, run in enumerate(_SURROGATES.split(bytes(data).decode("utf-8", "surrogateescape"))):
            if i % 2:
                parts.append(np.array(self.greedy(run.encode("utf-8", "surrogateescape")), np.int64))
            elif run:
                parts += self._encode_text(run)
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def symbol_bytes(self, symbol: int) -> bytes:
        """What one symbol spells; nothing for special tokens."""
        return self.tokens[symbol] if symbol < self.size else bytes([symbol - self.size])

    def decode(self, symbols) -> bytes:
        """Symbols → bytes."""
        return b"".join(map(self.symbol_bytes, np.asarray(symbols).tolist()))


def _encoder(make: Callable[[], Any], where: str) -> Callable[[str], list[int]]:
    """text → ids by the package ``tokenizers``, made on first use (decoding never makes it)."""
    made: list[Any] = []

    def encode(text: str) -> list[int]:
        if not made:
            try:
                made.append(config.guarded(make, where))
            except NzipError as error:
                if isinstance(error.__cause__, ImportError):
                    raise NzipError(
                        "encoding with a language model needs the package tokenizers: "
                        "pip install '.[lm]' in nzip's source"
                    ) from error
                raise
        return config.guarded(lambda: made[0].encode(text, add_special_tokens=False).ids, where)

    return encode


def _build_encoder(vocabulary: dict[str, int], merges, digits: bool, pattern: str, where: str):
    def make() -> Any:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers  # optional: the extra `lm`

        tokenizer = Tokenizer(models.BPE(vocabulary, merges))
        steps: list = [pre_tokenizers.Digits(individual_digits=True)] if digits else []
        steps += [
            pre_tokenizers.Split(Regex(pattern), "isolated"),
            pre_tokenizers.ByteLevel(False, use_regex=False),
        ]
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
        return tokenizer

    return _encoder(make, where)


def _start_token(strings: list[str], bos: int | None, eos: int | None) -> int:
    """What pretraining put between documents: <|endoftext|> where there is one, else bos, else eos."""
    if "<|endoftext|>" in strings:
        return strings.index("<|endoftext|>")
    for candidate in (bos, eos):
        if type(candidate) is int and 0 <= candidate < len(strings):
            return candidate
    return 0


def from_gguf(metadata, where: str) -> Vocabulary:
    """From GGUF metadata; ``metadata(key, default)`` gives a field's value, of any type."""
    kind = metadata("tokenizer.ggml.model", None)
    if kind != "gpt2":
        raise NzipError(f"{where}: tokenizer {str(kind)[:40]!r} is not supported; byte-level BPE (gpt2) is")
    pre = metadata("tokenizer.ggml.pre", "default")
    if not isinstance(pre, str) or pre not in PRE_TOKENIZERS:
        raise NzipError(
            f"{where}: pre-tokenizer {str(pre)[:40]!r} is not supported; "
            f"these are: {', '.join(PRE_TOKENIZERS)}"
        )
    strings, merges = metadata("tokenizer.ggml.tokens", None), metadata("tokenizer.ggml.merges", None)
    if not strings or merges is None:
        raise NzipError(f"{where}: the metadata lacks the tokenizer's tokens or merges")
    if not isinstance(strings, list) or not all(isinstance(s, str) for s in strings):
        raise NzipError(f"{where}: the tokenizer's tokens are no texts")
    types = metadata("tokenizer.ggml.token_type", None) or [_NORMAL] * len(strings)
    if not isinstance(types, list) or len(types) != len(strings):
        raise NzipError(f"{where}: the tokenizer has not as many types as tokens")
    vocabulary = {s: i for i, s in enumerate(strings)}
    pairs = config.merges(merges, vocabulary, where)
    encoder = _build_encoder(vocabulary, pairs, *PRE_TOKENIZERS[pre], where)
    start = _start_token(
        strings, metadata("tokenizer.ggml.bos_token_id", None), metadata("tokenizer.ggml.eos_token_id", None)
    )
    return Vocabulary(strings, [t == _NORMAL for t in types], start, encoder, where)


def from_tokenizer_json(
    text: bytes | str, size: int, bos: int | None, eos: int | None, where: str
) -> Vocabulary:
    """From Hugging Face's ``tokenizer.json`` of a byte-level BPE, for a model of ``size`` tokens."""
    try:
        whole = strict_json.loads(text, MAX_JSON)
    except ValueError as error:
        raise NzipError(f"{where}: not a readable tokenizer.json ({error})") from error
    model = whole.get("model") if isinstance(whole, dict) else None
    if not isinstance(model, dict):
        raise NzipError(f"{where}: not a readable tokenizer.json (no model)")
    # WordPiece without a prefix, over whole byte-level texts, is longest match: how tokenizers_lab writes
    # codecs of fixed strings.
    longest = model.get("type") == "WordPiece" and model.get("continuing_subword_prefix") == ""
    if model.get("type", "BPE") != "BPE" and not longest:
        raise NzipError(
            f"{where}: tokenizer {str(model.get('type'))[:40]!r} without byte-level pieces is not supported; "
            "byte-level BPE is"
        )
    steps = config.pre_tokenizer(whole.get("pre_tokenizer"), where)
    special = _special(whole.get("added_tokens") or [], size, where)
    plain = config.vocabulary(model.get("vocab"), size, where)
    strings = [""] * size
    for s, i in {**plain, **special}.items():
        strings[i] = s
    ordinary = [bool(s) and s not in special for s in strings]
    start = _start_token(strings, bos, eos)
    if longest:
        return Vocabulary(strings, ordinary, start, None, where)
    made: dict[str, Any] = {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": config.normalizer(whole.get("normalizer"), where),
        "pre_tokenizer": steps,
        "post_processor": None,
        "decoder": None,
        "model": config.bpe(model, size, where),
    }

    def make() -> Any:
        from tokenizers import Tokenizer  # optional: the extra `lm`

        return Tokenizer.from_str(json.dumps(made))

    return Vocabulary(strings, ordinary, start, _encoder(make, where), where)


def _special(entry: Any, size: int, where: str) -> dict[str, int]:
    """The added tokens of a file, by their texts."""
    try:
        found = {token["content"]: token["id"] for token in entry}
        if not all(isinstance(s, str) for s in found):
            raise TypeError
    except (KeyError, TypeError) as error:
        raise NzipError(f"{where}: the tokenizer's added tokens are none") from error
    return config.vocabulary(found, size, where) if found else {}
