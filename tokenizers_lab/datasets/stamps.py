"""Whether a source is still what a build was planned for: by SHA-256, which is kept in the manifest, and by
size and times, which are kept beside the parts while the build lasts and spare hashing again.

Concession: a file that was written within the last two seconds before its stamp was taken is hashed again,
once by each process, since the times of some file systems tick slowly; and a source that is changed and
changed back between the two looks of a worker goes unnoticed."""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.sources.finding import STANDARD_INPUT, place
from tokenizers_lab.sources.reading import Source, digest

NAME = "stamps"
KEPT_INPUT = "standard-input"
_TICK = 2_000_000_000  # nanoseconds


def hashed(sources: list[Source], parts: Path) -> tuple[list[Source], dict]:
    """The same with their SHA-256, taken from an earlier plan where size and times are the same; and the
    stamps for :func:`keep`."""
    earlier = _read(parts)

    def one(source):
        # Taken before the hash: a change during it leaves other times behind.
        stamp, now = _stamp(source.path), time.time_ns()
        known = earlier.get(source.path)
        if known and known[:3] == stamp and known[4]:
            return replace(source, sha256=known[3]), known
        sha256 = digest(source.path)
        return replace(source, sha256=sha256), [*stamp, sha256, now - max(stamp[1:]) > _TICK]

    with ThreadPoolExecutor(4) as pool:
        pairs = list(pool.map(one, sources))
    return [s for s, _ in pairs], {s.path: stamp for s, stamp in pairs}


def keep(found: dict, parts: Path) -> None:
    """Write the stamps down, for workers and for the next plan."""
    write_json(parts / NAME, found)


def require_unchanged(source: Source, path: str, parts: Path) -> None:
    """Raises :class:`DataError` unless the file at ``path`` is what ``source`` was when the build was
    planned."""
    if not source.sha256:
        return
    known, now = _read(parts).get(source.path), _stamp(path)
    trusted = known is not None and known[:3] == now and known[4]
    if not trusted and _hash_once(path, *now) != source.sha256:
        raise DataError(f"{path}: has changed since the build began; run the same command again")


def _stamp(path: str) -> list[int]:
    try:
        found = os.stat(place(path))
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


@lru_cache(maxsize=1024)
def _hash_once(path: str, *stamp: int) -> str:
    return digest(path)


def _read(parts: Path) -> dict:
    try:
        found = json.loads((parts / NAME).read_bytes())
        return {k: v for k, v in found.items() if isinstance(v, list) and len(v) == 5}
    except (OSError, ValueError, AttributeError):
        return {}  # none, or of nobody's: everything is hashed


def where(source: Source, parts: Path, root: str | None) -> str:
    """The path at which a worker finds a source; ``root``: the folder that relative ones start from."""
    if source.path == STANDARD_INPUT:
        return str(parts / KEPT_INPUT)
    return source.path if root is None else os.path.join(root, source.path)
