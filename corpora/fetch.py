#!/usr/bin/env python3
"""Fetch the benchmark corpora that are too large to ship, each checked against a pinned hash.

    python corpora/fetch.py --list
    python corpora/fetch.py canterbury              # alice29, asyoulik, lcet10, plrabn12
    python corpora/fetch.py enwik8                  # downloads 36 MB, keeps 100 MB
    python corpora/fetch.py enwik8 --from FILE      # a local enwik8, enwik8.zip, or a prefix of 1 MB or more

The work is :mod:`nzip.benchmark.corpora`'s; this is its command line, and puts things where a checkout looks
for them.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from nzip.benchmark.corpora import CANTERBURY, FetchError, fetch, manifest, prefix_pins

HERE = Path(__file__).resolve().parent


class Failure(click.ClickException):
    """One line: what went wrong, where, what to do. Exit code 1."""

    def show(self, file=None):
        """Print the line to standard error."""
        click.echo(f"corpora: {self.message}", err=True)


def _progress(name: str, done: int, total: int) -> None:
    if sys.stderr.isatty():
        end = "\n" if done == total else ""
        print(f"\r{name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", end=end, file=sys.stderr, flush=True)


@click.command(help=__doc__.partition("\n")[0])
@click.argument("names", nargs=-1, metavar="[enwik8] [canterbury] [NAME]...")
@click.option(
    "--from",
    "local",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Take it from this file (for enwik8: the file, its zip, or a prefix of it).",
)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=HERE / "data",
    help="Folder to put it in (corpora/data, where the bench looks).",
)
@click.option("--list", "listing", is_flag=True, help="List what the manifest names.")
def main(names, local, folder, listing):
    """The command line."""
    if listing:
        for entry in manifest().values():
            how = "fetch" if entry.fetchable else "shipped" if entry.name.startswith("samples/") else "pin"
            click.echo(f"{entry.name}\t{entry.bytes}\t{how}\t{entry.licence}")
        return
    wanted = [name for given in names for name in (CANTERBURY if given == "canterbury" else (given,))]
    if not wanted:
        raise Failure("name what to fetch, or --list")
    if local is not None and len(wanted) > 1:
        raise Failure("--from goes with one name")
    for name in wanted:
        try:
            path = fetch(name, folder, local, _progress)
        except FetchError as error:
            raise Failure(str(error)) from None
        except OSError as error:
            raise Failure(f"{error.filename or folder}: {error.strerror or error}") from None
        note = ""
        if path.name != name:
            checked = max(pin.bytes for pin in prefix_pins() if pin.bytes <= path.stat().st_size)
            note = f" (a prefix of {path.stat().st_size:,} bytes; its first {checked:,} are verified)"
        click.echo(f"{path}{note}")


if __name__ == "__main__":
    main()
