"""Models that a file's header asks for: found by their hash in the places that hold models, never opened by
the name that the header spells.

A header may come from anyone, and an expert's argument in it is a name that its writer chose: ``/dev/zero``,
a pipe, somebody's letters. So a reader opens what ships with nzip, what is embedded in the stream, what the
caller named for it (``models={"my.expert": PATH}``), and what in the model folder
(:func:`nzip.pretrained.directory`) or in an installed package that is known has the hash that the header
pins. Nothing else is opened. What is found is a regular file of a size that such a model may have, and its
hash is right before a byte of it is parsed.

A factory says with :func:`takes_model` how its arguments name models; it is then handed the bytes or the path
that were found. One that says nothing is given arguments of numbers alone (:func:`is_settings`).

Concession: what names a model by a path on the machine where it was written must be told where it lies here.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from nzip.errors import LimitError, ModelMismatchError, NzipError, Remedy
from nzip.predictors.spelling import Part

Models = Mapping[str, "str | os.PathLike[str]"]
"""Where models lie here, by the names that files call them."""

MAX_ENTRIES = 4096  # of a model folder that are looked at
HEAD = 64  # bytes of a file that :attr:`ModelKind.looks` is shown
_SETTINGS = re.compile(r"(?:[a-z_]{1,32}=)?[0-9]{1,18}(?:,[a-z_]{1,32}=[0-9]{1,18}){0,15}")
_PLAIN = re.compile(r"[\w.-]{1,80}", re.ASCII)
_F = TypeVar("_F", bound=Callable[..., Any])


class ModelKind(NamedTuple):
    """How one expert's arguments name models. ``what``: what errors call one. ``digest``: the hash that the
    expert's config pins under ``pinned``, of the bytes of a file, or with ``by_path`` of its path. ``looks``:
    whether a file that begins with these bytes may be one (a folder's are empty). ``name_of``: the model's
    name in an argument, None where it ships. ``cost``: bytes of memory that building the expert takes, from
    what ``digest`` is given. ``largest``: bytes that a file may have."""

    what: str
    digest: Callable[[Any], str]
    cost: Callable[[Any], int]
    looks: Callable[[bytes], bool]
    largest: int = 1 << 26
    by_path: bool = False
    pinned: str = "weights"
    name_of: Callable[[str], str | None] = lambda argument: argument


class Found(NamedTuple):
    """A model for one term of a spelling: ``data``, or the ``path`` of one that is read from there, and
    ``cost``, the memory that building takes. Neither: the factory is given the argument alone."""

    data: bytes | None = None
    path: Path | None = None
    cost: int = 0


NOTHING = Found()


def takes_model(kind: ModelKind) -> Callable[[_F], _F]:
    """Decorate an expert's factory: its arguments name models of this ``kind``. When reading it is called
    with ``data=``, the model's bytes, or where ``kind.by_path`` with ``path=``; then it must not open what
    ``argument`` says."""

    def decorate(factory: _F) -> _F:
        factory.model_kind = kind  # type: ignore[attr-defined]  # a function's own attribute
        return factory

    return decorate


def kind_of(factory: object) -> ModelKind | None:
    """What :func:`takes_model` said of a factory."""
    return getattr(factory, "model_kind", None)


def is_settings(argument: str) -> bool:
    """Whether an argument is a number, or numbers by name (``3``, ``lanes=2,rate=5``), and so no file's
    name."""
    return _SETTINGS.fullmatch(argument) is not None


def read_regular(path: str | os.PathLike[str], largest: int, what: str = "the file") -> bytes:
    """A regular file's bytes. Raises :class:`NzipError` for devices, pipes and folders, which are not opened,
    for files of more than ``largest`` bytes, and where it cannot be read."""
    with open_regular(path, largest, what) as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise _unreadable(path, "it grew while it was read", what)
    return data


def open_regular(path: str | os.PathLike[str], largest: int, what: str = "the file") -> BufferedReader:
    """As :func:`read_regular`, the open file."""
    try:
        _regular(os.stat(path), largest)
        # Without waiting: a pipe may have taken its place in between.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        file = os.fdopen(descriptor, "rb")
        try:
            _regular(os.fstat(descriptor), largest)
        except ValueError:
            file.close()
            raise
    except (OSError, ValueError) as error:
        raise _unreadable(path, error, what) from error
    return file


def _unreadable(path: str | os.PathLike[str], why: object, what: str) -> NzipError:
    reason = getattr(why, "strerror", None) or str(why)
    return NzipError(f"{what} {_shown(os.fsdecode(path))} cannot be read: {reason}")


def _regular(status: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is no regular file")
    if status.st_size > largest:
        raise ValueError(f"it has {status.st_size:,} bytes, and at most {largest:,} are read")


def find(part: Part, kind: ModelKind, config: Mapping[str, Any], models: Models) -> Found:
    """The model that a header's term asks for. ``config``: what the header pins of this expert.

    Raises :class:`ModelMismatchError` where there is none with that hash, naming the option that would
    help."""
    name = None if part.argument is None else kind.name_of(part.argument)
    if name is None:
        return NOTHING
    wanted = config.get(kind.pinned)
    if not isinstance(wanted, str):
        raise ModelMismatchError(
            f"no model file {_shown(name)} can be the right one: the file names it without pinning its hash"
        )
    named = _named(name, part, wanted, models)
    if named is not None:
        made = _matching(Path(named), kind, wanted, strict=True)
        if made is None:
            raise ModelMismatchError(
                f"{os.fsdecode(named)} is another {kind.what} than the one that the file was made with "
                f"(its hash is not {_shown(wanted)})"
            )
        return made
    for candidate in _candidates(name):
        made = _matching(candidate, kind, wanted, strict=False)
        if made is not None:
            return made
    from nzip import pretrained  # start-up: subprocess, tempfile and zipfile

    if name in pretrained.KNOWN:
        raise ModelMismatchError(f"the model {name} is not here: nzip model fetch {name}")
    raise ModelMismatchError(
        f"no model file {_shown(name)}: no {kind.what} with the hash {_shown(wanted)} lies in "
        f"{pretrained.directory()}",
        Remedy("say where it lies with", "models", {_handle(name, part): "PATH"}),
    )


def compare(part: Part, kind: ModelKind, config: Mapping[str, Any], models: Models) -> None:
    """Raises :class:`ModelMismatchError` where ``models`` says of the model that a header's term asks for
    where it lies, and it is another one, or none."""
    name = None if part.argument is None else kind.name_of(part.argument)
    if name is not None and _named(name, part, str(config.get(kind.pinned)), models) is not None:
        find(part, kind, config, models)


def check_room(needed: int, memory: int | None, spelling: str) -> None:
    """Raises :class:`LimitError` where making a spelling's predictor needs more than ``memory`` bytes."""
    if memory is not None and needed > memory:
        mebibytes = -(-needed >> 20)
        raise LimitError(
            f"making the predictor {_shown(spelling)} needs {mebibytes} MiB of memory, "
            f"and the limit is {memory >> 20} MiB",
            Remedy("allow it with", "memory", mebibytes << 20),
        )


def _handle(name: str, part: Part) -> str:
    """What a user types for the model: its name without folders, or the expert's where that is no word."""
    base = name.rpartition("/")[2]
    return base if _PLAIN.fullmatch(base) else part.name


def _named(name: str, part: Part, wanted: str, models: Models) -> str | os.PathLike[str] | None:
    for key in (wanted, name, name.rpartition("/")[2], _handle(name, part), part.name):
        if key in models:
            return models[key]
    return None


def _candidates(name: str) -> Iterator[Path]:
    """Files and folders that may be the model, the likeliest first. Only their names have been looked at."""
    from nzip import pretrained  # start-up: as above

    for known in pretrained.KNOWN.values():
        path = pretrained.installed(known)
        if path is not None:
            yield path
    base = name.rpartition("/")[2]
    found: list[Path] = []
    try:
        with os.scandir(pretrained.directory()) as entries:
            for entry in entries:
                found.append(Path(entry.path))
                if len(found) == MAX_ENTRIES:
                    break
    except OSError:
        return
    yield from sorted(found, key=lambda path: (path.name != base, path.name))


def _matching(path: Path, kind: ModelKind, wanted: str, *, strict: bool) -> Found | None:
    """The model in ``path`` if it has the hash. ``strict``: raise where it cannot be one, else None."""
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode) and kind.by_path:
            path = path / "model.safetensors"
            status = os.stat(path)
        _regular(status, kind.largest)
        if not strict:
            with open_regular(path, kind.largest) as file:
                if not kind.looks(file.read(HEAD)):
                    return None
        key = (str(path), status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)
        if _digest(kind, *key) != wanted:
            return None
        if kind.by_path:
            return Found(path=path, cost=kind.cost(path))
        data = read_regular(path, kind.largest)
        if kind.digest(data) != wanted:  # written to since
            return None
        return Found(data=data, cost=kind.cost(data))
    except (OSError, ValueError) as error:
        if strict:
            raise _unreadable(path, error, f"the {kind.what}") from error
        return None
    except NzipError:
        if strict:
            raise
        return None


@functools.lru_cache(maxsize=4096)
def _digest(kind: ModelKind, path: str, mtime: int, size: int, inode: int, device: int) -> str:
    return kind.digest(Path(path) if kind.by_path else read_regular(path, kind.largest))


def _shown(text: str) -> str:
    # From a header, so perhaps hostile: escaped, and cut in the middle, for a path ends in its name.
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 80 else f"{text[:30]}...{text[-47:]}"
