"""The command line's words: commands, gzip's letters, signals, and the entry points ``nzip`` and ``nzcat``.

What the words do is in the file of their family, which is imported when one of them is used: ``nzip
--version`` must answer at once. Nothing imports this file but the entry points. Concession: a file named like
a sub-command must be spelled otherwise (``./test``), the price of the two dialects.
"""

from __future__ import annotations

import os
import sys
import warnings

import click

import nzip
from nzip.cli import completing, process
from nzip.cli.examples import epilog
from nzip.cli.options import (
    Asking,
    ByteRange,
    Coding,
    Decoding,
    Duration,
    Files,
    Levels,
    LineRange,
    Placing,
    Running,
    Size,
    Talking,
    as_json,
    files,
    flag,
    named_models,
    takes,
)
from nzip.cli.terminal import BUG, OK, USAGE, error_line, one_line, say
from nzip.cli.words import Verbs
from nzip.errors import NzipError

# start-up: numpy
Verbs.lazy = {
    "bench": "nzip.cli.bench",
    "completion": "nzip.cli.manual",
    "manual": "nzip.cli.manual",
    "cache": "nzip.cli.cache",
    "model": "nzip.cli.model",
    "primer": "nzip.cli.primer",
    "train": "nzip.cli.train",
    "warm": "nzip.cli.warm",
}

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(
    cls=Verbs,
    context_settings=_CONTEXT,
    epilog=epilog(""),
)
@click.version_option(nzip.__version__, "-V", "--version", prog_name="nzip", message="%(prog)s %(version)s")
def cli() -> None:
    """Neural lossless compression: small files, exact on every machine."""


@cli.command()
@files
@takes(Placing, Coding, Running)
@flag("-r", "--recursive", help="Take all files in directories, and in those below.")
@as_json
@takes(Talking)
def compress(
    files: Files,
    placing: Placing,
    coding: Coding,
    running: Running,
    recursive: bool,
    as_json: bool,
    talking: Talking,
) -> int:
    """Compress FILES.

    FILE becomes FILE.nz; without FILES, or for '-', standard input goes to standard output."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.compress(files, placing, coding, running, talking, recursive=recursive, as_json=as_json)


@cli.command()
@files
@takes(Placing, Decoding, Running)
@as_json
@takes(Talking)
@flag("--recover", help="From a damaged file save what can be saved; lost bytes become zeros.")
@click.option(
    "--max-size",
    type=Size(),
    metavar="SIZE",
    help="With --recover, zeros that may be written for lost bytes; 1GiB by default.",
)
def decompress(
    files: Files,
    placing: Placing,
    decoding: Decoding,
    running: Running,
    as_json: bool,
    talking: Talking,
    recover: bool,
    max_size: int | None,
) -> int:
    """Decompress FILES.

    FILE.nz becomes FILE; without FILES, or for '-', standard input goes to standard output."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.decompress(
        files, placing, decoding, running, talking, damaged=recover, max_size=max_size, as_json=as_json
    )


@cli.command()
@files
@takes(Decoding, Running)
@as_json
@takes(Talking)
def test(files: Files, decoding: Decoding, running: Running, as_json: bool, talking: Talking) -> int:
    """Check FILES by decoding them.

    Every hash is checked; nothing is written. For a quick look at the stored bytes see list --check."""
    from nzip.cli import files as verbs  # start-up: numpy

    return verbs.test(files, decoding, running, talking, as_json=as_json)


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

    return verbs.cat(files, span, force, decoding, running, talking)


@cli.command("list")
@files
@takes(Decoding)
@as_json
@takes(Talking)
@flag("--check", help="Read everything and check the hashes of the stored bytes; decodes nothing.")
def list_(files: Files, decoding: Decoding, as_json: bool, talking: Talking, check: bool) -> int:
    """Show sizes and predictors.

    With -v every block, too. --primer and --model: compare with what FILES name; nothing is decoded."""
    from nzip.cli import show  # start-up: numpy

    return show.list_files(files, decoding, talking, check=check, as_json=as_json)


