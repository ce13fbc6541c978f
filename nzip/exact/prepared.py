"""Functions that nzip ships as LLVM's language: the first run on a machine needs no numba for them.

Of what a first run takes, numba's own work was the half: importing it, and making LLVM's language of Python.
That work gives the same on every machine that has the same instructions, so it is done once, by
``scripts/make_prepared.py``: for each function that levels call, a module with all that it calls, not yet
optimised. What is left for a machine is LLVM's own work (machine_code.py), whose outcome is kept as numba's
is (native.py).

A function is found by a hash of all that it is made from (dependencies.py). Where a source was edited since,
or a constant is another, or a new LLVM cannot read it, nothing is found and numba compiles, as it does on
machines of which nothing is prepared: those without AVX2 or x86-64, and systems that know no ELF files.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import xxhash

from nzip.exact import cpu, image
from nzip.exact.compiling import Compiling

PATH = Path(__file__).with_name("prepared.xz")


class Prepared(NamedTuple):
    """A function: what it takes and gives, in native.py's words; its ``symbol`` in the ``module``, LLVM's
    assembly."""

    said: dict[str, Any]
    symbol: str
    module: str


def key(made_from: tuple, kinds: tuple) -> str:
    """By what a function of these ingredients for arguments of ``kinds`` is known."""
    return xxhash.xxh3_128_hexdigest(repr((made_from, kinds)).encode())


def instructions() -> str | None:
    """Which of the sets this machine wants, by cpu.py's name; None where nothing is prepared for it."""
    if not image.possible() or cpu.is_told() or _is_numba_told():
        return None
    return next((cpu.NAMES[isa] for isa in (cpu.AVX512, cpu.AVX2) if cpu.has(isa)), None)


def _is_numba_told() -> bool:
    """Whether a setting of numba's would have it make other code than it does by default."""
    return (
        "NUMBA_OPT" in os.environ
        or "NUMBA_LOOP_VECTORIZE" in os.environ
        or "NUMBA_SLP_VECTORIZE" in os.environ
        or "NUMBA_BOUNDSCHECK" in os.environ
        or "NUMBA_DEBUGINFO" in os.environ
        or "NUMBA_DISABLE_JIT" in os.environ
    )


def find(key: str) -> Prepared | None:
    """The function of that key for this machine; None where it is not prepared."""
    wanted = instructions()
    index, texts = _archive()
    found = index.get(wanted or "", {}).get(key)
    if found is None:
        return None
    said, symbol, number = found
    return Prepared(said, symbol, texts[number])


@functools.cache
def _archive() -> tuple[dict[str, dict[str, list]], list[str]]:
    """For each set of instructions what is prepared, by key, and the modules that it is in."""
    import lzma  # start-up: of first runs alone

    try:
        content = lzma.decompress(PATH.read_bytes())
    except (OSError, lzma.LZMAError):
        return {}, []  # numba compiles
    head, _, rest = content.partition(b"\n")
    index, sizes = json.loads(head)
    texts, at = [], 0
    for size in sizes:
        texts.append(rest[at : at + size].decode())
        at += size
    return index, texts


def packed(index: dict[str, dict[str, list]], texts: list[str]) -> bytes:
    """The file that :func:`find` reads."""
    import lzma  # as above

    parts = [text.encode() for text in texts]
    head = json.dumps([index, list(map(len, parts))], sort_keys=True, separators=(",", ":")).encode()
    return lzma.compress(head + b"\n" + b"".join(parts), preset=9 | lzma.PRESET_EXTREME)


def machine_code(found: Prepared, tables: tuple[tuple[int, ...], ...]) -> list[bytes] | None:
    """The entry of native.py's for a function, in parts; ``tables``: of a special one (told.py). None where
    LLVM cannot read what is prepared, or the code cannot be called without numba."""
    import llvmlite.binding as llvm  # start-up

    from nzip.exact import machine_code as code  # start-up: llvmlite

    with Compiling.one():
        try:
            target = code.target_machine()
            module = llvm.parse_assembly(found.module)
            if tables:
                module = code.answered(module, tables)
                code.inline(module, target)
            code.optimise(module, target)
            module.verify()
            return code.entry({**found.said, "prepared": True}, target.emit_object(module), found.symbol)
        except (RuntimeError, AttributeError, ValueError):
            return None
