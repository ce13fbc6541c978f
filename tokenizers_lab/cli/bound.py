"""The verb ``bound``: how few tokens a vocabulary of a size could make of a text, and how far codecs are from
it."""

from __future__ import annotations

import click

from tokenizers_lab.cli.common import (
    CODEC_HELP,
    force_option,
    on_error_option,
    progress_bar,
    quiet_option,
    refuse_existing,
    say_elsewhere,
    say_left_out,
    text_key_option,
)


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--vocab-size", type=int, required=True, help="The 256 bytes included.")
@click.option("--codec", "codecs", multiple=True, help=CODEC_HELP + " May be repeated.")
@click.option("--pre", default="gpt2", show_default=True, help="What no token crosses; lines for superwords.")
@click.option("--longest", type=int, default=64, show_default=True, help="Bytes of a token at most.")
@click.option(
    "--least", type=int, default=1, show_default=True, help="How often a token must occur; 2 for long pieces."
)
@click.option("--rounds", type=int, default=300, show_default=True, help="More give a higher bound.")
@click.option("--json", "json_path", help="Write the figures here.")
@click.option("--save", help="Write the vocabulary that was found on the way, a codec of the lab's.")
@text_key_option
@on_error_option
@force_option
@quiet_option
def bound(files, vocab_size, codecs, json_path, save, text_key, on_error, force, quiet, **options):
    """A certified lower bound of the tokens that any vocabulary of this size makes of FILES, and how far
    codecs are from it."""
    from tokenizers_lab.analysis.gap import codec_of, gaps  # start-up: numba
    from tokenizers_lab.files import write_json  # beside its only use
    from tokenizers_lab.report.tables import how_close  # beside its only use
    from tokenizers_lab.sources.left_out import left_out  # beside its only use
    from tokenizers_lab.sources.reading import read_text  # start-up: numpy

    refuse_existing(json_path, force)
    refuse_existing(save, force)
    left = left_out(on_error)
    text = read_text(list(files), text_key, left)
    with progress_bar(quiet) as step:
        shown = step and (lambda done, rounds, _: step("bound", done, rounds))
        found = gaps(codecs, text, vocab_size, progress=shown, **options)
    say_left_out(quiet, "files", left.json() if left else None, "")
    click.echo(
        f"no vocabulary of {vocab_size:,} cuts these {found['bytes']:,} bytes within {found['pre']} into "
        f"fewer than {found['bound']:,} tokens ({found['bytes'] / found['bound']:.3f} bytes a token)"
    )
    over = found["reached"] / found["bound"] - 1
    click.echo(f"  {over:+8.2%}  {found['reached']:,} tokens: a vocabulary found")
    for row in found["codecs"]:
        note = f"; not held to this bound: {row['outside']}" if row["outside"] else ""
        click.echo(f"  {row['gap']:+8.2%}  {row['tokens']:,} tokens: {row['codec']}{note}")
    click.echo(how_close(found))
    if save:
        made = codec_of(found["strings"], found["pre"])
        made.save(save)
        say_elsewhere(quiet, save, made)
    if json_path:
        write_json(json_path, {key: value for key, value in found.items() if key != "strings"})
