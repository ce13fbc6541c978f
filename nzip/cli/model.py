"""``model fetch`` and ``model list``: pretrained models by name, a click group that the command line hooks in
when it is named. :mod:`nzip.pretrained` does the work.

Concession: a download shows no progress; pip and Hugging Face do it, and they are asked to be quiet.
"""

from __future__ import annotations

import click

from nzip.cli import completing, options
from nzip.cli.tables import add_row, make_table, print_json, print_table, print_text


@click.group("model", context_settings={"help_option_names": ["-h", "--help"]})
def model() -> None:
    """Get and list the pretrained models that lm:NAME and mix+lm:NAME use."""


@model.command()
@click.argument("name", shell_complete=completing.models)
def fetch(name: str) -> None:
    """Get NAME (see nzip model list), or OWNER/NAME[:FILE.gguf] from Hugging Face, and check its hash."""
    from nzip import pretrained  # start-up: xxhash; `nzip --help` loads this file

    path = pretrained.fetch(name)
    print_text(f"{name}: {path}\n")


@model.command("list")
@options.as_json
def list_models(as_json: bool) -> None:
    """List the models that have names, and those that lie in the cache directory."""
    from nzip import pretrained  # start-up: xxhash

    rows = pretrained.available()
    if as_json:
        models = [{**row._asdict(), "path": str(row.path) if row.path else None} for row in rows]
        print_json({"models": models}, "model list")
        return
    table = make_table("name", "MB", "here", "what", left=("name", "here", "what"))
    for row in rows:
        here = str(row.path) if row.path else f"no: nzip model fetch {row.name}"
        add_row(table, row.name, f"{row.size / 1e6:.0f}", here, row.summary)
    print_table(table)
