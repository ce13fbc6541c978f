"""``nzip train``: an expert of the user's own, from files like those to be compressed. Needs the extra
``neural``."""

from __future__ import annotations

import click

from nzip.cli.types import Size

EXTRA = "training needs PyTorch: pip install 'nzip[neural]'"


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
    "--total",
    type=Size(),
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
@click.option("-r", "--recursive", is_flag=True, help="Take all files in directories, and in those below.")
@click.option("-f", "--force", is_flag=True, help="Overwrite.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def train(paths, output, kind, total, hours, width, layers, seed, threads, recursive, force, quiet):
    """Train an expert on FILES that are like those to be compressed with it.

    Use it with --predictor mix+KIND:OUTPUT, to compress; decompressing finds it by that path or under that
    name, and what was compressed with it cannot be had back without it, unless --embed-model put it into the
    file. A run that was stopped goes on with the same command: its state lies beside OUTPUT until it is done.
    About 20 KB/s on one core (ssm), 5 KB/s (transformer)."""
    from nzip import safe_output as output_files
    from nzip.cli.main import say
    from nzip.cli.primer import _files

    if not paths:
        raise click.UsageError("name the files to learn from")
    if width is not None and width % 64:
        raise click.UsageError(f"--width is a multiple of 64, not {width}")
    try:
        import torch
    except ImportError as error:
        raise click.ClickException(EXTRA) from error
    from nzip.training import own

    torch.set_num_threads(threads)
    names = _files(paths, recursive)
    with output_files.Output(output, force=force) as out:  # refused now, if at all, not after the work
        with _Progress(quiet) as progress:
            data, said = own.train(
                names,
                output + ".training",
                kind,
                total=total,
                hours=hours,
                width=width,
                layers=layers,
                seed=seed,
                progress=progress,
            )
        out.write(data)
        out.commit()
    own.forget(output + ".training")
    if not quiet:
        say(f"{output}: {said}; use it with --predictor mix+{kind}:{output}")


class _Progress:
    """A bar on a terminal: bytes seen, rate, time left, loss."""

    def __init__(self, quiet: bool):
        import sys

        self._shown = not quiet and sys.stderr is not None and sys.stderr.isatty()
        self._bar = None

    def __enter__(self):
        if self._shown:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
                TransferSpeedColumn,
            )

            self._bar = Progress(
                TextColumn("training"),
                BarColumn(),
                TextColumn("{task.fields[loss]}"),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=None, loss="")
        return self

    def __call__(self, seen: int, total: int, loss: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=seen, total=total, loss=f"{loss:.2f} bits per byte")

    def __exit__(self, *error) -> None:
        if self._bar is not None:
            self._bar.stop()
