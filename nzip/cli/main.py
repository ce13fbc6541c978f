"""The command line's words: commands, gzip's letters, signals, and the entry points ``nzip`` and ``nzcat``.

What the words do is in the file of their family, which is imported when one of them is used: ``nzip
--version`` must answer at once. Nothing imports this file but the entry points. Concession: a file named like
a sub-command must be spelled otherwise (``./test``), the price of the two dialects.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import warnings
from types import FrameType
from typing import NoReturn

import click

import nzip
from nzip.cli.options import (
    ByteRange,
    Coding,
    Decoding,
    Files,
    Placing,
    Running,
    Talking,
    as_json,
    files,
    flag,
    takes,
)
from nzip.cli.terminal import BUG, OK, USAGE, error_line, one_line, say
from nzip.errors import NzipError

# Groups of commands with a module of their own, imported when they are named. start-up: numpy
_LAZY = {
    "cache": "nzip.cli.cache",
    "model": "nzip.cli.model",
    "primer": "nzip.cli.primer",
    "train": "nzip.cli.train",
}


class _Group(click.Group):
    """Takes gzip's letters where no sub-command is named first. A file named like a sub-command is reached
    as ``./test``, or behind an option or ``--``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *_LAZY])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _LAZY:
            return getattr(importlib.import_module(_LAZY[cmd_name]), cmd_name)
        return super().get_command(ctx, cmd_name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (
            args[0] not in (*self.commands, *_LAZY) and args[0] not in ("--help", "-h", "--version", "-V")
        ):
            args = ["gzip-style", *args]
        return super().parse_args(ctx, args)


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    cls=_Group,
    context_settings=_CONTEXT,
    epilog="Without a sub-command, gzip's letters: nzip -dc FILE.nz, tar -I nzip.",
)
@click.version_option(nzip.__version__, "-V", "--version", prog_name="nzip", message="%(prog)s %(version)s")
def cli() -> None:
    """Neural lossless compression: small files, exact on every machine."""


@cli.command()
@files
@takes(Placing, Coding, Running, Talking)
def compress(files: Files, placing: Placing, coding: Coding, running: Running, talking: Talking) -> int:
    """Compress FILES.

    FILE becomes FILE.nz; without FILES, or for '-', standard input goes to standard output."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.compress(files, placing, coding, running, talking)


@cli.command()
@files
@takes(Placing, Decoding, Running, Talking)
@flag("--recover", help="From a damaged file save what can be saved; lost bytes become zeros.")
def decompress(
    files: Files, placing: Placing, decoding: Decoding, running: Running, talking: Talking, recover: bool
) -> int:
    """Decompress FILES.

    FILE.nz becomes FILE; without FILES, or for '-', standard input goes to standard output."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.decompress(files, placing, decoding.primer, running, talking, damaged=recover)


@cli.command()
@files
@takes(Decoding, Running, Talking)
def test(files: Files, decoding: Decoding, running: Running, talking: Talking) -> int:
    """Check FILES by decoding them.

    Every hash is checked; nothing is written. For a quick look at the stored bytes see list --check."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.test(files, decoding.primer, running, talking)


@cli.command()
@files
@takes(Decoding, Running, Talking)
@click.option(
    "--range",
    "span",
    type=ByteRange(),
    metavar="START:END",
    help="Only these decoded bytes; reads the blocks they need.",
)
@flag("-f", "--force", hidden=True)
def cat(
    files: Files,
    decoding: Decoding,
    running: Running,
    talking: Talking,
    span: tuple[int, int | None] | None,
    force: bool,
) -> int:
    """Decompress FILES to standard output."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.cat(files, span, force, decoding.primer, running, talking)


@cli.command("list")
@files
@takes(Decoding)
@as_json
@takes(Talking)
@flag("--check", help="Read everything and check the hashes of the stored bytes; decodes nothing.")
def list_(files: Files, decoding: Decoding, as_json: bool, talking: Talking, check: bool) -> int:
    """Show sizes and predictors.

    With -v every block, too."""
    from nzip.cli import show  # start-up: numpy

    return show.list_files(files, decoding.primer, talking, check=check, as_json=as_json)


