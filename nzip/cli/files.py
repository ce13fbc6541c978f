"""``compress``, ``decompress``, ``test`` and ``cat``: from the command line's words to files.

Where output goes, what is refused and in which order things become true on disk is
:mod:`nzip.io.safe_output`' business; how streams are coded is :mod:`nzip.container.pipeline`'s. Concession:
with ``--rm`` everything is decoded once more before the source goes, which is slow, and worth it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import click

from nzip.cli.inputs import (
    STDIN,
    block_size_of,
    coding_of,
    compressed_name,
    decoded_size,
    decompressed_name,
    each,
    expect_compressed,
    lesser_of,
    open_input,
    own_primer,
    paths_of,
    size_of,
    targets,
    walked,
)
from nzip.cli.options import Coding, Decoding, Files, Placing, Running, Talking
from nzip.cli.standard import StandardOutput
from nzip.cli.tables import bits_value, print_json
from nzip.cli.terminal import OK, ShownMeter, in_turn, say, summary
from nzip.cli.together import Way, names_of, spread
from nzip.container import pipeline
from nzip.container.recovery import DEFAULT_MAX_SIZE, recover
from nzip.errors import CorruptError, NzipError
from nzip.exact.compiler import need_compiler
from nzip.file import NzipFile
from nzip.io import safe_output, sources
from nzip.io.partial_output import PartialOutput
from nzip.io.safe_output import FileError
from nzip.options import made_by
from nzip.predictors.base import Predictor
from nzip.predictors.own_primer import OwnPrimer

_CHUNK = 1 << 20
_SMALL = 4 << 20  # bytes of a compressed file that may be decoded on one core
_MANY = 16  # files, from which on primed mixes stay in memory between them
_BRIEF = 1 << 16  # bytes of a file that is coded before anybody could miss the thread that hears signals


class _Told:
    """What ``--json`` prints at the end: an entry for each file, failures among them."""

    def __init__(self, verb: str, as_json: bool, target: Placing | None = None):
        self._verb = verb
        self._as_json = as_json
        self._rows: list[dict[str, Any]] = []
        if as_json and target is not None and (target.to_stdout or target.output == STDIN):
            raise click.UsageError("--json and output to standard output: give one of them")

    def check(self, target: str) -> None:
        """Standard output is for one thing. Raises :class:`FileError`."""
        if self._as_json and target == STDIN:
            raise FileError("standard output is what --json prints to: name an output with -o")

    def add(self, path: str, target: str | None, meter: ShownMeter, *, decoding: bool, **more: Any) -> None:
        """A file that went well."""
        size, coded = (meter.produced, meter.consumed) if decoding else (meter.consumed, meter.produced)
        where = {} if target is None else {"output": target}
        self._row(
            {
                "file": path,
                **where,
                "size": size,
                "compressed": coded,
                "bits_per_byte": bits_value(coded, size),
                "ratio": size / coded if size and coded else None,
                "seconds": meter.seconds,
                **more,
                "error": None,
                "exit_code": OK,
            }
        )

    def recovered(self, path: str, target: str) -> None:
        """A file of which all could be saved; nobody counted."""
        self._row({"file": path, "output": target, "error": None, "exit_code": OK})

    def failed(self, path: str, line: str, code: int) -> None:
        """A file that did not."""
        self._row({"file": path, "error": line, "exit_code": code})

    def _row(self, row: dict[str, Any]) -> None:
        in_turn(functools.partial(self._rows.append, row))

    def done(self, code: int) -> int:
        """Print, if that was asked for; ``code``."""
        if self._as_json:
            print_json({"files": self._rows}, self._verb)
        return code


def compress(
    files: Files,
    placing: Placing,
    coding: Coding,
    running: Running,
    talking: Talking,
    *,
    recursive: bool = False,
    as_json: bool = False,
) -> int:
    """Compress each file; see :func:`nzip.cli.together.spread`. ``recursive``: and those in directories."""
    told = _Told("compress", as_json, placing)
    if recursive:
        given, (found, left_out) = files, walked(files, placing.suffix)
        for line in left_out if not talking.quiet else ():
            say(line)
        if given and not found:
            return told.done(OK)
        files = tuple(found)
    if coding.budget is not None:
        from nzip.cli.estimate import within_budget  # start-up: estimates are asked for rarely

        coding = within_budget(files, coding, running, talking)
    primer = own_primer(coding.primer)
    predictor, models = coding_of(coding, talking, primer)
    lesser = lesser_of(coding, primer)
    block_size = block_size_of(coding, predictor if placing.resume else None)
    most = pipeline.DEFAULT_BLOCK_SIZE if block_size is None else block_size
    many, experts = len(files) >= _MANY, "+" in predictor.spelling or not predictor.spelling.startswith("mix")

    def one(path: str, way: Way) -> None:
        source_name, target = targets(path, placing, compressed_name)
        told.check(target)
        _check_resumable(path, target, placing)
        with _open(path, placing, target) as source, contextlib.ExitStack() as stack:
            before = sources.status_of(source)
            size = size_of(source)
            meter = stack.enter_context(ShownMeter(source_name, size, _shown(talking, way)))
            brief = many and not experts and size is not None and size <= _BRIEF
            # Whether standard input is a file or a pipe is no matter of the bytes.
            to_come = None if path == STDIN else size
            command = made_by(False if coding.no_primer else None)
            output = stack.enter_context(_output(target, placing, before, meter, command))
            pipeline.encode_stream(
                source, output.write, predictor,
                block_size=block_size, size=to_come, threads=way.threads, memory=running.memory,
                verify=coding.verify, meter=meter, background=way.background and not brief, models=models,
                partial=_partial(output), budget=way.budget, lesser=lesser,
            )  # fmt: skip
            removes = _removes(path, target, placing)
            if removes and isinstance(output, safe_output.Output):
                _compare(source, output, predictor, way)
            output.commit()
            meter.stop()
            if removes:
                _remove(path, source, output, before, placing)
            summary(talking, source_name, target, meter, decoding=False)
            spelling = meter.chosen or predictor.spelling
            told.add(path, target, meter, decoding=False, predictor=spelling)

    def names(path: str) -> frozenset[str] | None:
        return names_of(path, placing, lambda path: targets(path, placing, compressed_name)[1], most)

    paths = paths_of(files, placing)
    with _pool(running) if many else contextlib.nullcontext():
        return told.done(
            spread(paths, one, told.failed, running, running.memory, names, talking.quiet or as_json)
        )


def _pool(running: Running) -> contextlib.AbstractContextManager[None]:
    """Primed mixes stay in memory between files, in at most a quarter of what may be used."""
    from nzip.predictors.mix.pool import DEFAULT, POOL  # start-up: the mix

    return POOL.open(DEFAULT if running.memory is None else min(DEFAULT, running.memory // 4))


def decompress(
    files: Files,
    placing: Placing,
    decoding: Decoding,
    running: Running,
    talking: Talking,
    *,
    damaged: bool = False,
    max_size: int | None = None,
    as_json: bool = False,
) -> int:
    """Decompress each file; see :func:`nzip.cli.together.spread`. ``damaged``:
    save what can be saved, with at most ``max_size`` zeros for what is lost (None: 1 GiB)."""
    told = _Told("decompress", as_json, placing)
    need_compiler()
    own = own_primer(decoding.primer, _memory(running))

    if damaged and placing.resume:
        raise click.UsageError("--recover and --resume: give one of them")

    def one(path: str, way: Way) -> None:
        source_name, target = targets(path, placing, decompressed_name)
        told.check(target)
        _check_resumable(path, target, placing)
        with _open(path, placing, target) as source, contextlib.ExitStack() as stack:
            expect_compressed(path, source, "decompress")
            before = sources.status_of(source)
            meter = stack.enter_context(ShownMeter(source_name, decoded_size(source), _shown(talking, way)))
            output = stack.enter_context(_output(target, placing, before, meter))
            if damaged:
                lost = recover(
                    source, output.write, memory=_memory(running), primer=own, models=dict(decoding.models),
                    max_size=DEFAULT_MAX_SIZE if max_size is None else max_size,
                    skip=getattr(output, "skip", None),
                )  # fmt: skip
                output.commit()
                if lost:
                    raise CorruptError("; ".join(lost))
                told.recovered(path, target)
                return
            parts = _decoded(source, own, decoding, way, meter, _partial(output), sooner=target == STDIN)
            for data in parts:
                output.write(data)
            output.commit()
            meter.stop()
            if _removes(path, target, placing):
                _remove(path, source, output, before, placing)
            summary(talking, source_name, target, meter, decoding=True)
            told.add(path, target, meter, decoding=True)

    def names(path: str) -> frozenset[str] | None:
        if damaged:  # which takes what memory it takes
            return None
        return names_of(path, placing, lambda path: targets(path, placing, decompressed_name)[1], _SMALL)

    paths, limit = paths_of(files, placing), _memory(running)
    return told.done(spread(paths, one, told.failed, running, limit, names, talking.quiet or as_json))


def test(
    files: Files, decoding: Decoding, running: Running, talking: Talking, *, as_json: bool = False
) -> int:
    """Decode each file to nowhere."""
    told = _Told("test", as_json)
    need_compiler()
    own = own_primer(decoding.primer, _memory(running))

    def one(path: str, way: Way) -> None:
        with open_input(path) as source:
            expect_compressed(path, source, "test")
            with ShownMeter(path, decoded_size(source), _shown(talking, way)) as meter:
                for _ in _decoded(source, own, decoding, way, meter):
                    pass
                meter.stop()
                if talking.verbose:
                    summary(talking, path, None, meter, decoding=True)
                told.add(path, None, meter, decoding=True)

    def names(path: str) -> frozenset[str] | None:
        return names_of(path, Placing(), None, _SMALL)

    paths, limit = paths_of(files), _memory(running)
    return told.done(spread(paths, one, told.failed, running, limit, names, talking.quiet or as_json))


def cat(
    files: Files,
    span: tuple[int, int | None] | None,
    force: bool,
    decoding: Decoding,
    running: Running,
    talking: Talking,
) -> int:
    """Decode each file, or the range ``span`` of one (its last byte None: to the end), to standard output."""
    placing = Placing(to_stdout=True, force=force)
    if span is None:
        return decompress(files, placing, decoding, running, talking)
    if len(files) > 1:
        raise click.UsageError("--range is for one file")
    need_compiler()
    start, end = span

    def one(path: str) -> None:
        with _open(path, placing, STDIN) as source:
            expect_compressed(path, source, "decompress")
            output = StandardOutput(refuse_terminal=False, source=sources.status_of(source))
            with NzipFile(
                source, memory=_memory(running), primer=decoding.primer, models=dict(decoding.models)
            ) as reader:
                if reader.seekable():
                    reader.seek(start)
                else:
                    _skip(reader, start)
                left = None if end is None else end - start
                while data := reader.read(_CHUNK if left is None else min(_CHUNK, left)):
                    output.write(data)
                    left = None if left is None else left - len(data)
            output.commit()

    return each(files, one, placing)


def _shown(talking: Talking, way: Way) -> Talking:
    """Files beside others have no bars of their own."""
    return talking if way.alone else dataclasses.replace(talking, progress=False)


def _memory(running: Running | Way) -> int:
    return pipeline.DEFAULT_MEMORY if running.memory is None else running.memory


def _removes(path: str, target: str, placing: Placing) -> bool:
    return placing.remove and path != STDIN and target != STDIN


def _open(path: str, placing: Placing, target: str) -> contextlib.AbstractContextManager[BinaryIO]:
    return open_input(
        path,
        force=placing.force,
        remove=_removes(path, target, placing),
        elsewhere=target == STDIN or (placing.output is not None and not placing.resume),
    )


def _output(
    target: str,
    placing: Placing,
    source: os.stat_result | None,
    meter: ShownMeter,
    command: str | None = None,
) -> safe_output.Sink:
    """``command``: of an output that is compressed, as :func:`nzip.options.made_by` says it."""
    kept = source if source is not None and sources.is_regular(source) else None
    if target == STDIN:
        return StandardOutput(refuse_terminal=command is not None and not placing.force, source=kept)
    if kept is not None and safe_output.is_same_file(target, kept):
        raise FileError(f"{target}: is the input itself")
    output = (
        PartialOutput(
            target,
            force=placing.force,
            source=kept,
            warn=say,
            made_by=command or made_by(),
            note=meter.note,
        )
        if placing.resume
        else safe_output.Output(target, force=placing.force, source=kept, warn=say)
    )
    if placing.remove and output.is_direct():
        raise FileError(f"{target}: --rm needs an output that is a regular file")
    return output


def _check_resumable(path: str, target: str, placing: Placing) -> None:
    if placing.resume and STDIN in (path, target):
        which = "input" if path == STDIN else "output"
        raise FileError(f"standard {which}: --resume goes on with files, and this is none")


def _partial(output: safe_output.Sink) -> PartialOutput | None:
    return output if isinstance(output, PartialOutput) else None


def _decoded(
    source: BinaryIO,
    primer: OwnPrimer | None,
    decoding: Decoding,
    way: Way,
    meter: ShownMeter,
    partial: PartialOutput | None = None,
    *,
    sooner: bool = False,
) -> Iterator[bytes]:
    return pipeline.decode_stream(
        source,
        primer=primer,
        models=dict(decoding.models),
        threads=way.threads,
        memory=_memory(way),
        meter=meter,
        background=way.background,
        sooner=sooner,
        partial=partial,
        budget=way.budget,
    )


def _compare(source: BinaryIO, output: safe_output.Output, predictor: Predictor, way: Way) -> None:
    """Decode what was written and compare it with the source, read again from its start."""
    source.seek(0)
    for data in pipeline.decode_stream(
        output.reread(),
        predictor=predictor,
        threads=way.threads,
        memory=way.memory,
        background=way.background,
        budget=way.budget,
    ):
        if source.read(len(data)) != data:
            raise NzipError(
                "the output does not decode to what the file holds now: the source is kept, no output written"
            )
    if source.read(1):
        raise NzipError("the file has grown while it was compressed: the source is kept, no output written")


def _remove(
    path: str, source: BinaryIO, output: safe_output.Sink, before: os.stat_result | None, placing: Placing
) -> None:
    """Remove the source, if it still is the file that was read and the output is there to stay."""
    if isinstance(output, safe_output.Output) and not output.durable and not placing.force:
        raise FileError(f"{path}: is kept, for the output may not outlast a power cut (-f to remove it)")
    if before is not None:
        sources.remove_source(path, source, before)


def _skip(reader: NzipFile, count: int) -> None:
    while count and (data := reader.read(min(_CHUNK, count))):
        count -= len(data)
