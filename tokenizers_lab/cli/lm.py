"""The verbs of ``tokenizers-lab lm``: train, eval, sweep, sample, export. All need torch, which is imported
when one is run."""

from __future__ import annotations

import contextlib
import os
import sys
import time

import click

from tokenizers_lab.cli.common import force_option, quiet_option, refuse_existing, say
from tokenizers_lab.cli.dataset import show_bytes
from tokenizers_lab.errors import LabError


@click.group()
def lm():
    """Language models over a dataset's tokens: train, judge in bits per byte, compare, sample, export."""
    try:
        import torch  # noqa: F401
    except ImportError:
        raise LabError(
            "torch is missing; install the extra: pip install '.[neural]' in nzip's source"
        ) from None


@contextlib.contextmanager
def progress_line(quiet: bool):
    """A function for ``training.train``'s figures: one line on stderr, rewritten on a terminal. In a file or
    a pipe a line every half minute, so that a log tells how far a run is."""
    terminal, last = sys.stderr.isatty(), [0.0]
    if quiet or int(os.environ.get("RANK", "0")):
        yield None
        return

    def show(f: dict):
        now = time.monotonic()
        if now - last[0] < (0.2 if terminal else 30.0) and f["step"] != f["steps"]:
            return
        last[0] = now
        text = f"step {f['step']:,}/{f['steps']:,}  loss {f['loss']:.4f}"
        if "bits_per_byte" in f:
            text += f"  {f['bits_per_byte']:.4f} bits/byte"
        if "eta" in f:  # not yet at the first step
            minutes, seconds = divmod(int(f["eta"]), 60)
            eta = f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
            text += f"  {f['tokens_per_second']:,.0f} tokens/s  ETA {eta}"
        sys.stderr.write(f"\r\x1b[K{text}" if terminal else text + "\n")
        sys.stderr.flush()

    try:
        yield show
    finally:
        if terminal and last[0]:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


@lm.command()
@click.argument("data")
@click.option("-o", "--output", required=True, help="The run's folder; a run that was stopped there goes on.")
@click.option(
    "--size",
    default="1M",
    show_default=True,
    help="tiny, 100k, 1M, 4M, 25M: parameters without embedding and output layer.",
)
@click.option("--context", type=int, default=512, show_default=True, help="Tokens a sequence.")
@click.option(
    "--batch", type=int, default=16, show_default=True, help="Sequences a step, all processes together."
)
@click.option("--steps", type=int, help="Steps; else by --bytes or --tokens.")
@click.option("--tokens", type=int, help="Tokens to see.")
@click.option(
    "--bytes", "raw_bytes", type=int, help="Raw bytes to see; one epoch where none of the three is given."
)
@click.option("--rate", type=float, default=2e-3, show_default=True, help="Peak learning rate.")
@click.option("--warm-up", type=int, default=50, show_default=True, help="Steps.")
@click.option(
    "--half-life",
    type=int,
    default=262144,
    show_default=True,
    help="Tokens in which AdamW's second moment forgets half (13.5 steps at least: beta2 is 0.95 or more).",
)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--precision",
    default="auto",
    show_default=True,
    help="Of the matrix products: float32, bfloat16 (faster on a CPU that has it), auto: bfloat16 on a GPU.",
)
@click.option(
    "--compile",
    "compiled",
    is_flag=True,
    help="By torch.compile: up to 1.4 times as fast after half a minute; needs a C++ compiler on a CPU.",
)
@click.option("--threads", type=int, default=0, help="Of torch; 0 for its own choice.")
@quiet_option
def train(
    data,
    output,
    size,
    context,
    batch,
    steps,
    tokens,
    raw_bytes,
    rate,
    warm_up,
    half_life,
    seed,
    precision,
    compiled,
    threads,
    quiet,
):
    """Train on the dataset in DATA. Ctrl-C keeps a checkpoint; the same command goes on from it. Under
    torchrun: on many devices."""
    import torch  # start-up, and an optional dependency

    from tokenizers_lab.datasets import TokenReader  # start-up: numpy
    from tokenizers_lab.lm.model import Shape  # start-up: torch
    from tokenizers_lab.lm.runs import CHECKPOINT, Plan, Run  # start-up: torch
    from tokenizers_lab.lm.training import train as run  # start-up: torch

    if threads:
        torch.set_num_threads(threads)
    if sum(x is not None for x in (steps, tokens, raw_bytes)) > 1:
        raise LabError("give one of --steps, --tokens and --bytes")
    reader = TokenReader(data)
    if steps is None:
        wanted = tokens or (raw_bytes or reader.bytes) * reader.tokens / max(reader.bytes, 1)
        steps = max(1, round(wanted / (batch * context)))
    shape, plan = (
        Shape.named(size, reader.vocab_size, context),
        Plan(
            steps,
            batch,
            rate,
            min(warm_up, steps),
            seed=seed,
            precision=precision,
            compiled=compiled,
            half_life=half_life,
        ),
    )
    if os.path.exists(os.path.join(output, CHECKPOINT)):
        Run.create(output, shape, plan, reader)  # refuses another run
        say(quiet, f"resuming the run in {output}")
    try:
        with progress_line(quiet) as show:
            result = run(data, output, shape, plan, show)
    except KeyboardInterrupt:
        say(quiet, f"interrupted; {output} keeps a checkpoint: the same command goes on from there")
        raise
    if int(os.environ.get("RANK", "0")) == 0:
        held = f", held out {result['curve'][-1]['bits_per_byte']:.4f} bits/byte" if result["curve"] else ""
        say(
            quiet,
            f"{output}: {shape.parameters:,} parameters and {shape.head_parameters:,} of the output "
            f"layer, {steps:,} steps of "
            f"{batch * context:,} tokens, {result['seconds']:.1f} s{held}",
        )


