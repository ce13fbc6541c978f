"""What ``nzip cache`` shows, checks and clears, as calls.

Nothing here is needed for the cache to be right: what is damaged is made anew when it is next used, and
limits are kept by whoever writes. Concession: models are shown and, if they are named, deleted, but not
checked here; a file that needs a model checks the model's hash.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from nzip.cache import folders
from nzip.cache.store import CODE, LAB, PRIMED, Store, set_limit
from nzip.errors import NzipError

# What a user names, and the folders that it means.
WHATS: dict[str, tuple[Store, ...]] = {"code": (CODE,), "tables": (PRIMED, LAB), "models": ()}


class Info(NamedTuple):
    """One folder of the cache. ``path``: None where nothing is kept; ``entries`` and ``bytes``: what is kept;
    ``limit``: in bytes, None for none; ``refused``: why the folder is left alone, None where it is not."""

    what: str
    kind: str
    path: Path | None
    entries: int
    bytes: int
    limit: int | None
    refused: str | None


class Checked(NamedTuple):
    """A folder after a check: how many entries were read, and the file names of those that were damaged,
    which are gone."""

    kind: str
    path: Path | None
    read: int
    removed: list[str]


def info() -> list[Info]:
    """Every folder of the cache and what is in it. Raises :class:`NzipError` where one cannot be read."""
    found = []
    for what, store in _stores():
        path, refused, sizes = store.path(), None, []
        try:
            with _opened(store) as folder:
                if folder is not None:
                    sizes = [status.st_size for _, status in store.entries(folder)]
        except folders.Untrusted as error:
            refused = str(error)
        found.append(Info(what, store.kind, path, len(sizes), sum(sizes), store.limit, refused))
    try:
        place = folders.models()
    except NzipError:
        found.append(Info("models", "models", None, 0, 0, None, None))
    else:
        sizes = [_size(model) for model in _models(place)]
        found.append(Info("models", "models", place, len(sizes), sum(sizes), None, None))
    return found


def check() -> list[Checked]:
    """Read and hash every entry of machine code and tables; what fails is removed, to be made anew. Raises
    :class:`NzipError` where a folder cannot be read or is not to be trusted."""
    found = []
    for _, store in _stores():
        read, removed = 0, []
        with _certainly_opened(store) as folder:
            if folder is not None:
                for name, status in store.entries(folder):
                    read += 1
                    if not store.is_sound(folder, name, status) and folder.remove(name):
                        removed.append(name)
        found.append(Checked(store.kind, store.path(), read, sorted(removed)))
    return found


def clear(*whats: str) -> int:
    """Delete what is kept of ``whats`` (``"code"``, ``"tables"``, ``"models"``); without any, code and
    tables, which cost only time. How many bytes were freed. Raises :class:`NzipError`."""
    for what in whats:
        if what not in WHATS:
            raise NzipError(f"the cache has no {what!r}: there are {', '.join(WHATS)}")
    freed = 0
    for what, store in _stores():
        if what not in (whats or ("code", "tables")):
            continue
        with _certainly_opened(store) as folder:
            if folder is not None:
                freed += sum(status.st_size for name, status in store.entries(folder) if folder.remove(name))
    if "models" in whats:
        for model in _models(folders.models()):
            freed += _delete(model)
    return freed


def limit(size: int | None) -> None:
    """Keep at most ``size`` bytes of primed tables in this cache from now on (None: the default); what is
    more goes, the least recently used first. Raises :class:`NzipError`."""
    try:
        set_limit(size)
        PRIMED.trim()
    except OSError as error:
        raise NzipError(f"the cache's limit cannot be set: {error.strerror or error}") from error


def _stores() -> Iterator[tuple[str, Store]]:
    for what, stores in WHATS.items():
        for store in stores:
            yield what, store


@contextmanager
def _opened(store: Store) -> Iterator[folders.Folder | None]:
    """A store's folder; None where there is none. Raises :class:`folders.Untrusted` and
    :class:`NzipError`."""
    path = store.path()
    try:
        folder = None if path is None else folders.trusted(path, path.parent)
    except FileNotFoundError:
        folder = None
    except folders.Untrusted:
        raise
    except OSError as error:
        raise NzipError(f"{path}: {error.strerror or error}") from error
    if folder is None:
        yield None
        return
    with folder:
        try:
            yield folder
        except OSError as error:
            raise NzipError(f"{path}: {error.strerror or error}") from error


@contextmanager
def _certainly_opened(store: Store) -> Iterator[folders.Folder | None]:
    """As :func:`_opened`; a folder that is not to be trusted is a :class:`NzipError`, too."""
    try:
        with _opened(store) as folder:
            yield folder
    except folders.Untrusted as error:
        raise NzipError(f"the cache is left alone: {error}") from error


def _models(place: Path) -> list[Path]:
    """Files and folders of models: what ``nzip model list`` calls by their names. Links are not followed."""
    try:
        inside = sorted(place.iterdir())
    except OSError:
        return []
    return [
        path
        for path in inside
        if path.suffix in (".gguf", ".safetensors")
        or (not path.is_symlink() and (path / "model.safetensors").is_file())
    ]


def _size(model: Path) -> int:
    files = model.iterdir() if model.is_dir() and not model.is_symlink() else [model]
    return sum(os.lstat(file).st_size for file in files)


def _delete(model: Path) -> int:
    try:
        size = _size(model)
        if model.is_dir() and not model.is_symlink():
            import shutil  # start-up

            shutil.rmtree(model)
        else:
            model.unlink()
    except OSError as error:
        raise NzipError(f"{model}: cannot be deleted: {error.strerror or error}") from error
    return size