@cli.command()
@files
@takes(Decoding, Running)
@as_json
@takes(Talking)
@flag("--no-decode", help="Look at stored bytes and predictors only, which takes seconds.")
def diagnose(
    files: Files, decoding: Decoding, running: Running, as_json: bool, talking: Talking, no_decode: bool
) -> int:
    """Say what is wrong with FILES.

    Which bytes are damaged, or which part of the predictor differs here, and what would mend it."""
    from nzip.cli import diagnose as verbs  # start-up: numpy

    return verbs.diagnose(files, decoding, running, talking, decode=not no_decode, as_json=as_json)


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
@click.option(
    "--costs",
    metavar="FILE",
    type=click.Path(),
    help="Write what each byte costs to FILE, .npy, .jsonl or .parquet.",
)
@click.option(
    "--view",
    type=click.Choice(["bytes", "symbols"]),
    default="bytes",
    show_default=True,
    help="Of --costs: by byte, or by symbol (code of a word, token, byte).",
)
@click.option(
    "--distributions",
    metavar="FILE",
    type=click.Path(),
    help="With --costs, the distribution before each byte to FILE, .npy: 1 KiB a byte.",
)
@flag("--raw", help="Of --costs: price bytes, also where words would be coded.")
@click.option(
    "--curve",
    metavar="FILE",
    type=click.Path(),
    help="Draw bits per byte against the place in the file to FILE, .svg, .png, .pdf, or write it as .json.",
)
@click.option("--also", metavar="SPELLING", multiple=True, help="Of --curve: another predictor or level.")
@flag("-f", "--force", help="Overwrite what --costs, --distributions and --curve name.")
def measure(
    files: Files,
    coding: Coding,
    running: Running,
    as_json: bool,
    talking: Talking,
    protocol: str,
    window: int | None,
    stride: int | None,
    costs: str | None,
    view: str,
    distributions: str | None,
    raw: bool,
    curve: str | None,
    also: tuple[str, ...],
    force: bool,
) -> int:
    """Measure bits per byte.

    FILES are compressed under a level or predictor and every byte is counted; nothing is written."""
    from nzip.cli import measure as verbs  # start-up: numpy

    if costs is not None or distributions is not None or curve is not None:
        from nzip.cli import costs as priced  # start-up: numpy

        if protocol != "coded":
            raise click.UsageError(f"--protocol {protocol} has no costs of bytes: leave it out")
        if curve is not None:
            if costs is not None or distributions is not None:
                raise click.UsageError("--curve and --costs: give one of them")
            return priced.curve(files, coding, talking, curve, also, force, as_json=as_json)
        return priced.costs(files, coding, talking, costs, view, distributions, raw, force, as_json=as_json)
    if raw or also:
        raise click.UsageError("--raw belongs to --costs, and --also to --curve")
    if protocol != "coded":
        return verbs.measure_bare(files, coding, protocol, window, stride, as_json=as_json)
    return verbs.measure(files, coding, running, talking, as_json=as_json)


@cli.command()
@files
@takes(Running)
@click.option(
    "--levels",
    type=Levels(),
    help="These levels, as 1,3,5; default: all.",
    shell_complete=completing.levels,
)
@click.option(
    "--predictor",
    "predictors",
    metavar="SPELLING",
    multiple=True,
    shell_complete=completing.predictors,
    help="This predictor, too, or without --levels alone; may be repeated.",
)
@click.option(
    "--block-size",
    type=Size(),
    metavar="SIZE",
    help="Bytes coded together; default 16MiB, 4 to 8MiB of longer files at -0 to -5.",
)
@flag("--no-primer", help="Start cold.")
@click.option(
    "--time-budget", type=Duration(), metavar="TIME", help="Name the level that is smallest in TIME (10m)."
)
@as_json
@takes(Talking)
def estimate(
    files: Files,
    running: Running,
    levels: list[int] | None,
    predictors: tuple[str, ...],
    block_size: int | None,
    no_primer: bool,
    time_budget: float | None,
    as_json: bool,
    talking: Talking,
) -> int:
    """Say what compressing would take.

    FILES are sampled, which takes some seconds, and the size, time and memory of every level are told. With
    --time-budget or --memory, the level that makes them smallest within both is named, too."""
    from nzip.cli import estimate as verbs  # start-up: numpy

    return verbs.estimate(
        files,
        running,
        talking,
        levels=levels,
        predictors=predictors,
        block_size=block_size,
        cold=no_primer,
        time_budget=time_budget,
        as_json=as_json,
    )


