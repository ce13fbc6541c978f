"""``njit`` for nzip: numba's, with a cache of machine code that fails never and is never stale.

Numba's own ``cache=True`` raises at import where neither the package's directory nor the user's cache can be
written, and where the disk is full; here such an installation compiles anew each time. And numba looks only
at the file that a function stands in: a constant or a helper that it takes from another file may change, and
the old machine code goes on being used, which in a compressor means wrong bytes. Here the stamp of a cache
entry covers everything a function refers to, through all files.

Concession: this touches private names of numba (``Dispatcher._cache``, ``IndexDataCacheFile._source_stamp``,
the option ``_nrt``). Where a future numba lacks them, functions are compiled in every process, and
tests/nzip/test_jit.py says so."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import pickle
import types
from pathlib import Path

import numba
import numpy as np
import xxhash
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

_VALUES = (int, float, str, bytes, tuple, np.generic, np.ndarray)


def give_back() -> None:
    """Return to the system what compiling has freed. glibc keeps it, and large arrays are mapped beside it,
    so that a process which compiles and then makes large arrays would hold both. On other systems nothing
    happens."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def njit(*signatures, cache: bool = False, **options):
    """As ``numba.njit``. ``cache=True`` keeps machine code on disk where there is a place for it."""
    if not cache:
        return numba.njit(*signatures, **options)

    def decorate(function):
        dispatcher = numba.njit(**options)(function)
        if not isinstance(dispatcher, Dispatcher):
            return dispatcher  # NUMBA_DISABLE_JIT
        try:
            dispatcher._cache = _Cache(function)
        except (RuntimeError, AttributeError):  # no place that can be written; a numba with other names
            pass
        for signature in signatures:
            dispatcher.compile(signature)
        if signatures:
            dispatcher.disable_compile()
        return dispatcher

    return decorate


def lean(function):
    """``njit`` for what makes and returns no array: without reference counting, whose atomic operations cost
    a function of many arrays a microsecond."""
    return njit(nogil=True, cache=True, error_model="numpy", _nrt=False)(function)


class _Cache(FunctionCache):
    """Numba's cache of one function, with a stamp that covers what the function refers to."""

    def __init__(self, function):
        super().__init__(function)
        self._own_stamp = self._cache_file._source_stamp
        self._stamped = False

    def load_overload(self, sig, target_context):
        # Not before now: what a function refers to may stand below it.
        if not self._stamped:
            self._cache_file._source_stamp = (self._own_stamp, dependencies(self._py_func))
            self._stamped = True
        try:
            return super().load_overload(sig, target_context)
        except (OSError, EOFError, pickle.UnpicklingError):
            return None  # unreadable or damaged: compile anew
        except (AttributeError, ImportError):  # an index that names a class which has moved: begin a new one
            try:
                self._cache_file.flush()
            except OSError:
                return None  # no right to write
            return None

    def save_overload(self, sig, data):
        try:
            super().save_overload(sig, data)
        except (OSError, EOFError, pickle.UnpicklingError):
            self.disable()  # no room, no right, a damaged index: go on without


def dependencies(function) -> str:
    """A hash of all that ``function`` refers to by name, closures included: values, and the source of
    functions, in turn."""
    digest = xxhash.xxh3_128()
    _gather(function, digest, set())
    return digest.hexdigest()


def _gather(function, digest, seen: set) -> None:
    if function in seen:
        return
    seen.add(function)
    digest.update(_source(function.__code__.co_filename))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    values = {name: cell.cell_contents for name, cell in cells}
    names = _names(function.__code__)
    for name in sorted({*names, *values}):
        value = values[name] if name in values else function.__globals__.get(name)
        _add(name, value, names, function.__module__.partition(".")[0], digest, seen)


def _add(name: str, value, names: set[str], package: str, digest, seen: set) -> None:
    inner = _python(value)
    if inner is not None:
        _gather(inner, digest, seen)
    elif isinstance(value, _VALUES):
        digest.update(f"{name}={_text(value)}".encode())
    elif isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] == package and package:
        # A function that stands in a module of ours which the code names, as in ``kernel.step(...)``.
        for part in sorted(names & vars(value).keys() - {name}):
            if not isinstance(vars(value)[part], types.ModuleType):
                _add(f"{name}.{part}", vars(value)[part], names, package, digest, seen)


def _names(code) -> set[str]:
    """Global names that ``code`` and the functions within it use; an intrinsic's code generator is one
    such."""
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return set(code.co_names).union(*map(_names, inner))


def _python(value):
    """The Python function behind a compiled one or an intrinsic; None for anything else."""
    found = getattr(value, "py_func", None) or getattr(value, "_defn", None) or value
    return found if isinstance(found, types.FunctionType) else None


def _text(value) -> str:
    if isinstance(value, np.ndarray):
        return (
            f"{value.dtype} {value.shape} {xxhash.xxh3_64_hexdigest(np.ascontiguousarray(value).tobytes())}"
        )
    return repr(value)


@functools.cache
def _source(path: str) -> bytes:
    try:
        return xxhash.xxh3_128_digest(Path(path).read_bytes())
    except OSError:  # from a zip file: its bytes change with its version
        return path.encode()
