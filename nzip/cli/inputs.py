"""The files that were named: opened, refused or guarded one by one, and where their outputs go.

Every file is handled alone: one that fails gets one line and the others are still done; the exit code is the
worst (:func:`each`). Output names come from input names, by suffix, as gzip and xz do it. Also what ``-1`` ..
``-9``, ``--predictor`` and ``--primer`` name, for the verbs that code. Concession: what ``xz`` refuses
(:func:`nzip.io.sources.open_source`) is refused here, too, even where it would work.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, NoReturn

import click

from nzip.cli import standard
from nzip.cli.options import Coding, Files, Placing, Talking
from nzip.cli.terminal import OK, USAGE, error_line, say, worst
from nzip.container import embedded_models, pipeline
from nzip.container.embedded_models import Model
from nzip.container.index import read_index
from nzip.container.short_streams import Lesser
from nzip.errors import FormatError, NzipError
from nzip.exact.compiler import need_compiler
from nzip.io import foreign, safe_output, sources
from nzip.io.safe_output import FileError
from nzip.levels import LEVELS
from nzip.options import choose_predictor, lesser, resumable_block_size
from nzip.predictors.base import Predictor
from nzip.predictors.own_primer import OwnPrimer
from nzip.primer.file import load

STDIN = "-"
# Like .txz and .tgz: what the short form of a tar archive stands for.
_SHORT = {".tnz": ".tar"}
# What is told of each file that failed, with the line and the exit code.
Failed = Callable[[str, str, int], None] | None


def each(
    files: Files,
    one: Callable[[str], None],
    placing: Placing | None = None,
    failed: Failed = None,
) -> int:
    """Call ``one(path)`` for every file (standard input without any); the worst exit code. ``placing`` as for
    :func:`paths_of`; ``failed``: told of each file that failed, with the line and the exit code."""
    return worst([guarded(path, one, failed) for path in paths_of(files, placing)])


def paths_of(files: Files, placing: Placing | None = None) -> Files:
    """The files that were named, standard input where none was. ``placing``: of a verb that writes, to be
    refused where it is no place for that many."""
    paths = files or (STDIN,)
    if placing is not None and placing.output is not None:
        if len(paths) > 1:
            raise click.UsageError("-o names one output, and there are several inputs")
        if placing.to_stdout:
            raise click.UsageError("-o and -c: give one of them")
    if list(paths).count(STDIN) > 1:
        raise click.UsageError("'-' stands for standard input and can be given once")
    return paths


def guarded(path: str, one: Callable[[str], None], failed: Failed = None) -> int:
    """Call ``one(path)``; an expected failure becomes one line and an exit code, of which ``failed`` is
    told."""
    name = "standard input" if path == STDIN else path
    try:
        one(path)
    except FileError as error:
        line, code = error_line(error), error.exit_code
    except NzipError as error:
        line, code = f"{name}: {error_line(error)}", error.exit_code
    except BrokenPipeError:
        raise
    except OSError as error:
        if error.filename is None:
            error.filename = name
        line, code = error_line(error), USAGE
    else:
        return OK
    say(line)
    if failed is not None:
        failed(path, line, code)
    return code


# Opening --------------------------------------------------------------------------------------------------


def open_input(
    path: str, *, force: bool = True, remove: bool = False, elsewhere: bool = True
) -> contextlib.AbstractContextManager[BinaryIO]:
    """A file (as :func:`nzip.io.sources.open_source`; by default only to be looked at) or standard input."""
    if path == STDIN:
        return standard.standard_input()
    return sources.open_source(path, force=force, remove=remove, elsewhere=elsewhere)


def refuse_terminal(path: str, doing: str) -> None:
    """Compressed data is not typed in. Raises :class:`nzip.io.safe_output.FileError`."""
    if path == STDIN and sys.stdin is not None and sys.stdin.isatty():
        raise FileError(
            f"there is no compressed data to {doing} on a terminal: name a file, or see nzip --help"
        )


def expect_compressed(path: str, source: BinaryIO, doing: str) -> None:
    """Compressed data is not typed in, and other compressors' is theirs. Raises as :func:`refuse_terminal`,
    and :class:`nzip.FormatError` for the latter."""
    refuse_terminal(path, doing)
    peek = getattr(source, "peek", None)
    found = foreign.what_is(peek(foreign.ENOUGH)) if peek is not None else None
    if found is not None:
        raise FormatError(f"not nzip's: {found}")


def size_of(source: Any) -> int | None:
    """Bytes to come, where that can be known."""
    try:
        status = sources.status_of(source)
    except OSError:  # it is for the bar only
        return None
    return status.st_size if status is not None and sources.is_regular(status) else None


def decoded_size(source: BinaryIO) -> int | None:
    """Decoded bytes to come, from the index where the file can seek; for the progress bar only."""
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


def regular_files(paths: Iterable[str], recursive: bool) -> list[str]:
    """The regular files that are named, and with ``recursive`` those in named directories; links in
    directories are not followed. Raises :class:`nzip.io.safe_output.FileError`."""

    def fail(error: OSError) -> NoReturn:
        raise FileError(f"{error.filename}: {safe_output.reason(error)}") from error

    found: list[str] = []
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            fail(error)
        if stat.S_ISDIR(mode):
            if not recursive:
                raise FileError(f"{path}: is a directory (-r takes the files in it)")
            for folder, _, names in os.walk(path, onerror=fail):
                inside = (os.path.join(folder, name) for name in names)
                found += [name for name in inside if stat.S_ISREG(os.lstat(name).st_mode)]
        elif stat.S_ISREG(mode):
            found.append(path)
        else:
            raise FileError(f"{path}: is no regular file")
    unreadable = next((path for path in found if not os.access(path, os.R_OK)), None)
    if unreadable is not None:
        raise FileError(f"{unreadable}: permission denied")
    return found


def walked(paths: Iterable[str], suffix: str) -> tuple[list[str], list[str]]:
    """``paths`` with the files of each named directory and of those below in its place, in order of their
    names, hidden ones too; links within are not followed. And a line for each that is left out: what ends
    with ``suffix`` is compressed already, and only regular files are taken."""
    found: list[str] = []
    left_out: list[str] = []

    def told(error: OSError) -> None:
        left_out.append(f"{error.filename}: left out: {safe_output.reason(error)}")

    for path in paths:
        if path == STDIN or not os.path.isdir(path):
            found.append(path)
            continue
        for folder, folders, names in os.walk(path, onerror=told):
            folders.sort()
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in sorted([*names, *links]):
                inside = os.path.join(folder, name)
                try:
                    mode = os.lstat(inside).st_mode
                except OSError as error:
                    told(error)
                    continue
                if stat.S_ISLNK(mode):
                    left_out.append(f"{inside}: left out: a link")
                elif not stat.S_ISREG(mode):
                    left_out.append(f"{inside}: left out: no regular file")
                elif name.endswith(suffix):
                    left_out.append(f"{inside}: left out: it ends with {suffix} already")
                else:
                    found.append(inside)
    return found, left_out


# Names ----------------------------------------------------------------------------------------------------


def targets(path: str, placing: Placing, derive: Callable[[str, Placing], str]) -> tuple[str, str]:
    """How to call the input, and where the output goes ('-' for standard output)."""
    name = "standard input" if path == STDIN else path
    if placing.to_stdout or placing.output == STDIN:
        return name, STDIN
    if placing.output is not None:
        return name, placing.output
    return name, STDIN if path == STDIN else derive(path, placing)


def compressed_name(path: str, placing: Placing) -> str:
    """``path`` with the suffix. Raises :class:`nzip.io.safe_output.FileError` where it has one already."""
    suffix = _suffix(placing)
    if path.endswith((suffix, *_SHORT)) and not placing.force:
        raise FileError(f"{path}: has the suffix {suffix} already, skipping (-f to compress it again)")
    return path + suffix


def decompressed_name(path: str, placing: Placing) -> str:
    """``path`` without the suffix. Raises :class:`nzip.io.safe_output.FileError` where it has none."""
    suffix = _suffix(placing)
    directory, name = os.path.split(path)
    for end, becomes in ((suffix, ""), *_SHORT.items()):
        if name.endswith(end) and len(name) > len(end):
            return os.path.join(directory, name[: -len(end)] + becomes)
    with contextlib.suppress(OSError), open_input(path, elsewhere=False) as source:
        expect_compressed(path, source, "decompress")
    raise FileError(f"{path}: unknown suffix, expected {suffix}: name the output with -o, or use -c")


def _suffix(placing: Placing) -> str:
    suffix = placing.suffix
    if not suffix or "/" in suffix or "\0" in suffix:
        raise click.UsageError(f"{suffix!r} cannot be a suffix")
    return suffix


# What codes -----------------------------------------------------------------------------------------------


def predictor_of(coding: Coding, primer: OwnPrimer | None) -> Predictor:
    """The predictor that ``-1`` .. ``-9`` or ``--predictor`` asks for, started from the ``primer`` of
    ``--primer``, or as ``--no-primer`` says."""
    if coding.predictor and coding.level is not None:
        raise click.UsageError(f"-{coding.level} and --predictor {coding.predictor}: give one of them")
    if coding.budget is not None:
        raise click.UsageError("--budget picks a level for compress and measure; here name one, as -3")
    if coding.primer is not None and coding.no_primer:
        raise click.UsageError("--primer and --no-primer: give one of them")
    return _started(coding, primer)(choose_predictor(coding.level, coding.predictor or None))


def _started(coding: Coding, primer: OwnPrimer | None) -> Callable[[Predictor], Predictor]:
    given = coding.primer is not None or coding.no_primer
    return lambda found: found.with_primer(primer) if given else found


def named_predictor(spelling: str) -> Predictor:
    """The predictor that a spelling names, or a level as ``5`` or ``-5``. Raises :class:`NzipError`."""
    number = spelling.removeprefix("-")
    if len(number) == 1 and number.isascii() and number.isdecimal() and int(number) in LEVELS:
        return choose_predictor(int(number))
    return choose_predictor(None, spelling)


def coding_of(
    coding: Coding, talking: Talking, primer: OwnPrimer | None
) -> tuple[Predictor, tuple[Model, ...]]:
    """The predictor, and the models that ``--embed-model`` puts into the output."""
    need_compiler()
    predictor, models = embedded_models.chosen(predictor_of(coding, primer), coding.embed_model)
    if coding.embed_model and not models and not talking.quiet:
        say(f"{predictor.spelling} needs nothing but nzip itself, so no model is embedded")
    return predictor, models


def lesser_of(coding: Coding, primer: OwnPrimer | None) -> tuple[Lesser, ...]:
    """What is tried on short files beside the level that ``-1`` .. ``-9`` asks for."""
    return () if coding.predictor else lesser(coding.level, _started(coding, primer))


def block_size_of(coding: Coding, resumable: Predictor | None = None) -> int | None:
    """What ``--block-size`` asks for, checked; without it None, the default, or what suits the predictor of a
    job that is to be resumable."""
    if coding.block_size is None:
        return None if resumable is None else resumable_block_size(resumable)
    try:
        pipeline.check_block_size(coding.block_size)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    return coding.block_size


def own_primer(path: str | None, memory: int | None = None) -> OwnPrimer | None:
    """What the primer file of ``--primer`` holds; None without one. ``memory``: bytes that unpacking it may
    take. Raises :class:`nzip.io.safe_output.FileError` where it cannot be read, and as
    :func:`nzip.primer.file.load`. Read it once: it may be a pipe."""
    if path is None:
        return None
    try:
        return load(path, memory)
    except OSError as error:
        raise FileError(f"{path}: {safe_output.reason(error)}") from error
