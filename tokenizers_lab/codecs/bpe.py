"""Byte-level BPE as a codec: our encoder over any Hugging Face ``tokenizer.json`` or tiktoken rank file that
is byte-level BPE. It takes raw bytes, so it is lossless on every file, text or not.

Special tokens are kept in the vocabulary (with zero bytes of their own) but never produced by ``encode``:
text that looks like ``<|endoftext|>`` is text. Only where the merges of a file spell one themselves does its
id occur, as in the library, and it has the bytes that they spell. Added tokens that are not special are cut
out of the text first (``added_tokens.py``). What we cannot follow exactly (normalizers, byte fallback, steps
that drop text, ``single_word``) goes through the `tokenizers` library instead (``huggingface.py``)."""

from __future__ import annotations

import hashlib
import itertools
import threading

import numpy as np

from tokenizers_lab.codec import EOS_NAMES, PAD_NAMES, Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import added_tokens, tokenizer_json
from tokenizers_lab.codecs import bpe_kernel as kernel
from tokenizers_lab.codecs import bpe_wide as wide
from tokenizers_lab.codecs.added_tokens import AddedToken, AddedTokens
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.pretokenize import PreTokenizer, bytelevel
from tokenizers_lab.pretokenize.classes import class_table


class BpeCodec(Codec):
    """``tokens[i]`` are the bytes of id i (``b""`` for special ones); ``merges`` are (a, b, result) ids in
    rank order; ``whole_words``: a pre-token that is a token is never split further (tiktoken,
    ``ignore_merges``). ``ranks``: int64, a merge's own where several share one (tiktoken). ``added``: all
    that a tokenizer.json says of added tokens, special ones too, where it says more than ``special``;
    ``outside``: ids of those that the model itself does not know."""

    def __init__(
        self,
        tokens: list[bytes],
        merges,
        pre: PreTokenizer,
        special: dict[str, int] | None = None,
        whole_words: bool = False,
        spelling: str = "bpe",
        ranks=None,
        added: list[AddedToken] | None = None,
        outside=(),
    ):
        self.tokens, self.pre, self.special = tokens, pre, dict(special or {})
        self.whole_words, self.spelling = whole_words, spelling
        self.vocab_size = len(tokens)
        self.eos_id, self.pad_id = self._first(EOS_NAMES), self._first(PAD_NAMES)
        self.added, self._outside = list(added or ()), frozenset(outside)
        self._cutter = AddedTokens(self.added)
        self.merges = np.asarray(merges, dtype=np.int64).reshape(-1, 3)
        self._ranks = (
            np.arange(len(self.merges), dtype=np.int64) if ranks is None else np.asarray(ranks, np.int64)
        )
        byte_ids = np.full(256, -1, dtype=np.int32)
        for i, token in enumerate(tokens):
            if len(token) == 1 and byte_ids[token[0]] < 0 and i not in self._outside:
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
        words = np.zeros(1, np.int32)
        if whole_words:
            known = np.array([i not in self._outside for i in range(len(tokens))], dtype=np.bool_)
            words = kernel.fill_words(starts, arena, known)
        self._tables = kernel.Tables(keys, key_ranks, results, byte_ids, words, starts, arena)
        self._cache = kernel.new_cache()
        self._wide = None  # for lines: what the first stage's merges join, and the rank that ends it
        if pre.name == "lines" and not whole_words:
            stage = wide.first_crossing(tokens, self.merges)
            limit = int(self._ranks[stage]) if stage < len(self.merges) else int(kernel.NO_RANK)
            self._wide = wide.joins(tokens, self.merges[self._ranks < limit]), limit
        self._lock = threading.Lock()

    def encode(self, data) -> np.ndarray:
        data = as_bytes_array(data)
        pieces = self._cutter.pieces(data)
        ends = np.zeros(0, np.int64)
        if self.pre.kind < 0:
            texts = [(a, b) for a, b, token in pieces.tolist() if token < 0]
            ends = np.concatenate([ends, *(self.pre.ends(data[a:b]) + a for a, b in texts)])
        with self._lock:  # the cache is one to a codec
            if self._wide is not None:
                ids = wide.encode(
                    data, self.pre.kind, class_table(), pieces, self._tables, *self._wide, self._cache
                )
                return ids.view(np.uint32)
            ids = kernel.encode(
                data, self.pre.kind, class_table(), ends, pieces, self._tables, self.whole_words, self._cache
            )
        return ids.view(np.uint32)

    def decode(self, ids) -> bytes:
        ids = as_ids(ids, self.vocab_size)
        return kernel.decode(ids, self._tables.starts, self._tables.arena).tobytes()

    def token_bytes(self, token: int) -> bytes:
        return self.tokens[token]

    def unreachable(self, tokens) -> np.ndarray:
        tokens = np.asarray(tokens, np.int64)
        if not all(t.special for t in self.added):  # what is cut out of the text asks for each alone
            cut = self._holding_added()[tokens]
            alone = super().unreachable(tokens[cut])
            return tokens[np.isin(tokens, np.concatenate([alone, self._unreachable(tokens[~cut])]))]
        return self._unreachable(tokens)

    def _holding_added(self) -> np.ndarray:
        """Which tokens hold the content of an added one: bool of shape (vocab_size,)."""
        out = np.zeros(self.vocab_size, np.bool_)
        arena = self._tables.arena.tobytes()
        for content in {t.content.encode("utf-8") for t in self.added} - {b""}:
            at = arena.find(content)
            while at >= 0:  # one that only begins in a token is no harm
                out[np.searchsorted(self._tables.starts, at, side="right") - 1] = True
                at = arena.find(content, at + 1)
        return out

    def _unreachable(self, tokens: np.ndarray) -> np.ndarray:
        if self._wide is not None:
            with self._lock:
                kept = wide.reached(
                    tokens, self.pre.kind, class_table(), self._tables, *self._wide, self._cache
                )
            return tokens[~kept]
        with self._lock:
            merged = kernel.reached(tokens, self._tables, self.whole_words, self._cache, class_table())
        whole = self.pre.are_whole(self._tables.arena, self._tables.starts, tokens[merged])
        merged[np.flatnonzero(merged)[~whole]] = False
        return tokens[~merged]

    def token_lengths(self) -> np.ndarray:
        return self._lengths

    def special_id(self, name: str) -> int | None:
        return self.special.get(name)

    def used_vocab_size(self) -> int:
        return self.vocab_size - len(self.special)

    def description(self) -> dict:
        digest = hashlib.sha256()
        for token in self.tokens:
            digest.update(len(token).to_bytes(4, "little") + token)
        digest.update(self.merges.astype("<i8").tobytes() + self._ranks.astype("<i8").tobytes())
        described = {
            "codec": "bpe",
            "tokens": self.vocab_size,
            "tables": digest.hexdigest(),
            "pre": self.pre.name,
            "special": self.special,
            "whole_words": self.whole_words,
        }
        if self.pre.once_the_librarys:
            described["splitter"] = "tokenizers"
        if not all(t.special for t in self.added):
            described["added"] = [[t.content, t.id, t.special, t.normalized] for t in self.added]
            described["outside"] = sorted(self._outside)
        return described

    def truncated(self, vocab_size: int) -> BpeCodec:
        """The smaller vocabulary that the same training run would have given: the first merges only."""
        base = 256 + len(self.special)
        if sorted(self.special.values()) != list(range(len(self.special))) or len(self.added) > len(
            self.special
        ):
            raise LabError(
                f"{self.spelling}: only a vocabulary that training here could have given can be cut short: "
                "special tokens first, and no other added ones"
            )
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
        """The Hugging Face tokenizer.json as a dict. What the format has no place for (tiktoken's ranks)
        stands under a key of the model that the library passes over."""
        names = {i: bytelevel.to_text(t) for i, t in enumerate(self.tokens) if t}
        spelled = set(names.values())
        hidden = {name: i for name, i in self.special.items() if name in spelled}
        shown = {i: name for name, i in self.special.items() if name not in hidden}
        added = self.added or [AddedToken(i, name) for i, name in sorted(shown.items())]
        names.update(shown)
        names.update({t.id: t.content for t in self.added})
        vocab = {names[i]: i for i in sorted(names)}
        without = {name: i for name, i in vocab.items() if i not in self._outside}
        unspelled: list[int] = []
        if self._outside:  # the library counts on behind the model's vocabulary
            if added_tokens.given_ids(added, without) == {t.content: t.id for t in added}:
                vocab = without
            else:
                unspelled = sorted(self._outside)
        if self.whole_words and not self.added:
            unspelled = sorted(shown)
        own = {
            "ranks": [] if (self._ranks == np.arange(len(self._ranks))).all() else self._ranks.tolist(),
            "unspelled": unspelled,
            "special": hidden,
            "size": 0 if max(names) + 1 == self.vocab_size else self.vocab_size,
        }
        own = {key: value for key, value in own.items() if value}
        return {
            "version": "1.0",
            "truncation": None,
            "padding": None,
            "added_tokens": [t.as_json() for t in added],
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
                "vocab": vocab,
                "merges": [[names[int(a)], names[int(b)]] for a, b, _ in self.merges],
                **({tokenizer_json.KEY: own} if own else {}),
            },
        }

    def save(self, path) -> None:
        """Write ``path`` as a tokenizer.json that `tokenizers` loads with identical ids."""
        write_json(path, self.to_json(), ascii=False)

    @classmethod
    def from_json(cls, entry: dict, spelling: str = "bpe") -> BpeCodec | None:
        """From a checked tokenizer.json (``tokenizer_json.parse``), or None if it is more than byte-level BPE
        that we follow exactly. Dropout is for training: it is off."""
        model = entry["model"]
        if (
            model.get("type", "BPE") != "BPE"
            or "merges" not in model
            or entry.get("normalizer") not in (None, {"type": "Sequence", "normalizers": []})
            or any(model.get(k) for k in ("continuing_subword_prefix", "end_of_word_suffix", "byte_fallback"))
        ):
            return None
        found = tokenizer_json.byte_level(entry)
        if (
            found is None
            or found.clash
            or not added_tokens.plain(found.added)
            or added_tokens.given_ids(found.added, model["vocab"]) != {a.content: a.id for a in found.added}
            or len(found.added) != len({a.content for a in found.added})
            or len({t for i, t in enumerate(found.tokens) if len(t) == 1 and i not in found.outside}) < 256
        ):
            return None
        try:
            pre = PreTokenizer.from_hf(entry.get("pre_tokenizer"))
        except LabError:
            return None  # the library says what it thinks of it
        if pre is None:
            return None
        own = model.get(tokenizer_json.KEY) or {}
        simple = all(a == AddedToken(a.id, a.content) and a.id in found.special.values() for a in found.added)
        return cls(
            found.tokens,
            found.merges,
            pre,
            found.special,
            bool(model.get("ignore_merges")),
            spelling,
            own.get("ranks") or None,
            None if simple else found.added,
            () if simple else found.outside,
        )


def twin_encode(codec: BpeCodec, data: bytes) -> list[int]:
    """The encoder as one would explain it: in each pre-token, merge the lowest-ranked pair, leftmost first,
    until none is left. Slow; the test of the kernel."""
    rank = {}
    for (a, b, new), r in zip(codec.merges.tolist(), codec._ranks.tolist()):
        rank[a, b] = (r, new)
    known = [(t, i) for i, t in reversed(list(enumerate(codec.tokens))) if i not in codec._outside]
    byte_ids = {t: i for t, i in known if len(t) == 1}
    whole = {t: i for t, i in known if t} if codec.whole_words else {}
    words: list[bytes | int] = []
    for start, stop, token in added_tokens.twin_pieces(codec.added, data):
        cuts = [0, *codec.pre.ends(np.frombuffer(data[start:stop], np.uint8)).tolist()]
        words += [token] if token >= 0 else [data[start + a : start + b] for a, b in itertools.pairwise(cuts)]
    out: list[int] = []
    for word in words:
        if isinstance(word, int):
            out.append(word)
            continue
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
