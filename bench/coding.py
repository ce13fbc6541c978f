"""The coding core alone, over made-up distributions whose ideal code length is known.

Three questions: how far above the ideal of the same quantised probabilities do the coders land (the bound is
0.01% + 8 bytes on a megabyte), how fast are they, and what does the total of a CDF cost for 256 and for
49,152 symbols? The last is computed, not sampled: expected bits a symbol above the entropy, for shapes that a
language model gives (a Zipfian tail under a peak), with the best quantisation to that total, so that no
quantiser is to blame. constriction is measured beside where it is installed; it takes float probabilities and
quantises itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from rich.console import Console
from rich.table import Table

from nzip.benchmark import results as results_format
from nzip.coding import binary, cdf, symbols

BOUND_SHARE, BOUND_BYTES = 1e-4, 8


@njit
def _encode_bits(bits, ps, out):
    state = np.zeros(binary.STATE_SIZE, np.uint64)
    binary.start_encoder(state, out.size)
    for i in range(bits.size):
        binary.encode_bit(state, out, bits[i], ps[i])
    return binary.finish_encoder(state, out)


@njit
def _decode_bits(data, size, ps, bits):
    state = np.zeros(binary.STATE_SIZE, np.uint64)
    binary.start_decoder(state, data, size)
    for i in range(bits.size):
        bits[i] = binary.decode_bit(state, data, ps[i])


def _seconds(call: Callable, *arguments) -> tuple[float, Any]:
    begin = time.process_time()
    result = call(*arguments)
    return time.process_time() - begin, result


def _line(
    name: str, count: int, ideal_bits: float, size: int, encode: float, decode: float, equal: bool
) -> dict:
    ideal = ideal_bits / 8
    return {
        "name": name,
        "symbols": count,
        "bytes": size,
        "ideal_bytes": ideal,
        "excess_bytes": size - ideal,
        "bound_bytes": BOUND_SHARE * ideal + BOUND_BYTES,
        "round_trip": bool(equal),
        "encode_per_second": count / encode,
        "decode_per_second": count / decode,
    }


def binary_coder(size: int, rng) -> dict:
    """Bits drawn under probabilities spread as a good model's: mostly near 0 or 1."""
    one = 1 << binary.PROBABILITY_BITS
    count = 14 * size
    ps = np.clip(np.rint(one / (1 + np.exp(-rng.normal(0, 2, count)))), 1, one - 1).astype(np.int64)
    bits = (rng.random(count) < ps / one).astype(np.int64)
    ideal = -np.log2(np.where(bits == 1, ps, one - ps) / one).sum()
    out, back = np.zeros(2 * size + 64, np.uint8), np.zeros_like(bits)
    _decode_bits(out, _encode_bits(bits[:9], ps[:9], out), ps[:9], back[:9])  # compile before the clock runs
    encode, length = _seconds(_encode_bits, bits, ps, out)
    decode, _ = _seconds(_decode_bits, out, length, ps, back)
    return _line(
        "binary, 22-bit probabilities", count, ideal, length, encode, decode, np.array_equal(bits, back)
    )


def symbol_coder(size: int, rng, alphabet: int, bits: int) -> dict:
    """Symbols of one Zipfian distribution, quantised to 2**bits."""
    table = cdf.from_probabilities(zipf(alphabet, 1.1), bits)
    shares = np.diff(table.astype(np.float64)) / 2.0**bits
    entropy = -(shares * np.log2(shares)).sum()
    sequence = rng.choice(alphabet, int(8 * size / entropy), p=shares)
    ideal = -np.log2(shares[sequence]).sum()

    def encode():
        encoder = symbols.SymbolEncoder()
        encoder.encode_many(table, sequence)
        return encoder.finish()

    encoding, data = _seconds(encode)
    decoding, back = _seconds(lambda: symbols.SymbolDecoder(data).decode_many(table, len(sequence)))
    return _line(
        f"{alphabet:,} symbols, total 2^{bits}",
        len(sequence),
        ideal,
        len(data),
        encoding,
        decoding,
        np.array_equal(back, sequence),
    )


def constriction_coder(size: int, rng, alphabet: int) -> dict | None:
    """The same through constriction's range coder, against the ideal of the float probabilities it was
    given."""
    try:
        import constriction  # optional: measured where it is installed
    except ImportError:
        return None
    p = zipf(alphabet, 1.1)
    entropy = -(p * np.log2(p)).sum()
    sequence = rng.choice(alphabet, int(8 * size / entropy), p=p).astype(np.int32)
    model = constriction.stream.model.Categorical(p, perfect=False)

    def encode():
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(sequence, model)
        return encoder.get_compressed()

    encoding, words = _seconds(encode)
    decoding, back = _seconds(
        lambda: constriction.stream.queue.RangeDecoder(words).decode(model, len(sequence))
    )
    return _line(
        f"{alphabet:,} symbols, constriction {constriction.__version__}"
        if hasattr(constriction, "__version__")
        else f"{alphabet:,} symbols, constriction",
        len(sequence),
        -np.log2(p[sequence]).sum(),
        4 * len(words),
        encoding,
        decoding,
        np.array_equal(back, sequence),
    )


