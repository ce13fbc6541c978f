"""What an expert's distribution over bytes says about the next bit. Helpers of kernel.py.

A distribution is summed up once a byte; for each bit the bytes still possible lie side by side, so the bit's
probability is the quotient of two differences.
"""

from nzip.predictors.mix.compiled import helper, i64, inlined, u64
from nzip.predictors.mix.constants import PROBABILITY_BITS, SQUASH_ZERO


@helper
def sum_up(cumulative, e, distribution):
    """``cumulative[e]`` uint64 (257,): the sums of the first entries of ``distribution`` uint32 (256,)."""
    total = u64(0)
    for s in range(256):
        cumulative[e, s] = total
        total += u64(distribution[s])
    cumulative[e, 256] = total


@inlined
def bit_probability(cumulative, e, c0, bit):
    """P(next bit = 1), 22 bits, given ``c0``, a one and the byte's ``bit`` first bits."""
    first = c0 << (8 - bit) & 255
    size = 128 >> bit
    whole = cumulative[e, first + 2 * size] - cumulative[e, first]
    ones = cumulative[e, first + 2 * size] - cumulative[e, first + size]
    return i64((ones << u64(PROBABILITY_BITS)) // max(whole, u64(1)))


@helper
def fine_stretch(squash, p22):
    """Where squash reaches a 22-bit probability, by bisection: ±16 nats, where the table of 12 bits ends at
    8."""
    low = 1
    high = 2 * SQUASH_ZERO - 1
    while low < high:
        middle = (low + high) >> 1
        if i64(squash[u64(middle)]) < p22:
            low = middle + 1
        else:
            high = middle
    return i64(low - SQUASH_ZERO)
