"""The verbs that measure: ``analyze``, ``report``, ``compare``."""

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
                "--nzip-kib",
                type=int,
                default=1024,
                show_default=True,
                help="Raw KiB that nzip sees (it is slow).",
            ),
            click.option("--nzip-level", type=int, help="1 to 9; nzip's default else."),
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
            text_key_option,
            on_error_option,
            click.option("--label", "labels", multiple=True, help="A name for each codec, in order."),
            quiet_option,
        ]
    ):
        command = option(command)
    return command


def _analysis(codecs, files, quiet, compressors, nzip_kib, aligned, labels, **options) -> dict:
    from tokenizers_lab.analysis import analyze as run  # start-up: numba
    from tokenizers_lab.analysis.compression import COMPRESSORS  # start-up: numba

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
            nzip_bytes=nzip_kib << 10,
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
def analyze(codecs, files, json_path, force, quiet, **options):
    """Every metric of every codec on every one of FILES, into one results file."""
    refuse_existing(json_path, force)
    results = _analysis(codecs, files, quiet, json_path=json_path, **options)
    if not quiet:
        _show(results)


@click.command()
@click.argument("results")
@click.option("-o", "--output", required=True, help="The HTML page.")
@click.option("--title")
@force_option
def report(results, output, title, force):
    """One self-contained HTML page from RESULTS (the JSON of analyze)."""
    from tokenizers_lab.report import write_report  # start-up: matplotlib

    refuse_existing(output, force)
    write_report(results, output, title)


@click.command()
@click.argument("codecs", nargs=-1, required=True)
@click.option(
    "--on",
    "files",
    multiple=True,
    required=True,
    help="A file; may be repeated, or followed by more files before the next option.",
)
@click.option("-o", "--output", required=True, help="The HTML page.")
@click.option("--json", "json_path", help="Keep the results file too.")
@force_option
@_analysis_options
def compare(codecs, files, output, json_path, force, quiet, **options):
    """Analyse CODECS side by side and write the report: tokenizers-lab compare A B C --on FILES -o R.html."""
    from tokenizers_lab.report import write_report  # start-up: matplotlib

    refuse_existing(output, force)
    results = _analysis(codecs, files, quiet, json_path=json_path, **options)
    write_report(results, output)
    if not quiet:
        _show(results)
        say(quiet, f"{output}: written")


def _show(results) -> None:
    from rich.console import Console  # start-up

    from tokenizers_lab.report.terminal import show  # start-up: matplotlib

    show(results, Console())
