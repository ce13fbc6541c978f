"""Whether there is a compiler: asked before anything is coded, by the shell and by every call.

Concession: the environment is asked, not numba, which would have to be imported for that; numba reads it when
it is first imported.
"""

from __future__ import annotations

import os

from nzip.errors import NzipError


def need_compiler() -> None:
    """Raises :class:`nzip.NzipError` where numba was told not to compile: uncompiled, the coders would take
    hours, and the arithmetic of Python's numbers is not theirs. :mod:`nzip.reference` works without."""
    if os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in ("", "0"):
        raise NzipError("NUMBA_DISABLE_JIT is set, and nothing can be coded without compiling: unset it")
