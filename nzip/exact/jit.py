"""``njit`` for nzip and the lab: numba's, begun only when it is needed, with machine code that is kept.

A function decorated here costs nothing until it is called. Then machine code that an earlier process left is
called without numba, where that is possible (native.py); else numba is imported, which finds its own code in
nzip's cache (numba_cache.py) or compiles. Where another compiled function calls it, numba is there already.

Modules that must import numba themselves, for intrinsics, are named by :func:`later`, so that whoever imports
a compiled function imports no compiler.
"""

from __future__ import annotations

import re
import sys
import threading
import types
from typing import Any

import xxhash

from nzip.exact import native, prepared
from nzip.exact.dependencies import Later, dependencies, is_followed

# Calls of one function without numba, from which on importing it costs less than doing without.
_MANY = 4000
# How many times as many where numba would have to compile first.
_COMPILING = 50
_without = False
_lock = threading.RLock()


def later(module: str, *names: str, beside: tuple[str, ...] = ()) -> list[Any]:
    """Names of ``module``, for compiled functions to call, which is imported when one of them is
    compiled. ``beside``: modules of other folders that these are made from."""
    return [Later(module, name, beside) for name in names]


def do_without_numba() -> None:
    """From now on numba is not imported because calls are many: whoever says so makes them cheap
    (:func:`nzip.exact.native.hold`), and numba alone takes 80 MB."""
    global _without
    _without = True


def njit(*signatures, cache: bool = False, **options):
    """As ``numba.njit``; a signature is a string. ``cache=True`` keeps machine code on disk where there is a
    place for it. Nothing here is called from C, so there are no wrappers for that."""
    options.setdefault("no_cfunc_wrapper", True)
    if len(signatures) == 1 and callable(signatures[0]):
        return Function(signatures[0], (), cache, options)
    return lambda function: Function(function, signatures, cache, options)


def lean(function):
    """``njit`` for what makes and returns no array: without reference counting, whose atomic operations cost
    a function of many arrays a microsecond."""
    return njit(nogil=True, cache=True, error_model="numpy", _nrt=False)(function)


def inner(function):
    """As :func:`lean`, for what only compiled functions call: without a wrapper for Python, which takes numba
    as long as a short function does."""
    return njit(nogil=True, error_model="numpy", _nrt=False, no_cpython_wrapper=True)(function)


def specialised(general: Function, name: str, tables: tuple[tuple[int, ...], ...]) -> Function:
    """``general`` (of ``cache=True``, and no signature), which asks what it is told of ``tables``
    (:mod:`nzip.exact.told`), with these known: a function of its own called ``name``."""
    python = general.py_func
    copy = types.FunctionType(
        python.__code__, python.__globals__, python.__name__, python.__defaults__, python.__closure__
    )
    copy.__qualname__, copy.__doc__ = name, python.__doc__
    general.is_general = True
    return Function(copy, (), True, general._options, general, tables)


