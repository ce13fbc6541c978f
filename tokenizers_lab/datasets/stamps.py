"""Whether a source is still what a build was planned for: by SHA-256, which is kept in the manifest, and by
size and times, which are kept beside the parts while the build lasts and spare hashing again.

Concession: a file that was written within the last two seconds before its stamp was taken is hashed again
next time, since the times of some file systems tick slowly; and a source that is changed and changed back
between the two looks of a worker goes unnoticed.
"""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from tokenizers_lab.datasets.writers import hash_file
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json
from tokenizers_lab.sources.finding import STANDARD_INPUT, place
from tokenizers_lab.sources.reading import Source

NAME = "stamps.json"
KEPT_INPUT = "standard-input"
_TICK = 2_000_000_000  # nanoseconds


def hashed(sources: list[Source], parts: Path) -> list[Source]:
    """The same with their SHA-256, taken from an earlier plan (:func:`keep`) where size and times are the
    same."""
    earlier = _read(parts)

    def one(source):
        known = earlier.get(source.path)
        if known and known[:3] == _stamp(source.path) and known[4]:
            return replace(source, sha256=known[3])
        return replace(source, sha256=_hash(str(place(source.path))))

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(one, sources))


def keep(sources: list[Source], parts: Path) -> None:
    """Write down how the sources look now. To be called with what :func:`hashed` gave, at once."""
    found = {}
    for source in sources:
        stamp = _stamp(source.path)
        # Whether its times would tell of a change that comes right after this.
        found[source.path] = [*stamp, source.sha256, _now(parts) - max(stamp[1:]) > _TICK]
    write_json(parts / NAME, found)


def require_unchanged(source: Source, path: str, parts: Path) -> None:
    """Raises :class:`DataError` unless the file at ``path`` is what ``source`` was when the build was
    planned."""
    if not source.sha256:
        return
    known, now = _read(parts).get(source.path), _stamp(path)
    if (known is None or known[:3] != now) and _hash_once(path, *now) != source.sha256:
        raise DataError(f"{path}: has changed since the build began; run the same command again")


def _now(folder: Path) -> int:
    """The time of the file system, which may be another machine's."""
    probe = folder / f".{os.getpid()}.tmp"
    probe.write_bytes(b"")
    now = probe.stat().st_mtime_ns
    probe.unlink()
    return now


def _stamp(path: str) -> list[int]:
    try:
        found = os.stat(place(path))
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _hash(path: str) -> str:
    try:
        return hash_file(path)[0]
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None


@lru_cache(maxsize=1024)
def _hash_once(path: str, *stamp: int) -> str:
    return _hash(path)


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
