"""SentencePiece models (Unigram, or its BPE) as codecs, made lossless on any bytes where the model allows it.

Two things break SentencePiece's round trip: bytes that are not UTF-8, and the character ``▁`` (U+2581), which
it takes for a space. Both are spelled here with the model's byte pieces (``<0xE2>`` …), outside the library.
A model trained with ``byte_fallback``, the identity normalisation, no dummy prefix and white space kept is
then lossless; others are marked as not, and their tokens' borders are those that the library tells.

Most of these only put a space before the text, the dummy prefix, that decoding takes away: their tokens hold
a byte more than the text and no byte is lost. The first token covers one byte less than it spells, and
``token_lengths`` is None, since what a token holds depends on where it stands: whether bytes add up is asked
of ``decode``.

Concession: the library counts scores in single precision from a text's start on, so what it is given at once
decides near ties. It gets all of a text up to 16 MiB (half a gigabyte of memory) here, more in parts; a BPE
with a dummy prefix, which has no such sums, gets lines by 64 KiB, for speed."""

from __future__ import annotations

import hashlib
import re

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids, fingerprint_of
from tokenizers_lab.codecs import borders, sentencepiece_model
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import write_whole

_CHUNK = 16 << 20
_LINES = 1 << 16
_PROBES = ("a", " a", "a  b ", "\n\ta\r\n", "ﬁ Ａ é e\u0301 ½", "\x00\x01 \u3000 \xa0\u2028\ufeff")


class UnigramCodec(Codec):
    """``model``: the bytes of a ``.model`` file."""

    def __init__(self, model: bytes, spelling: str = "unigram"):
        import sentencepiece  # start-up, and an optional dependency

        self._rewrites = sentencepiece_model.check(model, spelling)
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
        self._bytewise = np.zeros(self.vocab_size, dtype=np.bool_)
        self._bytewise[list(self._byte_ids.values())] = True
        self._lengths = np.array([len(t) for t in self._tokens], dtype=np.int64)
        self._dummy, self.loss = self._what_is_lost()
        self.lossless = self.loss is None
        # Behind the first line no space is put; where no piece holds a line end inside, lines are apart.
        self._further = None
        apart = not any(b"\n" in token[:-1] for token in self._tokens)
        if self._dummy and apart and sentencepiece_model.is_bpe(model, spelling):
            self._further = sentencepiece.SentencePieceProcessor()
            _read(self._further, sentencepiece_model.without_dummy_prefix(model), spelling)

    def _what_is_lost(self) -> tuple[bool, str | None]:
        """Whether a space before the text is all that the model changes, and what is lost, if anything."""
        if len(self._byte_ids) < 256:
            return False, "no byte pieces: what the vocabulary lacks becomes <unk>"
        if self._rewrites:
            return False, "the model normalises its input by rules of its own"
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
        """The library's ids of ``text``."""
        if self._further is None or len(text) <= _LINES:
            return self._processor.encode(text)
        first, *others = _lines(text)
        out = self._processor.encode(first)
        for part in others:
            out += self._further.encode(part)
        return out

    def decode(self, ids) -> bytes:
        ids = as_ids(ids, self.vocab_size).tolist()
        if not self.lossless:
            return self._processor.decode(ids).encode("utf-8", "replace")
        return b"".join([self._tokens[i] for i in ids])

    def token_bytes(self, token: int) -> bytes:
        return self._tokens[token]

    def token_lengths(self) -> np.ndarray | None:
        return self._lengths if self.lossless else None

    def offsets(self, data, ids=None) -> np.ndarray:
        if self.lossless:
            return super().offsets(data, ids)
        if self._dummy and ids is not None:
            out = self._behind_the_space(np.asarray(ids), memoryview(data).nbytes)
            if out is not None:
                return out
        found, out = self.encode_with_offsets(data)
        if ids is not None and len(ids) != len(found):
            raise DataError("these ids are not the encoding of this data")
        return out

    def encode_with_offsets(self, data) -> tuple[np.ndarray, np.ndarray]:
        if self.lossless:
            return super().encode_with_offsets(data)
        raw = as_bytes_array(data).tobytes()
        if self._dummy:
            quick = self.encode(raw)
            borders_there = self._behind_the_space(quick, len(raw))
            if borders_there is not None:
                return quick, borders_there
        text = raw.decode("utf-8", "replace")
        proto = self._processor.encode(text, out_type="serialized_proto")
        found = sentencepiece_model.pieces(proto, self.spelling)
        ids, starts, stops = np.array(found, dtype=np.int64).reshape(-1, 3).T
        # Of several pieces that spell a character the library gives it to the last.
        shared = (stops[:-1] == starts[:-1]) & (starts[1:] == starts[:-1]) & self._bytewise[ids[:-1]]
        for i in np.flatnonzero(shared)[::-1]:
            stops[i] = stops[i + 1]
        if "\ufffd" in text:
            seen = text.encode("utf-8")
            at = borders.of_characters(raw, text)[np.cumsum(np.frombuffer(seen, np.uint8) & 0xC0 != 0x80) - 1]
            at = np.append(at, len(raw))
            starts, stops = at[starts], at[stops]
        tokens = [self._tokens[i] if self._bytewise[i] else None for i in ids.tolist()]
        return ids.astype(np.uint32), borders.of_tokens(raw, starts, stops, tokens)

    def _behind_the_space(self, ids: np.ndarray, size: int) -> np.ndarray | None:
        """The borders of tokens that hold a text of ``size`` bytes and the space before it, or None where
        they hold something else."""
        out = np.zeros(len(ids) + 1, dtype=np.int64)
        np.cumsum(self._lengths[ids], out=out[1:])
        out = np.maximum(out - 1, 0)
        return out if out[-1] == size else None

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
        described = {"codec": "sentencepiece", "model": hashlib.sha256(self._model).hexdigest()}
        # Once lossless models got 64 KiB at a time, and all others the whole text.
        return {**described, "at once": _CHUNK} if self.lossless else described

    def earlier_fingerprints(self) -> tuple[str, ...]:
        described = self.description()
        return (fingerprint_of(described),) if described.pop("at once", None) else ()

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
    """``text`` by stretches that end with lines, of ``_LINES`` characters or, where a line is longer, one."""
    at = 0
    while len(text) - at > _LINES:
        cut = text.rfind("\n", at, at + _LINES) + 1 or text.find("\n", at + _LINES) + 1 or len(text)
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
