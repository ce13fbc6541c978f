"""``tokenizers-lab``: the lab in the shell. Words, flags and progress bars; every verb is one Python call.

Exit codes: 0 fine · 1 usage or environment · 2 data that is damaged or not ours · 3 a bug of ours · 130
interrupted."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tokenizers_lab.cli.analysis import analyze, compare, report
from tokenizers_lab.cli.common import (
    CODEC_HELP,
    force_option,
    progress_bar,
    quiet_option,
    read_input,
    refuse_existing,
    say,
)
from tokenizers_lab.cli.dataset import dataset
from tokenizers_lab.cli.lm import lm
from tokenizers_lab.errors import LabError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nzip", prog_name="tokenizers-lab")
def cli():
    """Which tokenizer should I train my model on, and why?"""


@cli.command()
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--vocab-size",
    type=int,
    default=8192,
    show_default=True,
    help="Special tokens and the 256 bytes included.",
)
@click.option(
    "--objective",
    type=click.Choice(["frequency", "gzip", "entropy", "nzip"]),
    default="frequency",
    show_default=True,
)
@click.option(
    "--model",
    type=click.Choice(["bpe", "unigram", "sentencepiece-bpe"]),
    default="bpe",
    show_default=True,
    help="unigram and sentencepiece-bpe are trained by SentencePiece, lossless on any bytes.",
)
@click.option("-o", "--output", required=True, help="T.json (bpe) or m.model (SentencePiece).")
@click.option("--pre", default="gpt2", show_default=True, help="gpt2, gpt4, none, or regex:PATTERN.")
@click.option("--special", multiple=True, help="A special token; may be repeated.")
@click.option("--min-frequency", type=int, default=0, help="Stop at pairs seen less often.")
@click.option("--max-token-length", type=int, default=0, help="In bytes; 0 for no limit.")
@click.option(
    "--workers", type=int, default=0, help="Threads; 0 for all cores. The result never depends on it."
)
@click.option(
    "--max-memory",
    type=int,
    default=1024,
    show_default=True,
    help="MiB of distinct pre-tokens before the rarest are dropped.",
)
@click.option(
    "--candidates",
    type=int,
    default=32,
    show_default=True,
    help="Pairs tried a merge by gzip, entropy, nzip.",
)
@click.option("--level", type=int, help="Of gzip (default 6) or nzip (default 1).")
@click.option(
    "--serialisation", type=click.Choice(["u16", "leb128", "rank"]), default="u16", show_default=True
)
@click.option("--order", type=int, default=1, show_default=True, help="Of the entropy objective.")
@click.option("--validation", help="A file for the validation stream; else a sample of FILES.")
@click.option("--stream-kib", type=int, default=256, show_default=True, help="Size of that sample.")
@click.option("--extend", help="A tokenizer.json whose merges come first.")
@click.option("--seed", multiple=True, help="A token to make first; may be repeated.")
@click.option("--veto", multiple=True, help="A token never to make; may be repeated.")
@click.option("--veto-pattern", help="A regular expression of tokens never to make.")
@click.option("--nested", help="Smaller sizes to save too, as T-SIZE.json: 1024,4096.")
@click.option(
    "--checkpoint", help="Kept during the run (default: OUTPUT.checkpoint); the run resumes from it."
)
@force_option
@quiet_option
def train(
    files,
    vocab_size,
    objective,
    model,
    output,
    nested,
    checkpoint,
    force,
    quiet,
    max_memory,
    stream_kib,
    seed,
    veto,
    **options,
):
    """Learn a vocabulary from FILES (.xz and .gz are unpacked). Ctrl-C keeps a checkpoint; run again to
    resume."""
    refuse_existing(output, force)
    if model != "bpe":
        from tokenizers_lab.codecs.unigram import train_unigram
        from tokenizers_lab.training.counts import read_blocks

        for name in files:
            if not Path(name).is_file():
                raise LabError(f"{name}: no such file")
        codec = train_unigram(
            (b"".join(read_blocks(f)) for f in files),
            vocab_size,
            model.replace("sentencepiece-", ""),
            options["workers"] or 2,
        )
        codec.save(output)
        say(
            quiet,
            f"{output}: {codec.vocab_size:,} tokens"
            + ("" if codec.lossless else f"; not lossless: {codec.loss}"),
        )
        return
    from tokenizers_lab.training import train_full

    sizes = _sizes(nested, vocab_size)
    checkpoint = checkpoint or f"{output}.checkpoint"
    if Path(checkpoint).exists():
        say(quiet, f"resuming from {checkpoint}")
    with progress_bar(quiet) as step:
        try:
            run = train_full(
                list(files),
                vocab_size,
                objective,
                checkpoint=checkpoint,
                progress=step,
                max_memory=max_memory << 20,
                stream_bytes=stream_kib << 10,
                seed=[t.encode() for t in seed],
                veto=[t.encode() for t in veto],
                **options,
            )
        except KeyboardInterrupt:
            say(quiet, f"interrupted; {checkpoint} keeps what was done: the same command goes on from there")
            raise
    if any(size > run.codec.vocab_size for size in sizes):
        say(quiet, f"the text gave {run.codec.vocab_size} tokens only; larger --nested sizes are left out")
    run.codec.save(output)
    for size in sizes:
        if size <= run.codec.vocab_size:
            run.codec.truncated(size).save(_nested_name(output, size))
    text = f"{output}: {run.codec.vocab_size:,} tokens from {run.bytes:,} bytes ({run.distinct:,} distinct pre-tokens), {run.seconds:.1f} s"
    if run.exhausted:
        text += f"; no pair was left for the {vocab_size:,} asked"
    if run.dropped:
        text += f"; {run.dropped:,} rare pre-tokens were dropped for memory"
    say(quiet, text)


def _sizes(nested, vocab_size) -> list[int]:
    try:
        sizes = [int(x) for x in nested.split(",")] if nested else []
    except ValueError:
        raise LabError(f"--nested {nested!r}: give sizes with commas between: 1024,4096") from None
    for size in sizes:
        if not 256 <= size <= vocab_size:
            raise LabError(f"--nested {size}: outside 256..{vocab_size}")
    return sizes


def _nested_name(output, size) -> Path:
    path = Path(output)
    return path.with_name(f"{path.stem}-{size}{path.suffix}")


@cli.command()
@click.argument("tokenizer")
@click.option("--vocab-size", type=int, required=True)
@click.option("-o", "--output", required=True)
@force_option
def truncate(tokenizer, vocab_size, output, force):
    """The smaller vocabulary that the same training run of TOKENIZER (a tokenizer.json) would have given."""
    refuse_existing(output, force)
    _bpe(tokenizer).truncated(vocab_size).save(output)


@cli.command()
@click.argument("tokenizer")
@click.option(
    "-o", "--output", required=True, help="x.tiktoken; its pattern and special tokens go to x.tiktoken.json."
)
@click.option("--check", help="A file on which the two encoders are compared.")
@force_option
@quiet_option
def export(tokenizer, output, check, force, quiet):
    """Write TOKENIZER (a tokenizer.json) as tiktoken ranks."""
    from tokenizers_lab.codecs import tiktoken

    refuse_existing(output, force)
    differ = tiktoken.export(_bpe(tokenizer), output, read_input(check) if check else b"")
    if check:
        say(quiet, f"{output}: {differ} token borders differ on {check}")


def _bpe(spelling):
    from tokenizers_lab.codecs.bpe import BpeCodec
    from tokenizers_lab.registry import load

    codec = load(spelling)
    if not isinstance(codec, BpeCodec):
        raise LabError(f"{spelling}: not a byte-level BPE vocabulary")
    return codec


@cli.command()
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
    import io

    import numpy as np

    from tokenizers_lab.codec import write_atomic
    from tokenizers_lab.registry import load

    refuse_existing(output, force)
    loaded = load(codec)
    data = read_input(file)
    ids = loaded.encode(data)
    if not loaded.lossless and loaded.decode(ids) != data:
        say(False, f"{file}: {codec} is not lossless on this file: {loaded.loss}")
    out = io.BytesIO()
    np.save(out, ids.astype(np.uint16 if loaded.vocab_size <= 1 << 16 else np.uint32))
    write_atomic(output, out.getvalue())
    say(
        quiet,
        f"{output}: {len(data):,} bytes → {len(ids):,} tokens, {len(data) / max(len(ids), 1):.3f} bytes a token",
    )


@cli.command()
@click.option("--codec", required=True, help=CODEC_HELP)
@click.argument("ids")
@click.option("-o", "--output", required=True, help="A file, or - for standard output.")
@force_option
def decode(codec, ids, output, force):
    """The bytes of IDS (an .npy file that encode wrote)."""
    import numpy as np

    from tokenizers_lab.codec import write_atomic
    from tokenizers_lab.errors import DataError
    from tokenizers_lab.registry import load

    if output != "-":
        refuse_existing(output, force)
    loaded = load(codec)
    if not Path(ids).is_file():
        raise LabError(f"{ids}: no such file")
    try:
        array = np.load(ids, allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{ids}: not a NumPy array of ids: {error}") from None
    if not isinstance(array, np.ndarray):
        raise DataError(f"{ids}: holds several arrays; give one of ids")
    data = loaded.decode(array)
    if output == "-":
        sys.stdout.buffer.write(data)
    else:
        write_atomic(output, data)


@cli.command()
@click.argument("spelling")
@click.option("-o", "--output", required=True)
@force_option
def save(spelling, output, force):
    """Write the codec of SPELLING as a file that stands on its own (an M1 trained on a text is kept
    inside)."""
    from tokenizers_lab.registry import load

    refuse_existing(output, force)
    load(spelling).save(output)


for _command in (analyze, report, compare, dataset, lm):
    cli.add_command(_command)


def _spread_on(arguments: list[str]) -> list[str]:
    """``compare A B --on x y -o R`` as click takes it: ``--on x --on y``; so for ``dataset verify D --against
    x y``."""
    spread = {("compare",): "--on", ("dataset", "verify"): "--against"}
    flag = next((f for verbs, f in spread.items() if tuple(arguments[: len(verbs)]) == verbs), None)
    if flag is None:
        return arguments
    out, inside = [], False
    for item in arguments:
        if item == flag:
            inside = True
            continue
        if inside and item.startswith("-") and item != "-":
            inside = False
        out += [flag, item] if inside else [item]
    return out


def main(arguments: list[str] | None = None) -> None:
    """Run, and answer with the exit codes of the docstring."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        sys.exit(cli(_spread_on(list(arguments)), prog_name="tokenizers-lab", standalone_mode=False) or 0)
    except LabError as error:
        click.echo(f"tokenizers-lab: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"tokenizers-lab: {error.format_message()}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except ImportError as error:
        if (error.name or "").split(".")[0] not in (
            "tokenizers",
            "sentencepiece",
            "matplotlib",
            "jinja2",
            "zstandard",
            "regex",
            "pyarrow",
        ):
            raise
        click.echo(
            f"tokenizers-lab: {error.name} is missing; install the extra: pip install '.[lab]' in nzip's source",
            err=True,
        )
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        click.echo(f"tokenizers-lab: {error}", err=True)
        sys.exit(1)
    except Exception as error:
        import traceback

        traceback.print_exc()
        click.echo(f"tokenizers-lab: a bug of ours: {type(error).__name__}: {error}", err=True)
        sys.exit(3)
