"""Byte-level BPE as a codec: our encoder over any Hugging Face ``tokenizer.json`` or tiktoken rank file that
is plain byte-level BPE. It takes raw bytes, so it is lossless on every file, text or not.

Special tokens are kept in the vocabulary (with zero bytes of their own) but never produced by ``encode``:
text that looks like ``<|endoftext|>`` is text. Files with normalizers, dropout, byte fallback or other
patterns go through the `tokenizers` library instead (``huggingface.py``)."""

from __future__ import annotations

import hashlib
import itertools
import threading

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import bpe_kernel as kernel
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.pretokenize import PreTokenizer, bytelevel
from tokenizers_lab.pretokenize.classes import class_table


class BpeCodec(Codec):
    """``tokens[i]`` are the bytes of id i (``b""`` for special ones); ``merges`` are (a, b, result) ids in
    rank order; ``whole_words``: a pre-token that is a token is never split further (tiktoken,
    ``ignore_merges``)."""

    def __init__(
        self,
        tokens: list[bytes],
        merges,
        pre: PreTokenizer,
        special: dict[str, int] | None = None,
        whole_words: bool = False,
        spelling: str = "bpe",
        ranks=None,
    ):
        self.tokens, self.pre, self.special = tokens, pre, dict(special or {})
        self.whole_words, self.spelling = whole_words, spelling
        self.vocab_size = len(tokens)
        self.eos_id = next(
            (self.special[t] for t in ("<|endoftext|>", "</s>", "<eos>") if t in self.special), None
        )
        self.pad_id = next((self.special[t] for t in ("<|pad|>", "<pad>") if t in self.special), None)
        self.merges = np.asarray(merges, dtype=np.int64).reshape(-1, 3)
        self._ranks = (
            np.arange(len(self.merges), dtype=np.int64) if ranks is None else np.asarray(ranks, np.int64)
        )
        byte_ids = np.full(256, -1, dtype=np.int32)
        for i, token in enumerate(tokens):
            if len(token) == 1 and byte_ids[token[0]] < 0:
                byte_ids[token[0]] = i
        if (byte_ids < 0).any():
            raise DataError(
                f"{spelling}: no token for byte {int(np.flatnonzero(byte_ids < 0)[0])}; not a byte-level "
                "vocabulary"
            )
        lengths = np.array([len(t) for t in tokens], dtype=np.int64)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        arena = np.frombuffer(b"".join(tokens), dtype=np.uint8)
        self._lengths = lengths
        keys, key_ranks, results = kernel.fill_pairs(
            self.merges[:, 0] << 32 | self.merges[:, 1], self._ranks, self.merges[:, 2]
        )
        words = kernel.fill_words(starts, arena) if whole_words else np.zeros(1, np.int32)
        self._tables = kernel.Tables(keys, key_ranks, results, byte_ids, words, starts, arena)
        self._cache = kernel.new_cache()
        self._lock = threading.Lock()

    def encode(self, data) -> np.ndarray:
        data = as_bytes_array(data)
        ends = self.pre.ends(data) if self.pre.kind < 0 else np.zeros(0, np.int64)
        with self._lock:  # the cache is one to a codec
            ids = kernel.encode(
                data, self.pre.kind, class_table(), ends, self._tables, self.whole_words, self._cache
            )
        return ids.view(np.uint32)

    def decode(self, ids) -> bytes:
        ids = as_ids(ids, self.vocab_size)
        return kernel.decode(ids, self._tables.starts, self._tables.arena).tobytes()

    def token_bytes(self, token: int) -> bytes:
        return self.tokens[token]

    def token_lengths(self) -> np.ndarray:
        return self._lengths

    def used_vocab_size(self) -> int:
        return self.vocab_size - len(self.special)

    def description(self) -> dict:
        digest = hashlib.sha256()
        for token in self.tokens:
            digest.update(len(token).to_bytes(4, "little") + token)
        digest.update(self.merges.astype("<i8").tobytes() + self._ranks.astype("<i8").tobytes())
        return {
            "codec": "bpe",
            "tokens": self.vocab_size,
            "tables": digest.hexdigest(),
            "pre": self.pre.name,
            "special": self.special,
            "whole_words": self.whole_words,
        }

    def truncated(self, vocab_size: int) -> BpeCodec:
        """The smaller vocabulary that the same training run would have given: the first merges only."""
        base = 256 + len(self.special)
        if not base <= vocab_size <= self.vocab_size:
            raise LabError(f"vocabulary size {vocab_size} is outside {base}..{self.vocab_size}")
        keep = self.merges[:, 2] < vocab_size
        # Merges after the last new token would belong to a longer run.
        made = np.flatnonzero(self.merges[:, 2] == vocab_size - 1)
        if vocab_size > base and len(made):
            keep[made[0] + 1 :] = False
        elif vocab_size == base:
            keep[:] = False
        return BpeCodec(
            self.tokens[:vocab_size], self.merges[keep], self.pre, self.special, self.whole_words, "bpe"
        )

    def to_json(self) -> dict:
        """The Hugging Face tokenizer.json as a dict."""
        names = {i: bytelevel.to_text(t) for i, t in enumerate(self.tokens)}
        names.update({i: name for name, i in self.special.items()})
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [
                {
                    "id": i,
                    "content": name,
                    "single_word": False,
                    "lstrip": False,
                    "rstrip": False,
                    "normalized": False,
                    "special": True,
                }
                for name, i in sorted(self.special.items(), key=lambda x: x[1])
            ],
            "normalizer": None,
            "pre_tokenizer": self.pre.to_hf(),
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
                "ignore_merges": self.whole_words,
                "vocab": {names[i]: i for i in range(self.vocab_size)},
                "merges": [[names[int(a)], names[int(b)]] for a, b, _ in self.merges],
            },
        }

    def save(self, path) -> None:
        """Write ``path`` as a tokenizer.json that `tokenizers` loads with identical ids."""
        if self.pre.kind < 0:
            self.pre.to_hf()
        write_json(path, self.to_json(), ascii=False)

    @classmethod
    def from_json(cls, entry: dict, spelling: str = "bpe") -> BpeCodec | None:
        """From a parsed tokenizer.json, or None if it is more than plain byte-level BPE."""
        model = entry.get("model") or {}
        pre = PreTokenizer.from_hf(entry.get("pre_tokenizer"))
        plain = (
            model.get("type", "BPE") == "BPE"
            and "merges" in model
            and entry.get("normalizer") is None
            and not any(
                model.get(k)
                for k in ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback")
            )
        )
        if not plain or pre is None:
            return None
        vocab = dict(model["vocab"])
        special = {}
        for added in entry.get("added_tokens", []):
            special[added["content"]] = added["id"]
            vocab.setdefault(added["content"], added["id"])
        size = max(vocab.values(), default=-1) + 1
        if sorted(vocab.values()) != list(range(size)):
            return None
        tokens = [b""] * size
        try:
            for text, i in vocab.items():
                if text not in special:
                    tokens[i] = bytelevel.to_bytes(text)
            pairs = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in model["merges"]]
            merges = [(vocab[a], vocab[b], vocab[a + b]) for a, b in pairs]
        except (KeyError, ValueError):
            return None
        if len({t for t in tokens if len(t) == 1}) < 256:
            return None
        return cls(tokens, merges, pre, special, bool(model.get("ignore_merges")), spelling)


def twin_encode(codec: BpeCodec, data: bytes) -> list[int]:
    """The encoder as one would explain it: in each pre-token, merge the lowest-ranked pair, leftmost first,
    until none is left. Slow; the test of the kernel."""
    rank = {}
    for (a, b, new), r in zip(codec.merges.tolist(), codec._ranks.tolist()):
        rank[a, b] = (r, new)
    byte_ids = {t: i for i, t in reversed(list(enumerate(codec.tokens))) if len(t) == 1}
    whole = {t: i for i, t in reversed(list(enumerate(codec.tokens))) if t} if codec.whole_words else {}
    out: list[int] = []
    start = 0
    for end in codec.pre.ends(np.frombuffer(data, np.uint8)).tolist():
        word, start = data[start:end], end
        if len(word) > 1 and word in whole:
            out.append(whole[word])
            continue
        ids = [byte_ids[bytes([b])] for b in word]
        while True:
            best = min(
                ((rank[p][0], k) for k, p in enumerate(itertools.pairwise(ids)) if p in rank), default=None
            )
            if best is None:
                break
            k = best[1]
            ids[k : k + 2] = [rank[ids[k], ids[k + 1]][1]]
        out += ids
    return out
