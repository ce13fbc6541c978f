"""Make nzip/predictors/mix/tables.bin: the integers that the mix starts from, computed once and shipped.

They are shipped rather than computed at start-up because exp and log differ between machines in the last
bit. Sections (little-endian): next_state uint8[512], stretch int16[4096], squash int32[8192],
reciprocal uint32[1024], state_start uint32[256], match_start uint32[128], run_start uint32[128],
apm_row int32[16].

Bit histories: up to four bits are remembered in order; beyond, counts of zeros and ones and, while they are
few, the last bit. A bit seen halves (roughly, to log2) the opposite count where that is above two, so that
a context which changes its mind is believed soon.

Run: python scripts/make_mix_tables.py
"""

import math
from pathlib import Path

import numpy as np

# Largest count beside a smaller opposite count of 0, 1, ... 5.
BOUND = {0: 47, 1: 40, 2: 14, 3: 7, 4: 6, 5: 5}
REMEMBERED = 4


def _merged(zeros: int, ones: int, last: int):
    """The representable state nearest in ratio."""
    while not (min(zeros, ones) in BOUND and max(zeros, ones) <= BOUND[min(zeros, ones)]):
        both = zeros == ones or min(zeros, ones) > max(BOUND)
        more_zeros = zeros > ones
        zeros -= both or more_zeros
        ones -= both or not more_zeros
    return zeros, ones, last


def _following(state, bit: int):
    if isinstance(state, str):
        if len(state) < REMEMBERED:
            return state + str(bit)
        counts = [state.count("0"), state.count("1")]
    else:
        counts = [state[0], state[1]]
    opposite = counts[1 - bit]
    counts[1 - bit] = opposite if opposite <= 2 else opposite.bit_length()
    counts[bit] += 1
    zeros, ones, last = _merged(counts[0], counts[1], bit)
    if not zeros:
        last = 1
    if not ones:
        last = 0
    if zeros and ones and zeros + ones >= 16:
        last = 2
    return zeros, ones, last


def bit_histories() -> tuple[np.ndarray, np.ndarray]:
    """(next state [states, 2], counts [states, 2]); state 0 has seen nothing."""
    number: dict = {"": 0}
    order: list = [""]
    following = []
    for state in order:  # grows while we walk
        row = []
        for bit in (0, 1):
            after = _following(state, bit)
            if after not in number:
                number[after] = len(order)
                order.append(after)
            row.append(number[after])
        following.append(row)
    counts = [(s.count("0"), s.count("1")) if isinstance(s, str) else s[:2] for s in order]
    if len(order) > 256:
        raise SystemExit(f"{len(order)} states do not fit into a byte")
    return np.array(following), np.array(counts)


def _cell(p: float, count: int = 0) -> int:
    return min((1 << 22) - 1, max(1, int(p * (1 << 22)))) << 10 | count


def _expecting(confidence) -> list[int]:
    """Pairs (bit 0 expected, bit 1 expected) over levels."""
    return [
        _cell(q if want else 1 - q) for level in range(64) for q in (confidence(level),) for want in (0, 1)
    ]


def main() -> None:
    following, counts = bit_histories()
    next_state = np.zeros((256, 2), np.uint8)
    next_state[: len(following)] = following
    stretch = [max(-2047, min(2047, round(math.log((i + 0.5) / (4095.5 - i)) * 256))) for i in range(4096)]
    squash = [
        max(1, min((1 << 22) - 1, round((1 << 22) / (1 + math.exp(-(i - 4096) / 256))))) for i in range(8192)
    ]
    reciprocal = [int(65536 / (n + 1.6)) for n in range(1024)]
    state_start = np.full(256, _cell(0.5), np.uint32)
    for s, (zeros, ones) in enumerate(counts):
        state_start[s] = _cell((2 * ones + 1) / (2 * zeros + 2 * ones + 2), min(20, zeros + ones))
    parts = [
        next_state.reshape(-1),
        np.array(stretch, "<i2"),
        np.array(squash, "<i4"),
        np.array(reciprocal, "<u4"),
        state_start.astype("<u4"),
        np.array(_expecting(lambda n: 1 - 1 / (n + 2)), "<u4"),
        np.array(_expecting(lambda n: 1 - 1 / (1.5 * n + 2)), "<u4"),
        np.array([round((1 << 22) / (1 + math.exp(-(j * 256 - 1920) / 256))) for j in range(16)], "<i4"),
    ]
    target = Path(__file__).parents[1] / "nzip" / "predictors" / "mix" / "tables.bin"
    target.write_bytes(b"".join(p.tobytes() for p in parts))
    print(f"{target.name}: {target.stat().st_size} bytes, {len(following)} bit histories")


if __name__ == "__main__":
    main()
