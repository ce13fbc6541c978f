"""Blocks after a stream's first that start from the *head* of the first, its first megabytes, read as a
primer.

A shipped primer knows texts of such a kind; the head knows this very one. What reading it taught is kept in
memory as long as somebody codes blocks of the stream, and shared by the threads that do: a later block costs
no more than one that starts from a shipped primer does.

Concession: only texts start from a head, as they alone start from primers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nzip.hashes import text_hash
from nzip.predictors.mix import primers
from nzip.predictors.mix.primer_choice import SHORT, Payloads, Start, choices
from nzip.predictors.mix.primer_index import HEAD
from nzip.predictors.mix.primer_snapshot import Snapshot
from nzip.predictors.mix.primers import HASH_BYTES, Primer
from nzip.predictors.mix.stream import HELD
from nzip.predictors.mix.words.dictionary import Dictionary
from nzip.predictors.mix.words.options import Words

# A head that knows more of a text than this many times what the best shipped primer does is what it starts
# from, and one that knows less than this share of that is not; between these both are tried.
SURE, HOPELESS = 1.0, 0.5


class Held:
    """Snapshots of one head, by name, and what it is known by. Safe between threads: one makes a snapshot,
    and the others wait for it."""

    def __init__(self, text: bytes):
        self._text = text
        self._lock = threading.Lock()
        self._snapshots: OrderedDict[str, Snapshot] = OrderedDict()
        self._coded: OrderedDict[bytes, bytes] = OrderedDict()  # by the dictionary's hash
        self._known: np.ndarray | None = None

    def get(self, name: str, make: Callable[[], Snapshot]) -> Snapshot:
        """The snapshot of that name, which ``make`` makes where it is not there."""
        with self._lock:
            found = self._snapshots.pop(name, None) or make()
            self._snapshots[name] = found
            while len(self._snapshots) > HELD:
                self._snapshots.popitem(last=False)
            return found

    def coded(self, dictionary: Dictionary) -> bytes:
        """The text, its words coded."""
        with self._lock:
            found = self._coded.pop(dictionary.hash, None)
            if found is None:
                found = Words(dictionary, 0).apply(np.frombuffer(self._text, np.uint8)).tobytes()
            self._coded[dictionary.hash] = found
            while len(self._coded) > HELD:
                self._coded.popitem(last=False)
            return found

    def signature(self) -> np.ndarray:
        """What the text knows: :func:`nzip.predictors.mix.primers.sequences`."""
        with self._lock:
            if self._known is None:
                self._known = primers.sequences(np.frombuffer(self._text, np.uint8))
            return self._known


def primer_of(head: bytes) -> Primer:
    """The head of a stream (bytes) as what its later blocks may start from."""
    return Primer(HEAD, "head", head, text_hash(head)[:HASH_BYTES], held=Held(head))


class Ways(NamedTuple):
    """How a text may be coded: ``sure``, by one of these starts; else by one of these or of others."""

    sure: bool
    starts: list[Start]


def ways(head: Primer | None, data: np.ndarray, start: Start | None, words: bool, level: int) -> Ways:
    """Starts from ``head`` that are worth trying for ``data`` (uint8, text), whose form ``start`` may say
    already; none where the head is none or knows little of it. ``words``, ``level``: as for
    :func:`nzip.predictors.mix.primer_choice.choices`."""
    if head is None or head.held is None:
        return Ways(False, [])
    if not len(head.held.signature()):
        return Ways(False, [])
    own, *others = primers.shares(data, [head.held.signature(), *primers.signatures()])
    if own == 0 or own < HOPELESS * max(others):
        return Ways(False, [])
    payloads: Payloads | None = None
    found = [start] if start else choices(data, False, None, words, None, payloads, level)
    sure = own > SURE * max(others) and (len(data) > SHORT or start is not None)
    return Ways(sure, [each._replace(primer=head) for each in found])