class Function:
    """A function that is compiled when it is called. Attributes of numba's dispatcher are there, too, and
    import numba. ``py_func``: what was decorated."""

    def __init__(
        self,
        function,
        signatures: tuple,
        cache: bool,
        options: dict,
        general: Function | None = None,
        tables: tuple = (),
    ):
        self.py_func = function
        self.__name__, self.__qualname__ = function.__name__, function.__qualname__
        self.__module__, self.__doc__ = function.__module__, function.__doc__
        self._signatures, self._cache, self._options = signatures, cache, options
        self._dispatcher: Any = None
        self._inner: Any = None
        self._natives: dict[Any, Any] = {}
        self._left = _MANY if cache else 0
        self._called = False
        self._general, self._tables = general, tables
        self.is_general = False
        self._made_before: list[tuple[Any, bytes]] = []

    def __call__(self, *arguments, **named):
        if self._called:  # and so numba is there
            return self._dispatcher(*arguments, **named)
        if self._dispatcher is None and (self._left > 0 or (_without and self._cache)) and not named:
            kinds = tuple(map(native.kind_of, arguments))
            known = self._natives.get(kinds) or self._find(kinds)
            if known is not None:
                self._left -= 1
                return known(*arguments)
        dispatcher = self.dispatcher
        with _lock:
            self._called = True
            for compiled, code in self._made_before:
                self._keep(compiled, code)
            self._made_before.clear()
        return dispatcher(*arguments, **named)

    @property
    def dispatcher(self):
        """Numba's dispatcher; the function itself where ``NUMBA_DISABLE_JIT`` says so."""
        if self._dispatcher is None:
            with _lock:
                if self._dispatcher is None:
                    self._dispatcher = self._made()
        return self._dispatcher

    def template(self, signature) -> bytes | None:
        """What special functions are made from (templates.py), kept or compiled now."""
        dispatcher = self.dispatcher
        cache = getattr(dispatcher, "_cache", None)
        if cache is None:
            return None
        found = cache.template(signature, dispatcher.targetctx)
        if found is None:
            from nzip.exact.templates import kept_form  # start-up: numba

            self.inner.compile(signature)
            found = kept_form(self.inner.overloads[tuple(signature)])
            cache.keep_template(signature, dispatcher.targetctx, found)
        return found

    def _made(self):
        from numba.core.dispatcher import Dispatcher  # start-up

        from nzip.exact.numba_cache import Cache  # start-up: numba
        from nzip.exact.pipeline import Compiler  # start-up: numba

        made = self._jitted(Compiler)
        if isinstance(made, Dispatcher) and self._cache:
            cache = Cache(self.py_func, made.targetoptions, self._keep, self._tables)
            cache.general = self if self.is_general else self._general
            made._cache = cache  # type: ignore[attr-defined]
        return self._signed(made)

    def _jitted(self, compiler, **options):
        import numba  # start-up

        return numba.njit(pipeline_class=compiler, **{**self._options, **options})(self.py_func)

    def _signed(self, made):
        if self._signatures and hasattr(made, "disable_compile"):
            for signature in self._signatures:
                made.compile(signature)
            made.disable_compile()
        return made

    def _entry(self, kinds) -> str | None:
        """What machine code for arguments of ``kinds`` is called in the cache."""
        machine = native.machine()
        if machine is None:
            return None
        stem = re.sub(r"[^A-Za-z0-9_.]+", "", f"{self.__module__}.{self.__qualname__}")[-80:].lstrip(".")
        source = self._source()
        if source is None:
            return None
        made_from = (sys.implementation.cache_tag, *source, machine, self._tables)
        stamp = xxhash.xxh3_128_hexdigest(repr(made_from).encode())
        # A function with a signature has one, and converts what it is given.
        which = xxhash.xxh3_64_hexdigest(repr(() if self._signatures else kinds).encode())
        return f"{stem}-{stamp}-{which}-c"

    def _source(self) -> tuple | None:
        """All that is known of what code is made from, but for the machine; None where that is not all."""
        code, cells = self.py_func.__code__, self.py_func.__closure__ or ()
        if not all(is_followed(cell.cell_contents) for cell in cells):
            return None
        options = sorted(self._options.items())
        return code.co_firstlineno, dependencies(self.py_func), self._signatures, options

    def prepared_key(self, kinds: tuple) -> str | None:
        """By which prepared.py knows the function for arguments of ``kinds``, or the general one that it is a
        special case of; None of what cannot be prepared."""
        source = (self._general or self)._source()
        return None if source is None else prepared.key(source, () if self._signatures else kinds)

    def _find(self, kinds):
        """Machine code of an earlier process, or made without numba now; None if there is none."""
        if None in kinds:
            return None
        with _lock:
            if kinds not in self._natives:
                name = self._entry(kinds)
                wanted = kinds if self._signatures else None
                nogil = bool(self._options.get("nogil"))
                found: Any = name and (native.load(name, nogil, wanted) or self._prepare(name, kinds, nogil))
                if found and found.prepared:
                    self._left = max(self._left, _MANY * _COMPILING)
                self._natives[kinds] = found or None
            return self._natives[kinds]

    def _prepare(self, name: str, kinds: tuple, nogil: bool) -> Any:
        """Machine code of what is prepared, which is kept; None where there is none."""
        key = self.prepared_key(kinds)
        found = prepared.find(key) if key else None
        parts = found and prepared.machine_code(found, self._tables)
        if not parts:
            return None
        native.CODE.put(name, parts)
        return native.called(b"".join(parts), nogil, kinds if self._signatures else None)

    def _keep(self, compiled, code: bytes | None) -> None:
        """Leave machine code for a later process, of what is called from Python."""
        if code is None or len(self._signatures) > 1:
            return
        if not self._called:
            self._made_before.append((compiled, code))
            return
        from nzip.exact.native_entry import entry_of, kind_of_type  # start-up: numba

        kinds = tuple(map(kind_of_type, compiled.signature.args))
        name = None if None in kinds else self._entry(kinds)
        if name and native.CODE.get(name) is None:
            parts = entry_of(compiled, code)
            if parts is not None:
                native.CODE.put(name, parts)

    @property
    def found(self) -> int:
        """Of how many signatures machine code was there that an earlier process had left."""
        without = sum(known is not None for known in self._natives.values())
        stats = getattr(self._dispatcher, "stats", None)
        return without or (sum(stats.cache_hits.values()) if stats else 0)

    @property
    def inner(self):
        """Numba's dispatcher of what other compiled functions call, of which no machine code is made: its
        callers take it in, and what is called from Python, too, would be optimised twice."""
        if self._inner is None:
            from nzip.exact.numba_cache import name_symbols  # start-up: numba
            from nzip.exact.pipeline import InnerCompiler  # start-up: numba

            with _lock:
                if self._inner is None:
                    name_symbols(self.py_func)
                    # Special functions are made of a general one with its wrapper (templates.py).
                    options = {} if self.is_general else {"no_cpython_wrapper": True}
                    self._inner = self._signed(self._jitted(InnerCompiler, **options))
        return self._inner

    @property
    def _numba_type_(self):
        return self.inner._numba_type_

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.dispatcher, name)

    def __repr__(self) -> str:
        return f"<{self.__module__}.{self.__qualname__}, compiled when called>"


def is_kept(function: Function) -> bool:
    """Whether an earlier process left machine code of this function, as it is now, on disk."""
    if not function._cache:
        return False
    name = function._entry(())
    if name is not None and native.CODE.holds(name.rsplit("-", 2)[0] + "-"):
        return True
    cache = getattr(function.dispatcher, "_cache", None)
    return cache is not None and cache.is_kept(function.dispatcher.targetctx.codegen())
