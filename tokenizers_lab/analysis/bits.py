"""Are a compressor's bits uniform? Distance of bit n-grams from the uniform distribution, n = 1 … 16 (Lester
et al. 2024).

KL(p ‖ uniform) = n − H(n-gram), in bits an n-gram, as plug-in and with Miller–Madow's correction of H: + (K −
1) / (2 N ln 2), K the n-grams seen, N their number. *Overlapping* n-grams begin at every bit, *aligned* ones
at multiples of n. Percentiles are over 100 contiguous partitions; a control of as many random bits shows what
is left of the bias.

Concession: partitions are short for large n, where even the corrected values are biased: compare with the
control, not with zero."""

from __future__ import annotations

import math

import numpy as np

PARTITIONS = 100
LONGEST = 16
MOST = 1 << 22  # bits


def to_bits(ids: np.ndarray, token_bits: int) -> np.ndarray:
    """Tokens that are ``token_bits`` raw bits each as a uint8 array of bits, high bits first."""
    if token_bits == 8:
        return np.unpackbits(ids.astype(np.uint8))
    if token_bits == 16:
        return np.unpackbits(ids.astype(">u2").view(np.uint8))
    raise ValueError(f"tokens of {token_bits} bits")


def kl_from_uniform(values: np.ndarray, n: int) -> tuple[float, float]:
    """(plug-in, Miller–Madow) distance in bits of n-grams given as integers."""
    counts = np.bincount(values, minlength=1 << n)
    total = len(values)
    seen = counts[counts > 0]
    h = math.log2(total) - float((seen * np.log2(seen)).sum()) / total
    return n - h, n - h - (len(seen) - 1) / (2 * total * math.log(2))


def _ngrams(bits: np.ndarray, n: int, aligned: bool) -> np.ndarray:
    if aligned:
        rows = bits[: len(bits) // n * n].reshape(-1, n)
        return rows @ (1 << np.arange(n - 1, -1, -1)).astype(np.int64)
    out = np.zeros(len(bits) - n + 1, dtype=np.int64)
    for k in range(n):
        out = out << 1 | bits[k : len(bits) - n + 1 + k]
    return out


def _curve(bits: np.ndarray, aligned: bool, longest: int) -> list[dict]:
    out = []
    for n in range(1, longest + 1):
        plug_in, corrected = kl_from_uniform(_ngrams(bits, n, aligned), n)
        parts = [
            kl_from_uniform(_ngrams(part, n, aligned), n)[1] for part in np.array_split(bits, PARTITIONS)
        ]
        p5, p50, p95 = np.percentile(parts, (5, 50, 95))
        out.append({"n": n, "kl": plug_in, "corrected": corrected, "p5": p5, "p50": p50, "p95": p95})
    return out


def bit_ngrams(ids: np.ndarray, token_bits: int, longest: int = LONGEST) -> dict | None:
    """``{"bits", "stream" and "control": {"overlapping" and "aligned": [{"n", "kl", "corrected", "p5", "p50",
    "p95"}]}}``; None for streams of fewer than 64 bits a partition. Ids that are no raw bits (specials,
    literals' marks) are left out."""
    bits = to_bits(ids[ids < 1 << token_bits], token_bits)[:MOST]
    if len(bits) < 64 * PARTITIONS:
        return None
    control = np.random.default_rng(0).integers(0, 2, len(bits), dtype=np.uint8)
    return {
        "bits": len(bits),
        **{
            name: {kind: _curve(data, kind == "aligned", longest) for kind in ("overlapping", "aligned")}
            for name, data in (("stream", bits), ("control", control))
        },
    }
