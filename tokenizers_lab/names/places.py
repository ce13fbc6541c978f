"""Where a tokenizer with a name lies on this machine, if it does.

In this order: the lab's folder (``$NZIP_MODELS/tokenizers``), the installed Python package that ships the
file, ``node_modules`` here, tiktoken's cache, Hugging Face's cache. All but the last are taken only if their
hash is the pinned one; a repository in Hugging Face's cache is what its owner put there, at the revision that
``main`` was when it was fetched (or ``OWNER/NAME@REVISION``), and the fingerprint in the results says which
ids it gives.

Concession: of a repository only ``tokenizer.json``, ``tokenizer.model`` and ``*.tiktoken`` are looked for;
those that are code (``trust_remote_code``) are not run."""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import os
import re
import tempfile
from pathlib import Path
from typing import NamedTuple

from nzip import cache
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.names.known import BY_NAME, FILES, Known

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
HUB_FILES = ("tokenizer.json", "tokenizer.model")
_TIKTOKEN = "https://openaipublic.blob.core.windows.net/encodings/"
OWN = re.compile(r"[A-Za-z0-9][\w.-]*")
"""What a name that a user gives to a file of a mirror may be."""


class Found(NamedTuple):
    """``place``: where it was found, in words."""

    path: Path
    known: Known | None
    place: str


def folder() -> Path:
    """Where fetched tokenizers are kept; it need not exist."""
    return cache.models() / "tokenizers"


def find(name: str) -> Found | None:
    """The file of a name, or None for what is no name or not here. Raises :class:`DataError` where what the
    lab keeps under it is damaged."""
    known = BY_NAME.get(name.lower())
    if known is not None:
        return _of_known(known)
    if OWN.fullmatch(name):
        return _of_mirror(name)
    if REPOSITORY.fullmatch(name):
        path = hub_file(name)
        return None if path is None else Found(path, None, "Hugging Face's cache")
    return None


def is_name(name: str) -> bool:
    """Whether ``name`` may mean a tokenizer, here or not."""
    return name.lower() in BY_NAME or REPOSITORY.fullmatch(name) is not None


def advice(name: str) -> str:
    """One line: what would bring the tokenizer ``name``, which is not here."""
    known = BY_NAME.get(name.lower())
    if known is not None:
        return (
            f"the tokenizer {name} is not here; this brings it ({known.origin}, {known.size / 1e6:.1f} MB): "
            f"tokenizers-lab fetch {name}"
        )
    return (
        f"{name}: no such file, and not in Hugging Face's cache; where there is a network: "
        f"tokenizers-lab fetch {name}"
    )


def near(name: str) -> str:
    """``; did you mean …?`` or nothing."""
    close = difflib.get_close_matches(name.lower(), BY_NAME, 3, 0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def _of_known(known: Known) -> Found | None:
    own = folder() / known.name
    if own.is_file():
        if sha256(own) != known.sha256:
            raise DataError(
                f"{own}: damaged, or another file; remove it, and tokenizers-lab fetch {known.names[0]}"
            )
        return Found(own, known, "fetched")
    for path, place in (*_installed(known), *_in_tiktoken(known)):
        if path.is_file() and path.stat().st_size == known.size and sha256(path) == known.sha256:
            return Found(path, known, place)
    for repository in known.repositories:
        path = hub_file(repository)
        if path is not None:
            return Found(path, None, f"Hugging Face's cache ({repository})")
    return None


def _installed(known: Known):
    """The file inside its installed package, which is looked for and not imported."""
    if known.registry == "npm":
        yield Path("node_modules", known.package, known.member.partition("/")[2]), "node_modules"
        return
    parts = known.member.split("/")
    parts = parts[1:] if parts[0].endswith(f"-{known.version}") else parts  # a source package
    try:
        spec = importlib.util.find_spec(parts[0])
    except (ImportError, ValueError):
        return
    for place in (spec.submodule_search_locations or []) if spec else []:
        yield Path(place, *parts[1:]), f"the package {known.package}"


def _in_tiktoken(known: Known):
    """Where tiktoken keeps what it downloaded: under the hash of the address."""
    if known.package != "gpt-tokenizer":
        return
    place = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    name = hashlib.sha1(f"{_TIKTOKEN}{known.name}".encode(), usedforsecurity=False).hexdigest()
    yield Path(place or os.path.join(tempfile.gettempdir(), "data-gym-cache"), name), "tiktoken's cache"


def hub_folder() -> Path:
    """Hugging Face's cache of repositories."""
    place = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    if place:
        return Path(place).expanduser()
    home = os.environ.get("HF_HOME")
    if home:
        return Path(home).expanduser() / "hub"
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
    return Path(caches).expanduser() / "huggingface" / "hub"


def hub_file(repository: str) -> Path | None:
    """The tokenizer's file of ``OWNER/NAME[@REVISION]`` in Hugging Face's cache, or None."""
    name, _, revision = repository.partition("@")
    if ".." in revision.split("/"):
        return None
    place = hub_folder() / f"models--{name.replace('/', '--')}"
    commit = revision or "main"
    try:
        commit = (place / "refs" / commit).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        if not revision:
            return None
    snapshot = place / "snapshots" / commit
    for file in HUB_FILES:
        if (snapshot / file).is_file():
            return snapshot / file
    return next(iter(sorted(snapshot.glob("*.tiktoken"))), None) if snapshot.is_dir() else None


def _of_mirror(name: str) -> Found | None:
    """What a user fetched under a name of their own."""
    note = folder() / f"{name}.origin.json"
    if not note.is_file():
        return None
    try:
        kept = json.loads(note.read_text("utf-8"))
        path, wanted = folder() / Path(kept["file"]).name, str(kept["sha256"])
        good = path.is_file() and sha256(path) == wanted
    except (ValueError, KeyError, TypeError, OSError):
        good = False
    if not good:
        raise DataError(
            f"{note}: it, or the file that it names, is damaged; remove both, and fetch {name} again"
        )
    return Found(path, None, f"fetched from {kept.get('from', 'a mirror')}")


def sha256(path: Path) -> str:
    """Hex digest of a file. Raises :class:`LabError`."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None


class Listed(NamedTuple):
    """One line of ``tokenizers-lab fetch --list``."""

    names: tuple[str, ...]
    what: str
    size: int
    origin: str
    here: str | None


def listed() -> list[Listed]:
    """All names, and where each is, if it is."""
    rows = []
    for known in FILES:
        try:
            found = _of_known(known)
        except DataError:
            found = None
        rows.append(Listed(known.names, known.what, known.size, known.origin, found.place if found else None))
    for note in sorted(folder().glob("*.origin.json")) if folder().is_dir() else []:
        name = note.name.removesuffix(".origin.json")
        try:
            found = _of_mirror(name)
        except DataError:
            continue
        if found:
            rows.append(Listed((name,), "of your own", found.path.stat().st_size, found.place, found.place))
    return rows