@lm.command("eval")
@click.argument("run")
@click.argument("data")
@click.option("--split", default="held_out", show_default=True)
@click.option("--max-bytes", type=int, help="Only the first documents that hold so many bytes.")
@click.option("--stride", type=int, help="New targets of each context read; half the context by default.")
@click.option("--json", "json_path", help="Keep the figures.")
@force_option
def evaluate(run, data, split, max_bytes, stride, json_path, force):
    """Bits per byte of RUN on the dataset in DATA, by exact accounting, with FLOPs a byte."""
    from tokenizers_lab.datasets import TokenReader  # start-up: numpy
    from tokenizers_lab.files import write_json  # start-up: numpy
    from tokenizers_lab.lm.evaluation import evaluate as judge  # start-up: torch
    from tokenizers_lab.lm.flops import cost  # start-up: torch
    from tokenizers_lab.lm.runs import Run  # start-up: torch
    from tokenizers_lab.lm.training import best_device  # start-up: torch

    refuse_existing(json_path, force)
    kept, reader = Run.read(run), TokenReader(data, split)
    if (
        reader.manifest.data["codec"]["fingerprint"] != kept.data["codec"]["fingerprint"]
        or reader.eos != kept.data["eos"]
    ):
        raise LabError(
            f"{data}: its tokens are of {reader.manifest.data['codec']['spelling']}, not of the codec "
            f"that {run} was trained with"
        )
    score = judge(kept.model(best_device()), reader, at_most=max_bytes, stride=stride)
    spent = cost(kept.shape, reader)
    click.echo(
        f"{score.bits_per_byte:.4f} bits per byte on {score.bytes:,} bytes of {data} ({split})\n"
        f"{score.bits / score.tokens:.4f} bits a token, {score.correct / score.tokens:.2%} right, "
        f"{score.tokens:,} tokens, "
        f"{score.end_bits_per_byte:.5f} bits per byte of them for ends of documents\n"
        f"{spent['model'] / 1e6:.3f} M FLOPs a byte forward, {spent['body'] / 1e6:.3f} M without the "
        "output layer, "
        f"{spent['with_m1'] / 1e6:.3f} M with M1"
    )
    if json_path:
        write_json(json_path, {**score.json(), "flops": spent})


@lm.command()
@click.argument("run")
@click.option("--prompt", default="", help="What the text begins with.")
@click.option("--tokens", type=int, default=200, show_default=True, help="At most so many.")
@click.option(
    "--temperature", type=float, default=0.8, show_default=True, help="0: always the likeliest token."
)
@click.option("--top-k", type=int, help="Among so many only.")
@click.option("--seed", type=int, default=0, show_default=True)
@quiet_option
def sample(run, prompt, tokens, temperature, top_k, seed, quiet):
    """Text that RUN's model makes, decoded by its codec; bytes that are not UTF-8 show as \\xNN."""
    from tokenizers_lab.lm.runs import Run  # start-up: torch
    from tokenizers_lab.lm.sampling import sample as make  # start-up: torch
    from tokenizers_lab.lm.training import best_device  # start-up: torch

    text, remark = make(
        Run.read(run),
        prompt.encode("utf-8", "surrogateescape"),
        tokens,
        best_device(),
        temperature=temperature,
        top_k=top_k,
        seed=seed,
    )
    click.echo(show_bytes(text))
    if remark:
        say(quiet, f"{run}: {remark}")


