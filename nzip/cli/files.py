"""``compress``, ``decompress``, ``test`` and ``cat``: from the command line's words to files.

Every file is handled alone: one that fails gets one line and the others are still done; the exit code is
the worst. Where output goes, what is refused and in which order things become true on disk is
:mod:`nzip.safe_output`' business; how streams are coded is :mod:`nzip.container.pipeline`'s.
"""

from __future__ import annotations

import contextlib
import os
import sys

import click

from nzip import safe_output
from nzip.cli.main import OK, USAGE, one_line, say, worst
from nzip.cli.names import STDIN, compressed_name, decompressed_name, targets
from nzip.cli.terminal import ShownMeter, summary
from nzip.container import pipeline
from nzip.errors import CorruptError, NzipError


def compress(given: dict) -> int:
    """Compress each file; see :func:`_each`."""
    predictor, models = coding_of(given)
    block_size = block_size_of(given)

    def one(path: str) -> None:
        source_name, target = targets(path, given, compressed_name)
        with _open(path, given, target) as source, contextlib.ExitStack() as stack:
            output = stack.enter_context(_output(target, given, source, binary=True))
            meter = stack.enter_context(ShownMeter(source_name, size_of(source), given))
            pipeline.encode_stream(
                source, output.write, predictor,
                block_size=block_size, threads=given["threads"], memory=given["memory"],
                verify=given["verify"], meter=meter, background=True, models=models,
            )  # fmt: skip
            if _removes(path, target, given):
                _compare(source, output, given)
            output.commit()
            meter.stop()
            if _removes(path, target, given):
                _remove(path, source)
            summary(given, source_name, target, meter, decoding=False)

    return _each(given, one)


def decompress(given: dict) -> int:
    """Decompress each file; see :func:`_each`."""
    given = with_primer_text(given)

    def one(path: str) -> None:
        source_name, target = targets(path, given, decompressed_name)
        with _open(path, given, target) as source, contextlib.ExitStack() as stack:
            refuse_terminal(path, "decompress")
            output = stack.enter_context(_output(target, given, source, binary=False))
            if given.get("recover"):
                from nzip.container.recovery import recover

                lost = recover(
                    source,
                    output.write,
                    memory=given["memory"] or pipeline.DEFAULT_MEMORY,
                    primer=given["primer_text"],
                )
                output.commit()
                if lost:
                    raise CorruptError("; ".join(lost))
                return
            meter = stack.enter_context(ShownMeter(source_name, _decoded_size(source), given))
            for data in _decoded(source, given, meter):
                output.write(data)
            output.commit()
            meter.stop()
            if _removes(path, target, given):
                _remove(path, source)
            summary(given, source_name, target, meter, decoding=True)

    return _each(given, one)


def test(given: dict) -> int:
    """Decode each file to nowhere."""
    given = with_primer_text(given)

    def one(path: str) -> None:
        with _open(path, {**given, "to_stdout": True}, STDIN) as source:
            refuse_terminal(path, "test")
            with ShownMeter(path, _decoded_size(source), given) as meter:
                for _ in _decoded(source, given, meter):
                    pass
                meter.stop()
                if given["verbose"]:
                    summary(given, path, None, meter, decoding=True)

    return _each(given, one)


def cat(given: dict) -> int:
    """Decode each file, or a range of one, to standard output."""
    given = {**given, "to_stdout": True, "output": None, "remove": False, "suffix": ""}
    span = given["span"]
    if span is None:
        return decompress(given)
    if len(given["files"]) > 1:
        raise click.UsageError("--range is for one file")

    def one(path: str) -> None:
        from nzip.file import NzipFile

        start, end = span
        with _open(path, given, STDIN) as source, _output(STDIN, given, source, binary=False) as output:
            refuse_terminal(path, "decompress")
            memory = given["memory"] or pipeline.DEFAULT_MEMORY
            with NzipFile(source, memory=memory, primer=given["primer"]) as reader:
                if reader.seekable():
                    reader.seek(start)
                    left = None if end is None else end - start
                else:
                    _skip(reader, start)
                    left = None if end is None else end - start
                while data := reader.read(1 << 20 if left is None else min(1 << 20, left)):
                    output.write(data)
                    left = None if left is None else left - len(data)
            output.commit()

    return _each(given, one)


def predictor_of(given: dict):
    """The predictor that ``-1`` .. ``-9`` or ``--predictor`` asks for, started as ``--primer`` or
    ``--no-primer`` says."""
    from nzip.api import choose_predictor

    if given["predictor"] and given["level"] is not None:
        raise click.UsageError(f"-{given['level']} and --predictor {given['predictor']}: give one of them")
    if given["primer"] is not None and given["no_primer"]:
        raise click.UsageError("--primer and --no-primer: give one of them")
    chosen = choose_predictor(given["level"], given["predictor"] or None)
    if given["primer"] is None and not given["no_primer"]:
        return chosen
    return chosen.with_primer(with_primer_text(given)["primer_text"])


def coding_of(given: dict):
    """The predictor, and the models that ``--embed-model`` puts into the output."""
    from nzip.container import embedded_models

    predictor, models = embedded_models.chosen(predictor_of(given), given["embed_model"])
    if given["embed_model"] and not models and not given["quiet"]:
        say(f"{predictor.spelling} needs nothing but nzip itself, so no model is embedded")
    return predictor, models