@cli.command()
@files
@takes(Coding, Running)
@as_json
@takes(Talking)
@click.option(
    "--protocol",
    type=click.Choice(["coded", "windows", "sliding"]),
    default="coded",
    show_default=True,
    help="For lm:MODEL and hf:MODEL, the bare model: in half-new windows, or in the coder's sliding context.",
)
@click.option(
    "--window", type=click.IntRange(2, 1 << 15), metavar="TOKENS", help="Of --protocol windows; default 1900."
)
@click.option(
    "--stride", type=click.IntRange(1), metavar="TOKENS", help="From window to window; default 512."
)
def measure(
    files: Files,
    coding: Coding,
    running: Running,
    as_json: bool,
    talking: Talking,
    protocol: str,
    window: int | None,
    stride: int | None,
) -> int:
    """Measure bits per byte.

    FILES are compressed under a level or predictor and every byte is counted; nothing is written."""
    from nzip.cli import measure as verbs  # start-up: numpy

    if protocol != "coded":
        return verbs.measure_bare(files, coding, protocol, window, stride, as_json=as_json)
    return verbs.measure(files, coding, running, talking, as_json=as_json)


@cli.command()
@as_json
def levels(as_json: bool) -> int:
    """Say what each level stands for."""
    from nzip.cli import show  # start-up: numpy

    return show.levels(as_json)


@cli.command("gzip-style", hidden=True, context_settings={"ignore_unknown_options": False})
@files
@takes(Placing, Coding, Running, Talking)
@click.option(
    "-z", "--compress", "action", flag_value="compress", default="compress", help="Compress (the default)."
)
@click.option("-d", "--decompress", "--uncompress", "action", flag_value="decompress", help="Decompress.")
@click.option("-t", "--test", "action", flag_value="test", help="Check by decoding.")
@click.option("-l", "--list", "action", flag_value="list", help="Sizes, blocks and predictors.")
@click.pass_context
def gzip_style(
    context: click.Context,
    files: Files,
    placing: Placing,
    coding: Coding,
    running: Running,
    talking: Talking,
    action: str,
) -> int:
    """Compress or decompress, spelled in gzip's letters."""
    if action == "compress" and not files and sys.stdin is not None and sys.stdin.isatty():
        click.echo(cli.get_help(context.find_root()), err=True)
        return USAGE
    if action == "list":
        from nzip.cli import show  # start-up: numpy

        return show.list_files(files, coding.primer, talking)
    from nzip.cli import files as verbs  # start-up: numpy

    if action == "decompress":
        return verbs.decompress(files, placing, coding.primer, running, talking)
    if action == "test":
        return verbs.test(files, coding.primer, running, talking)
    return verbs.compress(files, placing, coding, running, talking)


class Interrupted(BaseException):
    """A signal asked us to stop; temporary files are removed on the way out."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def _die_by(number: int) -> NoReturn:
    """End as the signal would have ended us, so that a calling shell sees it; threads are not waited for."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def _guarded(arguments: list[str]) -> int:
    try:
        try:
            # Not cli.main(), which would turn interrupts and broken pipes into exit codes of its own.
            with cli.make_context("nzip", arguments) as context:
                code = cli.invoke(context)
            if sys.stdout is not None:
                sys.stdout.flush()
        except click.exceptions.Exit as end:
            return end.exit_code
        except click.ClickException as error:
            say(f"{one_line(error.format_message())} (nzip --help)")
            return USAGE
        except BrokenPipeError:
            raise
        except OSError as error:
            say(error_line(error))
            return USAGE
        return code if isinstance(code, int) else OK
    except NzipError as error:
        say(error_line(error))
        return error.exit_code
    except (Interrupted, BrokenPipeError, KeyboardInterrupt, SystemExit):
        raise
    except MemoryError:
        say("out of memory: use a smaller --block-size, fewer threads (-T 1), or a lower level")
        return USAGE
    except Exception as error:
        if os.environ.get("NZIP_DEBUG"):
            raise
        say(
            f"internal error, please report it: {type(error).__name__}: {error_line(error)}"
            " (NZIP_DEBUG=1 shows more)"
        )
        return BUG


def run(arguments: list[str]) -> int:
    """Run the command line in this process; returns the exit code. Signals and broken pipes end the
    process."""
    if "_NZIP_COMPLETE" in os.environ:
        cli.main(arguments, prog_name="nzip")  # a shell asks for completions
    names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    for name in names:
        number = getattr(signal, name)
        # A signal that our parent ignores (nohup) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    warnings.showwarning = lambda message, *_: say(one_line(str(message)))
    try:
        return _guarded(arguments)
    except Interrupted as stop:
        _die_by(stop.number)
    except KeyboardInterrupt:
        _die_by(signal.SIGINT)
    except BrokenPipeError:
        _die_by(signal.SIGPIPE)


def _leave(code: int) -> NoReturn:
    # Past the interpreter's own end, which would wait for threads whose blocks nobody wants any more.
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except (OSError, ValueError):
            code = code or USAGE
    os._exit(code)


def main() -> None:
    """The ``nzip`` command."""
    _leave(run(sys.argv[1:]))


def nzcat_main() -> None:
    """The ``nzcat`` command: ``nzip cat``."""
    _leave(run(["cat", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