@cli.command()
@files
@takes(Asking)
@as_json
@takes(Talking)
@click.option(
    "--against",
    metavar="FILE|SPELLING",
    help="Beside it: another file, or the same data under another predictor or level.",
)
@click.option(
    "--html", metavar="PAGE", type=click.Path(), help="Write one HTML page: a heat map, and tables."
)
@click.option(
    "--lines", "span", type=LineRange(), metavar="FIRST:LAST", help="Which lines are shown; the first 24."
)
@flag("--bits-only", help="Not what was expected and which inputs helped: several times as fast.")
@flag("-f", "--force", help="Overwrite PAGE.")
def explain(
    files: Files,
    asking: Asking,
    as_json: bool,
    talking: Talking,
    against: str | None,
    html: str | None,
    span: tuple[int, int | None] | None,
    bits_only: bool,
    force: bool,
) -> int:
    """Say where the bits of FILES go.

    Per kind of byte, word, line, segment of content and group of inputs; --json: JSON lines, --html: a heat
    map."""
    from nzip.cli import explain as verbs  # start-up: numpy

    return verbs.explain(
        files,
        asking,
        talking,
        against=against,
        html=html,
        span=span,
        inputs=not bits_only,
        force=force,
        as_json=as_json,
    )


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
@named_models
@click.pass_context
def gzip_style(
    context: click.Context,
    files: Files,
    placing: Placing,
    coding: Coding,
    running: Running,
    talking: Talking,
    action: str,
    models: tuple[tuple[str, str], ...],
) -> int:
    """Compress or decompress, spelled in gzip's letters."""
    if action == "compress" and not files and sys.stdin is not None and sys.stdin.isatty():
        click.echo(cli.get_help(context.find_root()), err=True)
        return USAGE
    if action == "list":
        from nzip.cli import show  # start-up: numpy

        return show.list_files(files, Decoding(coding.primer, models), talking)
    from nzip.cli import files as verbs  # start-up: numpy

    decoding = Decoding(coding.primer, models)
    if action == "decompress":
        return verbs.decompress(files, placing, decoding, running, talking)
    if action == "test":
        return verbs.test(files, decoding, running, talking)
    return verbs.compress(files, placing, coding, running, talking)


def _answer(arguments: list[str]) -> int:
    """The exit code of the command that ``arguments`` name."""
    # Not cli.main(), which would turn interrupts and broken pipes into exit codes of its own.
    try:
        with cli.make_context("nzip", arguments) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as end:
        code = end.exit_code
    except click.ClickException as error:
        say(f"{error.format_message()} (nzip --help)")
        code = USAGE
    return code if isinstance(code, int) else OK


def _guarded(arguments: list[str]) -> int:
    try:
        code = _answer(arguments)
        if sys.stdout is not None:
            sys.stdout.flush()  # or what was printed may be lost without a word
        return code
    except NzipError as error:
        say(error_line(error))
        return error.exit_code
    except (process.Interrupted, BrokenPipeError, KeyboardInterrupt, SystemExit):
        raise
    except OSError as error:
        say(error_line(error))
        return USAGE
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
        from nzip.cli import shells  # start-up: only a shell needs it

        shells.register()
        cli.main(arguments, prog_name="nzip")  # a shell asks for completions
    warnings.showwarning = lambda message, *_: say(one_line(str(message)))
    return process.guarded(_guarded, arguments)


def main() -> None:
    """The ``nzip`` command."""
    process.leave(run(sys.argv[1:]))


def nzcat_main() -> None:
    """The ``nzcat`` command: ``nzip cat``."""
    process.leave(run(["cat", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
