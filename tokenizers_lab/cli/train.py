"""The verbs that make vocabularies: ``train``, ``truncate``, ``export``."""

from __future__ import annotations

from pathlib import Path

import click

from tokenizers_lab.cli.common import (
    force_option,
    on_error_option,
    progress_bar,
    quiet_option,
    refuse_existing,
    say,
    say_bytes,
    say_elsewhere,
    say_left_out,
    text_key_option,
)
from tokenizers_lab.errors import LabError


@click.command()
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
    type=click.Choice(["frequency", "gzip", "entropy", "likelihood", "nzip"]),
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
@click.option(
    "--pre",
    default="gpt2",
    show_default=True,
    help="gpt2, gpt4, o200k, qwen2, lines, none, or regex:PATTERN.",
)
@click.option(
    "--superwords",
    is_flag=True,
    help="After the transition merges may cross words, within lines (SuperBPE). Reads FILES twice.",
)
@click.option(
    "--transition",
    type=int,
    help="Tokens before superwords begin; the default is half of the vocabulary. Implies --superwords.",
)
@click.option(
    "--parity",
    is_flag=True,
    help="FILES are translations of one text, a language each; at each merge the worst off chooses.",
)
@click.option(
    "--marks",
    type=click.Choice(["case", "space", "case+space"]),
    help="Write capitals, and spaces before words, as marks first; any bytes come back. The output is a "
    "codec of the lab's.",
)
@click.option("--special", multiple=True, help="A special token, never made from text; may be repeated.")
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
    help="MiB of distinct pre-tokens before the rarest are dropped; of pairs, with --superwords.",
)
@click.option(
    "--candidates",
    type=int,
    default=32,
    show_default=True,
    help="Pairs tried a merge by gzip, entropy, likelihood, nzip.",
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
@text_key_option
@on_error_option
@click.option("--nested", help="Smaller sizes to save too, as T-SIZE.json: 1024,4096.")
@click.option(
    "--checkpoint", help="Kept during the run (default: OUTPUT.checkpoint); the run resumes from it."
)
@force_option
@quiet_option
@click.pass_context
def train(
    context,
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
    superwords,
    transition,
    parity,
    **options,
):
    """Learn a vocabulary from FILES (text, JSON lines, Parquet, packed or not; folders; - for standard
    input). Ctrl-C keeps a checkpoint; run again to resume."""
    refuse_existing(output, force)
    if options["marks"] and Path(output).suffix == ".json":
        raise LabError(
            f"--marks: {output} would be no tokenizer.json (`tokenizers` has no normalizer that can be "
            f"undone); name it {Path(output).stem}.codec"
        )
    if parity:
        if model != "bpe":
            raise LabError(f"--parity: only --model bpe can; SentencePiece trains {model} without")
        _train_parity(context, files, vocab_size, output, nested, quiet, max_memory << 20, options)
        return
    if model != "bpe":
        _train_sentencepiece(
            context,
            files,
            vocab_size,
            model,
            output,
            options["special"],
            options["text_key"],
            options["on_error"],
            options["marks"],
            quiet,
        )
        return
    from tokenizers_lab.training.bpe import train_full  # start-up: numba

    sizes = _sizes(nested, vocab_size)
    if superwords and transition is None:
        transition = max(vocab_size // 2, 256 + len(options["special"]))
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
                transition=transition,
                **options,
            )
        except KeyboardInterrupt:
            say(quiet, f"interrupted; {checkpoint} keeps what was done: the same command goes on from there")
            raise
    if any(size > run.codec.vocab_size for size in sizes):
        say(quiet, f"the text gave {run.codec.vocab_size} tokens only; larger --nested sizes are left out")
    say_bytes(quiet, run.not_utf8)
    say_left_out(quiet, output, run.left_out.json() if run.left_out else None, "")
    run.codec.save(output)
    for size in sizes:
        if size <= run.codec.vocab_size:
            run.codec.truncated(size).save(_nested_name(output, size))
    text = (
        f"{output}: {run.codec.vocab_size:,} tokens from {run.bytes:,} bytes "
        f"({run.distinct:,} distinct pre-tokens), {run.seconds:.1f} s"
    )
    if run.exhausted:
        text += f"; no pair was left for the {vocab_size:,} asked"
    if run.dropped:
        text += f"; {run.dropped:,} rare pre-tokens were dropped for memory"
    say(quiet, text)
    say_elsewhere(quiet, output, run.codec)


_PARITY = (
    "special",
    "marks",
    "min_frequency",
    "max_token_length",
    "pre",
    "workers",
    "text_key",
    "on_error",
)


def _given(context, but) -> list[str]:
    """The options that the user gave, but those of these names."""
    from click.core import ParameterSource  # beside its only use

    return [
        max(p.opts, key=len)
        for p in context.command.params
        if p.name not in but
        and context.get_parameter_source(p.name) in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    ]


def _train_parity(context, files, vocab_size, output, nested, quiet, max_memory, options):
    from tokenizers_lab.training.parity import train_parity  # start-up: numba

    own = ("files", "vocab_size", "model", "output", "nested", "parity", "max_memory", "force", "quiet")
    given = _given(context, (*_PARITY, *own))
    if given:
        raise LabError(f"{', '.join(given)}: not with --parity")
    sizes = _sizes(nested, vocab_size)
    with progress_bar(quiet) as step:
        try:
            run = train_parity(
                list(files),
                vocab_size,
                max_memory=max_memory,
                progress=step,
                **{key: options[key] for key in _PARITY},
            )
        except KeyboardInterrupt:
            say(quiet, "interrupted; a run with --parity keeps nothing: the same command begins anew")
            raise
    say_left_out(quiet, output, run.left_out.json() if run.left_out else None, "")
    run.codec.save(output)
    for size in sizes:
        if size <= run.codec.vocab_size:
            run.codec.truncated(size).save(_nested_name(output, size))
    say(quiet, f"{output}: {run.codec.vocab_size:,} tokens from {run.bytes:,} bytes, {run.seconds:.1f} s")
    for name, tokens, chose in zip(files, run.tokens, run.chose):
        say(quiet, f"  {name}: {tokens:,} tokens, chose {chose:,} merges")
    say_elsewhere(quiet, output, run.codec)


# What SentencePiece's trainer has a counterpart of; workers change nothing with either.
_SENTENCEPIECE = (
    "files",
    "vocab_size",
    "model",
    "output",
    "special",
    "marks",
    "workers",
    "text_key",
    "on_error",
    "force",
    "quiet",
)


def _train_sentencepiece(
    context, files, vocab_size, model, output, special, text_key, on_error, marks, quiet
):
    from tokenizers_lab.codecs.marked import MarkedCodec  # start-up: numba
    from tokenizers_lab.codecs.sentencepiece import UnigramCodec  # start-up: numba
    from tokenizers_lab.pretokenize.marks import Marks  # start-up: numba
    from tokenizers_lab.sources.finding import find  # start-up: nzip's streams
    from tokenizers_lab.sources.left_out import left_out  # beside its only use
    from tokenizers_lab.sources.reading import read_text  # start-up: numpy
    from tokenizers_lab.training.sentencepiece import train_unigram  # start-up: numba

    given = _given(context, _SENTENCEPIECE)
    if given:
        raise LabError(f"{', '.join(given)}: only --model bpe can; SentencePiece trains {model} without")
    left, marker = left_out(on_error), Marks(marks) if marks else None
    texts = (read_text(f, text_key, left) for f in find(files))
    codec: UnigramCodec | MarkedCodec = train_unigram(
        (marker.mark(text).tobytes() for text in texts) if marker else texts,
        vocab_size,
        model.replace("sentencepiece-", ""),
        special,
    )
    if marker:
        codec = MarkedCodec(codec, marker.name)
    codec.save(output)
    say_left_out(quiet, output, left.json() if left else None, "")
    say(
        quiet,
        f"{output}: {codec.vocab_size:,} tokens"
        + ("" if codec.lossless else f"; not lossless: {codec.loss}"),
    )
    say_elsewhere(quiet, output, codec)


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


@click.command()
@click.argument("tokenizer")
@click.option("--vocab-size", type=int, required=True)
@click.option("-o", "--output", required=True)
@force_option
def truncate(tokenizer, vocab_size, output, force):
    """The smaller vocabulary that the same training run of TOKENIZER (a tokenizer.json) would have given."""
    from tokenizers_lab.codecs.marked import MarkedCodec  # start-up: numba
    from tokenizers_lab.registry import load  # start-up: numpy

    refuse_existing(output, force)
    codec = load(tokenizer)
    codec = codec if isinstance(codec, MarkedCodec) else _bpe(tokenizer)
    codec.truncated(vocab_size).save(output)


@click.command()
@click.argument("tokenizer")
@click.option(
    "-o", "--output", required=True, help="x.tiktoken; its pattern and special tokens go to x.tiktoken.json."
)
@click.option("--check", help="A file on which the two encoders are compared.")
@force_option
@quiet_option
def export(tokenizer, output, check, force, quiet):
    """Write TOKENIZER (a tokenizer.json) as tiktoken ranks."""
    from tokenizers_lab.codecs import tiktoken  # start-up: numba
    from tokenizers_lab.sources.reading import read_text  # start-up: numpy

    refuse_existing(output, force)
    differ = tiktoken.export(_bpe(tokenizer), output, read_text([check]) if check else b"")
    if check:
        say(quiet, f"{output}: {differ} token borders differ on {check}")


def _bpe(spelling):
    from tokenizers_lab.codecs.bpe import BpeCodec  # start-up: numba
    from tokenizers_lab.registry import load  # start-up: numpy

    codec = load(spelling)
    if not isinstance(codec, BpeCodec):
        raise LabError(
            f"{spelling}: not a byte-level BPE vocabulary"
            + (f": {codec.elsewhere}" if codec.elsewhere else "")
        )
    return codec
