"""The command line: words, flags and exit codes. What the words do is in :mod:`nzip.cli.files` and :mod:`nzip.cli.show`.

Two dialects: sub-commands (``nzip compress FILE``), and gzip's letters without one (``nzip -dc FILE``,
``tar -I nzip``). Exit codes: 0 fine; 1 usage or environment; 2 corrupt or not ours; 3 a bug of ours.
Nothing here imports numba or rich: ``nzip --version`` must answer at once.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

import click

import nzip
from nzip.cli.types import ByteRange, Size
from nzip.errors import NzipError

OK, USAGE, CORRUPT, BUG = 0, 1, 2, 3
# What counts most when several files fail in different ways.
_SEVERITY = {OK: 0, USAGE: 1, CORRUPT: 2, BUG: 3}


def _flag(*names, **options):
    return click.option(*names, is_flag=True, **options)


def _levels(command):
    for level in range(9, 0, -1):
        command = click.option(
            f"-{level}", "level", flag_value=level, type=int, default=None, hidden=level != 1 and level != 9,
            help={1: "Fastest level; -2 to -8 lie between (see nzip levels).", 9: "Smallest level."}.get(level),
        )(command)  # fmt: skip
    return command


_GROUPS = {
    "files": [click.argument("files", nargs=-1, type=click.Path(allow_dash=True))],
    "output": [
        _flag("-c", "--stdout", "--to-stdout", "to_stdout", help="Write to standard output."),
        click.option("-o", "--output", type=click.Path(allow_dash=True), help="Write to this file."),
        click.option("-S", "--suffix", default=".nz", show_default=True, help="The compressed file's suffix."),
        _flag("-f", "--force", help="Overwrite; go on with links; binary to a terminal."),
        click.option("--rm/--keep", " /-k", "remove", default=False,
                     help="Remove the source once its output was decoded and compared; default: keep."),
    ],
    "coding": [
        _levels,
        click.option("--predictor", metavar="SPELLING", help="A predictor by its spelling, as mix:3 or mix+NAME."),
        click.option("--block-size", type=Size(), metavar="SIZE",
                     help="Bytes coded together; default 16MiB. Small blocks cost size."),
        click.option("--verify/--no-verify", default=None,
                     help="Decode every block at once and compare; default: predictors that are not exact."),
        _flag("--embed-model", help="Put the experts named by path into the output: reading it needs no file."),
    ],
    "warmth": [
        click.option("--primer", metavar="FILE", type=click.Path(),
                     help="Start warm from this primer (see nzip primer); decompressing needs it, too."),
        _flag("--no-primer", help="Start cold; default: from a primer that ships, where one is like the data."),
    ],
    "primer": [
        click.option("--primer", metavar="FILE", type=click.Path(), help="The primer that FILES were made with."),
    ],
    "running": [
        click.option("-T", "--threads", type=click.IntRange(0), default=0, show_default=True,
                     help="Blocks coded at a time; 0: all cores. The bytes never depend on it."),
        click.option("-M", "--memory", type=Size(), metavar="SIZE",
                     help="Memory that coding may take; decoding defaults to 4GiB."),
    ],
    "talking": [
        _flag("-q", "--quiet", help="Say nothing but errors."),
        click.option("-v", "--verbose", count=True, help="Say more."),
        click.option("--progress/--no-progress", default=True, help="A progress bar, on a terminal only."),
    ],
    "json": [_flag("--json", "as_json", help="Machine-readable output.")],
}  # fmt: skip


def options(*groups: str):
    """Decorate a command with the named groups of options."""

    def decorate(command):
        for group in reversed(groups):
            for option in reversed(_GROUPS[group]):
                command = option(command)
        return command

    return decorate


# Groups of commands with a module of their own, imported when they are named.
_LAZY = {"model": "nzip.cli.model", "primer": "nzip.cli.primer", "train": "nzip.cli.train"}


class _Group(click.Group):
    """Takes gzip's letters where no sub-command is named first. A file named like a sub-command is reached
    as ``./test``, or behind an option or ``--``."""

    def list_commands(self, ctx):
        return sorted([*super().list_commands(ctx), *_LAZY])

    def get_command(self, ctx, name):
        if name in _LAZY:
            return getattr(importlib.import_module(_LAZY[name]), name)
        return super().get_command(ctx, name)

    def parse_args(self, ctx, args):
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
def cli():
    """Neural lossless compression: small files, exact on every machine."""


@cli.command()
@options("files", "output", "coding", "warmth", "running", "talking")
def compress(**given):
    """Compress FILES.

    FILE becomes FILE.nz; without FILES, or for '-', standard input goes to standard output."""
    return _run("compress", given)


@cli.command()
@options("files", "output", "primer", "running", "talking")
@_flag("--recover", help="From a damaged file save what can be saved; lost bytes become zeros.")
def decompress(**given):
    """Decompress FILES.

    FILE.nz becomes FILE; without FILES, or for '-', standard input goes to standard output."""
    return _run("decompress", given)


@cli.command()
@options("files", "primer", "running", "talking")
def test(**given):
    """Check FILES by decoding them.

    Every hash is checked; nothing is written. For a quick look at the stored bytes see list --check."""
    return _run("test", given)


@cli.command()
@options("files", "primer", "running", "talking")
@click.option(
    "--range",
    "span",
    type=ByteRange(),
    metavar="START:END",
    help="Only these decoded bytes; reads the blocks they need.",
)
@_flag("-f", "--force", hidden=True)
def cat(**given):
    """Decompress FILES to standard output."""
    return _run("cat", given)


@cli.command("list")
@options("files", "primer", "json", "talking")
@_flag("--check", help="Read everything and check the hashes of the stored bytes; decodes nothing.")
def list_(**given):
    """Show sizes and predictors.

    With -v every block, too."""
    return _run("list", given)


@cli.command()
@options("files", "coding", "warmth", "running", "json", "talking")
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
def measure(**given):
    """Measure bits per byte.

    FILES are compressed under a level or predictor and every byte is counted; nothing is written."""
    return _run("measure", given)


@cli.command()
@options("json")
def levels(**given):
    """Say what each level stands for."""
    return _run("levels", given)


@cli.command("gzip-style", hidden=True, context_settings={"ignore_unknown_options": False})
@options("files", "output", "coding", "warmth", "running", "talking")
@click.option(
    "-z", "--compress", "action", flag_value="compress", default="compress", help="Compress (the default)."
)
@click.option("-d", "--decompress", "--uncompress", "action", flag_value="decompress", help="Decompress.")
@click.option("-t", "--test", "action", flag_value="test", help="Check by decoding.")
@click.option("-l", "--list", "action", flag_value="list", help="Sizes, blocks and predictors.")
def gzip_style(action, **given):
    """Compress or decompress, spelled in gzip's letters."""
    if action == "compress" and not given["files"] and sys.stdin is not None and sys.stdin.isatty():
        click.echo(click.get_current_context().parent.get_help(), err=True)
        return USAGE
    return _run(action, given)


