"""What a tokenizer does to text, measured: one family of metrics a file, each with its formula in its
docstring.

entropy (H₁…H₅) · efficiency (utilisation, Rényi) · compression (bits per byte of the stream) · fertility ·
fairness (parity, Gini; ``aligned`` reads translations) · mismatch (domains) · overlap · morphology (%TR,
%Pure, gold; ``hunspell`` reads dictionaries) · utf8 · glitch · bits (n-grams of a compressor's bits) ·
stability (token → text) · perturbation · window_sweep. ``all_metrics`` runs them all (``estimate`` gives
their intervals, ``resume`` takes up an interrupted run), ``comparison`` writes the report behind them. That
bytes add up is ``tokenizers_lab.bits_per_byte``'s matter."""

from tokenizers_lab.analysis.all_metrics import analyze
from tokenizers_lab.analysis.comparison import compare

__all__ = ["analyze", "compare"]
