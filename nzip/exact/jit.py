"""``njit`` for nzip and the lab: numba's, begun only when it is needed, with machine code that is kept.

A function decorated here costs nothing until it is called. Then numba is imported, which finds its code in
nzip's cache (numba_cache.py) or compiles. Where another compiled function calls it, numba is there already.

Modules that must import numba themselves, for intrinsics, are named by :func:`later`, so that whoever imports
a compiled function imports no compiler.
"""

from __future__ import annotations

import threading
from typing import Any

from nzip.exact.dependencies import Later

_lock = threading.RLock()


def later(module: str, *names: str) -> list[Any]:
    """Names of ``module``, for compiled functions to call, which is imported when one of them is
    compiled."""
    return [Later(module, name) for name in names]


def njit(*signatures, cache: bool = False, **options):
    """As ``numba.njit``; a signature is a string. ``cache=True`` keeps machine code on disk where there is a
    place for it."""
    if len(signatures) == 1 and callable(signatures[0]):
        return Function(signatures[0], (), cache, options)
    return lambda function: Function(function, signatures, cache, options)


def lean(function):
    """``njit`` for what makes and returns no array: without reference counting, whose atomic operations cost
    a function of many arrays a microsecond."""
    return njit(nogil=True, cache=True, error_model="numpy", _nrt=False)(function)


class Function:
    """A function that is compiled when it is called. Attributes of numba's dispatcher are there, too, and
    import numba. ``py_func``: what was decorated."""

    def __init__(self, function, signatures: tuple, cache: bool, options: dict):
        self.py_func = function
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        self.__module__, self.__doc__ = function.__module__, function.__doc__
        self._signatures, self._cache, self._options = signatures, cache, options
        self._dispatcher: Any = None

    def __call__(self, *arguments, **named):
        return (self._dispatcher or self.dispatcher)(*arguments, **named)

    @property
    def dispatcher(self):
        """Numba's dispatcher; the function itself where ``NUMBA_DISABLE_JIT`` says so."""
        if self._dispatcher is None:
            with _lock:
                if self._dispatcher is None:
                    self._dispatcher = self._made()
        return self._dispatcher

    def _made(self):
        import numba  # start-up
        from numba.core.dispatcher import Dispatcher  # start-up

        from nzip.exact.numba_cache import Cache  # start-up: numba

        made = numba.njit(**self._options)(self.py_func)
        if isinstance(made, Dispatcher):
            if self._cache:
                made._cache = Cache(self.py_func, made.targetoptions)  # type: ignore[attr-defined]
            for signature in self._signatures:
                made.compile(signature)
            if self._signatures:
                made.disable_compile()
        return made

    @property
    def found(self) -> int:
        """Of how many signatures machine code was there that an earlier process had left."""
        stats = getattr(self._dispatcher, "stats", None)
        return sum(stats.cache_hits.values()) if stats else 0

    @property
    def _numba_type_(self):
        return self.dispatcher._numba_type_

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dispatcher, name)

    def __repr__(self) -> str:
        return f"<{self.__module__}.{self.__qualname__}, compiled when called>"


def is_kept(function: Function) -> bool:
    """Whether an earlier process left machine code of this function, as it is now, on disk."""
    cache = getattr(function.dispatcher, "_cache", None) if function._cache else None
    return cache is not None and cache.is_kept(function.dispatcher.targetctx.codegen())
