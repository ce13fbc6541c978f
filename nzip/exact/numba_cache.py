"""Numba's cache of machine code, over nzip's own: one that fails never and is never stale.

Numba's own ``cache=True`` raises at import where neither the package's directory nor the user's cache can be
written, and where the disk is full; it runs what lies in its folders, whoever put it there, and a flipped bit
in them kills the process. Here machine code lies in nzip's cache (:mod:`nzip.cache`), which hands out only
what it hashed, from folders of the user's own, and nothing lies in the package's folder. Numba looks only at
the file that a function stands in; here an entry's name says all that the code was made from
(dependencies.py).

One file holds the code for one signature, and there is no index: processes that compile the same write the
same file, and cannot take each other's away. ``NUMBA_CACHE_DIR`` is not asked.

Concession: this touches private names of numba (``CompileResult._reduce`` and ``_rebuild``).
tests/nzip/exact/test_jit.py says when a future numba lacks them."""

from __future__ import annotations

import pickle
import re
import sys
from collections.abc import Callable
from typing import Any

import llvmlite
import numba
import numpy as np
import xxhash
from numba.core import sigutils
from numba.core.caching import FunctionCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from nzip.cache import CODE
from nzip.exact.compiling import Compiling
from nzip.exact.dependencies import dependencies, is_followed
from nzip.exact.templates import special

# What changes the code that numba makes, besides the processor.
_SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "DEBUGINFO_DEFAULT")
# What unpickling and linking code raise that is as it was written, yet by other libraries than these.
_MADE_ELSEWHERE = (
    pickle.UnpicklingError,
    EOFError,
    ImportError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    RuntimeError,
)


class Cache(FunctionCache):
    """Numba's interface of a cache of one function, over :data:`nzip.cache.CODE`."""

    def __init__(self, function, options: dict, made: Callable, tables: tuple = ()):
        """``made``: called with each signature's ``CompileResult``, compiled or found, and its object
        file. ``tables``: of a special function (templates.py)."""
        # Not super's, which looks for a place beside the source.
        self._py_func = function
        self._made = made
        self._options = options
        self._tables = tables
        self.general: Any = None  # the Function that this one is a special case of, or itself
        self._templates: dict[Any, bytes] = {}  # by signature, where none is kept
        self._stamped: str | None = None
        name = f"{function.__module__}.{function.__qualname__}"
        self._stem = re.sub(r"[^A-Za-z0-9_.]+", "", name)[-80:].lstrip(".")
        self.enable()

    @property
    def cache_path(self) -> str | None:
        path = CODE.path()
        return None if path is None else str(path)

    def flush(self) -> None:
        """Code is stamped by what it was made from: there is never any that must go."""

    def load_overload(self, sig, target_context):
        target_context.refresh()  # as numba does before it looks
        codegen = target_context.codegen()
        name_symbols(self._py_func)
        name = self._name_of(sig, codegen)
        content = CODE.get(name) if name else None
        if content is None:
            Compiling.begun += 1  # numba compiles what is not found, and saves it
            if self.general is not None:
                return self._specialise(sig, target_context, name)
            return None
        try:
            parts = pickle.loads(content)
            found = CompileResult._rebuild(target_context, *parts)
        except _MADE_ELSEWHERE:
            return None
        self._made(found, _object_in(parts))
        return found

    def save_overload(self, sig, data):
        Compiling.done += 1
        # Numba's own conditions: lifted loops, and addresses of this process within the code.
        if all(part.can_cache for part in data.lifted) and not data.library.has_dynamic_globals:
            name = self._name_of(sig, data.codegen)
            if name:
                parts = data._reduce()
                CODE.put(name, [dumps(parts)])
                self._made(data, _object_in(parts))

    def template(self, sig, target_context) -> bytes | None:
        """The template for a signature, if one was made."""
        name = self._name_of(sig, target_context.codegen())
        return self._templates.get(sig) or (CODE.get(f"{name}-t") if name else None)

    def keep_template(self, sig, target_context, template: bytes) -> None:
        """Keep what :meth:`template` finds."""
        name = self._name_of(sig, target_context.codegen())
        if not name or not CODE.put(f"{name}-t", [template]):
            self._templates[sig] = template

    def _specialise(self, sig, target_context, name: str | None):
        """The ``CompileResult`` of a special function, which is kept; None where numba must make it."""
        template = self.general.template(sig)
        if template is None:
            return None
        try:
            parts = special(template, target_context.codegen(), self._py_func.__qualname__, self._tables)
        except _MADE_ELSEWHERE:
            return None
        Compiling.done += 1
        if name:
            CODE.put(name, [dumps(parts)])
        found = CompileResult._rebuild(target_context, *parts)
        self._made(found, _object_in(parts))
        return found

    def is_kept(self, codegen) -> bool:
        """Whether code of this very function, for whatever signature, is on disk."""
        return CODE.holds(f"{self._stem}-{self._stamp(codegen)}-")

    def _name_of(self, sig, codegen) -> str | None:
        """The entry's name, which says all that the code depends on; None for code that must not be kept."""
        if not self._enabled:
            return None
        # Code reads a named tuple's fields by their places, and the tuple may be defined in a file that the
        # function never names.
        arguments, returned = sigutils.normalize_signature(sig)
        signature = f"{arguments} {returned} {tuple(map(_fields, arguments))}"
        if " at 0x" in signature:
            return None  # a type that is known by its address, which says nothing to another process
        key = xxhash.xxh3_128_hexdigest(f"{signature} {_within(self._py_func)}".encode())
        return f"{self._stem}-{self._stamp(codegen)}-{key}"

    def _stamp(self, codegen) -> str:
        # Not before now: what a function refers to may stand below it.
        if self._stamped is None:
            facts = (
                sys.implementation.cache_tag,
                [module.__version__ for module in (numba, llvmlite, np)],
                [getattr(numba.config, name, None) for name in _SETTINGS],
                codegen.magic_tuple(),
                sorted(self._options.items()),
                self._py_func.__code__.co_firstlineno,
                dependencies(self._py_func),
                self._tables,
            )
            self._stamped = xxhash.xxh3_128_hexdigest(repr(facts).encode())
        return self._stamped


def name_symbols(function) -> None:
    """Tell functions of one factory apart, before one is compiled. Numba's symbols are made of the qualified
    name and a number that counts anew in each process, and of two symbols of one name the linker takes the
    first: code of two processes would call each other's functions."""
    if "<locals>" in function.__qualname__ and not vars(function).get("nzip_named"):
        function.nzip_named = True
        made_from = f"{function.__code__.co_firstlineno} {dependencies(function)} {_within(function)}"
        function.__qualname__ += f".{xxhash.xxh3_64_hexdigest(made_from.encode())}"


def _within(function) -> str:
    """What the stamp does not say of a closure: its values but for functions and plain ones. Numba would
    pickle the functions, too, with what this process has compiled of them: another key in each."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    return xxhash.xxh3_128_hexdigest(dumps([value for value in cells if not is_followed(value)]))


def _object_in(parts: tuple) -> bytes | None:
    """The object file in what ``CompileResult._reduce`` gives."""
    _, form, data = parts[0]
    return data[0] if form == "object" else None


def _fields(kind):
    """The fields of a named tuple's type, and of those within it; () for other types."""
    inner = tuple(map(_fields, getattr(kind, "types", ())))
    return tuple(getattr(kind, "fields", ())), inner
