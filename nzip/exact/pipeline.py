"""Numba's compiler as nzip runs it: its own passes, and less of what costs time and changes nothing.

The first run on a machine waits for numba. Most of what it waits for is not the code: Python's garbage
collector, which goes through all of numba's many objects again and again and finds nothing to free; types of
``a + b`` that are found anew, by asking fifty templates, each time an addition of such numbers occurs; passes
for closures and for expressions of arrays, where there are none; and machine code of small functions that are
part of others and never called. So while one of our functions is compiled, the collector rests and answers to
equal questions about types are remembered; two passes are left out where they have nothing to do; and what
only compiled functions call is handed to its callers as numba wrote it, to be optimised there.

Concession: this touches private names of numba (``CPUCodeLibrary``'s steps, ``BaseFunction``);
tests/nzip/exact/test_pipeline.py says when a future numba has others."""

from __future__ import annotations

import contextlib
import gc
import types as python
from collections.abc import Iterator

from numba import _dynfunc  # type: ignore[attr-defined]  # a module in C
from numba.core import typed_passes, untyped_passes
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import PassManager, register_pass
from numba.core.targetconfig import ConfigStack
from numba.core.types.functions import BaseFunction


class Compiler(CompilerBase):
    """To be given to ``numba.njit`` as ``pipeline_class``."""

    inner = False

    def define_pipelines(self):
        flags, code = self.state.flags, self.state.func_id.func.__code__
        left_out: list[type] = []
        if not any(isinstance(constant, python.CodeType) for constant in code.co_consts):
            left_out.append(untyped_passes.InlineClosureLikes)
        if not flags.nrt:  # who makes no array has no expressions of arrays
            left_out.append(typed_passes.NopythonRewrites)
        passes = PassManager("nzip")
        for one, why in DefaultPassBuilder.define_nopython_pipeline(self.state).passes:
            if one is typed_passes.NativeLowering and self.inner:
                one = InnerLowering
            if one not in left_out:
                passes.add_pass(one, why)
        passes.finalize()
        return [passes]

    def _compile_core(self):
        with _quickly():
            return super()._compile_core()


class InnerCompiler(Compiler):
    """For what other compiled functions call."""

    inner = True


class InnerLibrary(JITCodeLibrary):
    """The code of a function that only compiled functions call: no machine code is made of it, and its
    callers, which take it in, optimise it with their own."""

    def _optimize_functions(self, ll_module) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # as numba says of what is not there

    def finalize(self) -> None:
        self._raise_if_finalized()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._finalize_dynamic_globals()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """What a template is made of (templates.py): all of it as bitcode."""
        self._ensure_finalized()
        return self.name, "template", self._final_module.as_bitcode()


@register_pass(mutates_CFG=True, analysis_only=False)
class InnerLowering(typed_passes.NativeLowering):
    """Numba's lowering, into an :class:`InnerLibrary`."""

    _name = "nzip_inner_lowering"

    def run_pass(self, state):
        state.library = InnerLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        lowered = state["cr"]
        # As numba's ``get_executable``, of a function that has no address.
        entry = _dynfunc.make_function(
            lowered.fndesc.lookup_module(),
            lowered.fndesc.qualname.split(".")[-1],
            "part of its callers",
            0,
            lowered.env,
            (state.library,),
        )
        state.targetctx.insert_user_function(entry, lowered.fndesc, [state.library])
        state["cr"] = lowered._replace(cfunc=entry)
        return True


class _Known:
    """Types of calls that were asked for while the context of :func:`_quickly` lasts."""

    def __init__(self):
        self.signatures: dict[tuple, tuple] = {}
        self._flags = self._said = None

    def flags(self) -> str:
        """What a function is compiled with: the code of what it calls may be for that alone."""
        top = ConfigStack.top_or_none()
        if top is not self._flags:
            self._flags, self._said = top, repr(top)
        return self._said or ""


_depth = 0


@contextlib.contextmanager
def _quickly() -> Iterator[None]:
    """No garbage is collected, and equal questions about types are answered from memory. Numba compiles one
    function at a time, and others within it."""
    global _depth
    if _depth:
        yield
        return
    known, ask, collects = _Known(), BaseFunction.get_call_type, gc.isenabled()

    def asked(function, context, args, kws):
        if kws:
            return ask(function, context, args, kws)
        key = id(function), context, tuple(args), known.flags()
        found = known.signatures.get(key)
        if found is None:
            # The function is kept, so that its identity stays its own.
            found = known.signatures[key] = function, ask(function, context, args, kws)
        return found[1]

    BaseFunction.get_call_type = asked  # type: ignore[method-assign]
    gc.disable()
    _depth = 1
    try:
        yield
    finally:
        _depth = 0
        BaseFunction.get_call_type = ask  # type: ignore[method-assign]
        if collects:
            gc.enable()