def with_primer_text(given: dict) -> dict:
    """``given`` with ``primer_text``: what the file of ``--primer`` holds, or None without one."""
    if given.get("primer") is None:
        return {**given, "primer_text": None}
    from nzip.cli.primer import text_of

    return {**given, "primer_text": text_of(given["primer"])}


def block_size_of(given: dict) -> int:
    """What ``--block-size`` asks for, checked."""
    if given["block_size"] is None:
        return pipeline.DEFAULT_BLOCK_SIZE
    try:
        pipeline.check_block_size(given["block_size"])
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return given["block_size"]


def _each(given: dict, one) -> int:
    """Call ``one(path)`` for every file (standard input without any); the worst exit code."""
    paths = given["files"] or (STDIN,)
    if given.get("output") is not None:
        if len(paths) > 1:
            raise click.UsageError("-o names one output, and there are several inputs")
        if given.get("to_stdout"):
            raise click.UsageError("-o and -c: give one of them")
    if list(paths).count(STDIN) > 1:
        raise click.UsageError("'-' stands for standard input and can be given once")
    return worst([guarded(path, one) for path in paths])


def guarded(path: str, one) -> int:
    """Call ``one(path)``; an expected failure becomes one line and an exit code."""
    name = "standard input" if path == STDIN else path
    try:
        one(path)
    except safe_output.FileError as error:
        say(one_line(error))
        return error.exit_code
    except NzipError as error:
        say(f"{one_line(name)}: {one_line(error)}")
        return error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        say(f"{one_line(error.filename or name)}: {safe_output.reason(error)}")
        return USAGE
    return OK


def _removes(path: str, target: str, given: dict) -> bool:
    return given.get("remove", False) and path != STDIN and target != STDIN


def _open(path: str, given: dict, target: str):
    if path == STDIN:
        if sys.stdin is None:
            raise safe_output.FileError("standard input is closed")
        return contextlib.nullcontext(sys.stdin.buffer)
    elsewhere = target == STDIN or given.get("output") is not None
    return safe_output.open_source(
        path, force=given.get("force", False), remove=_removes(path, target, given), elsewhere=elsewhere
    )


def open_input(path: str):
    """A file or standard input, only to be looked at."""
    return (
        _open(path, {}, STDIN)
        if path == STDIN
        else safe_output.open_source(path, force=True, remove=False, elsewhere=True)
    )


def _output(target: str, given: dict, source, *, binary: bool):
    if target == STDIN:
        return safe_output.StandardOutput(refuse_terminal=binary and not given["force"])
    status = os.fstat(source.fileno()) if _has_descriptor(source) else None
    if status is not None and safe_output.is_same_file(target, status):
        raise safe_output.FileError(f"{target}: is the input itself")
    regular = status is not None and safe_output.is_regular(status)
    output = safe_output.Output(target, force=given["force"], source=status if regular else None)
    if given["remove"] and output.is_direct():
        raise safe_output.FileError(f"{target}: --rm needs an output that is a regular file")
    return output


def refuse_terminal(path: str, doing: str) -> None:
    """Compressed data is not typed in. Raises :class:`nzip.safe_output.FileError`."""
    if path == STDIN and sys.stdin is not None and sys.stdin.isatty():
        raise safe_output.FileError(
            f"there is no compressed data to {doing} on a terminal: name a file, or see nzip --help"
        )


def _decoded(source, given: dict, meter):
    return pipeline.decode_stream(
        source,
        primer=given["primer_text"],
        threads=given["threads"],
        memory=given["memory"] or pipeline.DEFAULT_MEMORY,
        meter=meter,
        background=True,
    )


def _compare(source, output, given: dict) -> None:
    """Decode what was written and compare it with the source, read again from its start."""
    source.seek(0)
    primer = with_primer_text(given)["primer_text"]
    for data in pipeline.decode_stream(
        output.reread(), primer=primer, threads=given["threads"], memory=given["memory"], background=True
    ):
        if source.read(len(data)) != data:
            raise NzipError(
                "the output does not decode to what the file holds now: the source is kept, no output written"
            )
    if source.read(1):
        raise NzipError("the file has grown while it was compressed: the source is kept, no output written")


def _remove(path: str, source) -> None:
    """Remove the source, if it still is the file that was read."""
    if not safe_output.is_same_file(path, os.fstat(source.fileno())):
        raise safe_output.FileError(f"{path}: is another file now, and was kept")
    try:
        os.unlink(path)
    except OSError as error:
        raise safe_output.FileError(f"{path}: cannot be removed: {safe_output.reason(error)}") from error


def _has_descriptor(source) -> bool:
    try:
        source.fileno()
    except (OSError, AttributeError):
        return False
    return True


def size_of(source) -> int | None:
    """Bytes to come, where that can be known."""
    if not _has_descriptor(source):
        return None
    status = os.fstat(source.fileno())
    return status.st_size if safe_output.is_regular(status) else None


def _decoded_size(source) -> int | None:
    """Decoded bytes to come, from the index where the file can seek; for the progress bar only."""
    from nzip.container.index import read_index

    try:
        if not source.seekable() or not sys.stderr.isatty():
            return None
        before = source.tell()
        try:
            return read_index(source).size
        finally:
            source.seek(before)
    except (NzipError, OSError):
        # Decoding will say what is wrong, and better.
        return None


def _skip(reader, count: int) -> None:
    while count and (data := reader.read(min(1 << 20, count))):
        count -= len(data)
