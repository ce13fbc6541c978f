"""Functions for one plan out of a function for any: numba's part is done once, LLVM's for each.

What numba makes of the general function is kept as LLVM's bitcode, linked with all that it calls and not yet
optimised: the *template*. A special function is the template with tables in it (told.py), optimised and made
machine code of by the passes that numba itself would have run, and taken in as if numba had found it in its
cache.

Concession: this touches more private names of numba than its cache does (``CPUCodeLibrary``'s steps). Where a
future numba has others, special functions are compiled as the general one is, slower and equal; a test says
so."""

from __future__ import annotations

import contextlib
import pickle
from collections.abc import Iterator

import llvmlite.binding as llvm
from numba.core.codegen import CPUCodeLibrary
from numba.core.serialize import dumps

from nzip.exact.told import symbol

Tables = tuple[tuple[int, ...], ...]


@contextlib.contextmanager
def watched(name: str) -> Iterator[list[bytes]]:
    """The template of the function called ``name``, if it is compiled while the context lasts."""
    found: list[bytes] = []
    optimise = CPUCodeLibrary._optimize_final_module

    def kept(library) -> None:
        if library.name == name:
            found.append(library._final_module.as_bitcode())
        optimise(library)

    CPUCodeLibrary._optimize_final_module = kept
    try:
        yield found
    finally:
        CPUCodeLibrary._optimize_final_module = optimise


def template_of(compiled, bitcode: bytes) -> bytes:
    """What is kept of a ``CompileResult`` and its template."""
    _, *parts = compiled._reduce()
    return dumps((bitcode, parts))


def special(template: bytes, codegen, name: str, tables: Tables) -> tuple:
    """What ``CompileResult._reduce`` would give of the function that :func:`template_of` is of, under another
    ``name`` and with ``tables`` in it."""
    bitcode, (described, *parts) = pickle.loads(template)
    module = llvm.parse_assembly(_answers(tables))
    module.triple, module.data_layout = codegen._create_empty_module("").triple, codegen._data_layout
    module.link_in(llvm.parse_bitcode(bitcode))
    # Names of this process' own: of two symbols of one name the linker takes the first.
    old = described.llvm_func_name, described.llvm_cpython_wrapper_name
    described.mangled_name += f".{name}"
    new = described.llvm_func_name, described.llvm_cpython_wrapper_name
    for before, after in zip(old, new, strict=True):
        with contextlib.suppress(NameError):
            module.get_function(before).name = after
    library = codegen.create_library(name)
    library._final_module = module
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
