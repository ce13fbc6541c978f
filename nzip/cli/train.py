"""``train``: an expert of the user's own, from files like those to be compressed. Needs the extra ``neural``;
:func:`nzip.train_expert` does the work.

Concession: the folder in which a stopped run goes on has a fixed name beside the output, so two runs to one
output at once would mix.
"""

from __future__ import annotations

import math
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import click

from nzip.cli import options
from nzip.cli.terminal import say
from nzip.io.safe_output import Output
from nzip.training import own

if TYPE_CHECKING:
    from rich.progress import Progress


@click.command("train", context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.argument("paths", metavar="FILES...", nargs=-1, type=click.Path())
@click.option("-o", "--output", type=click.Path(), required=True, help="The expert's file to write.")
@click.option(
    "--kind",
    type=click.Choice(["ssm", "transformer"]),
    default="ssm",
    show_default=True,
    help="A recurrent network (fast), or a transformer.",
)
@click.option(
    "--words",
    metavar="NAME",
    default=own.AUTO,
    show_default=True,
    help="The network reads text coded by this dictionary (english, cyrillic, ...), or raw text (none); "
    "auto: as nzip codes FILES.",
)
@click.option(
    "--total",
    type=options.Size(),
    metavar="SIZE",
    help="Bytes to train on, FILES over and over; default: ten times FILES, 10MB to 200MB.",
)
@click.option(
    "--hours", type=click.FloatRange(0, min_open=True), help="Be done by then, however much was seen."
)
@click.option(
    "--width", type=click.IntRange(64, 512), help="Width of the network, a multiple of 64; default 256."
)
@click.option("--layers", type=click.IntRange(1, 16), help="Layers; default 3.")
@click.option("--seed", type=click.IntRange(0, 2**31), default=1, show_default=True)
@click.option(
    "-T", "--threads", type=click.IntRange(1), default=1, show_default=True, help="Threads of PyTorch."
)
@options.flag("-r", "--recursive", help="Take all files in directories, and in those below.")
@options.flag("-f", "--force", help="Overwrite.")
@options.flag("-q", "--quiet", help="Say nothing but errors.")
def train(
    paths: options.Files,
    output: str,
    kind: Literal["ssm", "transformer"],
    words: str,
    total: int | None,
    hours: float | None,
    width: int | None,
    layers: int | None,
    seed: int,
    threads: int,
    recursive: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Train an expert on FILES that are like those to be compressed with it.

    Use it with --predictor mix+KIND:OUTPUT, to compress; decompressing finds it by that path or under that
    name, and what was compressed with it cannot be had back without it, unless --embed-model put it into the
    file. A run that was stopped goes on with the same command: its state lies beside OUTPUT until it is done.
    About 20 KB/s on one core (ssm), 5 KB/s (transformer)."""
    from nzip.cli.inputs import regular_files  # start-up: `nzip --help` loads this file

    if not paths:
        raise click.UsageError("name the files to learn from")
    if width is not None and width % 64:
        raise click.UsageError(f"--width is a multiple of 64, not {width}")
    if hours is not None and not math.isfinite(hours):
        raise click.UsageError(f"--hours is a number of hours, not {hours}")
    names, folder = regular_files(paths, recursive), output + ".training"
    with Output(output, force=force, warn=say) as out:  # refused now, if at all, not after the work
        with _Bar(quiet) as bar:
            trained = own.train_expert(
                names,
                kind=kind,
                words=None if words == "none" else words,
                total=total,
                hours=hours,
                width=width,
                layers=layers,
                seed=seed,
                threads=threads,
                folder=folder,
                progress=bar.update,
            )
        out.write(trained.data)
        out.commit()
    own.forget(folder)
    if not quiet:
        say(
            f"{output}: {len(trained.data):,} bytes, {trained.bits_per_byte:.3f} bits per byte alone on"
            f" held-out text after {trained.seen:,} bytes seen; use it with --predictor mix+{kind}:{output}"
        )


class _Bar:
    """On a terminal: bytes seen, rate, time left, loss."""

    def __init__(self, quiet: bool):
        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._shown:
            from rich import progress  # start-up: rich
            from rich.console import Console  # start-up: rich

            self._bar = progress.Progress(
                progress.TextColumn("training"),
                progress.BarColumn(),
                progress.TextColumn("{task.fields[loss]}"),
                progress.TransferSpeedColumn(),
                progress.TimeRemainingColumn(),
                console=Console(stderr=True, emoji=False),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, loss="")
        return self

    def update(self, seen: int, total: int, loss: float) -> None:
        """As :func:`nzip.train_expert` calls it."""
        if self._bar is not None:
            self._bar.update(self._task, completed=seen, total=total, loss=f"{loss:.2f} bits per byte")

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
