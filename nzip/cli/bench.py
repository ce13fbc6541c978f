"""``bench``: nzip's levels and other programs over files or a suite, measured with care, and the receipt.
:mod:`nzip.benchmark` does the work.

Concession: what was measured before an interruption is lost; the receipt is written at the end.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nzip import benchmark
from nzip.benchmark import comparison, results
from nzip.cli import completing, options
from nzip.cli.tables import print_json, print_text
from nzip.cli.terminal import BUG, OK, USAGE, say

if TYPE_CHECKING:
    from rich.console import Console

_PICTURE = ".png"


@click.command("bench", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("files", metavar="[FILES]...", nargs=-1, type=click.Path())
@click.option(
    "--suite",
    "suites",
    metavar="NAME",
    multiple=True,
    shell_complete=completing.suites,
    help="canterbury, enwik8 or enwik8:SIZE (enwik8:4M); fetched where it is not here; may be repeated.",
)
@click.option(
    "--levels",
    type=options.Levels(),
    help="Levels of nzip, as 1,3,5; default: all.",
    shell_complete=completing.levels,
)
@click.option(
    "--predictor",
    "predictors",
    metavar="SPELLING",
    shell_complete=completing.predictors,
    multiple=True,
    help="This predictor, too; may be repeated.",
)
@options.flag("--cold", help="Each level without primer, too.")
@click.option(
    "--peers",
    shell_complete=completing.peers,
    metavar="NAMES",
    help="Other programs, as xz,zstd, or none; default: all that are installed.",
)
@click.option(
    "--repeat", metavar="TIMES", type=click.IntRange(1), default=1, show_default=True, help="Runs of each."
)
@click.option(
    "--baseline",
    metavar="NAME",
    default=benchmark.BASELINE,
    show_default=True,
    help="Whose sizes ratios are to.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="Keep the receipt (JSON), and beside it a picture.",
)
@click.option(
    "--picture", type=click.Path(dir_okay=False), help="Draw size against speed here (.png, .svg or .pdf)."
)
@click.option(
    "--compare", "older", metavar="OLD.json", type=click.Path(), help="Show what changed since this receipt."
)
@click.option(
    "--show", "kept", metavar="RECEIPT.json", type=click.Path(), help="Measure nothing; show this receipt."
)
@options.flag("--published", help="With figures that others have published of this file, marked as theirs.")
@options.flag("--per-file", help="Every file's sizes, too.")
@options.flag("--markdown", help="The table as Markdown.")
@options.flag("--offline", help="Fetch nothing.")
@options.as_json
@options.flag("-f", "--force", help="Overwrite.")
@options.flag("-q", "--quiet", help="Say nothing but errors.")
def bench(
    files: options.Files,
    suites: tuple[str, ...],
    levels: list[int] | None,
    predictors: tuple[str, ...],
    cold: bool,
    peers: str | None,
    repeat: int,
    baseline: str,
    output: str | None,
    picture: str | None,
    older: str | None,
    kept: str | None,
    published: bool,
    per_file: bool,
    markdown: bool,
    offline: bool,
    as_json: bool,
    force: bool,
    quiet: bool,
) -> int:
    """Measure nzip beside other programs.

    FILES (FILE:1M is a beginning) and suites are compressed and decompressed by each level and each program,
    in turn, and what was decoded is compared. The receipt holds every run, what it ran on, and the hashes of
    what went in and came out. A level may take hours over a large file: nzip estimate tells."""
    if kept is not None and (files or suites):
        raise click.UsageError("--show measures nothing, so it takes no FILES and no --suite")
    before = None if older is None else results.load(Path(older))  # now, if at all, not after the work
    drawn = _picture_of(output, picture)
    for path in (output, None if drawn is None else str(drawn)):
        if path is not None and os.path.exists(path) and not force:
            raise click.UsageError(f"{path}: exists (-f to overwrite)")
        if path is not None and not os.path.isdir(os.path.dirname(path) or os.curdir):
            raise click.UsageError(f"{path}: there is no folder {os.path.dirname(path)}")
    if kept is not None:
        found = results.load(Path(kept))
    else:
        keys = None if peers is None else [] if peers == "none" else peers.replace(",", " ").split()
        found = _measured(files, suites, levels, predictors, cold, keys, repeat, baseline, offline, quiet)
    compared = None if before is None else comparison.compare(before, found)
    if compared is not None:
        found = {**found, "compared": compared.as_json()}
    if output is not None:
        results.save(found, Path(output))
    _show(found, compared, baseline, per_file, published, markdown, as_json)
    _, failures = results.summaries(found, baseline)
    if drawn is not None:
        _draw(found, drawn, baseline, published, required=picture is not None)
    for written in (output, drawn):
        if written is not None and not quiet and os.path.exists(written):
            say(f"written: {written}")
    ours = {c["label"] for c in found["contenders"] if c["kind"] == "nzip"}
    if any(line.startswith(tuple(f"{label} failed" for label in ours)) for line in failures if ours):
        return BUG
    return USAGE if failures else OK


def _measured(
    files: options.Files,
    suites: tuple[str, ...],
    levels: list[int] | None,
    predictors: tuple[str, ...],
    cold: bool,
    peers: list[str] | None,
    repeat: int,
    baseline: str,
    offline: bool,
    quiet: bool,
) -> dict:
    from nzip.benchmark.suites import is_suite  # start-up: as needed
    from nzip.exact.compiler import need_compiler  # start-up: numba

    if not files and not suites:
        raise click.UsageError("name files, or a --suite: canterbury, enwik8:4M, enwik8")
    wrong = [suite for suite in suites if not is_suite(suite)]
    if wrong:
        raise click.UsageError(f"{wrong[0]!r} is no suite: there are canterbury, enwik8 and enwik8:SIZE")
    need_compiler()
    words = ["nzip bench", *(f"--suite {suite}" for suite in suites)]
    words += [] if levels is None else [f"--levels {','.join(map(str, levels))}"]
    words += [*(f"--predictor {spelling}" for spelling in predictors), *["--cold"] * cold]
    words += [f"--peers {','.join(peers) or 'none'}"] if peers is not None else []
    words += [f"--repeat {repeat}"] * (repeat > 1) + [os.path.basename(path) for path in files]
    from rich.console import Console  # start-up: rich

    shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
    console = Console(stderr=True, quiet=not shown, markup=False, emoji=False)
    with console.status("") as status:
        return benchmark.bench(
            files,
            suites=suites,
            levels=levels,
            predictors=predictors,
            cold=cold,
            peers=peers,
            repeat=repeat,
            baseline=baseline,
            fetch=not offline,
            command=" ".join(words),
            tell=lambda line: status.update(line) if shown else None,
            note=(lambda line: None) if quiet else say,
        )


def _picture_of(output: str | None, picture: str | None) -> Path | None:
    """Where the picture goes: where it is wanted, or beside the receipt."""
    if picture is not None:
        if Path(picture).suffix.lower() not in (".png", ".svg", ".pdf"):
            raise click.UsageError(f"{picture}: a picture is .png, .svg or .pdf")
        return Path(picture)
    return None if output is None else Path(output).with_suffix(_PICTURE)


def _draw(found: dict, path: Path, baseline: str, published: bool, *, required: bool) -> None:
    from nzip.benchmark import plot  # start-up: as needed

    try:
        plot.draw(found, path, baseline, published)
    except ImportError:
        say("no picture: matplotlib is missing (pip install matplotlib)")
    except ValueError as error:
        if required:
            raise click.UsageError(str(error)) from None


def _console() -> Console:
    from rich.console import Console  # start-up: rich

    terminal = sys.stdout is not None and sys.stdout.isatty()
    return Console(width=None if terminal else 200, emoji=False)


def _show(
    found: dict,
    compared: comparison.Comparison | None,
    baseline: str,
    per_file: bool,
    published: bool,
    markdown: bool,
    as_json: bool,
) -> None:
    from nzip.benchmark import table  # start-up: rich

    if as_json:
        print_json(found)
        return
    if markdown:
        print_text(table.markdown(found, baseline, per_file, published))
    console = _console()
    with console.capture() as captured:
        if not markdown:
            table.show(found, console, baseline, per_file, published)
        if compared is not None:
            table.show_comparison(compared, console)
    print_text(captured.get())
