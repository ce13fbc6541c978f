"""SentencePiece models (Unigram, or its BPE) as codecs, made lossless on any bytes where the model allows it.

Two things break SentencePiece's round trip: bytes that are not UTF-8, and the character ``▁`` (U+2581), which
it takes for a space. Both are spelled here with the model's byte pieces (``<0xE2>`` …), outside the library.
A model trained with ``byte_fallback``, the identity normalisation, no dummy prefix and white space kept is
then lossless; others are marked as not."""

from __future__ import annotations

import hashlib
import re

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import sentencepiece_model
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import write_whole

# SentencePiece's own cost grows with the text it is given at once; a cut before a line is where no piece
# crosses.
_CHUNK = 1 << 16


class UnigramCodec(Codec):
    """``model``: the bytes of a ``.model`` file."""

    def __init__(self, model: bytes, spelling: str = "unigram"):
        import sentencepiece  # start-up, and an optional dependency

        sentencepiece_model.check(model, spelling)
        self._processor = sentencepiece.SentencePieceProcessor()
        try:
            self._processor.LoadFromSerializedProto(model)
        except Exception as error:  # noqa: BLE001 - the library names no kind of its own
            raise DataError(
                f"{spelling}: not a SentencePiece model: {' '.join(str(error).split())[:200]}"
            ) from None
        self._model, self.spelling = model, spelling
        self.vocab_size = self._processor.vocab_size()
        self.eos_id, self.pad_id = (
            i if i >= 0 else None for i in (self._processor.eos_id(), self._processor.pad_id())
        )
        self._tokens: list[bytes] = []
        self._byte_ids: dict[int, int] = {}
        for i in range(self.vocab_size):
            piece = self._processor.id_to_piece(i)
            if self._processor.is_byte(i):
                self._byte_ids[int(piece[3:-1], 16)] = i
                self._tokens.append(bytes([int(piece[3:-1], 16)]))
            elif self._processor.is_control(i) or self._processor.is_unknown(i):
                self._tokens.append(b"")
            else:
                self._tokens.append(piece.replace("\u2581", " ").encode("utf-8"))
        self._lengths = np.array([len(t) for t in self._tokens], dtype=np.int64)
        self.loss = self._why_lossy()
        self.lossless = self.loss is None

    def _why_lossy(self) -> str | None:
        if len(self._byte_ids) < 256:
            return "no byte pieces: what the vocabulary lacks becomes <unk>"
        for probe in (
            "a",
            " a",
            "a  b ",
            "\n\ta\r\n",
            "ﬁ Ａ é e\u0301 ½",
            "\x00\x01 \u3000 \xa0\u2028\ufeff",
        ):
            if b"".join(self._tokens[i] for i in self._processor.encode(probe)) != probe.encode("utf-8"):
                return "the model normalises its input (spaces, a dummy prefix or NFKC)"
        return None

    def encode(self, data) -> np.ndarray:
        raw = as_bytes_array(data).tobytes()
        if not self.lossless:
            return np.array(self._processor.encode(raw.decode("utf-8", "replace")), dtype=np.uint32)
        out: list[int] = []
        for text in _segments(raw):
            if isinstance(text, bytes):
                out += [self._byte_ids[b] for b in text]
            else:
                out += self._processor.encode(text)
        return np.array(out, dtype=np.uint32)

    def decode(self, ids) -> bytes:
        ids = as_ids(ids, self.vocab_size).tolist()
        if not self.lossless:
            return self._processor.decode(ids).encode("utf-8", "replace")
        return b"".join([self._tokens[i] for i in ids])

    def token_bytes(self, token: int) -> bytes:
        return self._tokens[token]

    def token_lengths(self) -> np.ndarray:
        return self._lengths

    def special_id(self, name: str) -> int | None:
        i = self._processor.piece_to_id(name)
        return i if self._processor.is_control(i) else None

    def used_vocab_size(self) -> int:
        return int((self._lengths > 0).sum())

    def description(self) -> dict:
        return {"codec": "sentencepiece", "model": hashlib.sha256(self._model).hexdigest()}

    def save(self, path) -> None:
        write_whole(path, self._model)


# Lone surrogates stand for bytes that are not UTF-8 (surrogateescape).
_SPECIAL = re.compile("[\udc80-\udcff\u2581]+")


def _segments(raw: bytes):
    """Pieces in order: ``str`` for the library, ``bytes`` to be spelled byte by byte."""
    text = raw.decode("utf-8", "surrogateescape")
    at = 0
    for match in _SPECIAL.finditer(text):
        yield from _chunks(text[at : match.start()])
        yield match.group().encode("utf-8", "surrogateescape")
        at = match.end()
    yield from _chunks(text[at:])


def _chunks(text: str):
    at = 0
    while len(text) - at > _CHUNK:
        cut = text.rfind("\n", at, at + _CHUNK) + 1
        cut = cut if cut > at else at + _CHUNK
        yield text[at:cut]
        at = cut
    if at < len(text):
        yield text[at:]
