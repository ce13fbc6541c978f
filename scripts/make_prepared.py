"""Make ``nzip/exact/prepared.xz``: what levels call, as LLVM's language, so that a first run needs no numba
(:mod:`nzip.exact.prepared`). Run it after a change of any compiled function; a test says when.

    python scripts/make_prepared.py

It needs a processor with AVX-512, since code for that is prepared, too, and takes some three minutes with an
empty cache. The levels' functions are called as ``nzip warm`` calls them, and with which types is written
down; numba then makes modules of them for each set of instructions, in a process that is told to have that.
"""

from __future__ import annotations

import gc
import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

from nzip.exact import cpu, jit, native, prepared

# Levels that call all functions which any level calls: without experts, with some and with one that learns,
# and the fastest.
LEVELS = (0, 1, 3, 6, 7)
# How numba is told of a machine that has a set and no better one.
TOLD = {
    cpu.AVX2: ("haswell", "+avx,+avx2,+bmi,+bmi2,+fma"),
    cpu.AVX512: ("icelake-server", "+avx,+avx2,+bmi,+bmi2,+fma,+avx512f,+avx512bw,+avx512vl,+avx512vnni"),
}


def main() -> None:
    if len(sys.argv) == 4:
        return _make(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
    if not cpu.has(cpu.AVX512):
        sys.exit("this processor has no AVX-512, or numba is told not to use it")
    with tempfile.TemporaryDirectory() as folder:
        calls = Path(folder, "calls")
        calls.write_bytes(pickle.dumps(_recorded()))
        index: dict[str, dict[str, list]] = {}
        texts: list[str] = []
        for isa, (name, features) in TOLD.items():
            made = Path(folder, cpu.NAMES[isa])
            told = {**os.environ, "NUMBA_CPU_NAME": name, "NUMBA_CPU_FEATURES": features}
            subprocess.run([sys.executable, __file__, str(isa), calls, made], env=told, check=True)
            functions = index[cpu.NAMES[isa]] = {}
            for key, said, symbol, text in pickle.loads(made.read_bytes()):
                if text not in texts:
                    texts.append(text)
                functions[key] = [said, symbol, texts.index(text)]
    prepared.PATH.write_bytes(prepared.packed(index, texts))
    functions = [*map(len, index.values())]
    print(f"{prepared.PATH}: {functions} functions, {len(texts)} modules, {prepared.PATH.stat().st_size:,} B")


def _recorded() -> list[tuple]:
    """What levels call: module, name and kinds of each function's arguments, and numba's types of these."""
    import numba

    from nzip import warming

    found: dict[tuple, tuple] = {}
    call = jit.Function.__call__

    def recorded(function, *arguments, **named):
        kinds = tuple(map(native.kind_of, arguments))
        if function._cache and None not in kinds:
            general = function._general or function
            known = general.__module__, general.__qualname__, kinds
            if known not in found:
                found[known] = *known, tuple(map(numba.typeof, arguments))
        return call(function, *arguments, **named)

    jit.Function.__call__ = recorded  # type: ignore[method-assign]
    for warmed in warming.warm(LEVELS):
        print(f"level {warmed.level}: {len(found)} functions", flush=True)
    jit.Function.__call__ = call  # type: ignore[method-assign]
    return list(found.values())


def _make(isa: int, calls: Path, made: Path) -> None:
    """Prepare what is in the file ``calls`` for machines with ``isa``, in the file ``made``."""
    from nzip import warming
    from nzip.exact.numba_cache import name_symbols
    from nzip.exact.pipeline import InnerCompiler
    from nzip.exact.preparing import module_of

    if not cpu.has(isa) or any(cpu.has(better) for better in TOLD if better > isa):
        sys.exit(f"numba did not take to {cpu.NAMES[isa]}")
    wanted = pickle.loads(calls.read_bytes())
    for module in (warming.__name__, *(module for module, *_ in wanted)):
        importlib.import_module(module)
    functions = {
        (one.__module__, one.__qualname__): one for one in gc.get_objects() if type(one) is jit.Function
    }
    results, compilers = [], {}
    for module, name, kinds, signature in wanted:
        function = functions[module, name]
        key = function.prepared_key(kinds)
        if key is None:
            continue
        name_symbols(function.py_func)
        compiler = compilers.get(function)
        if compiler is None:
            compiler = compilers[function] = function._signed(
                function._jitted(InnerCompiler, no_cpython_wrapper=True)
            )
        if function._signatures:
            (compiled,) = compiler.overloads.values()
        else:
            compiler.compile(signature)
            compiled = compiler.overloads[signature]
        text = module_of(compiled)
        if text is not None:
            results.append((key, *text))
    made.write_bytes(pickle.dumps(results))


if __name__ == "__main__":
    main()
