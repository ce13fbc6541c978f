"""Functions for one plan out of a function for any: numba's part is done once, LLVM's for each.

What numba makes of the general function is kept as LLVM's bitcode, not yet optimised, with all that it calls:
the *template*. A special function is the template with tables in it (told.py), optimised and made machine
code of by the passes that numba itself would have run, and taken in as if numba had found it in its cache.

Concession: this touches more private names of numba than its cache does (``CPUCodeLibrary``'s steps). Where a
future numba has others, special functions are compiled as the general one is, slower and equal; a test says
so."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator
from typing import NamedTuple

import llvmlite.binding as llvm
from numba.core.codegen import CPUCodeLibrary
from numba.core.serialize import dumps

from nzip.exact.told import symbol

Tables = tuple[tuple[int, ...], ...]


class Template(NamedTuple):
    """``own``: modules of the function and its wrappers, as numba wrote them; ``beside``: of all that they
    call, optimised. Bitcode."""

    own: list[bytes]
    beside: list[bytes]


@contextlib.contextmanager
def watched(name: str) -> Iterator[Template]:
    """Filled with the template of the function called ``name`` if it is compiled while the context lasts."""
    found = Template([], [])
    optimise = getattr(CPUCodeLibrary, "_optimize_functions", None)
    finish = CPUCodeLibrary.finalize
    if optimise is None:  # another numba
        yield found
        return

    def optimising(library, module) -> None:
        if library.name == name:
            found.own.append(module.as_bitcode())
        optimise(library, module)

    def finishing(library) -> None:
        if library.name == name:
            others = dict.fromkeys(library._linking_libraries)
            found.beside.extend(other._get_module_for_linking().as_bitcode() for other in others)
        finish(library)

    CPUCodeLibrary._optimize_functions, CPUCodeLibrary.finalize = optimising, finishing  # type: ignore
    try:
        yield found
    finally:
        CPUCodeLibrary._optimize_functions, CPUCodeLibrary.finalize = optimise, finish  # type: ignore


def kept_form(compiled, template: Template) -> bytes:
    """What is kept of a ``CompileResult`` and its template."""
    _, *parts = compiled._reduce()
    return dumps((*template, parts))


def special(kept: bytes, codegen, name: str, tables: Tables) -> tuple:
    """What ``CompileResult._reduce`` would give of the function that :func:`kept_form` is of, under another
    ``name`` and with ``tables`` in it."""
    own, beside, (described, *parts) = pickle.loads(kept)
    module = llvm.parse_assembly(_answers(tables))
    empty = codegen._create_empty_module("")
    module.triple, module.data_layout = empty.triple, codegen._data_layout
    for bitcode in own:
        module.link_in(llvm.parse_bitcode(bitcode))
    for number in range(len(tables)):
        module.get_function(symbol(number)).linkage = "internal"
    # Names of their own: of two symbols of one name the linker takes the first.
    old = described.llvm_func_name, described.llvm_cpython_wrapper_name
    described.mangled_name += f".{name}"
    new = described.llvm_func_name, described.llvm_cpython_wrapper_name
    for before, after in zip(old, new, strict=True):
        with contextlib.suppress(NameError):
            module.get_function(before).name = after
    # Answers must be there before anything is made of loops and branches.
    passes, builder = codegen._module_pass_manager(opt=0, loop_vectorize=False, slp_vectorize=False)
    passes.run(module, builder)
    library = codegen.create_library(name)
    library.add_llvm_module(module)
    for bitcode in beside:
        library._final_module.link_in(llvm.parse_bitcode(bitcode))
    library._optimize_final_module()
    module = library._final_module
    module.verify()
    object_file = codegen._tm.emit_object(module)
    return (name, "object", (object_file, module.as_bitcode())), described, *parts


def _answers(tables: Tables) -> str:
    """LLVM's assembly of functions that answer from ``tables``."""
    lines = []
    for number, table in enumerate(tables):
        values = table or (0,)
        kind = f"[{len(values)} x i64]"
        written = ", ".join(f"i64 {value}" for value in values)
        lines.append(
            f'@"nzip.table.{number}" = private unnamed_addr constant {kind} [{written}]\n'
            f'define i64 @"{symbol(number)}"(i64 %place, i64 %value) alwaysinline {{\n'
            f'%at = getelementptr {kind}, ptr @"nzip.table.{number}", i64 0, i64 %place\n'
            "%known = load i64, ptr %at\nret i64 %known\n}\n"
        )
    return "".join(lines)
