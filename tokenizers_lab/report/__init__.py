"""What was measured, shown: one HTML page (``page``) or the terminal (``terminal``), from the same tables and
pictures. It reads results and measures nothing.

``tables`` and ``plots`` are of tokenizers, ``window_tables`` and ``window_plots`` of Equal-Info Windows,
``lm_page`` of language models; ``cells`` and ``drawing`` are what all of them are made of."""

from tokenizers_lab.report.page import html, read_results, write_report

__all__ = ["html", "read_results", "write_report"]
