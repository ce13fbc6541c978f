"""Train the networks that ship as the experts ``ssm`` and ``transformer`` (``run --kind``), from the texts
that scripts/mixtures.py names.

    python scripts/train_expert.py run --corpora DIR --folder DIR    # hours; again to go on
    python scripts/train_expert.py loss --corpora DIR --folder DIR   # what rounding to integers costs
    python scripts/train_expert.py export --folder DIR
    python scripts/train_expert.py plot --folder DIR -o curve.png

``--corpora`` is a folder with ``MANIFEST.tsv`` and ``train/`` as corpora/fetch.py makes it, ``--gathered``
one that scripts/gather_texts.py made. Only texts that are public domain, under a permissive licence or
CC-BY-SA are taken; each is checked against its hash in the manifest, or in gather_texts.tsv.
"""

from __future__ import annotations

import csv
import hashlib
import json
import lzma
import sys
from pathlib import Path
from typing import Any

import click
from mixtures import MIXTURES

GATHERED = Path(__file__).with_name("gather_texts.tsv")
_PREDICTORS = Path(__file__).parents[1] / "nzip" / "predictors"
SHIPPED = {
    "ssm": _PREDICTORS / "ssm" / "english.expert",
    "words": _PREDICTORS / "ssm" / "words.expert",
    "transformer": _PREDICTORS / "transformer" / "english.safetensors",
}


def sources(corpora: Path, mixture: str, gathered: Path | None = None):
    """The texts of a mixture, each checked against the hash that is listed for it."""
    from nzip.training.text import Source  # start-up: numpy

    listed = {row["path"]: row["sha256"] for row in _table(corpora / "MANIFEST.tsv")}
    made = {row["name"]: row["sha256"] for row in _table(GATHERED)}
    found = []
    for name, (share, kind, prose) in MIXTURES[mixture].items():
        if name not in made:
            path, digest = corpora / "train" / name, listed[f"train/{name}"]
        elif gathered is None:
            raise click.UsageError(f"{name} is made by scripts/gather_texts.py: say where with --gathered")
        else:
            path, digest = gathered / name, made[name]
        data = (
            path.read_bytes() if path.exists() else lzma.decompress(path.with_name(name + ".xz").read_bytes())
        )
        if hashlib.sha256(data).hexdigest() != digest:
            raise click.ClickException(f"{path} is not the text that is listed: fetch or gather it anew")
        found.append(Source(name, data, share, kind, prose))
    return found


