"""Coders: bits (binary.py) and symbols (symbols.py) under exact integer probabilities (cdf.py), and their
readable twins (slow.py)."""
