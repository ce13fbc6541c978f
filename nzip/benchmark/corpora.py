"""The corpora that are too large to ship: fetched, each checked against a pinned hash.

Everything stands in corpora.tsv: sizes, hashes, licences, addresses. A file appears under its name only once
it is whole and verified. Of a local prefix of enwik8 only the first 1,000,000 or 4,000,000 bytes can be
verified, so it is kept under a name that says what it is, ``enwik8_first_NNN``.

Concession: a download that breaks off begins anew.
"""

from __future__ import annotations

import csv
import hashlib
import http.client
import os
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, NamedTuple

from nzip.cache import folders as cache_folders
from nzip.errors import NzipError

MANIFEST = Path(__file__).with_name("corpora.tsv")
CANTERBURY = ("alice29.txt", "asyoulik.txt", "lcet10.txt", "plrabn12.txt")
CHUNK = 1 << 20
TIMEOUT_SECONDS = 60


class Entry(NamedTuple):
    """A line of the manifest. ``hash`` is ``sha256:HEX`` or ``sha1:HEX``; ``slice_of`` names its parent."""

    name: str
    bytes: int
    hash: str
    slice_of: str
    where: str
    licence: str
    description: str

    @property
    def fetchable(self) -> bool:
        """Has it an address to download from?"""
        return self.where.startswith(("http://", "https://"))


class FetchError(NzipError):
    """One line: what went wrong, where, what to do."""


Progress = Callable[[str, int, int], None]
"""Told of a file's name, the bytes that are there and those that will be."""


def untold(name: str, done: int, total: int) -> None:
    """For those who want to know nothing of progress."""


def default_folder() -> Path:
    """Where fetched corpora are kept unless told otherwise: ``corpora`` in nzip's cache. Raises
    :class:`FetchError` for a user without one."""
    found = cache_folders.folder("corpora")
    if found is None:
        raise FetchError("there is no cache folder to keep corpora in: name one, or set NZIP_CACHE")
    return found


