"""The mix a second time, slow and readable: the annex of docs/FORMAT.md for what happens inside a payload.

Start at kernel.py; no numba here, and nothing compiled.
"""
