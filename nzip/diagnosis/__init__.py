"""What is wrong with a compressed file, where, and what would mend it: ``nzip diagnose`` as a library call.

Two kinds of trouble look alike to who only wants to decompress: a file whose bytes are damaged, and a file
that is whole and whose predictor is missing, or answers otherwise, on this machine. So everything is looked
at that can be: each frame's header, the stored bytes of each block, each predictor's passport, what each
block decodes to, segment by segment, and the whole-file hash. Each difference is a :class:`Finding`.

* ``findings``  what is given back
* ``blocks``    one stream's blocks and their predictor
* ``frames``    the walk over a file, and over its breaks

Concession: it takes as long as decompressing does, or seconds without decoding.
"""

from __future__ import annotations

import contextlib
import os
from typing import IO, Any

from nzip.container import decoding
from nzip.container.meter import Meter
from nzip.diagnosis.findings import Diagnosis, Finding, Range
from nzip.diagnosis.frames import Frames
from nzip.errors import NzipError
from nzip.options import Primer, known, own_primer
from nzip.predictors.base import Predictor
from nzip.predictors.model_files import Models
from nzip.predictors.own_primer import OwnPrimer

__all__ = ["Diagnosis", "Finding", "Range", "diagnose", "look"]


def diagnose(
    file: str | os.PathLike[str] | IO[bytes],
    *,
    decode: bool = True,
    predictor: str | Predictor | None = None,
    primer: Primer = None,
    models: Models | None = None,
    threads: int = 1,
    memory: int | None = decoding.DEFAULT_MEMORY,
) -> Diagnosis:
    """What is wrong with ``file``, a path or a binary file that can seek. ``decode``: False looks at the
    stored bytes and the predictors only, which takes seconds. The rest as for :func:`nzip.decompress`.

    Nothing that is wrong with the file is raised: it is what this is for. Raises :class:`OSError` where it
    cannot be read, and :class:`nzip.NzipError` where it cannot seek, or for a primer that is none.

    >>> import io, nzip
    >>> damaged = bytearray(nzip.compress(b"text " * 100, level=1, block_size=250))
    >>> damaged[44] ^= 1
    >>> found = diagnose(io.BytesIO(damaged))
    >>> found.exit_code, found.proven, [(f.block, f.decoded) for f in found.findings]
    (2, 1, [(1, (0, 250))])
    """
    with contextlib.ExitStack() as stack:
        if isinstance(file, str | os.PathLike):
            file = stack.enter_context(open(file, "rb"))
        return look(
            file,
            decode=decode,
            predictor=known(predictor),
            primer=own_primer(primer, memory),
            models=models,
            threads=threads,
            memory=memory,
        )


def look(
    source: Any,
    *,
    decode: bool = True,
    predictor: Predictor | None = None,
    primer: OwnPrimer | None = None,
    models: Models | None = None,
    threads: int = 1,
    memory: int | None = decoding.DEFAULT_MEMORY,
    meter: Meter | None = None,
) -> Diagnosis:
    """:func:`diagnose` of a binary file, with a primer's text; ``meter`` is told how far it is."""
    if not source.seekable():
        raise NzipError("only a file that can seek can be diagnosed: save it to one")
    return Frames(source, predictor, primer, models, memory, meter or Meter(), decode, threads).whole()
