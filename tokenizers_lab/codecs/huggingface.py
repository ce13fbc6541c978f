"""Any Hugging Face ``tokenizer.json`` as a codec, run by the `tokenizers` library itself.

For what ``bpe.py`` cannot run natively: normalizers, WordPiece, Unigram, byte fallback, other patterns. Bytes
that are not UTF-8 have no place in such a tokenizer; they are replaced by U+FFFD, so these codecs are marked
as not lossless, and the lab checks each stream before it prints bits per byte."""

from __future__ import annotations

import codecs
import hashlib
import json

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids
from tokenizers_lab.errors import DataError
from tokenizers_lab.files import write_whole


class HuggingFaceCodec(Codec):
    """``text``: the JSON of a tokenizer.json."""

    lossless = False
    loss = "bytes that are not UTF-8 become U+FFFD; a normalizer or decoder may change more"

    def __init__(self, text: str, spelling: str = "huggingface"):
        from tokenizers import Tokenizer  # start-up, and an optional dependency

        try:
            self._tokenizer = Tokenizer.from_str(text)
        except Exception as error:  # noqa: BLE001 - the library raises nothing narrower
            raise DataError(f"{spelling}: not a tokenizer.json that `tokenizers` reads: {error}") from None
        self._text, self.spelling = text, spelling
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        vocab = self._tokenizer.get_vocab(with_added_tokens=True)
        if not vocab:
            raise DataError(f"{spelling}: its vocabulary is empty")
        self.vocab_size = max(vocab.values()) + 1

    def encode(self, data) -> np.ndarray:
        text = as_bytes_array(data).tobytes().decode("utf-8", "replace")
        return np.array(self._tokenizer.encode(text, add_special_tokens=False).ids, dtype=np.uint32)

    def decode(self, ids) -> bytes:
        return self._tokenizer.decode(
            as_ids(ids, self.vocab_size).tolist(), skip_special_tokens=False
        ).encode("utf-8")

    def offsets(self, data, ids=None) -> np.ndarray:
        raw = as_bytes_array(data).tobytes()
        text = raw.decode("utf-8", "replace")
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if ids is not None and len(ids) != len(encoding.ids):
            raise DataError("these ids are not the encoding of this data")
        at = np.zeros(len(text) + 1, dtype=np.int64)
        if "\ufffd" not in text:
            np.cumsum([len(c.encode("utf-8")) for c in text], out=at[1:])
        else:  # only then can a character stand for fewer bytes than it has
            at[:] = _replaced_offsets(raw, text)
        stops = [at[end] for _, end in encoding.offsets]
        out = np.maximum.accumulate(np.array([0, *stops], dtype=np.int64))
        if len(out) > 1:
            out[-1] = len(raw)  # what a normalizer dropped at the end belongs to the last token
        return out

    def token_lengths(self):
        return None

    def description(self) -> dict:
        canonical = json.dumps(json.loads(self._text), sort_keys=True)
        return {"codec": "huggingface", "json": hashlib.sha256(canonical.encode()).hexdigest()}

    def save(self, path) -> None:
        write_whole(path, self._text.encode("utf-8"))


def _replaced_offsets(raw: bytes, text: str) -> list[int]:
    """Byte offset of each character of ``raw.decode("utf-8", "replace")``, and the end."""
    bad: dict[int, int] = {}

    def note(error):
        bad[error.start] = error.end
        return "\ufffd", error.end

    codecs.register_error("tokenizers_lab.note", note)
    raw.decode("utf-8", "tokenizers_lab.note")
    out, at = [0], 0
    for c in text:
        at = bad[at] if at in bad else at + len(c.encode("utf-8"))
        out.append(at)
    return out
