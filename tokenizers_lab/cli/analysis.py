"""The verbs that measure, and show: ``analyze``, ``report``, ``compare``, ``playground``."""

from __future__ import annotations

import click

from tokenizers_lab.cli.common import (
    CODEC_HELP,
    force_option,
    on_error_option,
    progress_bar,
    quiet_option,
    refuse_existing,
    say,
    say_left_out,
    text_key_option,
)
from tokenizers_lab.errors import LabError

_weights_option = click.option(
    "--weights", help="Of the files, for the means: en=.5,tr=.3,code=.2 (all the same without)."
)
_output_options = (
    _weights_option,
    click.option("--csv", "csv_path", help="The verdict's figures as CSV, too."),
    click.option("--parquet", "parquet_path", help="The same as Parquet."),
    click.option("--all", "everything", is_flag=True, help="Print every table, not the verdict alone."),
    click.option(
        "--show", "shown", multiple=True, help="A codec whose tokens to print side by side; may be repeated."
    ),
)


def _spread(options):
    """A decorator that adds several options, the first on top."""

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


def _analysis_options(command):
    for option in reversed(
        [
            click.option(
                "--compressors",
                default="gzip,lzma,zstd,nzip",
                show_default=True,
                help="Of the token stream; 'none' for none.",
            ),
            click.option(
                "--strong-kib",
                type=click.IntRange(1),
                default=1024,
                show_default=True,
                help="KiB of each file that lzma, zstd and nzip see (they are slow).",
            ),
            click.option(
                "--nzip-level", type=click.IntRange(1, 9), default=3, show_default=True, help="nzip's level."
            ),
            click.option("--language", help="Adds %TR and %Pure by hunspell: tr, hu, …"),
            click.option("--hunspell", help="The folder of the .dic and .aff files."),
            click.option("--gold", help="Gold morphemes, a word a line: ev+ler+imiz."),
            click.option(
                "--aligned",
                multiple=True,
                help="LANGUAGE=FILE (.po, .mo, verses), or LANGUAGE=source:FILE.po for its messages.",
            ),
            click.option("--reference", help="The language that parity divides by (default: the first)."),
            click.option(
                "--domains",
                is_flag=True,
                help="The i-th codec was trained on the i-th file's domain: mismatch matrix.",
            ),
            click.option(
                "--sweep",
                metavar="M1",
                help="Equal-Info Windows of 16 to 128 bits under this M1 (order-3), beside the codecs.",
            ),
            click.option("--sweep-train", help="The file that this M1 is trained on."),
            click.option(
                "--robustness",
                is_flag=True,
                help="Tokens and bits under typos, case, Unicode forms, spaces, line ends, new names.",
            ),
            click.option(
                "--bound",
                type=int,
                metavar="SIZE",
                help="How far from the best vocabulary of this size (a certified bound; verb: bound).",
            ),
            click.option(
                "--dynamic",
                is_flag=True,
                help="How much shorter batches of tokens become by merges of their own.",
            ),
            click.option(
                "--width",
                type=click.IntRange(1),
                default=768,
                show_default=True,
                help="Of the embedding that the verdict weighs.",
            ),
            click.option("--workers", type=click.IntRange(1), help="Threads; one a core else."),
            *_output_options,
            text_key_option,
            on_error_option,
            click.option("--label", "labels", multiple=True, help="A name for each codec, in order."),
            quiet_option,
        ]
    ):
        command = option(command)
    return command


def _analysis(codecs, files, quiet, compressors, strong_kib, aligned, labels, weights, **options) -> dict:
    from tokenizers_lab.analysis import analyze as run  # start-up: numba
    from tokenizers_lab.analysis.compression import COMPRESSORS  # start-up: numba
    from tokenizers_lab.report.weights import read_weights  # beside its only use

    shares = read_weights(weights)
    chosen = () if compressors == "none" else tuple(compressors.split(","))
    for name in chosen:
        if name not in COMPRESSORS:
            raise LabError(f"unknown compressor {name!r}; known: {', '.join(COMPRESSORS)}")
    pairs = {}
    for item in aligned:
        language, equals, path = item.partition("=")
        if not equals:
            raise LabError(f"--aligned {item!r}: write LANGUAGE=FILE")
        pairs[language] = path
    with progress_bar(quiet) as step:
        results = run(
            codecs,
            files,
            compressors=chosen,
            strong_bytes=strong_kib << 10,
            weights=shares,
            aligned=pairs or None,
            labels=labels or None,
            progress=step and (lambda done, total, what: step("analyse", done, total)),
            **options,
        )
    for warning in results.get("warnings", ()):
        say(quiet, warning)
    say_left_out(quiet, "files", results.get("left_out"), "the results file")
    return results


@click.command()
@click.option("--codec", "codecs", multiple=True, required=True, help=CODEC_HELP + " May be repeated.")
@click.argument("files", nargs=-1, required=True)
@click.option("--json", "json_path", required=True, help="The results file.")
@force_option
@_analysis_options
def analyze(codecs, files, json_path, force, quiet, csv_path, parquet_path, everything, shown, **options):
    """Every metric of every codec on every one of FILES, into one results file."""
    for path in (json_path, csv_path, parquet_path):
        refuse_existing(path, force)
    loaded = _loaded(codecs, options["labels"], shown)
    results = _analysis(list(loaded.values()), files, quiet, json_path=json_path, **options)
    _tables(results, csv_path, parquet_path)
    if not quiet:
        _show(results, everything, shown)


