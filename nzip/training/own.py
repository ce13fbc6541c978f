"""An expert of the user's own, from files like those to be compressed: ``nzip train`` as a library call.

The last part of every file (24 KB, at most a tenth) is held out and measured, so that the figure the user
reads is honest. What a run needs to go on after a stop lies in a folder that the caller names. Concession:
torch is imported by the call, not with this file, so that the names are here for those who have not installed
the extra ``neural``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from nzip.errors import NzipError
from nzip.io.safe_output import FileError, reason

if TYPE_CHECKING:
    from nzip.predictors.mix.words.dictionary import Dictionary
    from nzip.training.text import Source

EXTRA = "training needs PyTorch: pip install '.[neural]' in nzip's source"
LEAST_TEXT = 10_000
AUTO = "auto"
SAMPLE = 1 << 18  # bytes of the files by which AUTO decides
TIMES, LEAST, MOST = 10, 10_000_000, 200_000_000


class TrainedExpert(NamedTuple):
    """The expert's file, to be written to disk and named by its path (``predictor="mix+ssm:PATH"``);
    ``bits_per_byte`` of the expert alone on held-out text, and the bytes that it had ``seen`` by then."""

    data: bytes
    bits_per_byte: float
    seen: int


def train_expert(
    files: Iterable[str | os.PathLike[str]],
    *,
    kind: Literal["ssm", "transformer"] = "ssm",
    words: str | None = AUTO,
    total: int | None = None,
    hours: float | None = None,
    width: int | None = None,
    layers: int | None = None,
    seed: int = 1,
    threads: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int, float], None] | None = None,
) -> TrainedExpert:
    """Train an expert on ``files`` (paths), 10 KB of text at least and better millions.

    ``kind``: a recurrent network (fast), or a transformer, which reads raw text alone. ``words``: a
    dictionary that ships, by its name (``"english"``): the network reads text coded by it, and helps streams
    that the mix codes so; None: raw text; ``"auto"``: as the mix codes these files.

    ``total``: bytes to train on, the files over and over; by default ten times the files, 10 MB to 200 MB.
    ``hours``: be done by then, however much was seen. ``width`` (a multiple of 64; default 256) and
    ``layers`` (default 3) of the network. ``threads`` of PyTorch, None for what is set. ``folder`` keeps what
    a run needs to go on after a stop, and is the caller's to remove; None keeps nothing. ``progress(seen,
    total, loss)`` is called each step, the loss in bits per byte.

    Raises :class:`nzip.NzipError` where torch is missing, the text is too short, no dictionary has that name,
    or ``folder`` holds another run; :class:`nzip.io.safe_output.FileError` for a file that cannot be read.
    About 20 KB/s on one core (ssm), 5 KB/s (transformer).

    >>> nzip.train_expert(["a.log", "b.log"]).data  # doctest: +SKIP
    """
    try:
        import torch  # optional: the extra `neural`, as all that follows
    except ImportError as error:
        raise NzipError(EXTRA) from error
    from nzip.training import checkpoint, loop, transformer  # optional: need torch
    from nzip.training.processor import quick  # optional: needs torch
    from nzip.training.recurrent import Recurrent, Shape  # optional: needs torch

    if threads is not None:
        torch.set_num_threads(threads)
    names = [os.fspath(name) for name in files]
    sources, digest = _sources(names)
    size = sum(len(source.data) for source in sources)
    total = total or min(MOST, max(LEAST, TIMES * size))
    run = loop.Run(total=total, seed=seed, budget=hours * 3600 if hours else 1e9)

    def tell(seen: int, loss: float) -> None:
        if progress is not None:
            progress(seen, total, loss)

    with quick():
        torch.manual_seed(seed)
        net: Recurrent | transformer.Llama
        if kind == "transformer":
            net = transformer.Llama(transformer.shape_of(width, layers))
            run = run._replace(rate=1e-3, lanes=4, span=transformer.REACH, short=0.75)
        else:
            net = Recurrent(Shape(width or 256, layers or 3, fed=True), words=_dictionary(words, sources))
        with tempfile.TemporaryDirectory(prefix="nzip-train-") as scratch:
            try:
                log = loop.train(net, sources, run, Path(scratch if folder is None else folder), tell)
            except ValueError as error:
                raise NzipError(str(error)) from error
        held, seen = log[-1]["held"]["all"], log[-1]["seen"]
        made = {
            "by": "nzip train",
            "words": net.words.name if net.words else None,
            "text": digest,
            "files": len(names),
            "bytes": size,
            "seen": seen,
            "seed": seed,
            "held out": held,
        }
        return TrainedExpert(checkpoint.pack(net, made), held, seen)


def _dictionary(words: str | None, sources: list[Source]) -> Dictionary | None:
    """The dictionary of that name; with AUTO the one by which the mix codes a sample of them, if any."""
    import numpy as np  # start-up: NumPy

    from nzip.predictors.mix.primer_choice import choose  # start-up: numba
    from nzip.predictors.mix.words.dictionary import by_name  # start-up: numba

    if words is None:
        return None
    if words != AUTO:
        try:
            return by_name(words)
        except ValueError as error:
            raise NzipError(str(error)) from None
    each = SAMPLE // len(sources) + 1
    middles = [max(0, (len(source.data) - each) // 2) for source in sources]
    parts = [source.data[m : m + each] for m, source in zip(middles, sources, strict=True)]
    form = choose(np.frombuffer(b"".join(parts), np.uint8)).form
    return form.dictionary if form else None


def _sources(names: list[str]) -> tuple[list[Source], str]:
    """The files as sources, by their sizes, and the SHA-256 of all of them one after another."""
    from nzip.training.text import Source  # start-up: numpy, which importing the names does not need

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


def forget(folder: str | os.PathLike[str]) -> None:
    """Remove what a finished run kept."""
    shutil.rmtree(folder, ignore_errors=True)
