"""SentencePiece models (Unigram, or its BPE) as codecs, made lossless on any bytes where the model allows it.

Two things break SentencePiece's round trip: bytes that are not UTF-8, and the character ``▁`` (U+2581), which
it takes for a space. Both are spelled here with the model's byte pieces (``<0xE2>`` …), outside the library.
A model trained with ``byte_fallback``, the identity normalisation, no dummy prefix and white space kept is
then lossless.

Others get the library's ids on any text and are marked as not lossless. Most of them only put a space before
the text, the dummy prefix, that decoding takes away: their tokens hold a byte more than the text, no byte is
lost, and the first token covers what is left of it (nothing, where it is the prefix alone). So what a token
holds depends on where it stands, and ``token_lengths`` is None: whether a text's bytes add up is asked of
``decode``. Concession: of models that normalise, offsets are the library's, piece by piece in Python."""

from __future__ import annotations

import hashlib
import re

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids, replaced_offsets
from tokenizers_lab.codecs import sentencepiece_model
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import write_whole

# SentencePiece's own cost grows with the text it is given at once; a cut before a line is where no piece
# crosses.
_CHUNK = 1 << 16
_PROBES = ("a", " a", "a  b ", "\n\ta\r\n", "ﬁ Ａ é e\u0301 ½", "\x00\x01 \u3000 \xa0\u2028\ufeff")


class UnigramCodec(Codec):
    """``model``: the bytes of a ``.model`` file."""

    def __init__(self, model: bytes, spelling: str = "unigram"):
        import sentencepiece  # start-up, and an optional dependency

        sentencepiece_model.check(model, spelling)
        self._processor = sentencepiece.SentencePieceProcessor()
        _read(self._processor, model, spelling)
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
        self._dummy, self.loss = self._what_is_lost()
        self.lossless = self.loss is None
        # Behind the first line no space is put; where no piece holds a line end inside, lines are apart.
        self._further = None
        if self._dummy and not any(b"\n" in token[:-1] for token in self._tokens):
            self._further = sentencepiece.SentencePieceProcessor()
            _read(self._further, sentencepiece_model.without_dummy_prefix(model, spelling), spelling)

    def _what_is_lost(self) -> tuple[bool, str | None]:
        """Whether a space before the text is all that the model changes, and what is lost, if anything."""
        if len(self._byte_ids) < 256:
            return False, "no byte pieces: what the vocabulary lacks becomes <unk>"
        probes = [probe.encode("utf-8") for probe in _PROBES]
        held = [b"".join(self._tokens[i] for i in self._processor.encode(p.decode("utf-8"))) for p in probes]
        if held == probes:
            return False, None
        if held == [b" " + p for p in probes]:
            return True, "bytes that are not UTF-8 become U+FFFD, the sign ▁ (U+2581) a space; no other byte"
        return False, "the model normalises its input (spaces or NFKC)"

    def encode(self, data) -> np.ndarray:
        raw = as_bytes_array(data).tobytes()
        if not self.lossless:
            return np.array(self._as_the_library(raw.decode("utf-8", "replace")), dtype=np.uint32)
        out: list[int] = []
        for text in _segments(raw):
            if isinstance(text, bytes):
                out += [self._byte_ids[b] for b in text]
            else:
                out += self._processor.encode(text)
        return np.array(out, dtype=np.uint32)

    def _as_the_library(self, text: str) -> list[int]:
        """The library's ids of ``text``, of a long one by stretches of lines."""
        if self._further is None or len(text) <= _CHUNK:
            return self._processor.encode(text)
        first, *others = _lines(text)
        out = self._processor.encode(first)
        for part in others:
            out += self._further.encode(part)
        return out

    def offsets(self, data, ids=None) -> np.ndarray:
        if self.lossless:
            return super().offsets(data, ids)
        raw = as_bytes_array(data).tobytes()
        ids = self.encode(raw) if ids is None else np.asarray(ids)
        out = np.zeros(len(ids) + 1, dtype=np.int64)
        if self._dummy:
            np.cumsum(self._lengths[ids], out=out[1:])
            out = np.maximum(out - 1, 0)
            if out[-1] == len(raw):
                return out
        return self._offsets_by_library(raw, len(ids))

    def _offsets_by_library(self, raw: bytes, tokens: int) -> np.ndarray:
        text = raw.decode("utf-8", "replace")
        message = self._processor.encode(text, out_type="serialized_proto")
        ends = sentencepiece_model.piece_ends(message, self.spelling)
        if len(ends) != tokens:
            raise DataError("these ids are not the encoding of this data")
        out = np.concatenate([[0], np.maximum.accumulate(ends)]).astype(np.int64) if tokens else ends
        if "\ufffd" in text:  # only then can a character stand for fewer bytes than it has
            starts = np.cumsum([0, *(len(c.encode("utf-8")) for c in text)])
            out = np.array(replaced_offsets(raw, text), np.int64)[np.searchsorted(starts, out)]
        if tokens:
            out[-1] = len(raw)  # what the model drops at the end belongs to the last token
            return out
        return np.zeros(1, np.int64)

    def decode(self, ids) -> bytes:
        ids = as_ids(ids, self.vocab_size).tolist()
        if not self.lossless:
            return self._processor.decode(ids).encode("utf-8", "replace")
        return b"".join([self._tokens[i] for i in ids])

    def token_bytes(self, token: int) -> bytes:
        return self._tokens[token]

    def token_lengths(self) -> np.ndarray | None:
        return self._lengths if self.lossless else None

    def reaches(self, token: int) -> bool:
        if not self._dummy:
            return super().reaches(token)
        own = self._tokens[token]  # at the beginning, where the prefix is its space, or on a line of its own
        if own.startswith(b" ") and self.encode(own[1:]).tolist() == [token]:
            return True
        line = self.encode(b"\n").tolist()
        return self.encode(b"\n" + own).tolist() == [*line, token]

    def special_id(self, name: str) -> int | None:
        i = self._processor.piece_to_id(name)
        return i if self._processor.is_control(i) else None

    def used_vocab_size(self) -> int:
        return int((self._lengths > 0).sum())

    def description(self) -> dict:
        return {"codec": "sentencepiece", "model": hashlib.sha256(self._model).hexdigest()}

    def save(self, path) -> None:
        write_whole(path, self._model)


def _read(processor, model: bytes, spelling: str) -> None:
    try:
        processor.LoadFromSerializedProto(model)
    except Exception as error:  # noqa: BLE001 - the library names no kind of its own
        raise DataError(
            f"{spelling}: not a SentencePiece model: {' '.join(str(error).split())[:200]}"
        ) from None


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


def _lines(text: str):
    """``text`` by stretches that end with lines, of ``_CHUNK`` characters or, where a line is longer, one."""
    at = 0
    while len(text) - at > _CHUNK:
        cut = text.rfind("\n", at, at + _CHUNK) + 1 or text.find("\n", at + _CHUNK) + 1 or len(text)
        yield text[at:cut]
        at = cut
    if at < len(text):
        yield text[at:]


def _chunks(text: str):
    at = 0
    while len(text) - at > _CHUNK:
        cut = text.rfind("\n", at, at + _CHUNK) + 1
        cut = cut if cut > at else at + _CHUNK
        yield text[at:cut]
        at = cut
    if at < len(text):
        yield text[at:]
