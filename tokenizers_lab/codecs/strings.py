"""Codecs that are a fixed set of byte strings and longest match: ``equal-info[b=16,v=65k]`` and
``model-dictionary``.

A static M1 chose the strings (``windows/growth.py``); after that it is not needed any more, so a saved codec
holds the strings alone, tokenising costs a trie walk, and every token has bytes of its own. Ids follow the
order of the strings' bytes, without gaps; behind them stand the end of sequence and padding."""

from __future__ import annotations

import hashlib

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import bpe_kernel
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import pack_arrays, pack_strings, unpack_strings, write_whole
from tokenizers_lab.windows import longest_match as trie


class StringsCodec(Codec):
    """``strings``: distinct, not empty, sorted, all 256 bytes among them. ``facts``: what the description
    says beside them (codec name, M1's fingerprint, parameters). ``nominal``: the vocabulary that the method
    is known by, if larger."""

    elsewhere = (
        "`tokenizers` cannot load this file of the lab's: encode with it here, by its path; `lm export` "
        "writes its strings as longest match, which `tokenizers` runs"
    )

    def __init__(self, strings: list[bytes], facts: dict, spelling: str, nominal: int | None = None):
        if (
            strings != sorted(set(strings))
            or b"" in strings
            or len({s for s in strings if len(s) == 1}) != 256
        ):
            raise DataError(f"{spelling}: its strings are not sorted, not distinct, or lack a byte")
        self.strings, self.facts, self.spelling, self.nominal_vocab_size = strings, facts, spelling, nominal
        self.eos_id, self.pad_id = len(strings), len(strings) + 1
        self.vocab_size = len(strings) + 2
        self._lengths = np.array([*map(len, strings), 0, 0], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)
        self._arena = np.frombuffer(b"".join(strings), dtype=np.uint8)
        self._trie = trie.build(self._arena, self._starts[:-2])

    def encode(self, data) -> np.ndarray:
        data = as_bytes_array(data)
        ids = np.empty(len(data), dtype=np.uint32)
        return ids[: trie.match(data, *self._trie, ids)].copy()

    def decode(self, ids) -> bytes:
        return bpe_kernel.decode(as_ids(ids, self.vocab_size), self._starts, self._arena).tobytes()

    def token_bytes(self, token: int) -> bytes:
        return self.strings[token] if token < len(self.strings) else b""

    def token_lengths(self) -> np.ndarray:
        return self._lengths

    def used_vocab_size(self) -> int:
        return len(self.strings)

    def description(self) -> dict:
        digest = hashlib.sha256(self._lengths.astype("<i8").tobytes() + self._arena.tobytes()).hexdigest()
        return {**self.facts, "strings": len(self.strings), "table": digest}

    def head(self) -> dict:
        return {
            "kind": "strings",
            "facts": self.facts,
            "nominal": self.nominal_vocab_size,
            "spelling": self.spelling,
        }

    def arrays(self) -> dict:
        return pack_strings(self.strings)

    def save(self, path) -> None:
        write_whole(path, pack_arrays(self.head(), self.arrays()))

    @classmethod
    def from_arrays(cls, head: dict, arrays: dict, spelling: str) -> StringsCodec:
        if not isinstance(head.get("facts"), dict):
            raise DataError(f"{spelling}: damaged: its head names no codec")
        return cls(unpack_strings(arrays, spelling), head["facts"], spelling, head.get("nominal"))
