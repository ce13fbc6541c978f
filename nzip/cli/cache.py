"""``nzip cache``: what is kept on disk, whether it is whole, and away with it. :mod:`nzip.cache` does the
work.

Concession: ``--check`` says what it removed and ends with 0, since what was damaged will be made anew; a
folder that is not to be trusted ends it with 1.
"""

from __future__ import annotations

import click

from nzip.cli import options
from nzip.cli.tables import print_columns, print_json, print_text
from nzip.cli.terminal import OK, one_line, say

_BOTH = "code and tables"


@click.command("cache")
@options.flag("--check", help="Read and hash everything; remove what is damaged.")
@click.option(
    "--clear",
    is_flag=False,
    flag_value=_BOTH,
    type=click.Choice(["code", "tables", "models", _BOTH]),
    metavar="[code|tables|models]",
    help="Delete what is kept; without a word, code and tables, which can be made again.",
)
@click.option(
    "--limit",
    type=options.Size(),
    metavar="SIZE",
    help="Keep at most so much of tables that primers made, from now on; 0: keep none.",
)
@options.as_json
def cache(check: bool, clear: str | None, limit: int | None, as_json: bool) -> int:
    """Show what nzip keeps on disk: machine code, tables, models.

    The folder is $NZIP_CACHE, else ~/.cache/nzip; the first column says what --clear calls it. Only folders
    that are yours (or root's) and that nobody else may write to are used."""
    from nzip import cache as store  # start-up: xxhash; `nzip --help` loads this file

    if (bool(check), bool(clear), limit is not None).count(True) > 1:
        raise click.UsageError("--check, --clear and --limit: give one of them")
    if limit is not None:
        store.limit(limit)
        _show(store.info(), as_json)
    elif clear:
        freed = store.clear(*(() if clear == _BOTH else (clear,)))
        if as_json:
            print_json({"freed": freed}, "cache")
        else:
            say(f"{freed / 1e6:.1f} MB freed")
    elif check:
        checked = store.check()
        if as_json:
            rows = [{**found._asdict(), "path": _text(found.path)} for found in checked]
            print_json({"checked": rows}, "cache")
        else:
            for found in checked:
                removed = f", {len(found.removed)} damaged and removed" if found.removed else ""
                say(f"{found.kind}: {found.read} read{removed}")
    else:
        _show(store.info(), as_json)
    return OK


def _text(path) -> str | None:
    return None if path is None else str(path)


def _show(found, as_json: bool) -> None:
    if as_json:
        print_json({"kinds": [{**row._asdict(), "path": _text(row.path)} for row in found]}, "cache")
        return
    # Folders' names alone, where they lie above: whole paths would fill, or break, the lines of a table.
    base = next((row.path.parent for row in found if row.path is not None and row.kind == "code"), None)
    print_text(f"{'nothing is kept' if base is None else one_line(str(base))}\n\n")
    rows: list[tuple[str, ...]] = []
    for row in found:
        limit = "-" if row.limit is None else f"{row.limit / 1e6:.0f}"
        rows.append((row.what, row.kind, str(row.entries), f"{row.bytes / 1e6:.1f}", limit))
    print_columns(("what", "folder", "files", "MB", "limit MB"), rows, left=("what", "folder"))
    for row in found:
        if row.path is not None and row.path.parent != base:
            print_text(f"{row.kind}: {one_line(str(row.path))}\n")
    for refused in sorted({row.refused for row in found if row.refused}):
        say(f"the cache is left alone: {refused}")
