"""Train the networks that ship as the experts ``ssm`` and ``transformer`` (``run --kind``), from the
manifest's texts.

    python scripts/train_expert.py run --corpora DIR --folder DIR    # hours; again to go on
    python scripts/train_expert.py loss --corpora DIR --folder DIR   # what rounding to integers costs
    python scripts/train_expert.py export --folder DIR
    python scripts/train_expert.py plot --folder DIR -o curve.png

``--corpora`` is a folder with ``MANIFEST.tsv`` and ``train/`` as corpora/fetch.py makes it. Only texts that
are public domain, under a permissive licence or CC-BY-SA are taken; each is checked against the manifest's
hash.

Concession: the mixture below is a judgement, not the outcome of a search.
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

_PREDICTORS = Path(__file__).parents[1] / "nzip" / "predictors"
SHIPPED = {
    "ssm": _PREDICTORS / "ssm" / "english.expert",
    "transformer": _PREDICTORS / "transformer" / "english.safetensors",
}

# file: (share of the mixture in percent, kind of the held-out slice, prose that may be wrapped anew)
MIXTURE = {
    "austen.txt": (9, "prose", True),
    "sotu.txt": (7, "prose", True),
    "treasury_of_david.txt": (6, "prose", True),
    "matthew_henry_concise.txt": (2.5, "bible", True),
    "web_bible.txt": (4, "bible", False),
    "jargon.txt": (3, "prose", True),
    "wiki_markup_pages.xml": (12, "wiki", False),
    "wiki_en_tables.xml": (0.6, "wiki", False),
    "cppreference.txt": (2.5, "docs", False),
    "debian_handbook_en.txt": (4, "docs", True),
    "apache_doc.txt": (4, "docs", False),
    "postgresql_doc.txt": (4, "docs", False),
    "python_doc.txt": (4.5, "docs", False),
    "wordnet_glosses.txt": (2.5, "docs", False),
    "python_django.py.txt": (4, "python", False),
    "python_sympy.py.txt": (2, "python", False),
    "cpp_leveldb.cc.txt": (3.5, "c", False),
    "js_bundles.js.txt": (2, "js", False),
    "js_lodash_preact.js.txt": (2, "js", False),
    "typescript_node.d.ts.txt": (2, "js", False),
    "css_bootstrap.css.txt": (0.8, "js", False),
    "svg_icons.svg.txt": (0.5, "js", False),
    "json_mixed.json.txt": (2, "json", False),
    "ml_sparv_es.txt": (1.2, "romance", False),
    "ml_handbook_es-ES.txt": (1.2, "romance", True),
    "ml_handbook_fr-FR.txt": (1.2, "romance", True),
    "ml_handbook_it-IT.txt": (1, "romance", True),
    "ml_handbook_pt-BR.txt": (1, "romance", True),
    "ml_handbook_de-DE.txt": (1.2, "germanic", True),
    "ml_gnome_nl.txt": (0.4, "germanic", False),
    "ml_gnome_sv.txt": (0.5, "germanic", False),
    "ml_handbook_pl-PL.txt": (0.5, "slavic", True),
    "ml_gnome_cs.txt": (0.6, "slavic", False),
    "ml_gnome_fi.txt": (0.3, "uralic", False),
    "ml_gnome_hu.txt": (0.5, "uralic", False),
    "ml_gnome_ru.txt": (2, "cyrillic", False),
    "ml_gnome_uk.txt": (0.8, "cyrillic", False),
    "ml_gnome_ja.txt": (0.7, "asian", False),
    "ml_gnome_zh_CN.txt": (0.7, "asian", False),
    "ml_gnome_vi.txt": (0.3, "asian", False),
    "ml_gnome_ta.txt": (0.5, "asian", False),
}


def sources(corpora: Path):
    """The mixture's texts, checked against the manifest."""
    from nzip.training.text import Source  # start-up: numpy

    with open(corpora / "MANIFEST.tsv", newline="") as file:
        listed = {
            row["path"]: row["sha256"] for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    found = []
    for name, (share, kind, prose) in MIXTURE.items():
        path = corpora / "train" / name
        data = (
            path.read_bytes() if path.exists() else lzma.decompress(path.with_name(name + ".xz").read_bytes())
        )
        if hashlib.sha256(data).hexdigest() != listed[f"train/{name}"]:
            raise click.ClickException(f"{path} is not the text that the manifest lists: fetch it anew")
        found.append(Source(name, data, share, kind, prose))
    return found


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
@click.option(
    "--begin",
    type=click.Path(path_type=Path, exists=True),
    help="begin with this file's weights (transformer)",
)
@click.option(
    "--float32/--bfloat16",
    "floats",
    default=False,
    help="products in float32 and passes fused by torch.compile, which "
    "needs a C++ compiler: faster on CPUs whose bfloat16 is no faster (transformer)",
)
@click.option("--deadline", type=float, help="stop after so many CPU seconds (a trial)")
@click.option("--set", "settings", multiple=True, help="name=value for the run or the shape (a trial)")
def run_command(corpora, folder, total, seed, threads, kind, begin, floats, deadline, settings) -> None:
    """Train, or go on training, until TOTAL bytes were seen."""
    import torch  # start-up: torch, as the next ones

    from nzip.training.loop import Run, train  # start-up: torch
    from nzip.training.processor import quick  # start-up: torch
    from nzip.training.recurrent import Recurrent, Shape  # start-up: torch
    from nzip.training.transformer import Llama, from_file, shape_of  # start-up: torch

    torch.set_num_threads(threads)
    given: dict[str, Any] = {k: json.loads(v) for k, v in (s.split("=", 1) for s in settings)}
    if kind == "transformer":
        given = {"rate": 1e-3, "lanes": 8, "span": 1024} | given
    elif begin or floats:
        raise click.UsageError("--begin and --float32 go with --kind transformer")
    sizes: dict[str, Any] = {
        k: tuple(v) if isinstance(v, list) else v for k, v in given.items() if k in Shape._fields
    }
    shape = Shape(**sizes)
    run = Run(total=total, seed=seed, **{k: v for k, v in given.items() if k in Run._fields})
    torch.manual_seed(seed)
    with quick():  # around the network's making too: torch starts its threads there
        net: Recurrent | Llama
        if begin:
            net, made = from_file(begin)
            run = run._replace(before=made["seen"])
        else:
            net = (
                Recurrent(shape)
                if kind == "ssm"
                else Llama(shape_of(given.get("width"), given.get("layers")))
            )
        net.mixed = not floats
        print(
            f"{net.matrix_parameters():,} matrix parameters, "
            f"{sum(p.numel() for p in net.parameters()):,} in all",
            flush=True,
        )
        log = train(net, sources(corpora), run, folder, _Meter(), deadline, floats)
    print(json.dumps(log[-1]))


@main.command("export")
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="default: the file that ships")
def export_command(folder, output) -> None:
    """Write the weights file from the last checkpoint, of whichever kind, and print its hash."""
    from nzip.training import checkpoint  # start-up: torch

    net, made = checkpoint.load(folder)
    kind = checkpoint.kind_of(net)
    output = output or SHIPPED[kind]
    output.write_bytes(checkpoint.pack(net, made))
    digest = checkpoint.expert_of(net, made).config()["weights"]
    print(f"{output}: {output.stat().st_size:,} bytes, hash {digest}")


