"""``nzip primer train`` and ``nzip primer list``: a click group that the command line hooks in when it is
named."""

from __future__ import annotations

import os
import stat

import click

from nzip.cli.types import Size


@click.group("primer", context_settings={"help_option_names": ["-h", "--help"]})
def primer():
    """Make and list primers: texts to start warm from."""


@primer.command()
@click.argument("paths", metavar="FILES...", nargs=-1, type=click.Path())
@click.option("-o", "--output", type=click.Path(), required=True, help="The primer file to write.")
@click.option(
    "--size",
    type=Size(),
    default="512K",
    show_default=True,
    metavar="SIZE",
    help="Bytes of text it holds at most. Every block takes as much longer as coding them takes.",
)
@click.option("-r", "--recursive", is_flag=True, help="Take all files in directories, and in those below.")
@click.option("-f", "--force", is_flag=True, help="Overwrite.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")
def train(paths, output, size, recursive, force, quiet):
    """Make a primer from FILES that are like those to be compressed with it.

    Of many or large files representative pieces are taken; what is no text is passed over. Use the primer
    with --primer, to compress and to decompress; what was compressed with it cannot be had back without
    it."""
    from nzip import safe_output as output_files
    from nzip.cli.main import say
    from nzip.primer.file import file as primer_file
    from nzip.primer.training import train

    if not paths:
        raise click.UsageError("name the files to learn from")
    with output_files.Output(output, force=force) as out:  # refused now, if at all, not after the work
        found = train(_files(paths, recursive), size)
        data = primer_file.pack(found.text)
        out.write(data)
        out.commit()
    if not quiet:
        counts = ((found.copies, "copies of others"), (found.others, "no text"))
        notes = "".join(f", {count:,} {what}" for count, what in counts if count)
        say(
            f"{output}: {len(found.text):,} bytes of text from {found.used:,} of {found.files:,} files{notes}; "
            f"{len(data):,} bytes packed, hash {primer_file.text_hash(found.text).hex()}"
        )


def _files(paths, recursive: bool) -> list[str]:
    """The regular files that are named, and with ``recursive`` those in named directories; links in
    directories are not followed. Raises :class:`nzip.safe_output.FileError`."""
    from nzip.safe_output import FileError, reason

    def fail(error: OSError):
        raise FileError(f"{error.filename}: {reason(error)}") from error

    found: list[str] = []
    for path in paths:
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            fail(error)
        if stat.S_ISDIR(mode):
            if not recursive:
                raise FileError(f"{path}: is a directory (-r takes the files in it)")
            for folder, _, names in os.walk(path, onerror=fail):
                inside = (os.path.join(folder, name) for name in names)
                found += [name for name in inside if stat.S_ISREG(os.lstat(name).st_mode)]
        elif stat.S_ISREG(mode):
            found.append(path)
        else:
            raise FileError(f"{path}: is no regular file")
    unreadable = next((path for path in found if not os.access(path, os.R_OK)), None)
    if unreadable is not None:
        raise FileError(f"{unreadable}: permission denied")
    return found


@primer.command("list")
@click.argument("paths", metavar="[FILES]...", nargs=-1, type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def list_primers(paths, as_json: bool):
    """List the primers that ship, from which compressing chooses by content; or those in FILES."""
    rows = [_described(path) for path in paths] if paths else _shipped()
    if as_json:
        import json

        click.echo(json.dumps(rows, indent=2))
        return
    from nzip.cli.show import make_table, print_table

    table = make_table("name", "bytes", "hash", "what for", left=("name", "hash", "what for"))
    for row in rows:
        table.add_row(row["name"], f"{row['bytes']:,}", row["hash"], row["what_for"])
    print_table(table)


def _shipped() -> list[dict]:
    from nzip.predictors.mix import primers

    return [
        {
            "name": entry["name"],
            "bytes": entry["bytes"],
            "hash": entry["hash"],
            "what_for": primers.WHAT_FOR[entry["name"]],
        }
        for entry in primers.index()
    ]


def _described(path: str) -> dict:
    from nzip.primer.file import text_hash

    text = text_of(path)
    return {
        "name": path,
        "bytes": len(text),
        "hash": text_hash(text).hex(),
        "what_for": "your own: --primer " + path,
    }


def text_of(path: str) -> bytes:
    """The text of a primer file. Raises :class:`nzip.safe_output.FileError` where it cannot be read, and as
    :func:`nzip.primer.file.load`."""
    from nzip.primer.file import load
    from nzip.safe_output import FileError, reason

    try:
        return load(path)
    except OSError as error:
        raise FileError(f"{path}: {reason(error)}") from error
