"""Which files a bench runs over: named suites, and files by path or by name, whole or their beginnings.

    canterbury      alice29, asyoulik, lcet10, plrabn12
    enwik8          the first 10^8 bytes of the English Wikipedia of 2006, fetched where they are not here
    enwik8:1M       the first 1,000,000 bytes of enwik8 (any size; K = 1000, M = 1,000,000), checked where
                    its hash is known
    samples         what a checkout of nzip has in corpora/samples
    dev             every file of the dev folder of NZIP_CORPORA
    FILE, FILE:2M   any path, or a name that the corpora folders hold

Folders searched: $NZIP_CORPORA with its dev/ and enwik8/, then ``corpora`` in nzip's cache, where what is
fetched is kept, then a checkout's corpora/data and corpora/samples.

Concession: a file that is fetched is looked for by its name, and one of that name is taken for it; only
enwik8 is hashed again.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nzip.benchmark import corpora
from nzip.benchmark.corpora import CANTERBURY, Entry, FetchError, manifest
from nzip.cache import folders as cache_folders
from nzip.errors import NzipError

CHECKOUT = Path(__file__).resolve().parents[2] / "corpora"
WHOLE = 100_000_000  # bytes of enwik8
_SIZE = re.compile(r"(.+):(\d+)([KM]?)")
_UNIT = {"": 1, "K": 1000, "M": 1_000_000}

Fetch = Callable[[str], Path]
"""Brings a corpus of the manifest here. Raises FetchError where it cannot be had."""


class SuiteError(NzipError):
    """One line for the user: what is missing, and where it can be had."""


@dataclass(frozen=True)
class Input:
    """A file to measure: ``path``, and how many of its bytes (None: all)."""

    name: str
    path: Path
    size: int | None = None

    def read(self) -> bytes:
        """The bytes to measure. SuiteError where the file is shorter than asked for."""
        try:
            with open(self.path, "rb") as file:
                data = file.read(-1 if self.size is None else self.size)
        except OSError as error:
            raise SuiteError(f"{self.path}: {(error.strerror or str(error)).lower()}") from None
        if self.size is not None and len(data) < self.size:
            raise SuiteError(f"{self.path} has {len(data):,} bytes, {self.name} asks for {self.size:,}")
        return data


def folders() -> list[Path]:
    """Where names are looked up, in order."""
    large = os.environ.get("NZIP_CORPORA")
    roots = [Path(large), Path(large) / "dev", Path(large) / "enwik8"] if large else []
    fetched = cache_folders.folder("corpora")
    return [*roots, *([fetched] if fetched else []), CHECKOUT / "data", CHECKOUT / "samples"]


def resolve(
    words: list[str], fetch: Fetch | None = None, note: Callable[[str], None] = lambda line: None
) -> list[Input]:
    """Suite names and files, in order, each file once. ``fetch``: brings what is not here and has an address;
    None: nothing is downloaded. ``note``: told where a beginning of enwik8 stands in for all of it. Raises
    :class:`SuiteError` for what is nowhere."""
    found: dict[str, Input] = {}
    for word in words:
        for item in _expand(word, fetch, note):
            found.setdefault(item.name, item)
    return list(found.values())


def is_suite(word: str) -> bool:
    """Whether ``word`` names a suite, and no file."""
    name = word.partition(":")[0]
    return word in ("samples", "canterbury", "dev") or name == "enwik8"


def _expand(word: str, fetch: Fetch | None, note: Callable[[str], None]) -> list[Input]:
    if word == "samples":
        folder = CHECKOUT / "samples"
        if not folder.is_dir():
            raise SuiteError("the suite samples is in nzip's source alone: name files, or canterbury")
        return [Input(path.name, path) for path in sorted(folder.iterdir()) if path.name in _sample_names()]
    if word == "canterbury":
        return [_find(name, fetch) for name in CANTERBURY]
    if word == "dev":
        large = os.environ.get("NZIP_CORPORA")
        if not large or not (Path(large) / "dev").is_dir():
            raise SuiteError(
                "the suite dev is the dev folder of the large corpora: set NZIP_CORPORA to where they are"
            )
        return [Input(path.name, path) for path in sorted((Path(large) / "dev").iterdir()) if path.is_file()]
    match = None if Path(word).is_file() else _SIZE.fullmatch(word)
    name, size = (match[1], int(match[2]) * _UNIT[match[3]]) if match else (word, None)
    if name == "enwik8" and not Path(word).is_file():
        return [_enwik8(word, size, fetch, note)]
    return [_find(name, fetch, word, size)]


def _sample_names() -> set[str]:
    return {Path(name).name for name in manifest() if name.startswith("samples/")}


def _find(name: str, fetch: Fetch | None, label: str | None = None, size: int | None = None) -> Input:
    for path in (Path(name), *(folder / name for folder in folders())):
        if path.is_file():
            return Input(Path(label or name).name, path, size)
    entry = manifest().get(name)
    if entry is None or not entry.fetchable:
        raise SuiteError(f"{name} is not here: give a path, or set NZIP_CORPORA")
    if fetch is None:
        raise SuiteError(f"{name} is not here: nzip bench --suite canterbury fetches it")
    return Input(Path(label or name).name, _fetched(name, fetch), size)


def _fetched(name: str, fetch: Fetch) -> Path:
    try:
        return fetch(name)
    except FetchError as error:
        raise SuiteError(f"{name} is not here, and {error}") from None


def _enwik8(label: str, size: int | None, fetch: Fetch | None, note: Callable[[str], None]) -> Input:
    """The whole file, or any local beginning of it that is long enough; both are checked by hash. Where the
    whole is asked for and cannot be had, the longest beginning that is here, and a note that says so."""
    here = [
        path for folder in folders() if folder.is_dir() for path in folder.glob("enwik8*") if path.is_file()
    ]
    here.sort(key=lambda path: path.stat().st_size)
    wanted = WHOLE if size is None else size
    if wanted > WHOLE:
        raise SuiteError(f"enwik8 has {WHOLE:,} bytes, and {label} asks for {wanted:,}")
    for path in here:
        if path.stat().st_size >= wanted:
            _check(path, wanted)
            return Input(label, path, size)
    why = "it was not to be fetched"
    if fetch is not None:
        try:
            path = fetch("enwik8")
        except FetchError as error:
            why = str(error)
        else:
            return Input(label, path, size)
    if size is not None or not here:
        raise SuiteError(f"no enwik8 of {wanted:,} bytes is here: {why}")
    longest = here[-1]
    _check(longest, length := longest.stat().st_size)
    name = f"{length // 1_000_000}M" if length % 1_000_000 == 0 else str(length)
    note(f"enwik8 is not here ({why}): its first {length:,} bytes stand in for it")
    return Input(f"enwik8:{name}", longest, length)


def _check(path: Path, wanted: int) -> None:
    """Raises SuiteError where the first ``wanted`` bytes of ``path`` are not those of enwik8, as far as pins
    reach."""
    pins = [pin for pin in corpora.prefix_pins() if pin.bytes <= wanted]
    whole: Entry | None = manifest().get("enwik8")
    if wanted == WHOLE and whole is not None and not corpora.verified(path, whole):
        raise SuiteError(f"{path} is not enwik8: its hash differs")
    for pin in pins:
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read(pin.bytes)).hexdigest()
        if pin.hash != f"sha256:{digest}":
            raise SuiteError(f"{path} does not begin as enwik8 does")
