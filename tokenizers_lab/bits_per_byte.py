"""Bits per byte: the one gate that every such figure of the lab passes through.

The field's most repeated bug is a byte count that does not belong to the tokens it divides. So bytes are
counted twice before anything is divided by them: by the tokens' own lengths (or by decoding them), and by the
raw bytes that they were made from. :func:`tokenise` and :func:`check` do so for one text, :func:`require` for
one document of a dataset, :func:`require_equal` for a whole split; where the two differ,
:class:`AccountingError` is raised, or kept as words for a report that says why a figure is missing. The
divisions themselves are ``nzip.bits_per_byte``'s; here they are refused for no bytes.

Concession: counting twice costs an encoding or a decoding more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nzip import bits_per_byte as house
from tokenizers_lab.codec import Codec, as_bytes_array
from tokenizers_lab.errors import AccountingError


def from_compressed(compressed_bytes: float, raw_bytes: int) -> float:
    """Of ``raw_bytes`` in ``compressed_bytes``. Raises :class:`AccountingError` for no raw bytes."""
    return house.bits_per_byte(compressed_bytes, _some(raw_bytes))


def from_bits(bits: float, raw_bytes: float) -> float:
    """Of Σ −log₂ p over tokens that hold exactly ``raw_bytes`` (or means of both: bits a token over bytes a
    token). Raises :class:`AccountingError` for no raw bytes."""
    return house.from_bits(bits, _some(raw_bytes))


def from_nats(nats: float, raw_bytes: float) -> float:
    """As :func:`from_bits`, of Σ −ln p: BPB = nats / (ln 2 · bytes of exactly the tokens scored)."""
    return house.from_nats(nats, _some(raw_bytes))


def _some(raw_bytes):
    if raw_bytes <= 0:
        raise AccountingError("no bytes were scored")
    return raw_bytes


@dataclass
class Tokenised:
    """One file under one codec. ``offsets``: int64 (tokens+1,). ``problem``: None, or why bytes do not add
    up."""

    codec: Codec
    name: str
    raw: bytes
    ids: np.ndarray
    offsets: np.ndarray
    problem: str | None

    def require(self) -> Tokenised:
        """Itself, if the bytes add up; else :class:`AccountingError`."""
        if self.problem:
            raise AccountingError(
                f"{self.codec.spelling} on {self.name}: {self.problem}; bits per byte would be wrong"
            )
        return self

    @property
    def tokens(self) -> int:
        return len(self.ids)


def tokenise(codec: Codec, data, name: str = "data") -> Tokenised:
    """Encode ``data`` and check that Σ token bytes = raw bytes and that the ids decode to them."""
    raw = as_bytes_array(data).tobytes()
    ids, offsets = codec.encode_with_offsets(raw)
    return Tokenised(codec, name, raw, ids, offsets, check(codec, raw, ids, offsets))


def check(codec: Codec, raw: bytes, ids: np.ndarray, offsets: np.ndarray | None = None) -> str | None:
    """None if the bytes of ``ids`` add up to ``raw``, else the difference in words."""
    lengths = codec.token_lengths()
    if lengths is not None:
        total = held(lengths, ids)
        if total != len(raw):
            return f"the tokens' bytes sum to {total}, the data has {len(raw)}"
    offsets = codec.offsets(raw, ids) if offsets is None else offsets
    if (
        len(offsets) != len(ids) + 1
        or offsets[0] != 0
        or (np.diff(offsets) < 0).any()
        or offsets[-1] != len(raw)
    ):
        return "the tokens' byte offsets do not cover the data"
    decoded = codec.decode(ids)
    if decoded != raw:
        at = next((i for i, (a, b) in enumerate(zip(decoded, raw)) if a != b), min(len(decoded), len(raw)))
        return f"decoding gives other bytes (from byte {at} on; {len(decoded)} against {len(raw)})"
    return None


def held(lengths: np.ndarray, ids: np.ndarray) -> int:
    """The bytes that ``ids`` stand for, by ``lengths`` (int64 of shape (vocab_size,)): a figure of its own,
    to be held against the raw bytes."""
    return int(lengths[ids].sum())


def require(codec: Codec, lengths: np.ndarray | None, raw: bytes, ids: np.ndarray, where: str) -> None:
    """Raises :class:`AccountingError`, beginning with ``where``, unless ``ids`` hold exactly ``raw``: their
    bytes add up, and where the codec does not promise to lose nothing, they decode to it. ``lengths``: the
    codec's ``token_lengths()``, asked for once."""
    if lengths is not None:
        total = held(lengths, ids)
        if total != len(raw):
            raise AccountingError(
                f"{where}: its tokens hold {total} bytes, it has {len(raw)}; "
                f"{codec.spelling} loses bytes ({codec.loss})"
            )
    if not codec.lossless and codec.decode(ids) != raw:
        raise AccountingError(
            f"{where} does not come back from its tokens; {codec.spelling} is not lossless: {codec.loss}"
        )


def require_equal(tokens_hold: int, recorded: int, what: str) -> int:
    """``recorded``, the raw bytes of ``what``, where its tokens hold as many and at least one; else
    :class:`AccountingError`."""
    if tokens_hold != recorded or not recorded:
        raise AccountingError(
            f"{what} hold {tokens_hold:,} bytes, the documents {recorded:,}: no bits per byte can be given; "
            "run 'dataset verify'"
        )
    return recorded
