"""What a codec is: bytes in, integer ids out, and back. Every analysis, dataset and language model of the lab
speaks to tokenizers through this one class, whatever stands behind it (a vocabulary, a compressor, a model).

Concession: ids are held in memory as one array a call; callers that stream cut their input into documents.
"""

from __future__ import annotations

import abc
import hashlib
import json

import numpy as np

from tokenizers_lab.errors import DataError
from tokenizers_lab.files import write_json

EOS_NAMES = (
    "<|endoftext|>",
    "</s>",
    "<eos>",
    "<|end_of_text|>",
    "<|end▁of▁sentence|>",
    "<｜end▁of▁sentence｜>",
    "<|eos|>",
    "<|EOS|>",
    "<EOS>",
    "[EOS]",
    "EOS",
    "<|endofdocument|>",
    "<end_of_text>",
    "<|eot|>",
    "<EOT>",
    "<eod>",
    "<|eod|>",
    "[EOD]",
    "[SEP]",
    "<sep>",
    "<|im_end|>",
    "<|eot_id|>",
)
"""The names that the field gives to the end of a sequence, the surest first."""
PAD_NAMES = (
    "<|pad|>",
    "<pad>",
    "[PAD]",
    "<PAD>",
    "<|PAD|>",
    "<|padding|>",
    "<|finetune_right_pad_id|>",
    "<|▁pad▁|>",
    "<｜▁pad▁｜>",
)


