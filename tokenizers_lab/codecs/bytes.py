"""Bytes as tokens: the codec that every other one is measured against. Id = byte."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.codec import Codec, as_bytes_array, as_ids


class BytesCodec(Codec):
    """256 ids, one a byte."""

    spelling = "bytes"
    vocab_size = 256

    def encode(self, data) -> np.ndarray:
        return as_bytes_array(data).astype(np.uint32)

    def decode(self, ids) -> bytes:
        return as_ids(ids, 256).astype(np.uint8).tobytes()

    def token_bytes(self, token: int) -> bytes:
        return bytes([token])

    def description(self) -> dict:
        return {"codec": "bytes"}
