"""``nzip train``: from a user's files to an expert's file.

The last part of the text (at most 2%) is held out and measured, so that the figure the user reads is honest.
What a run needs to go on after a stop lies in a folder beside the output."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from nzip.errors import NzipError
from nzip.safe_output import FileError, reason
from nzip.training.checkpoint import pack
from nzip.training.loop import Run
from nzip.training.loop import train as run_training
from nzip.training.processor import quick
from nzip.training.recurrent import Recurrent, Shape
from nzip.training.text import Source

LEAST_TEXT = 10_000
TIMES, LEAST, MOST = 10, 10_000_000, 200_000_000


def sources_of(names: list[str]) -> tuple[list[Source], str]:
    """The files as sources, by their sizes, and the SHA-256 of all of them one after another."""
    digest, found = hashlib.sha256(), []
    for name in names:
        try:
            data = Path(name).read_bytes()
        except OSError as error:
            raise FileError(f"{name}: {reason(error)}") from error
        digest.update(data)
        if data:
            found.append(Source(name, data, len(data), "all"))
    size = sum(len(s.data) for s in found)
    if size < LEAST_TEXT:
        raise NzipError(
            f"{size:,} bytes are too few to train on: give at least {LEAST_TEXT:,}, better millions"
        )
    return found, digest.hexdigest()


@quick()
def train(
    names: list[str],
    folder: str,
    kind: str,
    *,
    total: int | None,
    hours: float | None,
    width: int | None,
    layers: int | None,
    seed: int,
    progress: Callable[[int, int, float], None],
) -> tuple[bytes, str]:
    """The expert's file, and a line about it. Goes on with what lies in ``folder``."""
    sources, digest = sources_of(names)
    size = sum(len(s.data) for s in sources)
    total = total or min(MOST, max(LEAST, TIMES * size))
    run = Run(total=total, seed=seed, budget=hours * 3600 if hours else 1e9)
    torch.manual_seed(seed)
    if kind == "transformer":
        from nzip.training import transformer

        net = transformer.Llama(transformer.shape_of(width, layers))
        run = run._replace(rate=1e-3, lanes=4, span=transformer.REACH, short=0.75)
    else:
        net = Recurrent(Shape(width or 256, layers or 3))
    try:
        log = run_training(net, sources, run, Path(folder), lambda seen, loss: progress(seen, total, loss))
    except ValueError as error:
        raise NzipError(str(error)) from error
    held = log[-1]["held"]["all"]
    made = {
        "by": "nzip train",
        "text": digest,
        "files": len(names),
        "bytes": size,
        "seen": log[-1]["seen"],
        "seed": seed,
        "held out": held,
    }
    data = pack(net, made)
    return (
        data,
        f"{len(data):,} bytes, {held:.3f} bits per byte alone on held-out text after {log[-1]['seen']:,} bytes seen",
    )


def forget(folder: str) -> None:
    """Remove what a finished run kept."""
    shutil.rmtree(folder, ignore_errors=True)
