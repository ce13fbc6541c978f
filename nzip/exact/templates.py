"""Functions for one plan out of a function for any: numba's part is done once, LLVM's for each.

What numba makes of the general function is kept as LLVM's bitcode, not yet optimised, with all that it calls:
the *template*. A special function is the template with tables in it (told.py), optimised and made machine
code of by LLVM as numba would have it, and taken in as if numba had found it in its cache; the general
function itself is the template without any.

Concession: this touches more private names of numba than its cache does (``CPUCodeLibrary``'s steps). Where a
future numba has others, special functions are compiled as the general one is, slower and equal; a test says
so."""

from __future__ import annotations

import contextlib
import pickle

import llvmlite.binding as llvm
from numba.core.serialize import dumps

from nzip.exact.machine_code import Tables, answered


def kept_form(compiled) -> bytes:
    """What is kept of the ``CompileResult`` of a function that pipeline.py's ``InnerCompiler`` compiled."""
    (_, _, module), *parts = compiled._reduce()
    return dumps((module, parts))


def special(kept: bytes, codegen, name: str, tables: Tables) -> tuple:
    """What ``CompileResult._reduce`` would give of the function that :func:`kept_form` is of, under another
    ``name`` and with ``tables`` in it; without any, of the general function."""
    bitcode, (described, *parts) = pickle.loads(kept)
    module = llvm.parse_bitcode(bitcode)
    module.data_layout = codegen._data_layout
    # Names of their own: of two symbols of one name the linker takes the first.
    old = described.llvm_func_name, described.llvm_cpython_wrapper_name
    described.mangled_name += f".{name}"
    new = described.llvm_func_name, described.llvm_cpython_wrapper_name
    for before, after in zip(old, new, strict=True):
        with contextlib.suppress(NameError):
            module.get_function(before).name = after
    if tables:
        module = answered(module, tables)
        # Answers must be there before anything is made of loops and branches.
        passes, builder = codegen._module_pass_manager(opt=0, loop_vectorize=False, slp_vectorize=False)
        passes.run(module, builder)
    # In numba's own order, which makes code that is 5% faster than the last of these passes alone.
    library = codegen.create_library(name)
    library.add_llvm_module(module)
    library._optimize_final_module()
    module = library._final_module
    module.verify()
    object_file = codegen._tm.emit_object(module)
    return (name, "object", (object_file, _for_linking(module).as_bitcode())), described, *parts


def _for_linking(module):
    """As numba's ``_get_module_for_linking``: what others take in may be defined in several of them."""
    for function in module.functions:
        if not function.is_declaration and function.linkage == llvm.Linkage.external:
            function.linkage = "linkonce_odr"
    return module
