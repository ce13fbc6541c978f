"""Another way to cut text with a vocabulary that is there: ``segment[of=T.json,by=fewest]`` takes the fewest
tokens, ``by=likeliest`` the tokens whose probabilities have the greatest product (a unigram model).

Any codec whose tokens are byte strings, all 256 bytes among them, may be ``of``; its ids keep their meaning,
and its pre-tokenizer still cuts. The probabilities are counted on ``train=FILE`` (or the English that ships):
from the vocabulary's own encoding, then three times anew from the likeliest; as costs in whole numbers, so
the ids are the same everywhere.

Concession: no file format says "fewest tokens". ``save`` keeps the vocabulary and the costs in one file of
the lab's; `tokenizers` has no model that would give these ids (its Unigram is near ``likeliest``, in floats).
"""

from __future__ import annotations

import hashlib
import threading

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import bpe_kernel
from tokenizers_lab.codecs import segment_kernel as kernel
from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import pack_arrays, write_whole
from tokenizers_lab.pretokenize import PreTokenizer
from tokenizers_lab.pretokenize.classes import class_table

WAYS = ("fewest", "likeliest")
_ROUNDS = 3
_UNIT = 1 << 16  # costs are in bits / _UNIT
_LARGEST = 1 << 30


class SegmentCodec(Codec):
    """``strings``: the bytes of every id, ``b""`` for special ones; ``costs``: int64, of every id, above 0.
    ``ends``: the ids of the end of sequence and of padding, or None."""

    elsewhere = (
        "`tokenizers` has no such rule and cannot load it (its Unigram is near by=likeliest, in floats): "
        "encode with it here, by its path, or in Python (tokenizers_lab.load)"
    )

    def __init__(
        self,
        strings: list[bytes],
        costs: np.ndarray,
        pre: PreTokenizer,
        facts: dict,
        spelling: str,
        ends=(None, None),
    ):
        self.strings, self.costs, self.pre, self.facts, self.spelling = strings, costs, pre, facts, spelling
        self.vocab_size = len(strings)
        self.eos_id, self.pad_id = ends
        place = {s: i for i, s in enumerate(strings) if s}  # of two ids of one spelling the later
        if sum(len(s) == 1 for s in place) < 256:
            missing = next(b for b in range(256) if bytes([b]) not in place)
            raise LabError(
                f"{spelling}: the vocabulary has no token for byte {missing}, so some text has no tokens"
            )
        self._lengths = np.array([len(s) for s in strings], np.int64)
        self._starts = np.concatenate([[0], np.cumsum(self._lengths)]).astype(np.int64)
        self._arena = np.frombuffer(b"".join(strings), np.uint8)
        some = sorted(place)
        starts = np.concatenate([[0], np.cumsum([len(s) for s in some])]).astype(np.int64)
        order = np.array([place[s] for s in some], np.int32)
        own = costs[order].astype(np.int32)
        self._nodes = kernel.double_array(np.frombuffer(b"".join(some), np.uint8), starts, order, own)
        self._pairs = kernel.two_bytes(self._nodes)
        self._cache, self._lock = bpe_kernel.new_cache(), threading.Lock()

    def encode(self, data) -> np.ndarray:
        data = as_bytes_array(data)
        ends = self.pre.ends(data) if self.pre.kind < 0 else np.zeros(0, np.int64)
        with self._lock:  # the cache is one to a codec
            ids = kernel.encode(
                data,
                self.pre.kind,
                class_table(),
                ends,
                self._nodes,
                self._pairs,
                self._lengths,
                self._cache,
            )
        return ids.view(np.uint32)

    def decode(self, ids) -> bytes:
        return bpe_kernel.decode(as_ids(ids, self.vocab_size), self._starts, self._arena).tobytes()

    def token_bytes(self, token: int) -> bytes:
        return self.strings[token]

    def token_lengths(self) -> np.ndarray:
        return self._lengths

    def used_vocab_size(self) -> int:
        return int((self._lengths > 0).sum())

    def description(self) -> dict:
        digest = hashlib.sha256(self._lengths.astype("<i8").tobytes() + self._arena.tobytes())
        digest.update(self.costs.astype("<i8").tobytes())
        return {**self.facts, "pre": self.pre.name, "table": digest.hexdigest()}

    def save(self, path) -> None:
        head = {
            "kind": "segment",
            "facts": self.facts,
            "pre": self.pre.name,
            "ends": [self.eos_id, self.pad_id],
        }
        arrays = {"arena": self._arena, "lengths": self._lengths, "costs": self.costs}
        write_whole(path, pack_arrays(head, arrays))

    @classmethod
    def from_arrays(cls, head: dict, arrays: dict, spelling: str) -> SegmentCodec:
        lengths, costs, arena = arrays["lengths"], arrays["costs"], arrays["arena"]
        good = (
            lengths.dtype == costs.dtype == np.int64
            and arena.dtype == np.uint8
            and lengths.ndim == costs.ndim == arena.ndim == 1
            and 0 < len(lengths) == len(costs)
            and int(lengths.min()) >= 0
            and int(lengths.max()) <= len(arena) == int(lengths.sum())
            and 0 < int(costs.min()) <= int(costs.max()) <= _LARGEST
            and isinstance(head.get("facts"), dict)
            and all(e is None or type(e) is int and 0 <= e < len(lengths) for e in head["ends"])
            and len(head["ends"]) == 2
        )
        if not good:
            raise DataError(f"{spelling}: damaged: its tables contradict each other")
        ends = np.cumsum(lengths).tolist()
        strings = [arena[a:b].tobytes() for a, b in zip([0, *ends], ends)]
        return cls(strings, costs, PreTokenizer(head["pre"]), head["facts"], spelling, tuple(head["ends"]))


