"""The verbs of ``tokenizers-lab dataset``: build, verify, info, sample."""

from __future__ import annotations

import itertools
import json
import random
import time

import click

from tokenizers_lab.cli.common import (
    CODEC_HELP,
    on_error_option,
    progress_bar,
    quiet_option,
    say,
    say_left_out,
    text_key_option,
)
from tokenizers_lab.errors import DataError, LabError


@click.group()
def dataset():
    """Token datasets on disk: build them from text, check them, look into them."""


@dataset.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--codec", required=True, help=CODEC_HELP)
@click.option(
    "-o", "--output", required=True, help="The dataset's folder; a build that was broken off there goes on."
)
@click.option(
    "--format",
    "layout",
    type=click.Choice(["nanogpt", "megatron", "parquet"]),
    default="nanogpt",
    show_default=True,
)
@click.option(
    "--workers", type=int, default=0, help="Processes; 0 for all cores. The files never depend on it."
)
@click.option(
    "--held-out",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of the documents for a second split, by their hash.",
)
@click.option(
    "--document-kib",
    type=int,
    default=64,
    show_default=True,
    help="Text files are cut into documents of about this, at line ends; 0: never.",
)
@click.option("--shard-mib", type=float, default=16, show_default=True, help="MiB of source a shard.")
@text_key_option
@on_error_option
@click.option(
    "--eos",
    metavar="NAME",
    help="The special token that ends documents (default: the codec's own, or a new id).",
)
@click.option("--no-eos", is_flag=True, help="End documents with no token.")
@click.option(
    "--executor",
    type=click.Choice(["local", "datatrove", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="local: processes here. Else by datatrove, over a folder that all machines see.",
)
@click.option(
    "--option",
    "options",
    multiple=True,
    help="KEY=VALUE for datatrove's executor; Slurm needs partition=… and time=….",
)
@quiet_option
def build(
    files,
    codec,
    output,
    layout,
    workers,
    held_out,
    document_kib,
    shard_mib,
    text_key,
    on_error,
    eos,
    no_eos,
    executor,
    options,
    quiet,
):
    """Tokenise FILES (text, JSON lines, Parquet, packed or not; folders; - for standard input) into shards
    with a manifest."""
    from tokenizers_lab.datasets.building import plan, run_local  # start-up: numpy
    from tokenizers_lab.registry import load  # start-up: numpy

    if eos and no_eos:
        raise LabError("--eos and --no-eos: give one of them")
    start = time.perf_counter()
    loaded = load(codec)
    manifest = plan(
        loaded,
        files,
        output,
        format=layout,
        held_out=held_out,
        eos=eos or not no_eos,
        document_bytes=document_kib << 10,
        shard_bytes=int(shard_mib * (1 << 20)),
        text_key=text_key,
        on_error=on_error,
    )
    missing = len(manifest.missing())
    if missing:
        _advise(loaded, manifest, quiet)
    if 0 < missing < manifest.shards:
        say(quiet, f"{output}: {manifest.shards - missing} of {manifest.shards} shards are there already")
    job = None
    if executor == "local":
        if options:
            raise LabError("--option is for the executors of datatrove")
        try:
            with progress_bar(quiet) as step:
                run_local(manifest, workers, step and (lambda done, total: step("shards", done, total)))
        except KeyboardInterrupt:
            say(
                quiet,
                f"interrupted; {manifest.shards - len(manifest.missing())} of {manifest.shards} shards "
                "are done: "
                "the same command goes on from there",
            )
            raise
    else:
        job = _distributed(manifest, executor, workers, options)
    if job is not None:
        say(quiet, f"{output}: job {job} is submitted; 'dataset info {output}' tells how far it is")
        return
    if not missing:
        say(quiet, f"{output}: complete already, nothing to do")
        return
    _say_odd(manifest, quiet)
    for split, total in manifest.data["totals"].items():
        say(
            quiet,
            f"{output}: {split}: {total['bytes']:,} bytes → {total['tokens']:,} tokens in "
            f"{total['documents']:,} documents, "
            f"{total['bytes'] / max(total['tokens'], 1):.3f} bytes a token",
        )
    if held_out and "held_out" not in manifest.data["totals"]:
        say(
            quiet,
            f"{output}: no document fell to held_out; give more text, a lower --document-kib, or a "
            "higher --held-out",
        )
    size = sum(t["bytes"] for t in manifest.data["totals"].values())
    say(
        quiet,
        f"{output}: {missing} shards in {time.perf_counter() - start:.1f} s"
        + (f", {size / 1e6 / (time.perf_counter() - start):.1f} MB/s" if missing == manifest.shards else ""),
    )


def _advise(codec, manifest, quiet) -> None:
    """Whether the M1 fits the sources, before hours of work."""
    from tokenizers_lab.registry import m1_advice, window_parameters  # start-up: numpy
    from tokenizers_lab.sources.reading import beginning  # start-up: numpy

    if quiet or window_parameters(codec) is None:
        return
    for source in manifest.sources:
        advice = m1_advice(codec, beginning(source, 1 << 16, manifest.data["text_key"]), source.path)
        if advice:
            return say(quiet, advice)


def _say_odd(manifest, quiet) -> None:
    """What a build found that its user may not have expected."""
    data = manifest.data
    if data["eos"] is not None and data["eos"] >= data["codec"]["vocab_size"]:
        say(
            quiet,
            f"{manifest.folder}: the codec has no token that ends a sequence; a new id, {data['eos']}, is "
            "made for it (--eos NAME takes one of the codec's special tokens)",
        )
    for path, count in manifest.data.get("not_utf8", {}).items():
        say(quiet, f"{path}: is not UTF-8 text in {count:,} documents; taken as bytes")
    say_left_out(quiet, str(manifest.folder), manifest.data.get("left_out"), "manifest.json")


def _distributed(manifest, executor, workers, options):
    try:
        from tokenizers_lab.datasets import distributed  # start-up: numpy
    except ImportError as error:
        raise LabError(
            f"{error.name} is missing; install the extra: pip install '.[distributed]' in nzip's source"
        ) from None
    settings = {}
    for item in options:
        key, equals, value = item.partition("=")
        if not equals:
            raise LabError(f"--option {item!r}: write KEY=VALUE")
        settings[key] = int(value) if value.isdigit() else value
    return distributed.run(manifest, executor, workers, settings)


@dataset.command()
@click.argument("folder")
@click.option(
    "--against",
    multiple=True,
    help="A file it was built from; repeat in the same order, or give several: --against A B C.",
)
@quiet_option
def verify(folder, against, quiet):
    """Decode the dataset in FOLDER and compare with its hashes, or byte for byte with the files it was made
    from."""
    from tokenizers_lab.datasets import verify as run  # start-up: numpy

    with progress_bar(quiet) as step:
        faults = run(
            folder, list(against) or None, step and (lambda done, total: step("verify", done, total))
        )
    for fault in faults[1:]:
        click.echo(f"tokenizers-lab: {folder}: {fault}", err=True)
    if faults:
        raise DataError(f"{folder}: {faults[0]}")
    say(quiet, f"{folder}: every document decodes to the bytes it was made from")


@dataset.command()
@click.argument("folder")
@click.option("--json", "as_json", is_flag=True, help="Machine-readable output.")
def info(folder, as_json):
    """What the dataset in FOLDER is made of."""
    if as_json:
        click.echo(json.dumps(_facts(folder), indent=2))
        return
    from rich.console import Console  # start-up
    from rich.markup import escape  # start-up
    from rich.table import Table  # start-up

    from tokenizers_lab.datasets.manifest import Manifest  # start-up: numpy

    manifest = Manifest.read(folder)
    data, codec = manifest.data, manifest.data["codec"]
    facts = Table(show_header=False, box=None)
    rows = [
        ("codec", codec["spelling"]),
        ("fingerprint", codec["fingerprint"]),
        ("M1", codec["description"].get("m1", "–")),
        (
            "vocabulary",
            f"{data['vocab_size']:,} ids in the dataset; the codec has {codec['vocab_size']:,}, of which "
            f"{codec['used_vocab_size']:,} can occur"
            + (f"; {codec['nominal_vocab_size']:,} by name" if codec["nominal_vocab_size"] else ""),
        ),
        ("end of sequence", data["eos"]),
        ("padding", data["pad"]),
        ("format", f"{data['format']}, {data['dtype']}"),
        ("sources", f"{len(data['sources'])} files, {sum(s['size'] for s in data['sources']):,} bytes"),
        (
            "shards",
            f"{manifest.shards}"
            + ("" if data["complete"] else f", {len(manifest.missing())} still to build"),
        ),
    ]
    for name, value in rows:
        facts.add_row(name, escape(str("–" if value is None else value)))
    console = Console()
    console.print(facts)
    table = Table()
    for head in ("split", "documents", "bytes", "tokens", "bytes a token"):
        table.add_column(head, justify="left" if head == "split" else "right")
    for split, total in data["totals"].items():
        table.add_row(
            split,
            *(f"{total[k]:,}" for k in ("documents", "bytes", "tokens")),
            f"{total['bytes'] / max(total['tokens'], 1):.3f}",
        )
    if data["totals"]:
        console.print(table)


def _facts(folder) -> dict:
    """What ``info`` shows, as JSON has it; sources by number and size, not by path."""
    from tokenizers_lab.datasets.manifest import Manifest  # start-up: numpy

    manifest = Manifest.read(folder)
    data, codec = manifest.data, manifest.data["codec"]
    kept = ("spelling", "fingerprint", "vocab_size", "used_vocab_size", "nominal_vocab_size")
    return {
        "schema": "tokenizers-lab.dataset-info/1",
        "codec": {key: codec[key] for key in kept} | {"m1": codec["description"].get("m1")},
        **{key: data[key] for key in ("vocab_size", "eos", "pad", "format", "dtype", "complete")},
        "sources": {"files": len(data["sources"]), "bytes": sum(s["size"] for s in data["sources"])},
        "shards": manifest.shards,
        "missing_shards": len(manifest.missing()),
        "splits": {
            split: {
                **{key: total[key] for key in ("documents", "bytes", "tokens")},
                "bytes_per_token": total["bytes"] / total["tokens"] if total["tokens"] else None,
            }
            for split, total in data["totals"].items()
        },
    }


@dataset.command()
@click.argument("folder")
@click.option("--split", default="train", show_default=True)
@click.option("--document", type=int, help="Its number; else one by chance.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of that chance.")
@click.option("--tokens", type=int, default=200, show_default=True, help="At most so many.")
def sample(folder, split, document, seed, tokens):
    """Decode a document of the dataset, a bar at every token's or window's border; bytes that are not UTF-8
    show as \\xNN."""
    from tokenizers_lab.datasets import TokenReader  # start-up: numpy

    reader = TokenReader(folder, split)
    if document is None:
        document = random.Random(seed).randrange(reader.documents)
    if not 0 <= document < reader.documents:
        raise LabError(f"{folder}: document {document} is outside 0..{reader.documents - 1}")
    source, key, size, count = reader.docs[document].tolist()
    ids = reader.document(document)
    raw = reader.codec.decode(ids)
    offsets = reader.codec.offsets(raw, ids)[: tokens + 1]
    click.echo(
        f"{reader.manifest.data['sources'][source]['path']}, from {key} on: document {document} of "
        f"{reader.documents:,}, "
        f"{size:,} bytes in {count:,} tokens",
        err=True,
    )
    # A token that adds no byte of its own (the first ones of a window) has no border to show.
    click.echo(
        "│".join(show_bytes(raw[a:b]) for a, b in itertools.pairwise(offsets) if b > a)
        + (" …" if len(offsets) <= len(ids) else "")
    )


def show_bytes(raw: bytes) -> str:
    """Text for a terminal: control characters and bytes that are not UTF-8 as escapes, line ends kept."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)
