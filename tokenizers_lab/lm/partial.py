"""Prompts and unfinished token streams, for codecs whose tokens mean something only together.

A language model's sample may stop anywhere: inside a window, inside a DEFLATE block, inside an arithmetic
code. :func:`text_of` gives the bytes that are certain by then, whatever would have followed, and says what
was left over. :func:`begin` encodes a prompt as the beginning of something longer, not as a whole text.

Concession: which tokens of a prompt stand fast under BPE and Unigram is found by encoding it with a few
continuations; under ``ac`` the length that stands in front is a guess at what the sample will hold."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from os.path import commonprefix

import numpy as np

from nzip.varint import varint
from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs.ac import ArithmeticCodec, read_length
from tokenizers_lab.codecs.equal_info import WindowCodec
from tokenizers_lab.codecs.gzip import GzipCodec
from tokenizers_lab.codecs.marked import MarkedCodec
from tokenizers_lab.codecs.raw_bits import pack, unpack
from tokenizers_lab.codecs.strings import StringsCodec
from tokenizers_lab.errors import DataError

_TAIL = 64
_EMPTY_BLOCK = b"\0\0\0\xff\xff"  # of DEFLATE, stored: makes an odd number of bytes even
_MOST = 1 << 20  # bytes that an arithmetic code's length is believed for


def begin(codec: Codec, prompt: bytes, more: int) -> np.ndarray:
    """Ids that a text which begins with ``prompt`` begins with; ``more``: bytes that may follow
    (:func:`length`). Where the last ids depend on what follows they are left out, so the ids may stand for
    fewer bytes than the prompt has; :mod:`.healing` adds the rest."""
    if isinstance(codec, GzipCodec):
        if not prompt:
            return np.zeros(0, np.uint32)
        coder = zlib.compressobj(codec.level, zlib.DEFLATED, -15)
        raw = coder.compress(prompt) + coder.flush(zlib.Z_SYNC_FLUSH)
        return pack(raw + _EMPTY_BLOCK * (len(raw) % (codec.bits // 8)), codec.bits)
    if not prompt:
        return np.zeros(0, np.uint32)
    if isinstance(codec, WindowCodec):
        return _certain_windows(codec, prompt)
    if isinstance(codec, StringsCodec):
        return _certain_strings(codec, prompt)
    if isinstance(codec, ArithmeticCodec):
        endings = [
            end * (length(prompt, more) - len(prompt)) for end in (b"\0", b"\xff")
        ]  # the lowest code and the highest
    elif isinstance(codec, MarkedCodec):
        endings = [
            b"",
            b"e" * _TAIL,
            b"E",
            b"EE",
            b"Ee",
            b" e",
            b" E",
            b" EE",
            b"\n",
            b"\ne",
            b"\n e",
            b"7",
            b"\xff",
        ]
    elif codec.token_lengths() is not None:
        endings = [b"", b"e" * _TAIL, b" e", b"\n", b"7", b"\xff"]
    else:
        return codec.encode(prompt)
    return np.array(commonprefix([codec.encode(prompt + end).tolist() for end in endings]), np.uint32)


def _certain_windows(codec: WindowCodec, prompt: bytes) -> np.ndarray:
    """The windows that end inside the prompt whatever follows: no window could hold all of it from where they
    begin."""
    ids = codec.encode(prompt)
    cells, literals, last = codec.parse(ids)
    _, ends = codec.expand(cells, literals)
    starts = [0, *ends.tolist()]
    for i in range(len(cells)):
        if codec.cells_beginning_with(prompt[starts[i] :], prompt[starts[codec.origin(i)] : starts[i]]):
            return ids[: int(last[i - 1]) if i else 0]
    return ids


def _certain_strings(codec: StringsCodec, prompt: bytes) -> np.ndarray:
    """The same for longest match: no longer string begins with all that is left."""
    ids, at = codec.encode(prompt), 0
    for i, token in enumerate(ids.tolist()):
        longer = bisect_right(codec.strings, prompt[at:])
        if longer < len(codec.strings) and codec.strings[longer].startswith(prompt[at:]):
            return ids[:i]
        at += len(codec.strings[token])
    return ids


def length(prompt: bytes, more: int) -> int:
    """What an arithmetic code says in front that its text has, where ``more`` bytes may follow ``prompt``."""
    return len(prompt) + max(more, _TAIL)


def text_of(codec: Codec, ids) -> tuple[bytes, str | None]:
    """(bytes, None or what was left over and why) of ids that may stop, or go wrong, anywhere."""
    ids = np.asarray(ids, dtype=np.int64)
    if isinstance(codec, GzipCodec):
        return _inflate(unpack(ids, codec.bits))
    if isinstance(codec, ArithmeticCodec):
        return _arithmetic(codec, unpack(ids, codec.bits))
    if isinstance(codec, WindowCodec):
        return _windows(codec, ids)
    if isinstance(codec, MarkedCodec):  # what follows may put a capital or a space
        return codec.marks.certain(codec.of.decode(ids)), None
    return codec.decode(ids), None


def _inflate(raw: bytes) -> tuple[bytes, str | None]:
    decoder, out = zlib.decompressobj(-15), bytearray()
    for i in range(len(raw)):
        try:
            out += decoder.decompress(raw[i : i + 1])
        except zlib.error as error:
            return bytes(
                out
            ), f"byte {i} of the DEFLATE stream makes no sense ({error}); nothing behind it can be decoded"
        if decoder.eof:
            left = len(raw) - i - 1
            return bytes(
                out
            ), f"the DEFLATE stream ends {left} bytes before the sample does" if left else None
    return bytes(out), "the DEFLATE stream is not at its end" if len(raw) else None


def _arithmetic(codec: ArithmeticCodec, raw: bytes) -> tuple[bytes, str | None]:
    try:
        size, at = read_length(raw)
    except DataError:
        return b"", "the length in front is not there yet" if raw else None
    take = min(size, _MOST)
    ways = [
        codec.decode(
            pack((varint(take) + raw[at:] + end * (2 * take + 16)), 8)
            if codec.bits == 8
            else pack(varint(take) + raw[at:] + end * (2 * take + 17), 16)
        )
        for end in (b"\0", b"\xff")
    ]
    text = _common(ways)
    if len(text) == size:
        return text, None
    return text, f"{len(text):,} of the {size:,} bytes that its length claims are certain"


def _common(texts: list[bytes]) -> bytes:
    """What all of them begin with."""
    return texts[0][: len(commonprefix(texts))]


def whole_windows(codec: WindowCodec, ids: np.ndarray) -> int:
    """How many of the ids make whole windows (literals count as such); the rest is a beginning, or goes
    wrong."""
    per, at = codec.width // codec.token_bits, 0
    while at < len(ids):
        if ids[at] == codec.literal_id:
            if at + 1 >= len(ids) or ids[at + 1] > 255:
                return at
            at += 2
        elif ids[at] >= codec.eos_id:
            at += 1
        else:
            if at + per > len(ids) or (ids[at : at + per] >= codec.eos_id).any():
                return at
            at += per
    return at


def _windows(codec: WindowCodec, ids: np.ndarray) -> tuple[bytes, str | None]:
    whole = whole_windows(codec, ids)
    rest = ids[whole:]
    if not len(rest):
        return codec.decode(ids), None
    per = codec.width // codec.token_bits
    bad = np.flatnonzero(rest >= codec.eos_id)
    if rest[0] == codec.literal_id:
        return codec.decode(ids[:whole]), f"token {whole} marks a literal byte that does not follow"
    start = rest[: bad[0]] if len(bad) else rest
    ends = [np.full(per - len(start), fill, np.int64) for fill in (0, (1 << codec.token_bits) - 1)]
    text = _common([codec.decode(np.concatenate([ids[:whole], start, end])) for end in ends])
    if len(bad):
        return text, f"token {whole + int(bad[0])} stands inside a window; nothing behind it can be decoded"
    return text, f"the last window holds {len(start)} of its {per} tokens"