def zipf(alphabet: int, exponent: float, peak: float = 0.0) -> np.ndarray:
    """1 / rank**exponent, in a fixed shuffled order; with ``peak`` one symbol takes at least that share."""
    p = 1 / np.arange(1, alphabet + 1) ** exponent
    p = np.random.default_rng(alphabet).permutation(p / p.sum())
    p *= 1 - peak
    p[alphabet // 3] += peak
    return p / p.sum()


# What a language model gives: near-certain, confident, hesitant and open positions.
SHAPES = (
    ("p(max) 0.999", 1.5, 0.999),
    ("p(max) 0.99", 1.5, 0.99),
    ("p(max) 0.9", 1.3, 0.9),
    ("p(max) 0.5", 1.2, 0.5),
    ("Zipf 1.1, no peak", 1.1, 0.0),
    ("Zipf 0.7, hot", 0.7, 0.0),
)
TOTALS = (16, 18, 20, 24, 28, 32)


def costs_of_totals(alphabet: int) -> list[dict]:
    """For each shape: its entropy, and the expected bits a symbol above it at each total, and from logits."""
    lines = []
    for name, exponent, peak in SHAPES:
        p = zipf(alphabet, exponent, peak)
        entropy = -(p * np.log2(p)).sum()

        def excess(table, p=p):
            q = np.diff(table.astype(np.float64)) / float(table[-1])
            return float((p * np.log2(p / q)).sum())

        costs = {str(bits): excess(cdf.from_probabilities(p, bits)) for bits in TOTALS}
        costs["logits"] = excess(cdf.from_logits(np.log(p).astype(np.float32)))
        lines.append({"alphabet": alphabet, "shape": name, "entropy": float(entropy), "excess": costs})
    return lines


def quantiser_speed(alphabet: int) -> dict:
    """Microseconds of CPU a distribution."""
    p = zipf(alphabet, 1.1)
    logits = np.log(p).astype(np.float32)
    rounds = max(20, 2_000_000 // alphabet)
    found: dict[str, float] = {"alphabet": alphabet}
    for name, call in (
        ("probabilities", lambda: cdf.from_probabilities(p, 24)),
        ("logits", lambda: cdf.from_logits(logits)),
    ):
        call()
        seconds, _ = _seconds(lambda call=call: [call() for _ in range(rounds)])
        found[name] = seconds / rounds * 1e6
    return found


def measure(size: int = 1_000_000) -> dict:
    """All of it; ``within_bound`` says whether every coder of ours kept the bound and gave its symbols
    back."""
    rng = np.random.default_rng(1)
    coders = [binary_coder(size, rng)]
    coders += [
        symbol_coder(size, rng, alphabet, bits)
        for alphabet, bits in ((256, 24), (49152, 16), (49152, 24), (49152, 32))
    ]
    kept = all(line["round_trip"] and line["excess_bytes"] <= line["bound_bytes"] for line in coders)
    partners = [line for alphabet in (256, 49152) if (line := constriction_coder(size, rng, alphabet))]
    return {
        "format": "coding-1",
        "date": results_format.now(),
        "machine": results_format.machine(),
        "within_bound": kept,
        "coders": coders + partners,
        "totals": costs_of_totals(256) + costs_of_totals(49152),
        "quantisers": [quantiser_speed(256), quantiser_speed(49152)],
    }


def show(found: dict, console: Console) -> None:
    """Print the three tables."""
    table = Table(
        title="coders: bytes above the ideal of the same quantised probabilities", title_justify="left"
    )
    for name in ("coder", "symbols", "bytes", "excess", "bound", "encode M/s", "decode M/s", "round trip"):
        table.add_column(name, justify="left" if name == "coder" else "right")
    for line in found["coders"]:
        table.add_row(
            line["name"],
            f"{line['symbols']:,}",
            f"{line['bytes']:,}",
            f"{line['excess_bytes']:.1f}",
            f"{line['bound_bytes']:.0f}",
            f"{line['encode_per_second'] / 1e6:.1f}",
            f"{line['decode_per_second'] / 1e6:.1f}",
            "equal" if line["round_trip"] else "WRONG",
        )
    console.print(table)
    table = Table(
        title="bits a symbol above the entropy, by the CDF's total (expected, best shares)",
        title_justify="left",
    )
    table.add_column("alphabet", justify="right")
    table.add_column("shape")
    table.add_column("entropy", justify="right")
    for bits in TOTALS:
        table.add_column(f"2^{bits}", justify="right")
    table.add_column("from logits", justify="right")
    for line in found["totals"]:
        costs = (line["excess"][str(bits)] for bits in (*TOTALS, "logits"))
        table.add_row(
            f"{line['alphabet']:,}",
            line["shape"],
            f"{line['entropy']:.3f}",
            *(f"{cost:.4f}" if cost > 5e-5 else f"{max(cost, 0):.0e}" for cost in costs),
        )
    console.print(table)
    large = [line for line in found["totals"] if line["alphabet"] == 49152]
    for bits in (16, 24, 28):
        above = [line["excess"][str(bits)] for line in large]
        shares = [cost / line["entropy"] for cost, line in zip(above, large, strict=True)]
        console.print(
            f"49,152 symbols at 2^{bits}: {49152 / 2**bits:.3%} of the total goes to shares of 1; "
            f"up to {max(above):.2g} bits a symbol, up to {max(shares):.2g} times the entropy",
            highlight=False,
        )
    for line in found["quantisers"]:
        console.print(
            f"a CDF of {line['alphabet']:,}: {line['probabilities']:.0f} µs from probabilities, "
            f"{line['logits']:.0f} µs from logits",
            highlight=False,
        )
    console.print(
        "every coder within the bound" if found["within_bound"] else "A CODER MISSED THE BOUND",
        highlight=False,
    )