def _loaded(codecs, labels, shown=()) -> dict:
    """The codecs by the names that results will have; a name to show that is none is told before the work."""
    from tokenizers_lab.analysis.all_metrics import labelled  # start-up: numba
    from tokenizers_lab.registry import load  # start-up: numpy

    loaded = [load(codec) for codec in codecs]
    names = labelled(loaded, labels)
    _require_shown(shown, names)
    return dict(zip(names, loaded))


def _require_shown(shown, names) -> None:
    for name in shown:
        if name not in names:
            raise LabError(f"--show {name!r}: no codec here; the codecs: {', '.join(names)}")


@click.command()
@click.argument("results")
@click.option("-o", "--output", help="The HTML page.")
@click.option("--title")
@force_option
@_spread(_output_options)
def report(results, output, title, force, weights, csv_path, parquet_path, everything, shown):
    """The verdict of RESULTS (the JSON of analyze), and one self-contained HTML page of it."""
    from tokenizers_lab.report import read_results, write_report  # start-up: matplotlib
    from tokenizers_lab.report.weights import read_weights  # beside its only use

    for path in (output, csv_path, parquet_path):
        refuse_existing(path, force)
    shares = read_weights(weights)
    if output is not None:
        write_report(results, output, title, weights=shares)
    given = read_results(results)
    if "codecs" not in given:
        if output is None:
            raise LabError(f"{results}: of language models; give -o, for its page")
        if csv_path or parquet_path:
            raise LabError(f"{results}: of language models; --csv and --parquet are of analyze's results")
        return
    given = _weighed(given, shares)
    _tables(given, csv_path, parquet_path)
    if output is None or everything or shown:
        _show(given, everything, shown)


@click.command()
@click.argument("codecs", nargs=-1, required=True)
@click.option(
    "--on",
    "files",
    multiple=True,
    required=True,
    help="A file; may be repeated, or followed by more files before the next option.",
)
@click.option("-o", "--output", help="The HTML page.")
@click.option("--live", is_flag=True, help="The page also tokenises what a person types (byte-level BPE).")
@click.option("--json", "json_path", help="Keep the results file too.")
@force_option
@_analysis_options
def compare(
    codecs, files, output, live, json_path, force, quiet, csv_path, parquet_path, everything, shown, **options
):
    """Analyse CODECS side by side, print the verdict and write the report: tokenizers-lab compare A B C --on
    FILES -o R.html."""
    from tokenizers_lab.report import write_report  # start-up: matplotlib

    if live and output is None:
        raise LabError("--live makes a page: give -o R.html")
    for path in (output, json_path, csv_path, parquet_path):
        refuse_existing(path, force)
    loaded = _loaded(codecs, options["labels"], shown)
    part = ""
    if live:
        from tokenizers_lab.report.playground import section  # start-up: numba

        part = section(loaded)
    results = _analysis(list(loaded.values()), files, quiet, json_path=json_path, **options)
    if output is not None:
        write_report(results, output, live=part)
    _tables(results, csv_path, parquet_path)
    if not quiet:
        _show(results, everything, shown)
    if output is not None:
        say(quiet, f"{output}: written")


@click.command()
@click.argument("codecs", nargs=-1, required=True)
@click.option("-o", "--output", default="playground.html", show_default=True, help="The HTML page.")
@click.option("--title")
@click.option("--label", "labels", multiple=True, help="A name for each codec, in order.")
@force_option
@quiet_option
def playground(codecs, output, title, labels, force, quiet):
    """A page that cuts what a person types, under each of CODECS (byte-level BPE): one file, without a
    network and without a server. It is the part that compare --live adds to a report."""
    from tokenizers_lab.report.playground import page  # start-up: numba

    refuse_existing(output, force)
    page(_loaded(codecs, labels), output, title)
    say(quiet, f"{output}: written")


def _weighed(results, shares):
    """The results with other weights, checked."""
    from tokenizers_lab.report.weights import matched  # beside its only use

    if shares is None:
        return results
    if "settings" not in results:
        raise LabError("--weights: these results are of an older version, without a verdict; analyse again")
    results["settings"]["weights"] = matched(shares, [f["name"] for f in results["files"]])
    return results


def _tables(results, csv_path, parquet_path) -> None:
    from tokenizers_lab.report.results import write_csv, write_parquet  # start-up: numpy

    if csv_path is not None:
        write_csv(results, csv_path)
    if parquet_path is not None:
        write_parquet(results, parquet_path)


def _show(results, everything: bool, shown=()) -> None:
    from rich.console import Console  # start-up

    from tokenizers_lab.report.terminal import show  # start-up: matplotlib

    _require_shown(shown, [c["name"] for c in results["codecs"]])
    show(results, Console(), everything, list(shown))
