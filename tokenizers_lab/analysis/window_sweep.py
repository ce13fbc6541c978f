"""What the size of a window, the rule that ends it and the reset of M1 cost, in bytes a token (Lester et al.
2024).

One M1, one text: Equal-Info Windows of 16 … 128 bits, and arithmetic coding without windows as their limit;
at 16 bits the three rules, and M1 forgetting every window, every other, never (the coder starts anew in each
all the same)."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.codecs.ac import ArithmeticCodec
from tokenizers_lab.codecs.equal_info import WindowCodec
from tokenizers_lab.m1.byte_model import ByteModel
from tokenizers_lab.windows import twin

WIDTHS = (16, 24, 32, 48, 64, 96, 128)
MOST = 1 << 18
MOST_SLOW = 1 << 14  # where the rules run in Python


def window_sweep(model: ByteModel, raw: bytes, widths=WIDTHS) -> dict:
    """``{"m1", "bytes", "windows": [{"width", "bytes_per_window", "per_token_8", "per_token_16"}], "ac":
    {"per_token_8", "per_token_16"}, "rules": [{"rule", "lossless", "bytes", "bytes_per_window", "wrong"}],
    "resets": [{"reset", "bytes_per_window"}]}``. ``wrong`` is the share of windows that decode to other bytes
    than they were made from."""
    raw = raw[:MOST]
    data = np.frombuffer(raw, np.uint8)
    out: dict = {"m1": model.spelling, "bytes": len(raw), "windows": [], "rules": [], "resets": []}
    for width in widths:
        count = len(WindowCodec(model, width, 8).windows(data)[0])
        out["windows"].append(
            {
                "width": width,
                "bytes_per_window": len(raw) / count,
                "per_token_8": 8 * len(raw) / count / width,
                "per_token_16": 16 * len(raw) / count / width,
            }
        )
    coded = 2 * len(ArithmeticCodec(model, 16).encode(raw))
    out["ac"] = {"per_token_8": len(raw) / coded, "per_token_16": 2 * len(raw) / coded}
    part = data[:MOST_SLOW]
    for rule in twin.RULES:
        codec = WindowCodec(model, 16, 16, rule)
        cells, sizes = codec.windows(part)
        _, ends = codec.expand(cells, sizes == 0)
        got = np.diff(ends, prepend=0)
        # A window's bytes start with the right ones, so it is wrong exactly where it has more of them.
        out["rules"].append(
            {
                "rule": rule,
                "lossless": twin.LOSSLESS[rule],
                "bytes": len(part),
                "bytes_per_window": len(part) / len(cells),
                "wrong": float((got != np.maximum(sizes, 1)).mean()),
            }
        )
    for reset in (1, 2, 0):
        count = len(WindowCodec(model, 16, 16, "stop", reset).windows(data)[0])
        out["resets"].append({"reset": reset or "never", "bytes_per_window": len(raw) / count})
    return out