@main.command("loss")
@click.option("--corpora", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--bytes", "size", default=6000, show_default=True, help="of each kind's held-out text")
def loss_command(corpora, folder, size) -> None:
    """What rounding to integers costs: held-out bits per byte in float32, and by the exact expert."""
    from nzip.training import checkpoint  # start-up: torch
    from nzip.training.loop import slices_of  # start-up: torch

    net, made = checkpoint.load(folder)
    found = checkpoint.rounding(net, slices_of(sources(corpora)), size)
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
@click.option("--folder", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--title", help="over the picture")
def plot_command(folder, output, title) -> None:
    """Draw the learning curves: training loss, and held-out loss by kind."""
    import matplotlib  # optional: for the picture alone

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt  # optional: as above

    log = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    seen = [entry["seen"] / 1e6 for entry in log]
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    axes.plot(seen, [entry["train"] for entry in log], color="black", linewidth=2, label="training")
    kinds = sorted(log[-1]["held"], key=lambda k: -log[-1]["held"][k])
    for i, kind in enumerate(kinds):
        axes.plot(
            seen,
            [entry["held"][kind] for entry in log],
            color=plt.cm.tab20(i),
            marker=".",
            label=f"{kind} {log[-1]['held'][kind]:.2f}",
        )
    axes.set(
        xlabel="MB seen", ylabel="bits per byte", title=title or "The expert alone: held-out text by kind"
    )
    axes.set_ylim(top=min(axes.get_ylim()[1], 5))
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", ncols=2, fontsize=8)
    figure.savefig(output, dpi=110)


if __name__ == "__main__":
    main()
