"""The machine's memory: how much there is, what work may take of it, and giving back what is not needed.

Concession: other C libraries than glibc have their own ways with freed memory, and are left to them.
"""

from __future__ import annotations

import contextlib
import gc
import os


def installed() -> int | None:
    """The machine's memory in bytes; None where the system does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def default_budget() -> int | None:
    """Where no limit is given: blocks under way may take half of the machine's memory together (bytes; None
    where nobody knows). One block may always take what it needs."""
    whole = installed()
    return whole and whole // 2


def give_back() -> None:
    """Return to the system what was freed. glibc keeps what compiling and reading a model's metadata have
    used (160 MB of small objects), and large arrays are mapped beside it, so that a process which then makes
    large arrays would hold both."""
    import ctypes  # start-up: most runs give nothing back

    gc.collect()
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):
        return  # another C library


def zeros(size: int, large: bool = True):
    """uint8 (size,) of zeros in pages of its own, ``large`` ones where the system has them: given back as
    soon as nobody holds it, where an allocator would keep a hole."""
    import mmap  # start-up

    import numpy as np  # start-up: whoever asks for arrays has it

    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    pages = mmap.mmap(-1, size, **private)
    advice = getattr(mmap, "MADV_HUGEPAGE", None)
    if advice is not None and large:
        with contextlib.suppress(OSError):  # a system without large pages
            pages.madvise(advice)
    return np.frombuffer(pages, np.uint8)
