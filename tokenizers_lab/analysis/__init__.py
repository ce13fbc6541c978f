"""What a tokenizer does to text, measured: one family of metrics a file, each with its formula in its
docstring.

accounting (bytes add up, or no bits per byte) · entropy (H₁…H₅) · efficiency (utilisation, Rényi) ·
compression (bits per byte of the stream) · fertility · fairness (parity, Gini; ``aligned`` reads
translations) · mismatch (domains) · overlap · morphology (%TR, %Pure, gold; ``hunspell`` reads dictionaries)
· utf8 · glitch · bits (n-grams of a compressor's bits) · stability (token → text) · perturbation ·
window_sweep. ``analyze`` runs them all."""

from tokenizers_lab.analysis.analyze import analyze
from tokenizers_lab.analysis.compare import compare

__all__ = ["analyze", "compare"]
