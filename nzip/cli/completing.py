"""What the shell's TAB key offers behind ``--predictor``, ``--levels``, ``model fetch`` and their like;
verbs and options are click's to offer.

Nothing here may fail or print: a shell shows what it gets. Concession: names that plugins add are offered
once they are imported, which takes NumPy and a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Iterable

import click
from click.shell_completion import CompletionItem


def _items(words: Iterable[str], start: str) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(start)]


def predictors(_context: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """Spellings: names and levels of the mix; behind ``+`` one more expert; behind ``lm:`` a model."""
    from nzip.levels import LEVELS  # start-up
    from nzip.predictors import registry  # start-up: NumPy

    head, plus, last = start.rpartition("+")
    before = head + plus
    kind, colon, _ = last.partition(":")
    if colon and kind in ("lm", "hf"):
        return _items((f"{before}{kind}:{name}" for name in _model_names()), start)
    names = [name for name in registry.entries() if name != "mix" or not before]
    if before:
        return _items((before + name for name in names), start)
    spelled = [entry.spelling for entry in LEVELS.values() if entry.spelling]
    return _items(dict.fromkeys([*spelled, *(name for name in names if name != "mix")]), start)


def models(_context: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """Models that have a name."""
    return _items(_model_names(), start)


def levels(_context: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """``1,3,`` and one more."""
    from nzip.levels import LEVELS  # start-up

    before = start[: start.rfind(",") + 1]
    taken = set(before.split(","))
    words = (str(n) for n, entry in LEVELS.items() if entry.spelling)
    return _items((before + word for word in words if word not in taken), start)


def suites(_context: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """Of ``bench``."""
    return _items(("canterbury", "enwik8", "enwik8:1M", "enwik8:4M"), start)


def peers(_context: click.Context, _parameter: click.Parameter, start: str) -> list[CompletionItem]:
    """Programs that are installed."""
    from nzip.benchmark.peers import PEERS  # start-up: subprocess

    before = start[: start.rfind(",") + 1]
    here = [key for key, peer in PEERS.items() if peer.installed()]
    return _items((before + key for key in (*here, *([] if before else ["none"]))), start)


def _model_names() -> list[str]:
    from nzip import pretrained  # start-up: xxhash

    return [row.name for row in pretrained.available()]
