"""Codecs side by side in one call: analyse them on the same files and write the report."""

from __future__ import annotations

from tokenizers_lab.analysis.all_metrics import analyze
from tokenizers_lab.report.page import write_report


def compare(codecs, files, output=None, **options) -> dict:
    """:func:`analyze` and :func:`tokenizers_lab.write_report` in one: results are returned, and the page is
    written to ``output`` if given. ``options`` are those of :func:`analyze`."""
    results = analyze(codecs, files, **options)
    if output is not None:
        write_report(results, output)
    return results
