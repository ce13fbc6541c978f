"""Which files a bench runs over: named suites, and files by path or by name, whole or their beginnings.

    samples         what ships in corpora/samples
    canterbury      alice29, asyoulik, lcet10, plrabn12
    dev             every file of the dev folder of NZIP_CORPORA
    enwik8:1M       the first 1,000,000 bytes of enwik8 (any size; K = 1000, M = 1,000,000), checked where
                    its hash is known
    FILE, FILE:2M   any path, or a name that the corpora folders hold

Folders searched: $NZIP_CORPORA with its dev/ and enwik8/, then corpora/data (where corpora/fetch.py puts
things), then corpora/samples.
"""

from __future__ import annotations

import csv
import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

CORPORA = Path(__file__).resolve().parents[1] / "corpora"
CANTERBURY = ("alice29.txt", "asyoulik.txt", "lcet10.txt", "plrabn12.txt")
_SIZE = re.compile(r"(.+):(\d+)([KM]?)")
_UNIT = {"": 1, "K": 1000, "M": 1_000_000}


class SuiteError(Exception):
    """One line for the user: what is missing, and where it can be had."""


@dataclass(frozen=True)
class Input:
    """A file to measure: ``path``, and how many of its bytes (None: all)."""

    name: str
    path: Path
    size: int | None = None

    def read(self) -> bytes:
        """The bytes to measure. SuiteError where the file is shorter than asked for."""
        with open(self.path, "rb") as file:
            data = file.read(-1 if self.size is None else self.size)
        if self.size is not None and len(data) < self.size:
            raise SuiteError(f"{self.path} has {len(data):,} bytes, {self.name} asks for {self.size:,}")
        return data


def folders() -> list[Path]:
    """Where names are looked up, in order."""
    large = os.environ.get("NZIP_CORPORA")
    roots = [Path(large), Path(large) / "dev", Path(large) / "enwik8"] if large else []
    return [*roots, CORPORA / "data", CORPORA / "samples"]


def resolve(words: list[str]) -> list[Input]:
    """Suite names and files, in order, each file once."""
    found: dict[str, Input] = {}
    for word in words:
        for item in _expand(word):
            found.setdefault(item.name, item)
    return list(found.values())


def _expand(word: str) -> list[Input]:
    if word == "samples":
        return [
            Input(path.name, path)
            for path in sorted((CORPORA / "samples").iterdir())
            if path.name in _sample_names()
        ]
    if word == "canterbury":
        return [_find(name) for name in CANTERBURY]
    if word == "dev":
        large = os.environ.get("NZIP_CORPORA")
        if not large or not (Path(large) / "dev").is_dir():
            raise SuiteError(
                "the suite dev is the dev folder of the large corpora: set NZIP_CORPORA to where they are"
            )
        return [Input(path.name, path) for path in sorted((Path(large) / "dev").iterdir()) if path.is_file()]
    match = None if Path(word).is_file() else _SIZE.fullmatch(word)
    name, size = (match[1], int(match[2]) * _UNIT[match[3]]) if match else (word, None)
    if name == "enwik8":
        return [_enwik8(word, size)]
    return [_find(name, word, size)]


def _sample_names() -> set[str]:
    return {Path(row["name"]).name for row in _manifest() if row["name"].startswith("samples/")}


def _manifest() -> list[dict[str, str]]:
    with open(CORPORA / "MANIFEST.tsv", encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def _find(name: str, label: str | None = None, size: int | None = None) -> Input:
    for path in (Path(name), *(folder / name for folder in folders())):
        if path.is_file():
            return Input(Path(label or name).name, path, size)
    fetchable = any(row["name"] == name and row["where"].startswith("http") for row in _manifest())
    hint = f"python corpora/fetch.py {name}" if fetchable else "give a path, or set NZIP_CORPORA"
    raise SuiteError(f"{name} is not here: {hint}")


def _enwik8(label: str, size: int | None) -> Input:
    """The whole file, or any local beginning of it that is long enough; a beginning is checked by hash."""
    candidates = [
        path for folder in folders() if folder.is_dir() for path in folder.glob("enwik8*") if path.is_file()
    ]
    wanted = 100_000_000 if size is None else size
    for path in sorted(candidates, key=lambda path: path.stat().st_size):
        if path.stat().st_size >= wanted:
            _check_beginning(path, wanted)
            return Input(label, path, size)
    raise SuiteError(f"no enwik8 of {wanted:,} bytes is here: python corpora/fetch.py enwik8 [--from FILE]")


def _check_beginning(path: Path, wanted: int) -> None:
    for row in _manifest():
        if row["slice_of"].startswith("enwik8[0:") and int(row["bytes"]) <= wanted:
            with open(path, "rb") as file:
                digest = hashlib.sha256(file.read(int(row["bytes"]))).hexdigest()
            if row["hash"] != f"sha256:{digest}":
                raise SuiteError(f"{path} does not begin as enwik8 does")