def create(of: Codec, by: str, text: bytes, spelling: str) -> SegmentCodec:
    """``of``'s vocabulary, cut ``by`` one of :data:`WAYS`; ``text`` is what the probabilities are counted
    on."""
    if by not in WAYS:
        raise LabError(f"codec {spelling!r}: by must be one of {', '.join(WAYS)}, not {by!r}")
    strings = of.token_strings()
    if strings is None or of.token_lengths() is None:
        raise LabError(f"codec {spelling!r}: the tokens of {of.spelling} have no bytes of their own")
    if isinstance(of, BpeCodec) and any(not t.special for t in of.added):
        raise LabError(
            f"codec {spelling!r}: {of.spelling} has added tokens, which are cut out of the text first"
        )
    pre = of.pre if isinstance(of, BpeCodec) else PreTokenizer("none")
    facts = {"codec": "segment", "by": by, "of": of.fingerprint()}
    ends = of.eos_id, of.pad_id
    made = SegmentCodec(strings, np.ones(len(strings), np.int64), pre, facts, spelling, ends)
    if by == "fewest":
        return made
    ids = of.encode(text)
    for _ in range(_ROUNDS + 1):
        made = SegmentCodec(strings, _costs(ids, len(strings)), pre, facts, spelling, ends)
        ids = made.encode(text)
    return made


def _costs(ids: np.ndarray, size: int) -> np.ndarray:
    """Costs in bits / 65,536 of tokens as often as in ``ids``, each counted half a time more (so that none is
    impossible): int64."""
    counts = 2 * np.bincount(ids, minlength=size).astype(np.int64) + 1
    return np.array([_bits(int(counts.sum()), int(c)) for c in counts], np.int64)


def _bits(total: int, count: int) -> int:
    """log2(total / count) in 1 / _UNIT, at least 1: by squaring in whole numbers, the same everywhere."""
    x = (total << 64) // count  # 64.64
    whole = max(0, x.bit_length() - 65)
    x >>= whole
    out = whole * _UNIT
    step = _UNIT >> 1
    while step:
        x = x * x >> 64
        if x >> 65:
            x >>= 1
            out += step
        step >>= 1
    return max(1, out)
