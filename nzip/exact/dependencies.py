"""What compiled code was made from: a hash over all files and values that a function reaches.

A constant or a helper that a function takes from another file may change, and machine code that is kept under
the function's name alone goes on being used, which in a compressor means wrong bytes. :func:`dependencies`
follows names through functions, closures and modules of all packages, numba and NumPy excepted, whose
versions are part of the hash that machine code is kept by (jit.py).

Concession: a module that is named by :func:`nzip.exact.jit.later` is not imported for this: all files of its
folder stand for it, and for what these are made from those folders that it names beside.
"""

from __future__ import annotations

import functools
import importlib.util
import marshal
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

# What compiled code names there is numba's own, whose version its key holds.
_NOT_FOLLOWED = frozenset({"numpy", "numba", "llvmlite"} | sys.stdlib_module_names)
_VALUES = (int, float, str, bytes, tuple, np.generic, np.ndarray)


class Later:
    """A name of a module that is imported only when something is compiled: numba's intrinsics."""

    def __init__(self, module: str, name: str, beside: tuple[str, ...] = ()):
        self.module, self.name, self.beside = module, name, beside

    def real(self):
        """What is named."""
        return getattr(importlib.import_module(self.module), self.name)

    @property
    def _numba_type_(self):
        from numba.core.registry import cpu_target  # start-up

        real = self.real()
        cpu_target.typing_context.refresh()
        return cpu_target.typing_context.resolve_value_type(real)


def dependencies(function) -> str:
    """A hash of all that ``function`` refers to by name, closures included: values, and the source of
    functions, in turn."""
    reached, left = {function: None}, [function]
    digest = xxhash.xxh3_128()
    while left:
        one = left.pop()
        own, inner = _own(one, len(one.__globals__))
        digest.update(own)
        for other in inner:
            if other not in reached:
                reached[other] = None
                left.append(other)
    return digest.hexdigest()


def is_followed(value) -> bool:
    """Whether :func:`dependencies` hashes ``value`` by what it is, wherever it finds it."""
    return _python(value) is not None or isinstance(value, (Later, *_VALUES))


@functools.lru_cache(maxsize=4096)
def _own(function, names_there: int) -> tuple[bytes, tuple]:
    """A hash of what one function refers to, and the functions among that. Dozens of kernels share most of
    their helpers. ``names_there``: in its module, which grows while it is imported."""
    digest = xxhash.xxh3_128()
    found: list[Any] = []
    digest.update(_source(function.__code__.co_filename) or marshal.dumps(function.__code__))
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    values = {name: cell.cell_contents for name, cell in cells}
    names = _names(function.__code__)
    for name in sorted({*names, *values}):
        value = values[name] if name in values else function.__globals__.get(name)
        _add(name, value, names - {name}, digest, found)
    return digest.digest(), tuple(found)


def _add(name: str, value, names: set[str], digest, found: list) -> None:
    """``names``: those that the code may look up in ``value`` where it is a module; ``found``: where
    functions are told."""
    inner = _python(value)
    if inner is not None:
        digest.update(f"{name}()".encode())
        found.append(inner)
    elif isinstance(value, Later):
        folders = map(_folder, (value.module, *value.beside, __name__))
        digest.update(f"{name}={value.module}.{value.name} {' '.join(folders)}".encode())
    elif isinstance(value, _VALUES):
        digest.update(f"{name}={_text(value)}".encode())
    elif isinstance(value, types.ModuleType) and value.__name__.partition(".")[0] not in _NOT_FOLLOWED:
        # What stands in a module that the code names, as in ``kernel.step(...)``, whosever module it is.
        for part in sorted(names & vars(value).keys()):
            _add(f"{name}.{part}", vars(value)[part], names - {part}, digest, found)


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
def _source(path: str) -> bytes | None:
    try:
        return xxhash.xxh3_128_digest(Path(path).read_bytes())
    except OSError:
        return None  # from a zip file, or typed in


@functools.cache
def _folder(module: str) -> str:
    """A hash of the Python files beside ``module``."""
    spec = importlib.util.find_spec(module)
    digest = xxhash.xxh3_128()
    if spec is not None and spec.origin is not None:
        for file in sorted(Path(spec.origin).parent.glob("*.py")):
            digest.update(file.name.encode() + (_source(str(file)) or b""))
    return digest.hexdigest()
