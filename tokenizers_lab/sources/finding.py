"""Which files are sources: those named, those of folders, standard input.

Of folders, what is hidden (``.git``, ``.cache``, ``.ipynb_checkpoints``) and what a dataset of this lab made
(its folder, and the logs beside it) is no source; a file named outright always is one. Links are followed;
one that leads back to a folder above it, or nowhere, is refused rather than left out.

Concession: standard input is kept in a temporary file first, for it is read more than once. The file has no
name, so that nothing stays of it however the process ends; where there is no ``/proc`` it has one, which a
kill leaves.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import stat
import sys
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import IO

from nzip.io.streams import read_some
from tokenizers_lab.errors import LabError

STANDARD_INPUT = "-"
_DATASET = "tokenizers_lab_dataset"
_open: list = []  # the file of standard input, as long as the process


def find(paths, leave_out=()) -> list[str]:
    """The files of ``paths`` in order; a folder stands for its files, sorted. ``leave_out``: folders that are
    never looked into. Raises :class:`LabError` for what is missing, no
    regular file, a circle, or a folder without sources."""
    out: list[str] = []
    barred = {os.path.realpath(p) for p in leave_out}
    for path in [paths] if isinstance(paths, (str, os.PathLike)) else paths:
        path = os.fspath(path)
        if path == STANDARD_INPUT:
            if path in out:
                raise LabError("-: standard input can be named once only")
            out.append(path)
        elif os.path.isdir(path):
            found = sorted(_walk(path, (os.path.realpath(path),), barred), key=Path)
            if not found:
                raise LabError(f"{path}: holds no source (hidden files and datasets of this lab are none)")
            out += found
        else:
            _require_file(path)
            out.append(str(Path(path)))
    return out


def place(path: str) -> Path:
    """Where the bytes of a source lie: standard input in a temporary file."""
    return Path(_standard_input() if path == STANDARD_INPUT else path)


def shown(path: str) -> str:
    """A source's name for people: text that UTF-8 can hold, whatever bytes the name has."""
    if path == STANDARD_INPUT:
        return "standard input"
    return os.fsencode(Path(path).name).decode("utf-8", "replace")


def _walk(folder: str, above: tuple[str, ...], barred):
    try:
        with os.scandir(folder) as found:
            entries = [e for e in found if not e.name.startswith(".")]
    except OSError as error:
        raise LabError(f"{folder}: cannot be read: {error.strerror}") from None
    if any(e.name == "manifest.json" for e in entries) and _is_dataset(folder):
        return
    for entry in entries:
        path = str(Path(entry.path))
        if not _is_folder(path, entry):
            mode = _require_there(path)
            if stat.S_ISREG(mode):
                yield path
            continue
        real = os.path.realpath(path)
        if real in above:
            raise LabError(
                f"{path}: a link that turns in a circle, back to {real}; remove it, or name the files"
            )
        logs = path.endswith(".logs") and _is_dataset(path.removesuffix(".logs"))
        if real not in barred and not logs:
            yield from _walk(path, (*above, real), barred)


def _is_folder(path, entry) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link to itself
        raise LabError(f"{path}: cannot be read: {error.strerror}") from None


def _is_dataset(folder: str) -> bool:
    try:
        found = json.loads(Path(folder, "manifest.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and _DATASET in found


def _require_there(path: str) -> int:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        raise LabError(f"{path}: no such file") from None
    except OSError as error:
        raise LabError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL in a name
        raise LabError(f"{path!r}: cannot be read: {error}") from None


def _require_file(path: str) -> None:
    if not stat.S_ISREG(_require_there(path)):
        raise LabError(f"{path}: no regular file; pipe it in, and name it -")


@lru_cache(maxsize=1)
def _standard_input() -> str:
    if sys.stdin is None:
        raise LabError("-: there is no standard input")
    file: IO[bytes] = tempfile.TemporaryFile(prefix="tokenizers-lab-")  # noqa: SIM115 - as long as the process
    name = f"/proc/self/fd/{file.fileno()}"
    if not os.path.exists(name):
        file.close()
        handle, name = tempfile.mkstemp(prefix="tokenizers-lab-")
        atexit.register(_remove, name, os.getpid())
        file = os.fdopen(handle, "wb")
    while block := read_some(sys.stdin.buffer, 1 << 20):
        file.write(block)
    file.flush()
    _open.append(file)
    return name


def keep_standard_input(to: Path) -> None:
    """A copy of it, whole or not at all, for processes that come later."""
    temporary = to.with_name(f".{to.name}.tmp")
    shutil.copyfile(_standard_input(), temporary)
    os.replace(temporary, to)


def _remove(name: str, owner: int) -> None:
    if os.getpid() == owner and os.path.exists(name):
        os.unlink(name)
