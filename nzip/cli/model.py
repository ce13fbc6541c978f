"""``model fetch`` and ``model list``: pretrained models by name, a click group that the command line hooks in
when it is named. :mod:`nzip.pretrained` does the work.

Concession: a download shows no progress; pip and Hugging Face do it, and they are asked to be quiet.
"""

from __future__ import annotations

import json

import click

from nzip.cli import options


@click.group("model", context_settings={"help_option_names": ["-h", "--help"]})
def model() -> None:
    """Get and list the pretrained models that lm:NAME and mix+lm:NAME use."""


@model.command()
@click.argument("name")
def fetch(name: str) -> None:
    """Get NAME (see nzip model list), or OWNER/NAME[:FILE.gguf] from Hugging Face, and check its hash."""
    from nzip import pretrained  # start-up: xxhash; `nzip --help` loads this file

    path = pretrained.fetch(name)
    click.echo(f"{name}: {path}")


@model.command("list")
@options.as_json
def list_models(as_json: bool) -> None:
    """List the models that have names, and those that lie in the cache directory."""
    from nzip import pretrained  # start-up: xxhash

    rows = pretrained.available()
    if as_json:
        click.echo(
            json.dumps([{**row._asdict(), "path": str(row.path) if row.path else None} for row in rows])
        )
        return
    from rich.console import Console  # start-up: rich
    from rich.table import Table  # start-up: rich

    table = Table(box=None)
    for heading in ("name", "MB", "here", "what"):
        table.add_column(heading, justify="right" if heading == "MB" else "left")
    for row in rows:
        table.add_row(
            row.name,
            f"{row.size / 1e6:.0f}",
            str(row.path) if row.path else f"no: nzip model fetch {row.name}",
            row.summary,
        )
    Console().print(table)
