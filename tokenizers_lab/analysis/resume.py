"""What an interrupted analysis has finished already, kept beside its results file.

Every measurement (one codec on one file, or one file's baselines) is appended as a line of JSON to
``RESULTS.part`` under a key that covers all it depends on; a later run of the same analysis takes it from
there, and the finished run removes the file. A line cut short by the interruption is measured again.
Concession: the overlap, gold-word and parity tables are cheap and computed anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xxhash


class Finished:
    """The measurements of earlier, interrupted runs. ``path``: the results file, or None to keep nothing."""

    def __init__(self, path, *options):
        self._path = None if path is None else Path(f"{path}.part")
        self._options = repr(options)
        self._known: dict[str, dict] = {}
        if self._path is not None and self._path.is_file():
            for line in self._path.read_bytes().split(b"\n"):
                try:
                    entry = json.loads(line)
                    self._known[entry["key"]] = entry["value"]
                except (ValueError, KeyError, TypeError):
                    continue  # the line that the interruption cut

    def get(self, key: tuple, measure: Callable[[], dict]) -> dict:
        """The value known for ``key``, or what ``measure()`` gives, which is then kept."""
        known = self.known(key)
        return self.keep(key, measure()) if known is None else known

    def known(self, key: tuple) -> dict | None:
        """The value of an earlier run, or None."""
        return self._known.get(self._name(key))

    def keep(self, key: tuple, value: dict) -> dict:
        """``value``, kept for a later run."""
        name = self._name(key)
        if self._path is not None and name not in self._known:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps({"key": name, "value": value}, default=_plain) + "\n")
            self._known[name] = value
        return value

    def _name(self, key: tuple) -> str:
        return xxhash.xxh3_128_hexdigest(f"{key!r} {self._options}".encode())

    def remove(self) -> None:
        """The analysis is whole: forget its parts."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def _plain(value):
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no place in results")
