"""The two hashes that files of nzip are full of, both XXH3: 32 bits of a frame, 64 bits of a text.

Concession: against accident, not against malice. What must withstand an adversary (a model that was
downloaded) is pinned by SHA-256, where it is fetched.
"""

from __future__ import annotations

from pathlib import Path

import xxhash


def hash32(data, seed: int = 0) -> int:
    """The low 32 bits of XXH3-64 of ``data`` (bytes-like) under ``seed``."""
    return xxhash.xxh3_64_intdigest(data, seed) & 0xFFFFFFFF


def low32(digest) -> int:
    """What :func:`hash32` gives, of all that a running ``xxhash.xxh3_64`` has seen."""
    return digest.intdigest() & 0xFFFFFFFF


def text_hash(text) -> bytes:
    """Eight bytes, XXH3-64: the hash by which a text (bytes-like) is known, as a primer's is."""
    return xxhash.xxh3_64_digest(text)


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a whole file, 64 hexadecimal digits. Raises :class:`OSError` where it cannot be read."""
    import hashlib  # start-up

    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
