"""``njit`` for nzip and the lab: numba's, with a cache of machine code that fails never and is never stale.

Numba's own ``cache=True`` raises at import where neither the package's directory nor the user's cache can be
written, and where the disk is full; here such an installation compiles anew each time. And numba looks only
at the file that a function stands in: a constant or a helper that it takes from another file may change, and
the old machine code goes on being used, which in a compressor means wrong bytes. Here the stamp of a cache
entry covers everything a function refers to, through all files and packages, numba and NumPy excepted.

Concession: this touches private names of numba (``Dispatcher._cache``, ``IndexDataCacheFile._source_stamp``,
the option ``_nrt``). Where a future numba lacks them, functions are compiled in every process, and
tests/nzip/exact/test_jit.py says so."""

from __future__ import annotations

import functools
import pickle
import sys
import types
from pathlib import Path

import numba
import numpy as np
import xxhash
from numba.core import sigutils
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

# What compiled code names there is numba's own, whose version its index holds.
_NOT_FOLLOWED = frozenset({"numpy", "numba", "llvmlite"} | sys.stdlib_module_names)
_VALUES = (int, float, str, bytes, tuple, np.generic, np.ndarray)


def njit(*signatures, cache: bool = False, **options):
    """As ``numba.njit``. ``cache=True`` keeps machine code on disk where there is a place for it."""
    if not cache:
        return numba.njit(*signatures, **options)

    def decorate(function):
        dispatcher = numba.njit(**options)(function)
        if not isinstance(dispatcher, Dispatcher):
            return dispatcher  # NUMBA_DISABLE_JIT
        try:
            dispatcher._cache = _Cache(function)  # type: ignore[attr-defined]  # a private name, see above
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

    def _index_key(self, sig, codegen):
        # Code reads a named tuple's fields by their places, and the tuple may be defined in a file that the
        # function never names.
        return (*super()._index_key(sig, codegen), tuple(map(_fields, sigutils.normalize_signature(sig)[0])))


def _fields(kind):
    """The fields of a named tuple's type, and of those within it; () for other types."""
    inner = tuple(map(_fields, getattr(kind, "types", ())))
    return tuple(getattr(kind, "fields", ())), inner


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
        _add(name, value, names - {name}, digest, seen)


def _add(name: str, value, names: set[str], digest, seen: set) -> None:
    """``names``: those that the code may look up in ``value`` where it is a module."""
    inner = _python(value)
    if inner is not None:
        _gather(inner, digest, seen)
    elif isinstance(value, _VALUES):
        digest.update(f"{name}={_text(value)}".encode())
    elif isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] not in _NOT_FOLLOWED:
        # What stands in a module that the code names, as in ``kernel.step(...)``, whosever module it is.
        for part in sorted(names & vars(value).keys()):
            _add(f"{name}.{part}", vars(value)[part], names - {part}, digest, seen)


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
