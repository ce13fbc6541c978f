"""What the verbs of ``tokenizers-lab`` share: the progress bar, the last line, options, careful outputs."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import click

from tokenizers_lab.errors import LabError

CODEC_HELP = (
    "A path (T.json, m.model, x.tiktoken), a name with parameters (bytes, gzip, ac[m1=order-3]), or a "
    "tokenizer by name (gpt2, llama3, OWNER/NAME; see fetch)."
)


@contextlib.contextmanager
def progress_bar(quiet: bool):
    """A function ``step(stage, done, total)`` that draws on stderr, and only on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # start-up
    from rich.progress import (  # start-up
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[shown]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as bar:
        tasks: dict = {}

        def step(stage, done, total):
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total, shown="")
            shown = f"{done / 1e6:,.1f} MB" if stage in ("count", "encode") else f"{done:,}"
            bar.update(tasks[stage], completed=done, total=total, shown=shown)

        yield step


def say(quiet: bool, text: str) -> None:
    if not quiet:
        click.echo(text, err=True)


def say_bytes(quiet: bool, names) -> None:
    """Which sources are no UTF-8 text."""
    for name in names:
        say(quiet, f"{name}: is not UTF-8 text; taken as bytes")


def say_elsewhere(quiet: bool, output, codec) -> None:
    """Why no other library takes what was saved, where that is so, and what to use."""
    if codec.elsewhere:
        say(quiet, f"{output}: {codec.elsewhere}")


_SHOWN = 20


def say_left_out(quiet: bool, what: str, left: dict | None, place: str) -> None:
    """What was skipped: the first lines of ``{"count": n, "first": [lines]}``, and how many there are; more
    are named in ``place`` ("" where nowhere)."""
    if not left or not left["count"]:
        return
    for line in left["first"][:_SHOWN]:
        say(quiet, f"left out: {line}")
    more = (
        f"; the first {len(left['first']):,} are named in {place}" if place and left["count"] > _SHOWN else ""
    )
    say(quiet, f"{what}: {left['count']:,} lines or rows were left out{more}")


text_key_option = click.option(
    "--text-key", default="text", show_default=True, help="The field of JSONL, the column of Parquet."
)
on_error_option = click.option(
    "--on-error",
    type=click.Choice(["stop", "skip"]),
    default="stop",
    show_default=True,
    help="At lines and rows that hold no text; what is skipped is counted and named.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress, no last line.")
force_option = click.option("-f", "--force", is_flag=True, help="Overwrite the output.")


def refuse_existing(path, force: bool) -> None:
    if path is None:
        return
    if Path(path).exists() and not force:
        raise LabError(f"{path}: exists already; give -f to overwrite it")
    if not Path(path).parent.is_dir():
        raise LabError(f"{path}: cannot write here: no such folder")


def read_input(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise LabError(f"{name}: {error.strerror}") from None
