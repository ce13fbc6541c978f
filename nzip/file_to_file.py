"""A file compressed or decompressed to a file: what ``nzip compress FILE`` does, as a library call.

The target appears whole or not at all, with the source's mode and times. With ``resume`` a call that was
killed goes on where it was when it is made again: at the last whole block, whose bytes are compared with the
source by their hashes (:mod:`nzip.container.resume`). Concession: files alone can be gone on with, and the
source is always kept; removing it is the caller's decision.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple, Unpack

from nzip.api import left_in
from nzip.container import pipeline
from nzip.container.meter import Meter
from nzip.errors import NzipError
from nzip.io.partial_output import PartialOutput
from nzip.io.safe_output import Output, is_same_file
from nzip.io.sources import is_regular, open_source
from nzip.options import Coding, Primer, chosen, made_by, own_primer, resumable_block_size, settled, shown
from nzip.predictors.base import Predictor
from nzip.predictors.model_files import Models

_Path = str | os.PathLike[str]


class Converted(NamedTuple):
    """What a call did: bytes ``read`` and ``written`` in all; ``resumed``: decoded bytes of these that an
    earlier call had done; ``notes``: what a user should know of it, a line each."""

    read: int
    written: int
    resumed: int = 0
    notes: tuple[str, ...] = ()


class _Notes(Meter):
    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@shown
def compress_file(
    source: _Path,
    target: _Path,
    level: int | None = None,
    *,
    force: bool = False,
    resume: bool = False,
    **options: Unpack[Coding],
) -> Converted:
    """Compress the file ``source`` to the file ``target``, which ``force`` replaces if it exists.

    ``resume``: what was done stays behind if the call ends by an error, a signal or a crash, as
    ``.TARGET.*.nzip-part`` beside the target, and the same call goes on with it; the bytes are those of a
    call that was not interrupted. A block is then 1 MiB unless ``block_size`` says otherwise, but for the
    mix alone (levels 0 to 5), which is fast enough for the default. The rest as for :func:`nzip.compress`.

    Raises :class:`nzip.NzipError`, also for a file that cannot be read or written.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = os.path.join(folder.name, "text")
    >>> open(path, "wb").write(b"text " * 1000)
    5000
    >>> compress_file(path, path + ".nz", level=1, resume=True).read
    5000
    >>> decompress_file(path + ".nz", path + ".again").written
    5000
    >>> folder.cleanup()
    """
    settings = settled(Coding, options)
    predictor, machinery = chosen(level, settings)
    if resume:
        given = options.get("block_size")
        machinery["block_size"] = resumable_block_size(predictor) if given is None else given

    def code(file: BinaryIO, output: Output, meter: Meter) -> None:
        partial = output if isinstance(output, PartialOutput) else None
        pipeline.encode_stream(
            file, output.write, predictor, partial=partial, meter=meter, size=left_in(file), **machinery
        )

    return _convert(source, target, force, made_by(settings["primer"]) if resume else None, code)


def decompress_file(
    source: _Path,
    target: _Path,
    *,
    force: bool = False,
    resume: bool = False,
    predictor: Predictor | None = None,
    primer: Primer = None,
    models: Models | None = None,
    threads: int = 1,
    memory: int | None = pipeline.DEFAULT_MEMORY,
    max_size: int | None = None,
) -> Converted:
    """Decompress the file ``source`` to the file ``target``. ``force`` and ``resume`` as for
    :func:`compress_file`, the rest as for :func:`nzip.decompress`, whose errors it raises, too."""

    def code(file: BinaryIO, output: Output, meter: Meter) -> None:
        parts: Iterable[bytes] = pipeline.decode_stream(
            file,
            predictor=predictor,
            primer=own_primer(primer, memory),
            models=models,
            threads=threads,
            memory=memory,
            max_size=max_size,
            meter=meter,
            partial=output if isinstance(output, PartialOutput) else None,
        )
        for part in parts:
            output.write(part)

    return _convert(source, target, force, made_by() if resume else None, code)


def _convert(
    source: _Path,
    target: _Path,
    force: bool,
    command: str | None,
    code: Callable[[BinaryIO, Output, Meter], None],
) -> Converted:
    """``code`` from the file ``source`` to ``target``; ``command``: to be gone on with, as what
    :func:`made_by` says."""
    meter = _Notes()
    with open_source(os.fspath(source), force=True, remove=False, elsewhere=command is None) as file:
        status = os.fstat(file.fileno())
        if is_same_file(os.fspath(target), status):
            raise NzipError(f"{os.fspath(target)}: is the input itself")
        kept = status if is_regular(status) else None
        output = (
            Output(os.fspath(target), force=force, source=kept)
            if command is None
            else PartialOutput(os.fspath(target), force=force, source=kept, made_by=command, note=meter.note)
        )
        with output:
            code(file, output, meter)
            output.commit()
    return Converted(meter.consumed, meter.produced, meter.resumed, tuple(meter.lines))