@lm.command()
@click.argument("run")
@click.option(
    "-o",
    "--output",
    required=True,
    help="A folder, made where it is missing; the model is model.safetensors.",
)
@force_option
@quiet_option
def export(run, output, force, quiet):
    """Write RUN's model for nzip (--predictor mix+lm:FOLDER/model.safetensors) and for Hugging Face: a Llama
    with its tokenizer."""
    from tokenizers_lab.lm.exporting import export as write  # start-up: torch
    from tokenizers_lab.lm.exporting import files_of  # start-up: torch
    from tokenizers_lab.lm.runs import Run  # start-up: torch

    for path in files_of(output).values():
        if path.exists():
            refuse_existing(path, force)
    made = write(Run.read(run), output)
    say(
        quiet,
        f"{', '.join(map(str, made))}: written; nzip compress --predictor mix+lm:{made[-1]} FILE uses them",
    )


@lm.command()
@click.argument("toml")
@click.option(
    "-o",
    "--output",
    required=True,
    help="The sweep's folder: report.html, results.json, and all that a stopped sweep goes on from.",
)
@click.option("--corpora", help="The folder that the file's texts are in; else the TOML file's.")
@click.option(
    "--plan",
    "plan_only",
    is_flag=True,
    help="Build the datasets, time a few steps, and say what each run would take.",
)
@click.option("--threads", type=int, default=0, help="Of torch; 0 for its own choice.")
@quiet_option
def sweep(toml, output, corpora, plan_only, threads, quiet):
    """Train and compare the arms of TOML at matched bytes, tokens or FLOPs. The same command goes on where it
    was stopped."""
    import torch  # start-up, and an optional dependency
    from rich.console import Console  # start-up

    from tokenizers_lab.lm.speed import training_speed  # start-up: torch
    from tokenizers_lab.lm.sweep import Sweep, Workshop, run  # start-up: torch
    from tokenizers_lab.report.terminal import draw  # start-up: numpy

    if threads:
        torch.set_num_threads(threads)
    read = Sweep.read(toml, corpora)
    if plan_only:
        from tokenizers_lab.report.cells import Table  # start-up: numpy

        speeds = {
            size: training_speed(size, batch=read.batch, precision=read.precision, compiled=read.compiled)[
                "training_flops_per_second"
            ]
            for size in read.sizes
        }
        rows = Workshop(read, output, lambda text: say(quiet, text)).estimate(speeds)
        table = Table(
            f"{read.name}: plan",
            f"At {', '.join(f'{v / 1e9:.0f} GFLOP/s ({k})' for k, v in speeds.items())} in training, "
            "measured now. Hours are of one seed, "
            "without evaluations and probes.",
            ["arm", "size", "vocabulary", "steps", "FLOPs", "hours", "seeds"],
            [
                [
                    r["arm"],
                    r["size"],
                    f"{r['vocabulary']:,}",
                    f"{r['steps']:,}",
                    f"{r['flops']:.2e}",
                    f"{r['hours']:.2f}",
                    str(r["seeds"]),
                ]
                for r in rows
            ],
        )
        draw([table], Console())
        click.echo(f"all seeds together: {sum(r['hours'] * r['seeds'] for r in rows):.1f} hours")
        return
    try:
        with progress_line(quiet) as show:
            results = run(read, output, lambda text: say(quiet, text), show)
    except KeyboardInterrupt:
        say(quiet, f"interrupted; {output} keeps what was done: the same command goes on from there")
        raise
    if not quiet:
        from tokenizers_lab.report.lm_page import tables  # start-up: numpy

        draw(tables(results), Console())
        say(
            quiet,
            f"{output}: {len(results['runs'])} run{'s' * (len(results['runs']) != 1)}; the report is "
            f"{os.path.join(output, 'report.html')}",
        )