def _run(action: str, given: dict) -> int:
    if action in ("compress", "decompress", "test", "cat"):
        from nzip.cli.main import files

        return getattr(files, action)(given)
    from nzip.cli.main import show

    return getattr(show, {"list": "list_files"}.get(action, action))(given)


def say(text: str) -> None:
    """One line to standard error."""
    click.echo(f"nzip: {text}", err=True)


def one_line(error: BaseException) -> str:
    """An error as one line that a terminal can show."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def worst(codes) -> int:
    """The exit code that counts most."""
    return max(codes, key=_SEVERITY.__getitem__, default=OK)


class Interrupted(BaseException):
    """A signal asked us to stop; temporary files are removed on the way out."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def _stop(number, frame):
    raise Interrupted(number)


def _die_by(number: int):
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
            say(one_line(error))
            return USAGE
        return code if isinstance(code, int) else OK
    except NzipError as error:
        say(one_line(error))
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
            f"internal error, please report it: {type(error).__name__}: {one_line(error)} (NZIP_DEBUG=1 shows more)"
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
    try:
        return _guarded(arguments)
    except Interrupted as stop:
        _die_by(stop.number)
    except KeyboardInterrupt:
        _die_by(signal.SIGINT)
    except BrokenPipeError:
        _die_by(signal.SIGPIPE)
    raise AssertionError("not reached")


def _leave(code: int):
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
