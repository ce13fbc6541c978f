"""What a block holds: text, binary, executable, image, audio or DNA, and the row length of tables in it.

Decided once per block from the bytes, by the encoder alone: the answer stands in the block's params, so
better guesses never break old files. Guesses cost one pass over samples of at most 64 KiB each. A wrong
guess costs size, never bytes. Concession: one kind per block; mixed files take the kind of most samples.
"""

from __future__ import annotations

import struct
from functools import lru_cache

import numpy as np

from nzip.predictors.kinds import (
    AUDIO,
    BINARY,
    DNA,
    EXECUTABLE,
    IMAGE,
    KIND_NAMES,
    MAX_PIXEL,
    MAX_STRIDE,
    TEXT,
    Content,
)

__all__ = [
    "AUDIO", "BINARY", "DNA", "EXECUTABLE", "IMAGE", "KIND_NAMES", "MAX_PIXEL", "MAX_STRIDE", "TEXT",
    "Content", "detect",
]  # fmt: skip

_SAMPLE = 1 << 16
_HARMLESS = list(b"\t\n\f\r\x1b")  # controls that texts have


def detect(data: np.ndarray) -> Content:
    """The content of ``data`` (uint8, of any length)."""
    if len(data) < 64:
        return Content(TEXT)
    named = by_header(data)
    if named is not None:
        return named
    samples = _samples(data)
    counts = np.bincount(np.concatenate(samples), minlength=256)
    total = counts.sum()
    dna = counts[list(b"ACGT")].sum()
    if dna > 0.9 * total and counts[ord("\n")] + counts[ord("\r")] + dna > 0.97 * total:
        return Content(DNA)
    texts = sum(_looks_like_text(s) for s in samples)
    if 2 * texts >= len(samples):
        return Content(TEXT)
    if 2 * sum(_looks_like_x86(s) for s in samples) > len(samples):
        return Content(EXECUTABLE)
    return Content(BINARY, *_row_length(samples))


def rows(data: np.ndarray) -> tuple[int, int]:
    """Row length and bytes a field of binary ``data``, 0 and 1 where there are no rows."""
    return _row_length(_samples(data))


def _samples(data: np.ndarray, count: int = 5) -> list[np.ndarray]:
    if len(data) <= count * _SAMPLE:
        return [data]
    starts = np.linspace(0, len(data) - _SAMPLE, count).astype(np.int64)
    return [data[s : s + _SAMPLE] for s in starts]


def by_header(data: np.ndarray) -> Content | None:
    head = data[:128].tobytes()
    if head[:2] == b"BM" and len(data) > 64:
        width, height, _, bits = struct.unpack_from("<iiHH", head, 18)
        stride = (width * bits + 31) // 32 * 4
        if bits in (8, 24, 32) and 0 < stride <= MAX_STRIDE and abs(height) * stride <= len(data) + 65536:
            return Content(IMAGE, stride, bits // 8)
    if head[:2] in (b"P5", b"P6"):
        words = [w for line in head.split(b"\n") if not line.startswith(b"#") for w in line.split()]
        if len(words) >= 4 and all(w.isdigit() for w in words[1:4]):
            pixel = (3 if head[:2] == b"P6" else 1) * (2 if int(words[3]) > 255 else 1)
            if 0 < int(words[1]) * pixel <= MAX_STRIDE:
                return Content(IMAGE, int(words[1]) * pixel, pixel)
    if head[:4] == b"RIFF" and head[8:16] == b"WAVEfmt ":
        coding, channels, _, _, align, bits = struct.unpack_from("<HHIIHH", head, 20)
        if coding in (1, 0xFFFE) and bits == 16 and align == 2 * channels <= MAX_PIXEL:
            return Content(AUDIO, align, align)
        if coding == 1 and bits == 8 and 0 < align <= MAX_PIXEL:
            return Content(IMAGE, align * 2, align)
    if head[:4] == b"\x7fELF" and head[18:20] in (b"\x3e\0", b"\x03\0"):
        return Content(EXECUTABLE)
    if head[:2] == b"MZ":
        return Content(EXECUTABLE)
    return None


def _looks_like_text(sample: np.ndarray) -> bool:
    """Mostly printable ASCII, or bytes above 127 that stand as UTF-8 sequences do; hardly any controls."""
    n = len(sample)
    controls = int(((sample < 32) & ~np.isin(sample, _HARMLESS)).sum())
    if controls > n / 50:
        return False
    high = sample >= 128
    if int(high.sum()) <= n / 50:
        return True
    lead, follow = sample >= 0xC0, (sample >= 0x80) & (sample < 0xC0)
    proper = int((lead[:-1] & follow[1:]).sum())
    leads = int(lead.sum())
    if leads and proper > 0.9 * leads and int(follow.sum()) <= 3 * leads:
        return True
    # an 8-bit code page: letters in words, with spaces or line ends among them
    spaces = int(((sample == ord(" ")) | (sample == ord("\n"))).sum())
    return spaces > n / 20 and int((sample < 128).sum()) > n / 2 and controls == 0


def _looks_like_x86(sample: np.ndarray) -> bool:
    """Calls and jumps (E8, E9) whose 32-bit distance is short: its top byte is 00 or FF."""
    near = np.flatnonzero((sample[:-4] == 0xE8) | (sample[:-4] == 0xE9))
    if len(near) < len(sample) / 500:
        return False
    top = sample[near + 4]
    return bool(((top == 0) | (top == 255)).mean() > 0.5 and (sample[near + 3] != top).mean() > 0.02)


def _row_length(samples: list[np.ndarray]) -> tuple[int, int]:
    """(stride, 1) where bytes repeat or vary smoothly at one distance much more than at others; (0, 1) if
    not."""
    return _row_length_of(tuple(sample[: 1 << 15].tobytes() for sample in samples))


@lru_cache(maxsize=2)  # a block is asked for whole, and for its pieces, of which it often is the only one
def _row_length_of(samples: tuple[bytes, ...], longest: int = 4096) -> tuple[int, int]:
    votes: dict[int, int] = {}
    for sample in samples:
        if len(sample) < 1024:
            continue
        s = np.frombuffer(sample, np.uint8)
        limit = min(longest, len(s) // 4)
        base = s[limit:]
        equal = np.array([np.count_nonzero(base == s[limit - d : len(s) - d]) for d in range(1, limit)])
        best = int(equal[1:].argmax()) + 2
        around = np.median(equal)
        if equal[best - 1] > 1.6 * around + len(base) / 50:
            # a multiple of the true length repeats as well: take the shortest distance that is as good
            for d in range(2, best):
                if best % d == 0 and equal[d - 1] > 0.93 * equal[best - 1]:
                    best = d
                    break
            votes[best] = votes.get(best, 0) + 1
    if votes:
        stride, count = max(votes.items(), key=lambda v: (v[1], -v[0]))
        if 2 * count >= len(samples):
            return stride, 1
    return 0, 1
