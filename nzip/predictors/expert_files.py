"""The file behind an expert's argument: the one that ships, one of the user's own, or bytes from a stream.

An expert of weights is spelled ``NAME`` (the file in the package), ``NAME:WORD`` (another one that ships) or
``NAME:PATH`` (see :func:`nzip.pretrained.find`), and with ``--embed-model`` its file travels inside the
stream. Where the file lies, that it is read once and when it is read anew, and what is embedded of it, is the
same for all kinds of weights; what the bytes mean is the reader's business.

Concession: a file is read whole, and the last few that were read stay in memory.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from nzip.errors import NzipError
from nzip.predictors.base import Expert
from nzip.predictors.model_files import read_regular

T = TypeVar("T")
LARGEST = 1 << 26  # bytes of a file


class ExpertFiles(Generic[T]):
    """Files of one kind. ``kind`` is what errors call one; ``shipped`` lie in the package, by the
    arguments that name them, None among these; ``read(data, name)`` gives what a file of these bytes holds,
    or raises :class:`NzipError`; the last ``keep`` stay."""

    def __init__(
        self, kind: str, shipped: dict[str | None, Path], read: Callable[[bytes, str], T], keep: int = 4
    ):
        self.kind, self.shipped, self.read = kind, shipped, read
        self._load = functools.lru_cache(maxsize=keep)(self._load_anew)

    def path_of(self, argument: str | None) -> Path:
        """The file that an argument names: a shipped one, else a path, or the name of a file in the
        model directory. Raises :class:`nzip.errors.ModelMismatchError` where there is none."""
        if argument in self.shipped:
            return self.shipped[argument]
        assert argument is not None  # for mypy: None ships
        from nzip import (
            pretrained,
        )  # start-up: zipfile, subprocess and tempfile, which what ships never needs

        return pretrained.find(argument)

    def load(self, argument: str | None) -> T:
        """What the file that an argument names holds. A file that has changed since is read anew.

        Raises :class:`NzipError` where it cannot be read or is of another kind."""
        path = self.path_of(argument)
        try:
            stat = path.stat()
        except OSError as error:
            raise NzipError(f"the {self.kind} {path} cannot be read: {error.strerror}") from error
        return self._load(path, stat.st_mtime_ns, stat.st_size)

    def _load_anew(self, path: Path, mtime: int, size: int) -> T:
        return self.read(self._bytes(path), str(path))

    def given(self, argument: str | None, data: bytes | None) -> T | None:
        """What ``data``, embedded in a stream under the name ``argument``, holds; None where nothing is."""
        return None if data is None else self.read(data, argument or self.kind)

    def embedded(
        self, argument: str | None, make: Callable[[str, T], Expert]
    ) -> tuple[Expert, str, bytes] | None:
        """What :meth:`nzip.predictors.base.Expert.embedded` answers: ``make(name, held)`` is the expert
        spelled without folders. None for what ships, which every reader has."""
        if argument is None or argument in self.shipped:
            return None
        path = self.path_of(argument)
        data = self._bytes(path)
        return make(path.name, self.read(data, argument)), path.name, data

    def _bytes(self, path: Path) -> bytes:
        return read_regular(path, LARGEST, f"the {self.kind}")
