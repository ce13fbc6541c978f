"""What every check of the kit needs: edge cases to code, damage to survive, a process of its own, and the
error that says which promise was not kept."""

from __future__ import annotations

import concurrent.futures
import multiprocessing
import random
from collections.abc import Callable, Iterator

from nzip.predictors.probe import kilobyte

# Long enough to reach a model's steady state, short enough for one that takes a millisecond a byte.
SIZE = 600


class ConformanceError(AssertionError):
    """A promise of the contract was not kept."""


def require(condition, message: str) -> None:
    """Raises :class:`ConformanceError` with ``message`` unless ``condition``."""
    if not condition:
        raise ConformanceError(message)


def samples(size: int = SIZE) -> dict[str, bytes]:
    """Edge cases by name, each of at most ``size`` bytes: one byte, every byte, runs, noise, text, binary."""
    noise = random.Random(1)
    return {
        "one byte": b"\xff",
        "two bytes": b"\x00\x80",
        "every byte": bytes(range(256))[:size],
        "every byte, downwards": bytes(range(255, -1, -1))[:size],
        "zeros": bytes(size),
        "ones": b"\xff" * size,
        "period of 3": (b"abc" * size)[:size],
        "noise": noise.randbytes(size),
        "noise twice": (noise.randbytes(size // 2) * 2)[:size],
        "biased bits": bytes(sum((noise.random() < 0.05) << b for b in range(8)) for _ in range(size)),
        "text and binary": (kilobyte() * (size // 1024 + 1))[:size],
        "invalid UTF-8": (b"caf\xe9 \xc3\xa9 \xf0\x9f\x98 \xed\xa0\x80 " * size)[:size],
    }


def damaged(data: bytes, chance: random.Random, count: int) -> Iterator[bytes]:
    """Variants of ``data``: nothing, cuts, flipped bits, holes, noise, junk behind."""
    yield b""
    yield data + b"junk"
    yield bytes(len(data))
    yield b"\xff" * (len(data) + 8)
    yield chance.randbytes(len(data) + 1)
    for _ in range(count if data else 0):
        at = chance.randrange(len(data))
        yield data[:at]
        yield data[:at] + bytes([data[at] ^ 1 << chance.randrange(8)]) + data[at + 1 :]
        yield data[:at] + bytes(min(16, len(data) - at)) + data[at + 16 :]


def elsewhere(job: Callable, *args):
    """``job(*args)`` in a process started afresh; both must survive pickling."""
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(job, *args).result()