def _table(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


_MIXTURE = click.option(
    "--mixture", type=click.Choice(list(MIXTURES)), help="[default: words with --words, else english]"
)
_GATHERED = click.option(
    "--gathered", type=click.Path(path_type=Path, exists=True), help="what scripts/gather_texts.py made"
)


@click.group(help=__doc__)
def main() -> None:
    pass


@main.command("run")
@click.option("--corpora", type=click.Path(path_type=Path, exists=True), required=True)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    required=True,
    help="checkpoint and log, outside the repository",
)
@click.option(
    "--total", default=100_000_000, show_default=True, help="bytes seen until the learning rate is zero"
)
@click.option("--seed", default=20251, show_default=True)
@click.option("--threads", default=1, show_default=True)
@click.option("--kind", type=click.Choice(["ssm", "transformer"]), default="ssm", show_default=True)
@click.option("--words", help="train on text coded by this dictionary of the package (ssm), as english")
@_MIXTURE
@_GATHERED
@click.option(
    "--begin",
    type=click.Path(path_type=Path, exists=True),
    help="begin with this file's weights, of its shape and for its words",
)
@click.option(
    "--float32/--bfloat16",
    "floats",
    default=False,
    help="products in float32 and passes fused by torch.compile, which "
    "needs a C++ compiler: faster on CPUs whose bfloat16 is no faster (transformer)",
)
@click.option("--fed", is_flag=True, help="fed with counts (ssm): also where the weights of --begin were not")
@click.option("--deadline", type=float, help="stop after so many CPU seconds (a trial)")
@click.option("--set", "settings", multiple=True, help="name=value for the run or the shape (a trial)")
def run_command(
    corpora,
    folder,
    total,
    seed,
    threads,
    kind,
    words,
    mixture,
    gathered,
    begin,
    floats,
    fed,
    deadline,
    settings,
) -> None:
    """Train, or go on training, until TOTAL bytes were seen."""
    import torch  # start-up: torch, as the next ones

    from nzip.predictors.mix.words.dictionary import by_name  # start-up: numba
    from nzip.training.loop import Run, train  # start-up: torch
    from nzip.training.processor import quick  # start-up: torch
    from nzip.training.recurrent import Recurrent, Shape  # start-up: torch
    from nzip.training.recurrent import from_file as recurrent_from_file
    from nzip.training.transformer import Llama, from_file, shape_of  # start-up: torch

    texts = sources(corpora, mixture or ("words" if words else "english"), gathered)
    torch.set_num_threads(threads)
    given: dict[str, Any] = {k: json.loads(v) for k, v in (s.split("=", 1) for s in settings)}
    if kind == "transformer":
        given = {"rate": 1e-3, "lanes": 8, "span": 1024} | given
    elif floats:
        raise click.UsageError("--float32 goes with --kind transformer")
    sizes: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in Shape._fields
    }
    shape = Shape(**sizes)._replace(fed=fed)
    run = Run(total=total, seed=seed, **{k: v for k, v in given.items() if k in Run._fields})
    torch.manual_seed(seed)
    with quick():  # around the network's making too: torch starts its threads there
        net: Recurrent | Llama
        if begin:
            net, made = recurrent_from_file(begin, fed) if kind == "ssm" else from_file(begin)
            run = run._replace(before=made["seen"])
        else:
            net = (
                Recurrent(shape, words=by_name(words) if words else None)
                if kind == "ssm"
                else Llama(shape_of(given.get("width"), given.get("layers")))
            )
        net.mixed = not floats
        print(
            f"{net.matrix_parameters():,} matrix parameters, "
            f"{sum(p.numel() for p in net.parameters()):,} in all",
            flush=True,
        )
        log = train(net, texts, run, folder, _Meter(), deadline, floats)
    print(json.dumps(log[-1]))


@main.command("export")
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="default: the file that ships")
def export_command(folder, output) -> None:
    """Write the weights file from the last checkpoint, of whichever kind, and print its hash."""
    from nzip.training import checkpoint  # start-up: torch

    net, made = checkpoint.load(folder)
    kind = checkpoint.kind_of(net)
    output = output or SHIPPED["words" if net.words else kind]
    output.write_bytes(checkpoint.pack(net, made))
    digest = checkpoint.expert_of(net, made).config()["weights"]
    print(f"{output}: {output.stat().st_size:,} bytes, hash {digest}")


