"""Two black-box questions to a codec, whatever text it is used on: how does it write numbers, and what does
the indentation of code cost?

Numbers of 1 to 8 digits stand behind a space, 100 of each length (the same in every run); the figure is
digits a token. Indentation is what 4, 8, 12 and 16 spaces, or 1 and 2 tabs, before ``return x`` add in
tokens, in the middle of a file."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.codec import Codec

_LENGTHS = range(1, 9)
_INDENTS = {"4": b"    ", "8": b" " * 8, "12": b" " * 12, "16": b" " * 16, "tab": b"\t", "2 tabs": b"\t\t"}


def digits(codec: Codec) -> dict:
    """``{"digits_per_token", "tokens": {length: mean tokens of a number of so many digits}}``."""
    rng = np.random.default_rng(0)
    tokens = {}
    for length in _LENGTHS:
        low, high = 10 ** (length - 1), 10**length
        numbers = rng.integers(low if length > 1 else 0, high, 100).tolist()
        tokens[str(length)] = sum(len(codec.encode(b" %d" % n)) for n in numbers) / len(numbers)
    return {"digits_per_token": sum(_LENGTHS) / sum(tokens.values()), "tokens": tokens}


def indentation(codec: Codec) -> dict:
    """``{indent: tokens that it adds}``; ``mean`` over all of them."""
    bare = len(codec.encode(b"if x:\nreturn x\n"))
    out: dict = {
        name: len(codec.encode(b"if x:\n" + indent + b"return x\n")) - bare
        for name, indent in _INDENTS.items()
    }
    return {**out, "mean": sum(out.values()) / len(out)}
