"""Any Hugging Face ``tokenizer.json`` as a codec, run by the `tokenizers` library itself.

For what ``bpe.py`` cannot run natively: normalizers, WordPiece, Unigram, byte fallback, added tokens that
take the spaces beside them. Bytes that are not UTF-8 have no place in such a tokenizer; they are replaced by
U+FFFD, so these codecs are marked as not lossless, and the lab checks each stream before it prints bits per
byte. Special tokens are never made from text (``encode_special_tokens``), dropout, truncation, padding and
the post-processor are off, so a text has one encoding.

Where the decoder is byte-level, tokens are byte strings, as in ``bpe.py``: a character that is split over
several has its border inside, and so has one that byte fallback spells. Concession: elsewhere offsets are the
library's, of whole characters.

A byte-level BPE whose one hindrance is a Unicode normal form (Qwen's NFC) is run by ``bpe.py`` on texts that
are in that form already, which nearly all are: the same ids, ten times as fast."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from functools import cached_property
from typing import Any, Literal

import numpy as np

from tokenizers_lab.codec import EOS_NAMES, PAD_NAMES, Codec, as_bytes_array, as_ids
from tokenizers_lab.codecs import borders, tokenizer_json
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import write_whole
from tokenizers_lab.pretokenize.library import library

_Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
_FORMS = ("NFC", "NFD", "NFKC", "NFKD")


def _is_in_form(form: _Form, text: str) -> bool:
    """Whether a normalizer of any Unicode version leaves ``text`` as it is: this Python's does, since how
    characters are normalized never changes once they are assigned, and no character is one that it does not
    know."""
    if text.isascii():
        return True
    return unicodedata.is_normalized(form, text) and not any(
        unicodedata.category(c) == "Cn" for c in set(text)
    )


class HuggingFaceCodec(Codec):
    """``text``: the JSON of a tokenizer.json. Raises :class:`DataError` for what is none."""

    lossless = False
    loss = "bytes that are not UTF-8 become U+FFFD; a normalizer or decoder may change more"

    def __init__(self, text: str, spelling: str = "huggingface"):
        from tokenizers import Tokenizer  # start-up, and an optional dependency

        self._entry: dict[str, Any] = tokenizer_json.parse(text.encode("utf-8"), spelling)
        self._text, self.spelling = text, spelling
        model = {**self._entry["model"]}
        self._dropout = bool(model.get("dropout"))
        if "dropout" in model:
            model["dropout"] = None
        off = {"truncation": None, "padding": None, "post_processor": None}
        with library(f"{spelling}: not a tokenizer.json that `tokenizers` reads"):
            self._tokenizer = Tokenizer.from_str(json.dumps({**self._entry, **off, "model": model}))
            self._tokenizer.encode_special_tokens = True
            vocab = self._tokenizer.get_vocab(with_added_tokens=True)
            self._added = self._tokenizer.get_added_tokens_decoder()
        if not vocab:
            raise DataError(f"{spelling}: its vocabulary is empty")
        self._require_one_id_each()
        self.vocab_size = max(vocab.values()) + 1
        self._special = {t.content: i for i, t in self._added.items() if t.special}
        self._tokens = self._byte_strings()
        self._inside = self._tokens or self._byte_pieces(vocab)
        self.eos_id, self.pad_id = self._first(EOS_NAMES), self._first(PAD_NAMES)
        self._form: _Form = "NFC"
        self._plain = self._without_its_form()

    def _without_its_form(self):
        """The codec of ``bpe.py`` that gives the same ids where text is in the normal form, or None."""
        from tokenizers_lab.codecs.bpe import BpeCodec  # start-up: numba

        normalizer = self._entry.get("normalizer") or {}
        form = normalizer.get("type")
        if form not in _FORMS or set(normalizer) != {"type"} or self._tokens is None:
            return None
        if not all(_is_in_form(form, t.content) for t in self._added.values()):
            return None
        plain = BpeCodec.from_json({**self._entry, "normalizer": None}, self.spelling)
        if plain is None or plain.tokens != self._tokens:
            return None
        self._form = form
        return plain

    def _is_plain(self, raw: bytes) -> bool:
        """Whether ``bpe.py`` runs this text."""
        if self._plain is None:
            return False
        try:
            return _is_in_form(self._form, raw.decode("utf-8"))
        except UnicodeDecodeError:
            return False

    def _require_one_id_each(self) -> None:
        """Raises :class:`DataError` where two added tokens are one text to the normalizer: which of them the
        library finds is drawn anew whenever the file is loaded."""
        normalizer = self._tokenizer.normalizer
        seen: dict[str, tuple[int, str]] = {}
        for i, token in sorted(self._added.items()) if normalizer is not None else ():
            if not token.normalized:
                continue
            with library(f"{self.spelling}: `tokenizers` cannot normalize {token.content!r}"):
                text = normalizer.normalize_str(token.content)
            other = seen.setdefault(text, (i, token.content))
            if other[0] != i:
                raise DataError(
                    f"{self.spelling}: the added tokens {other[1]!r} and {token.content!r} are both {text!r} "
                    "once they are normalized, and `tokenizers` takes one by chance; mark all but one "
                    "'normalized': false, or remove them"
                )

    def _byte_strings(self) -> list[bytes] | None:
        """The bytes of every token where the decoder is byte-level, else None."""
        decoder = self._entry.get("decoder") or {}
        if decoder.get("type") != "ByteLevel" or not isinstance(self._entry["model"]["vocab"], dict):
            return None
        if self._entry["model"].get("merges") is None:
            return None
        found = tokenizer_json.byte_level(self._entry)
        if found is None or found.clash or len(found.tokens) != self.vocab_size:
            return None
        if {t.content: t.id for t in found.added} != {t.content: i for i, t in self._added.items()}:
            return None
        return found.tokens

    def _byte_pieces(self, vocab: dict[str, int]) -> list[bytes | None]:
        """The bytes of the tokens that stand for one (byte fallback), None for the others."""
        out: list[bytes | None] = [None] * self.vocab_size
        for byte in range(256 if self._entry["model"].get("byte_fallback") else 0):
            if (i := vocab.get(f"<0x{byte:02X}>")) is not None:
                out[i] = bytes([byte])
        return out

    def encode(self, data) -> np.ndarray:
        raw = as_bytes_array(data).tobytes()
        if self._is_plain(raw):
            return self._plain.encode(raw)
        return np.array(self._encoding(raw)[1].ids, dtype=np.uint32)

    def _encoding(self, raw: bytes):
        text = raw.decode("utf-8", "replace")
        with library(f"{self.spelling}: `tokenizers` cannot encode this"):
            return text, self._tokenizer.encode(text, add_special_tokens=False)

    def decode(self, ids) -> bytes:
        checked = as_ids(ids, self.vocab_size).tolist()
        if self._tokens is not None:
            return b"".join([self._tokens[i] for i in checked])
        with library(f"{self.spelling}: `tokenizers` cannot decode this"):
            return self._tokenizer.decode(checked, skip_special_tokens=False).encode("utf-8")

    def token_bytes(self, token: int) -> bytes | None:
        return None if self._tokens is None else self._tokens[token]

    def special_id(self, name: str) -> int | None:
        return self._special.get(name)

    def used_vocab_size(self) -> int:
        return self.vocab_size - len(self._special)

    def offsets(self, data, ids=None) -> np.ndarray:
        raw = as_bytes_array(data).tobytes()
        if ids is not None and self._is_plain(raw):
            out = super().offsets(raw, np.asarray(ids))
            if out[-1] == len(raw):  # else they are not this text's
                return out
        text, encoding = self._encoding(raw)
        if ids is not None and len(ids) != len(encoding.ids):
            raise DataError("these ids are not the encoding of this data")
        return self._offsets(raw, text, encoding)

    def encode_with_offsets(self, data) -> tuple[np.ndarray, np.ndarray]:
        raw = as_bytes_array(data).tobytes()
        if self._is_plain(raw):
            return self._plain.encode_with_offsets(raw)
        text, encoding = self._encoding(raw)
        return np.array(encoding.ids, dtype=np.uint32), self._offsets(raw, text, encoding)

    def _offsets(self, raw: bytes, text: str, encoding) -> np.ndarray:
        at = borders.of_characters(raw, text)
        found = at[np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)]
        tokens = [self._inside[i] for i in encoding.ids]
        return borders.of_tokens(raw, found[:, 0], found[:, 1], tokens)

    def token_lengths(self):
        if self._plain is not None:
            return self._plain.token_lengths()
        return super().token_lengths() if self._tokens is not None else None

    def unreachable(self, tokens) -> np.ndarray:
        if self._plain is None or self._tokens is None:
            return super().unreachable(tokens)
        tokens = np.asarray(tokens, np.int64)
        plain = np.array([self._is_plain(self._tokens[i]) for i in tokens.tolist()], dtype=np.bool_)
        found = [self._plain.unreachable(tokens[plain]), super().unreachable(tokens[~plain])]
        return tokens[np.isin(tokens, np.concatenate(found))]

    @cached_property
    def _digest(self) -> str:
        canonical = json.dumps(json.loads(self._text), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()

    def description(self) -> dict:
        described = {"codec": "huggingface", "json": self._digest}
        if self._special or self._dropout:
            described["special tokens, dropout"] = "never"  # once they were as the file and the text had it
        return described

    def save(self, path) -> None:
        write_whole(path, self._text.encode("utf-8"))
