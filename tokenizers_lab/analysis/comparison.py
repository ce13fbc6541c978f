"""Codecs side by side in one call: analyse them on the same files and write the report."""

from __future__ import annotations

from tokenizers_lab.analysis.all_metrics import analyze, labelled
from tokenizers_lab.registry import load
from tokenizers_lab.report.page import write_report
from tokenizers_lab.report.playground import section
from tokenizers_lab.report.results import Results


def compare(codecs, files, output=None, *, live: bool = False, **options) -> Results:
    """:func:`analyze` and :func:`tokenizers_lab.write_report` in one: results are returned, and the page is
    written to ``output`` if given. ``live``: the page has a playground for those that are byte-level BPE.
    ``options`` are those of :func:`analyze`."""
    loaded = [load(codec) for codec in codecs]
    part = section(dict(zip(labelled(loaded, options.get("labels")), loaded))) if live else ""
    results = analyze(loaded, files, **options)
    if output is not None:
        write_report(results, output, live=part)
    return results
