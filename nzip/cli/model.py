"""``nzip model fetch`` and ``nzip model list``: a click group that the command line hooks in when it is
named."""

from __future__ import annotations

import click


@click.group("model", context_settings={"help_option_names": ["-h", "--help"]})
def model():
    """Get and list the pretrained models that lm:NAME and mix+lm:NAME use."""


@model.command()
@click.argument("name")
def fetch(name: str):
    """Get NAME (see nzip model list), or OWNER/NAME[:FILE.gguf] from Hugging Face, and check its hash."""
    from nzip import pretrained

    path = pretrained.fetch(name)
    click.echo(f"{name}: {path}")


@model.command("list")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_models(as_json: bool):
    """List the models that have names, and those that lie in the cache directory."""
    from nzip import pretrained

    rows = pretrained.available()
    if as_json:
        import json

        click.echo(
            json.dumps([{**row._asdict(), "path": str(row.path) if row.path else None} for row in rows])
        )
        return
    from rich.console import Console
    from rich.table import Table

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