@main.command("loss")
@click.option("--corpora", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@_MIXTURE
@_GATHERED
@click.option("--bytes", "size", default=6000, show_default=True, help="of each kind's held-out text")
def loss_command(corpora, folder, mixture, gathered, size) -> None:
    """What rounding to integers costs: held-out bits per byte in float32, and by the exact expert."""
    from nzip.training import checkpoint  # start-up: torch
    from nzip.training.text import slices_of  # start-up: numba

    net, made = checkpoint.load(folder)
    texts = sources(corpora, mixture or ("words" if net.words else "english"), gathered)
    found = checkpoint.rounding(net, slices_of(texts, net.words), size)
    floats, exact = (sum(costs) / len(found) for costs in zip(*found.values(), strict=True))
    found["mean"] = floats, exact
    print(f"{checkpoint.kind_of(net)}, {made['seen']:,} bytes seen, bits per byte of {size:,} bytes")
    for kind, (floats, exact) in found.items():
        print(f"{kind:>9}  float32 {floats:.4f}  exact {exact:.4f}  {100 * (exact / floats - 1):+.2f}%")


class _Meter:
    def __init__(self):
        self.count = 0

    def __call__(self, seen: int, loss: float) -> None:
        self.count += 1
        if self.count % 50 == 0:
            print(f"{seen / 1e6:8.2f} MB  {loss:.3f} bits per byte", file=sys.stderr, flush=True)


@main.command("plot")
@click.option(
    "--folder", type=click.Path(path_type=Path, exists=True), help="a run's; its curves are kept, too"
)
@click.option("--curves", type=click.Path(path_type=Path, exists=True), help="curves that were kept")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--title", help="over the picture")
def plot_command(folder, curves, output, title) -> None:
    """Draw the learning curves: held-out loss, a panel for each kind of text, and training loss beside it.

    With --folder they are also written to a JSON file beside the picture, which --curves takes."""
    if (folder is None) == (curves is None):
        raise click.UsageError("give --folder, a run's, or --curves, a file that was kept")
    if curves is not None:
        found = json.loads(curves.read_text())
    else:
        found = curves_of(folder)
        output.with_suffix(".json").write_text(json.dumps(found, indent=1) + "\n")
    draw(
        found,
        output,
        title or f"{found['kind']} alone: bits per byte on held-out text, by MB of training text seen",
    )


def curves_of(folder: Path) -> dict:
    """What a run's log says of its learning: MB seen, training loss, and held-out loss by kind."""
    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return {
        "format": "training-1",
        "kind": "the expert",
        "mb": [entry["seen"] / 1e6 for entry in log],
        "train": [entry["train"] for entry in log],
        "held": {kind: [entry["held"][kind] for entry in log] for kind in log[-1]["held"]},
    }


COLUMNS = 5
# Seen on white and on black alike: the picture has no ground of its own.
INK, CURVE, BESIDE = "#808995", "#e8590c", "#228be6"


def draw(found: dict, output: Path, title: str) -> None:
    """Small multiples: the kinds by what they end at, all on one scale, the others' curves in grey."""
    import matplotlib  # optional: for the picture alone

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # optional: as above

    kinds = sorted(found["held"], key=lambda kind: -found["held"][kind][-1])
    rows = -(-len(kinds) // COLUMNS)
    figure, grid = plt.subplots(
        rows,
        COLUMNS,
        figsize=(11, 2 * rows + 0.9),
        sharex=True,
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    figure.patch.set_alpha(0)
    top = min(5.0, 1.05 * max(max(values) for values in found["held"].values()))
    bottom = min(1.0, 0.95 * min(min(values) for values in found["held"].values()))
    for place, kind in enumerate([*kinds, *[None] * (rows * COLUMNS - len(kinds))]):
        axes = grid.flat[place]
        axes.patch.set_alpha(0)
        if kind is None:
            axes.set_visible(False)
            grid.flat[place - COLUMNS].tick_params(labelbottom=True)  # the lowest of its column
            continue
        for other in kinds:
            axes.plot(found["mb"], found["held"][other], color=INK, linewidth=0.6, alpha=0.3)
        axes.plot(found["mb"], found["train"], color=BESIDE, linewidth=1.2, label="training text")
        axes.plot(
            found["mb"], found["held"][kind], color=CURVE, linewidth=2, label="held-out text of the kind"
        )
        axes.set_title(f"{kind}  {found['held'][kind][-1]:.2f}", loc="left", fontsize=10, color=INK)
        axes.set_ylim(bottom, top)
        last = max(found["mb"])
        # A run that began with weights is drawn from where it began.
        axes.set_xlim(found["mb"][0] if found["mb"][0] > last / 4 else 0, last * 1.02)
        axes.tick_params(colors=INK, labelsize=8, length=0)
        axes.grid(color=INK, alpha=0.2, linewidth=0.6)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color(INK)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=INK)
    figure.supxlabel("MB of training text seen", fontsize=9, color=INK)
    figure.supylabel("bits per byte", fontsize=9, color=INK)
    handles, names = grid[0][0].get_legend_handles_labels()
    others = matplotlib.lines.Line2D([], [], color=INK, linewidth=0.6, alpha=0.6)
    figure.legend(
        [*handles, others], [*names, "the other kinds"], loc="outside upper right", ncols=3, frameon=False,
        fontsize=8, labelcolor=INK,
    )  # fmt: skip
    figure.savefig(output, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
