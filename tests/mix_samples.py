"""Small files of every kind of content, made by arithmetic: the same bytes on every machine and Python."""

from __future__ import annotations

import struct

WORDS = [
    "the", "of", "and", "to", "in", "that", "was", "his", "he", "it", "with", "is", "for", "as", "had",
    "you", "not", "be", "her", "on", "at", "by", "which", "have", "or", "from", "this", "him", "but",
    "all", "she", "they", "were", "my", "are", "me", "one", "their", "so", "an", "said", "them", "we",
    "who", "would", "been", "will", "no", "when", "there", "if", "more", "out", "up", "into", "do", "any",
    "your", "what", "has", "man", "could", "other", "than", "our", "some", "very", "time", "upon",
    "about", "may", "its", "only", "now", "like", "little", "then", "can", "should", "made", "did", "us",
    "such", "great", "before", "must", "two", "these", "see", "know", "over", "much", "down", "after",
    "first", "good", "men", "Whale", "sea", "ship", "captain", "night", "water", "hand", "head", "old",
    "long", "eyes", "world", "morning", "Ahab", "boat", "white", "again", "round", "Starbuck", "house",
    "through",
]  # fmt: skip
KINDS = ("text", "binary", "executable", "image", "audio", "dna")


def numbers(seed: int):
    """Pseudo-random numbers below 2**32 (a 64-bit linear congruence, upper half)."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        yield state >> 32


def text(size: int, seed: int = 1) -> bytes:
    """Sentences of common English words, the frequent ones more often."""
    chance, out, column, done = numbers(seed), [], 0, 0
    while done < size:
        word = WORDS[next(chance) % (1 + next(chance) % len(WORDS))]
        ending = ". " if next(chance) % 9 == 0 else ", " if next(chance) % 11 == 0 else " "
        column += len(word) + len(ending)
        if column > 70:
            ending, column = ending.rstrip() + "\n", 0
        out.append(word + ending)
        done += len(out[-1])
    return "".join(out).encode()[:size]


def binary(size: int, seed: int = 1) -> bytes:
    """Records of 24 bytes: a counter, a few flags, a slowly moving measurement, padding."""
    chance, out, level = numbers(seed), bytearray(), 1000
    for i in range(size // 24 + 1):
        level += next(chance) % 9 - 4
        out += (
            struct.pack("<IHHhxx", 70000 + 3 * i, next(chance) % 5, 0x1234, level)
            + b"\0\0\0\0rec\xff\x80\x01\0\0"
        )
    return bytes(out[:size])


def executable(size: int, seed: int = 1) -> bytes:
    """An ELF header, and code in which a few functions are called (E8, relative) from everywhere."""
    chance = numbers(seed)
    out = bytearray(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0\x3e\0\x01\0\0\0" + bytes(40))
    pieces = (
        b"\x55\x48\x89\xe5",
        b"\x48\x8b\x45\xf8",
        b"\x48\x83\xec\x20",
        b"\xc3",
        b"\x0f\x1f\x40\x00",
        b"\x31\xc0",
        b"\x5d\xc3",
        b"\x90",
    )
    while len(out) < size:
        if next(chance) % 4 == 0:
            target = (256, 640, 1024, 2048)[next(chance) % 4]
            out += b"\xe8" + struct.pack("<i", target - len(out) - 5)
        else:
            out += pieces[next(chance) % len(pieces)]
    return bytes(out[:size])


def image(size: int, seed: int = 1) -> bytes:
    """A colour picture (PPM) of 32 pixels a row: a gradient, an edge, a little noise."""
    rows = max(1, size // 96)
    out, chance = bytearray(b"P6\n32 %d\n255\n" % rows), numbers(seed)
    for y in range(rows):
        for x in range(32):
            light = 3 * x + 2 * y + 60 * (x > y % 40) + next(chance) % 4
            out += bytes((light % 256, (light + 30) % 256, light // 2 % 256))
    return bytes(out[:size])


def audio(size: int, seed: int = 1) -> bytes:
    """A stereo WAVE file of 16 bits: two triangles and noise."""
    chance, frames = numbers(seed), size // 4
    out = bytearray(
        b"RIFF"
        + struct.pack("<I", 36 + 4 * frames)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, 2, 8000, 32000, 4, 16)
    )
    out += b"data" + struct.pack("<I", 4 * frames)
    for i in range(frames):
        left = 90 * abs(i % 64 - 32) - 1440 + next(chance) % 40
        out += struct.pack("<hh", left, left // 2 + 25 * abs(i % 101 - 50) + next(chance) % 25)
    return bytes(out[:size])


def dna(size: int, seed: int = 1) -> bytes:
    """Nucleotides in lines of 60, with repeats."""
    chance, out = numbers(seed), bytearray()
    while len(out) < size:
        if len(out) > 200 and next(chance) % 6 == 0:
            start = next(chance) % (len(out) - 100)
            out += out[start : start + 50 + next(chance) % 50]
        else:
            out += bytes(b"ACGT"[next(chance) >> 16 & 3] for _ in range(30))
    letters = bytes(out).replace(b"\n", b"")
    return b"\n".join(letters[i : i + 60] for i in range(0, len(letters), 60))[:size]


def sample(kind: str, size: int, seed: int = 1) -> bytes:
    """``size`` bytes of a kind of content, by name."""
    return globals()[kind](size, seed)
