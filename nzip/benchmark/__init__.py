"""The one measuring code: nzip's levels and other programs over files, with receipts.

    suites        which files: named suites, paths, beginnings
    corpora       the fetcher of those that are too large to ship, and corpora.tsv, its manifest
    peers         the other programs: how each is called
    launch        one process, timed: CPU, wall, peak memory
    worker        the process that runs nzip
    running       all of them in turn, decoded files compared
    entropy       order-0 to order-2 entropies of a file
    weights       what a predictor has read beforehand, in bytes
    results       the receipt, and the figures drawn from it
    comparison    two receipts beside each other
    published     what others say of programs that are not here
    whole         what all of enwik8 would take
    table, plot   receipts shown

``nzip bench`` and the repository's ``python -m bench run`` are faces of :func:`bench`. KB = 1000 bytes
throughout; speeds are per CPU second unless said otherwise.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from nzip.errors import NzipError

BASELINE = "zpaq"


def bench(
    files: Iterable[str | os.PathLike[str]] = (),
    *,
    suites: Iterable[str] = (),
    levels: Sequence[int] | None = None,
    predictors: Sequence[str] = (),
    cold: bool = False,
    peers: Sequence[str] | None = None,
    repeat: int = 1,
    baseline: str = BASELINE,
    fetch: bool = True,
    command: str = "nzip.bench",
    tell: Callable[[str], None] = lambda line: None,
    note: Callable[[str], None] = lambda line: None,
) -> dict:
    """Compress and decompress ``files`` and ``suites`` (``canterbury``, ``enwik8``, ``enwik8:4M``) with each
    of nzip's ``levels`` (None: all), ``predictors`` by spelling, and ``peers`` by key (None: all that are
    installed), in turn, ``repeat`` times; every decoded file is compared by hash.

    ``cold``: each level without primers, too. ``baseline``: the key of the contender that ratios are to.
    ``fetch``: whether what a suite lacks is downloaded. ``command``: what the receipt says made it. ``tell``:
    told what runs now; ``note``: what should be known (a peer that is missing, a beginning of enwik8 in place
    of all of it). Returns the receipt, a dict for JSON as :mod:`nzip.benchmark.results` has it. A contender
    that fails is a finding in it, no error.

    Raises :class:`nzip.NzipError` for files that are not here, names that are none, and where nothing is left
    to be measured.
    """
    from nzip.benchmark import corpora, whole  # start-up: urllib
    from nzip.benchmark.running import run  # start-up: subprocess, NumPy
    from nzip.benchmark.suites import resolve  # start-up: as before

    if repeat < 1:
        raise ValueError(f"repeat is 1 or more, not {repeat}")

    def get(name: str) -> Path:
        return corpora.fetch(
            name, tell=lambda what, done, total: tell(f"{what}: {done:,} of {total:,} bytes")
        )

    words = [*suites, *(os.fspath(path) for path in files)]
    if not words:
        raise NzipError("there is nothing to measure: name files or a suite")
    inputs = resolve(words, get if fetch else None, note)
    missing: dict[str, str] = {}
    contenders = contenders_of(levels, predictors, cold, peers, missing)
    for label, reason in missing.items():
        note(f"skipped: {label} ({reason})")
    if not contenders:
        raise NzipError("there is nothing to measure with: no level, no predictor and no installed peer")
    found = run(contenders, inputs, repeat, missing, command, baseline, tell)
    rest = whole.of(found)
    if rest is not None:
        found["whole"] = rest
    return found


def contenders_of(
    levels: Sequence[int] | None,
    predictors: Sequence[str],
    cold: bool,
    peers: Sequence[str] | None,
    missing: dict[str, str],
) -> list:
    """What :func:`bench` measures; what cannot be goes into ``missing``, by label, with the reason."""
    from nzip.benchmark.peers import PEERS  # start-up: subprocess
    from nzip.benchmark.results import COLD  # start-up: as before
    from nzip.benchmark.running import NzipContender, PeerContender  # start-up: NumPy
    from nzip.levels import LEVELS, spelling_of
    from nzip.predictors import registry  # start-up: NumPy

    unknown = [key for key in peers or () if key not in PEERS]
    if unknown:
        raise NzipError(f"no peer is called {unknown[0]}: there are {', '.join(PEERS)}")
    found: list = []
    for level in [n for n, entry in LEVELS.items() if entry.spelling] if levels is None else levels:
        try:
            spelling = spelling_of(level)
        except (NzipError, ValueError) as error:
            missing[f"nzip -{level}"] = str(error)
            continue
        found.append(NzipContender(f"nzip-{level}", f"nzip -{level}", spelling))
        if cold:
            key, label = f"nzip-{level}{COLD}", f"nzip -{level} --no-primer"
            found.append(NzipContender(key, label, spelling, False))
    for spelling in predictors:
        registry.create(spelling)  # now, if at all, not after an hour
        found.append(NzipContender(f"nzip:{spelling}", f"nzip {spelling}", spelling))
    for key in PEERS if peers is None else peers:
        if PEERS[key].installed():
            found.append(PeerContender(PEERS[key]))
        else:
            missing[PEERS[key].label] = f"{PEERS[key].program} is not installed"
    return found
