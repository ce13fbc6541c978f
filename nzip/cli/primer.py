"""``primer train`` and ``primer list``: a click group that the command line hooks in when it is named.
:mod:`nzip.primer` does the work.

Concession: a primer is made in one go, and the steps that its bar counts are not of one length.
"""

from __future__ import annotations

import click

from nzip import primer as primers
from nzip.cli import options
from nzip.cli.tables import add_row, make_table, print_json, print_table
from nzip.cli.terminal import say
from nzip.io.safe_output import Output


@click.group("primer", context_settings={"help_option_names": ["-h", "--help"]})
def primer() -> None:
    """Make and list primers: texts to start warm from."""


@primer.command()
@click.argument("paths", metavar="FILES...", nargs=-1, type=click.Path())
@click.option("-o", "--output", type=click.Path(), required=True, help="The primer file to write.")
@click.option(
    "--size",
    type=options.Size(),
    default="512K",
    show_default=True,
    metavar="SIZE",
    help="Bytes of text it holds at most. Every block takes as much longer as coding them takes.",
)
@click.option(
    "--dictionary/--no-dictionary",
    default=True,
    help="Put in a dictionary of their words where a trial says that it helps (default), or text alone.",
)
@options.flag("-r", "--recursive", help="Take all files in directories, and in those below.")
@options.flag("-f", "--force", help="Overwrite.")
@options.flag("-q", "--quiet", help="Say nothing but errors.")
def train(
    paths: options.Files,
    output: str,
    size: int,
    dictionary: bool,
    recursive: bool,
    force: bool,
    quiet: bool,
) -> None:
    """Make a primer from FILES that are like those to be compressed with it.

    Of many or large files representative pieces are taken; what is no text is passed over. Where a trial on
    some of them says that it helps, a dictionary of their words is put in, too. Use the primer
    with --primer, to compress and to decompress; what was compressed with it cannot be had back without
    it."""
    from nzip.cli.inputs import regular_files  # start-up: `nzip --help` loads this file
    from nzip.cli.terminal import StepBar  # start-up: rich
    from nzip.primer import file as primer_file  # start-up: xxhash
    from nzip.primer import training  # start-up: numpy

    if not paths:
        raise click.UsageError("name the files to learn from")
    with Output(output, force=force, warn=say) as out:  # refused now, if at all, not after the work
        with StepBar("primer", quiet) as bar:
            found = training.train(regular_files(paths, recursive), size, dictionary, bar.update)
        data = primer_file.pack(found.primer)
        out.write(data)
        out.commit()
    if not quiet:
        counts = ((found.copies, "copies of others"), (found.others, "no text"))
        notes = "".join(f", {count:,} {what}" for count, what in counts if count)
        gain = 100 - 100 * found.trial.after / max(1, found.trial.before)
        words = f"; a dictionary of {found.trial.words:,} words, which took {gain:.1f}% off a trial"
        say(
            f"{output}: {len(found.primer.text):,} bytes of text from {found.used:,} of {found.files:,} files"
            f"{notes}{words * (found.trial.words > 0)}; {len(data):,} bytes packed,"
            f" hash {found.primer.hash.hex()}"
        )


@primer.command("list")
@click.argument("paths", metavar="[FILES]...", nargs=-1, type=click.Path())
@options.as_json
def list_primers(paths: options.Files, as_json: bool) -> None:
    """List the primers that ship, from which compressing chooses by content; or those in FILES."""
    rows = [_described(path) for path in paths] if paths else primers.shipped()
    if as_json:
        print_json({"primers": [row._asdict() for row in rows]}, "primer list")
        return
    table = make_table("name", "bytes", "words", "hash", "what for", left=("name", "hash", "what for"))
    for row in rows:
        words = f"{row.words:,}" if row.words else ""
        add_row(table, row.name, f"{row.bytes:,}", words, row.hash, row.what_for)
    print_table(table)


def _described(path: str) -> primers.Shipped:
    from nzip.cli.inputs import own_primer  # start-up: numpy

    own = own_primer(path)
    assert own is not None
    return primers.Shipped(
        path, len(own.text), own.hash.hex(), "your own: --primer " + path, own.dictionary.count(b"\n")
    )