def manifest() -> dict[str, Entry]:
    """Every entry of MANIFEST.tsv by name."""
    with open(MANIFEST, encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {
        row["name"]: Entry(
            row["name"],
            int(row["bytes"]),
            row["hash"],
            row["slice_of"],
            row["where"],
            row["licence"],
            row["description"],
        )
        for row in rows
    }


def fetchable() -> list[str]:
    """Names that :func:`fetch` takes."""
    return [entry.name for entry in manifest().values() if entry.fetchable]


def new_hash(entry: Entry):
    """A hashlib object of the kind that the entry is pinned by."""
    return hashlib.new(entry.hash.partition(":")[0])


def matches(entry: Entry, digest) -> bool:
    """Does the finished ``digest`` equal the pinned one?"""
    return digest.hexdigest() == entry.hash.partition(":")[2]


def verified(path: Path, entry: Entry) -> bool:
    """Is ``path`` there, of the right size and hash?"""
    if not path.is_file() or path.stat().st_size != entry.bytes:
        return False
    with open(path, "rb") as source:
        digest = new_hash(entry)
        while chunk := source.read(CHUNK):
            digest.update(chunk)
    return matches(entry, digest)


def _store(source: IO[bytes], target: Path, entry: Entry, origin: str, tell: Progress) -> None:
    """Copy ``source`` to ``target`` through a temporary file; rename only what has the pinned size and
    hash."""
    digest, size = new_hash(entry), 0
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            while chunk := source.read(min(CHUNK, entry.bytes + 1 - size)):
                out.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                tell(target.name, size, entry.bytes)
            out.flush()
            os.fsync(out.fileno())
        if size != entry.bytes:
            more = "more than " if size > entry.bytes else ""
            held = entry.bytes if more else size
            raise FetchError(
                f"{origin} holds {more}{held:,} bytes, {entry.name} has {entry.bytes:,}; nothing kept"
            )
        if not matches(entry, digest):
            raise FetchError(
                f"{origin} is not {entry.name}: its {entry.hash.partition(':')[0]} differs; nothing kept"
            )
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _download(url: str, target: Path, tell: Progress) -> None:
    """Save ``url`` at ``target``, which is a temporary file of ours."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as reply, open(target, "wb") as out:
            expected = int(reply.headers.get("Content-Length") or 0)
            size = 0
            while chunk := reply.read(CHUNK):
                out.write(chunk)
                size += len(chunk)
                tell(url.rpartition("/")[2], size, expected or size)
    except (OSError, http.client.HTTPException) as error:
        reason = (
            error if isinstance(error, urllib.error.HTTPError) else getattr(error, "reason", None) or error
        )
        raise FetchError(f"cannot download {url} ({reason}); take a local copy, if there is one") from None
    if expected and size != expected:
        raise FetchError(f"{url} broke off after {size:,} of {expected:,} bytes; try again")


def _take(path: Path, entry: Entry, target: Path, origin: str, tell: Progress) -> None:
    """Take the entry from a file, or from the zip archive that the file is."""
    if not zipfile.is_zipfile(path):
        with open(path, "rb") as source:
            _store(source, target, entry, origin, tell)
        return
    try:
        with zipfile.ZipFile(path) as archive, archive.open(entry.name) as source:
            _store(source, target, entry, origin, tell)
    except KeyError:
        raise FetchError(f"{origin} is a zip archive without {entry.name}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise FetchError(f"{origin} is a damaged zip archive ({error}); fetch it again") from None


def fetch(name: str, folder: Path | None = None, local: Path | None = None, tell: Progress = untold) -> Path:
    """Put the manifest's ``name`` into ``folder`` (None: :func:`default_folder`), from its address or from
    ``local``; returns its path. Raises :class:`FetchError` for what is no such file or cannot be had."""
    folder = default_folder() if folder is None else folder
    entry = manifest().get(name)
    if entry is None or not entry.fetchable:
        raise FetchError(f"{name} is not something to fetch: there are {', '.join(fetchable())}")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / name
    if verified(target, entry):
        return target
    if local is not None:
        if name == "enwik8" and not zipfile.is_zipfile(local) and local.stat().st_size < entry.bytes:
            return _take_prefix(local, folder, tell)
        _take(local, entry, target, str(local), tell)
        return target
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.download.", dir=folder)
    os.close(handle)
    try:
        _download(entry.where, Path(temporary), tell)
        _take(Path(temporary), entry, target, entry.where, tell)
    finally:
        os.unlink(temporary)
    return target


def prefix_pins() -> list[Entry]:
    """The pinned beginnings of enwik8, shortest first."""
    return sorted(
        (e for e in manifest().values() if e.slice_of.startswith("enwik8[0:")), key=lambda e: e.bytes
    )


def _take_prefix(local: Path, folder: Path, tell: Progress) -> Path:
    """Keep a local beginning of enwik8 under a name that says how long it is, with what can be checked
    checked."""
    size = local.stat().st_size
    pins = [pin for pin in prefix_pins() if pin.bytes <= size]
    if not pins:
        shortest = prefix_pins()[0].bytes
        raise FetchError(
            f"{local} has {size:,} bytes; a prefix of enwik8 needs {shortest:,} to be known as one"
        )
    whole = pins[-1]._replace(name="enwik8")
    with open(local, "rb") as source:
        beginning = source.read(whole.bytes)
        if not all(
            hashlib.sha256(beginning[: pin.bytes]).hexdigest() == pin.hash.partition(":")[2] for pin in pins
        ):
            raise FetchError(f"{local} does not begin as enwik8 does; nothing kept")
        digest = hashlib.sha256(beginning)
        while chunk := source.read(CHUNK):
            digest.update(chunk)
        label = f"{size // 1_000_000}M" if size % 1_000_000 == 0 else str(size)
        target = folder / f"enwik8_first_{label}"
        source.seek(0)
        known = whole._replace(bytes=size, hash=f"sha256:{digest.hexdigest()}")
        _store(source, target, known, str(local), tell)
    return target
