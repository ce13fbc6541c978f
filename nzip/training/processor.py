"""What torch must be told to train quickly on a CPU: keep freed memory, and take denormal numbers for zero.

A network with sharp attention has many weights below 1e-38, and gradients as small. A processor multiplies
such numbers by microcode: of the transformer that ships, half trained, the products of attention took six
times as long, a whole step twice. (Others are spared: models of the lab with 1M parameters train as fast
without.)

Concession: threads that torch started before :func:`quick` keep their way of rounding, so it belongs around
torch's first work."""

from __future__ import annotations

import contextlib
import ctypes

import torch


def keep_memory() -> None:
    """Ask glibc to keep freed memory: else every step's activations are paged in anew (a third of the
    time)."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, M_TOP_PAD
        for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1), (-2, 1 << 28)):
            libc.mallopt(parameter, value)
    except (OSError, AttributeError):  # another C library: slower, no worse
        return


def denormals_are_zero() -> bool:
    """Whether this thread's float32 results below 2^-126 become zero."""
    return not bool(torch.tensor([2.0**-126]) * 0.5)


@contextlib.contextmanager
def quick():
    """Train within this; also a decorator. The calling thread's rounding is put back at the end, since exact
    code may follow."""
    keep_memory()
    before = denormals_are_zero()
    torch.set_flush_denormal(True)  # does nothing on a processor that cannot
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
