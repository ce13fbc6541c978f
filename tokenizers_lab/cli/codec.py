"""The verbs of any one codec: ``encode``, ``decode``, ``save``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from tokenizers_lab.cli.common import (
    CODEC_HELP,
    force_option,
    quiet_option,
    read_input,
    refuse_existing,
    say,
    say_elsewhere,
)
from tokenizers_lab.errors import DataError, LabError


@click.command()
@click.option("--codec", required=True, help=CODEC_HELP)
@click.argument("file")
@click.option(
    "-o",
    "--output",
    required=True,
    help="ids.npy: a NumPy array, uint16 where the vocabulary allows, else uint32.",
)
@force_option
@quiet_option
def encode(codec, file, output, force, quiet):
    """FILE (or - for standard input) as token ids."""
    import numpy as np  # start-up

    from tokenizers_lab.files import write_whole  # start-up: numpy
    from tokenizers_lab.registry import load, m1_advice  # start-up: numpy

    refuse_existing(output, force)
    loaded = load(codec)
    data = read_input(file)
    ids = loaded.encode(data)
    advice = m1_advice(loaded, data, file)
    if advice:
        say(False, advice)
    if not loaded.lossless and loaded.decode(ids) != data:
        say(False, f"{file}: {codec} is not lossless on this file: {loaded.loss}")
    out = io.BytesIO()
    np.save(out, ids.astype(np.uint16 if loaded.vocab_size <= 1 << 16 else np.uint32))
    write_whole(output, out.getvalue())
    say(
        quiet,
        f"{output}: {len(data):,} bytes → {len(ids):,} tokens, {len(data) / max(len(ids), 1):.3f} bytes "
        "a token",
    )


@click.command()
@click.option("--codec", required=True, help=CODEC_HELP)
@click.argument("ids")
@click.option("-o", "--output", required=True, help="A file, or - for standard output.")
@force_option
def decode(codec, ids, output, force):
    """The bytes of IDS (an .npy file that encode wrote)."""
    from tokenizers_lab.files import read_array, write_whole  # start-up: numpy
    from tokenizers_lab.registry import load  # start-up: numpy

    if output != "-":
        refuse_existing(output, force)
    loaded = load(codec)
    if not Path(ids).is_file():
        raise LabError(f"{ids}: no such file")
    try:
        array = read_array(ids)
    except OSError as error:
        raise LabError(f"{ids}: cannot be read: {error.strerror}") from None
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(f"{ids}: holds {array.dtype} of shape {array.shape}; ids are a row of whole numbers")
    data = loaded.decode(array)
    if output == "-":
        sys.stdout.buffer.write(data)
    else:
        write_whole(output, data)


@click.command()
@click.argument("spelling")
@click.option("-o", "--output", required=True)
@force_option
def save(spelling, output, force):
    """Write the codec of SPELLING as a file that stands on its own (an M1 trained on a text is kept
    inside)."""
    from tokenizers_lab.registry import load  # start-up: numpy

    refuse_existing(output, force)
    codec = load(spelling)
    codec.save(output)
    say_elsewhere(False, output, codec)
