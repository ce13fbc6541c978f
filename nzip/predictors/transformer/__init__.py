"""Exact-integer inference of Llama-architecture models, bit-identical on every machine, batch size and thread
count."""