class Codec(abc.ABC):
    """A tokenizer, whatever stands behind it. Write a subclass to bring one of your own into the lab; to use
    one, :func:`tokenizers_lab.load` makes it from its spelling.

    Immutable. Subclasses set ``spelling`` (what :func:`tokenizers_lab.load` takes to build it again),
    ``vocab_size`` (ids are 0 .. vocab_size-1) and ``lossless``.

    ``lossless`` is True only where ``decode(encode(x)) == x`` holds for *every* byte string by construction
    (and a fuzz test says so); else False, and ``loss`` says in one line what is lost.
    """

    spelling: str
    vocab_size: int
    lossless: bool = True
    loss: str | None = None
    eos_id: int | None = None
    """The id that ends a document, if the vocabulary has one; ``encode`` never gives it."""
    pad_id: int | None = None
    token_bits: int | None = None
    """8 or 16 where ids below 2**token_bits are raw bits of a compressed stream, else None."""
    elsewhere: str | None = None
    """Why no other library gives these ids from the saved file, and what to use; None where one does, or
    where that is no vocabulary (gzip, ac)."""
    nominal_vocab_size: int | None = None
    """The size that the method is known by, where ``vocab_size`` counts only ids in use (Equal-Info:
    65,536)."""

    @abc.abstractmethod
    def encode(self, data) -> np.ndarray:
        """The ids of a bytes-like object: uint32, shape (tokens,)."""

    @abc.abstractmethod
    def decode(self, ids) -> bytes:
        """The bytes of an id sequence. Raises :class:`DataError` for ids out of range or, where a codec's ids
        mean something only together (gzip, ac), for sequences that it could not have made."""

    def token_bytes(self, token: int) -> bytes | None:
        """The bytes that ``token`` always stands for: ``b""`` for special tokens, None where a token has no
        bytes of its own (gzip, ac: its meaning depends on what stands before it)."""
        return None

    def token_strings(self) -> list[bytes] | None:
        """:meth:`token_bytes` of every id (``b""`` for special ones), or None."""
        if self.token_bytes(0) is None:
            return None
        return [self.token_bytes(i) or b"" for i in range(self.vocab_size)]

    def offsets(self, data, ids: np.ndarray | None = None) -> np.ndarray:
        """Byte offsets, int64 of shape (tokens+1,): token i covers ``data[offsets[i]:offsets[i+1]]``. It
        starts at 0, never falls, and ends at len(data). Where tokens have no bytes of their own, a token
        covers the bytes that the codec had consumed when it was complete."""
        ids = self.encode(data) if ids is None else ids
        lengths = self.token_lengths()
        if lengths is None:
            raise NotImplementedError(f"{type(self).__name__} must define offsets itself")
        out = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum(lengths[ids], out=out[1:])
        return out

    def encode_with_offsets(self, data) -> tuple[np.ndarray, np.ndarray]:
        """The ids of ``data``, and their :meth:`offsets`; one encoding where a codec can do with one."""
        ids = self.encode(data)
        return ids, self.offsets(data, ids)

    def token_lengths(self) -> np.ndarray | None:
        """Bytes of every token, int64 of shape (vocab_size,), or None as for :meth:`token_bytes`, and where a
        text's tokens hold other bytes than it (SentencePiece's space before a text)."""
        strings = self.token_strings()
        return None if strings is None else np.array([len(token) for token in strings], dtype=np.int64)

    def reaches(self, token: int) -> bool:
        """Whether ``encode`` gives ``token`` for its own bytes, and nothing else."""
        own = self.token_bytes(token)
        return own is not None and self.encode(own).tolist() == [token]

    def unreachable(self, tokens) -> np.ndarray:
        """Those of ``tokens`` that :meth:`reaches` denies: int64."""
        return np.array([i for i in np.asarray(tokens).tolist() if not self.reaches(i)], np.int64)

    def special_id(self, name: str) -> int | None:
        """The id of the special token of this name (one that ``encode`` never gives), or None."""
        return None

    def _first(self, names) -> int | None:
        return next((i for i in map(self.special_id, names) if i is not None), None)

    def used_vocab_size(self) -> int:
        """How many ids can occur in an encoding; differs from ``vocab_size`` for codecs with reserved ids."""
        return self.vocab_size

    @abc.abstractmethod
    def description(self) -> dict:
        """All that determines the ids, as JSON types; large tables by hash. Feeds :meth:`fingerprint`."""

    def fingerprint(self) -> str:
        """SHA-256 (hex) of :meth:`description`: equal fingerprints give equal ids on every input."""
        return fingerprint_of(self.description())

    def earlier_fingerprints(self) -> tuple[str, ...]:
        """The fingerprints of versions of this codec that gave other ids on some inputs, and decoded ids to
        the same bytes: what they made can be read, but is not gone on with."""
        return ()

    def save(self, path) -> None:
        """Write a file that :func:`tokenizers_lab.load` reads. Codecs that are nothing but a spelling keep it
        in a small JSON file."""
        write_json(path, {"tokenizers_lab": 1, "codec": self.spelling, "fingerprint": self.fingerprint()})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.spelling} V={self.vocab_size}>"


def fingerprint_of(description: dict) -> str:
    """SHA-256 (hex) of what :meth:`Codec.description` gives."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def as_bytes_array(data) -> np.ndarray:
    """A uint8 view of any bytes-like object (no copy). ``str`` is refused: codecs speak of bytes."""
    if isinstance(data, str):
        raise TypeError("a codec takes bytes; encode the text first: text.encode('utf-8')")
    if isinstance(data, np.ndarray):
        return np.ascontiguousarray(data).view(np.uint8).reshape(-1)
    return np.frombuffer(data, dtype=np.uint8)


def as_ids(ids, vocab_size: int) -> np.ndarray:
    """``ids`` as a checked int64 array; raises :class:`DataError` naming the first id out of range."""
    ids = np.asarray(ids)
    if ids.size and not np.issubdtype(ids.dtype, np.integer):
        raise DataError(f"token ids must be integers, not {ids.dtype}")
    ids = ids.astype(np.int64, copy=False).reshape(-1)
    if ids.size:
        bad = np.flatnonzero((ids < 0) | (ids >= vocab_size))
        if bad.size:
            raise DataError(
                f"token {int(bad[0])} has id {int(ids[bad[0]])}, but this codec has ids 0..{vocab_size - 1}"
            )
    return ids
