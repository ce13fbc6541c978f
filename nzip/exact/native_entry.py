"""Writes what native.py reads: a compiled function as a line of JSON, and an image of memory or, where that
cannot be had, plain object files.

Only ELF files are written, by whose table of symbols one knows what the code needs before it is linked, and
only functions that neither make arrays nor return them.

Concession: this touches private names of numba and its convention of
calls (``CPUCallConv``); tests/nzip/exact/test_native.py says when a future numba has others."""

from __future__ import annotations

from typing import Any

from numba import types
from numba.np.numpy_support import as_dtype

from nzip.exact.machine_code import entry
from nzip.exact.native import SCALARS


def entry_of(compiled, code: bytes) -> list[bytes] | None:
    """The entry for a ``CompileResult`` of numba's and its object file, in parts; None for what only numba
    can call."""
    said = said_of(compiled)
    return None if said is None else entry(said, code, compiled.fndesc.llvm_func_name)


def said_of(compiled) -> dict[str, Any] | None:
    """What a ``CompileResult`` takes and gives, in native.py's words; None for what only numba can call."""
    takes = [_code(kind) for kind in compiled.signature.args]
    gives = _code(compiled.signature.return_type)
    plain = all(isinstance(code, str) for code in (gives if isinstance(gives, list) else [gives]))
    if compiled.lifted or None in takes or not plain:
        return None
    return {
        "takes": takes, "gives": None if gives == "none" else gives,
        "kinds": list(map(kind_of_type, compiled.signature.args)),
    }  # fmt: skip


def _code(kind: Any) -> Any:
    """native.py's word for a type; None if it has none."""
    # A literal is an integer, too, yet its code knows the number and is wrong for others: such a signature is
    # compiled for callers that are compiled, beside one for calls from Python.
    if isinstance(kind, types.Literal):
        return None
    if isinstance(kind, types.Array):
        return kind.ndim
    if isinstance(kind, types.Boolean):
        return "b1"
    if isinstance(kind, types.NoneType):
        return "none"
    if isinstance(kind, types.Integer | types.Float):
        number: Any = kind
        code = ("f" if isinstance(kind, types.Float) else "i" if number.signed else "u") + str(
            number.bitwidth // 8
        )
        return code if code in SCALARS else None
    if isinstance(kind, types.BaseTuple):
        codes = [_code(member) for member in _members(kind)]
        return None if None in codes else codes
    return None


def _members(kind: Any) -> list[Any]:
    """The types of a tuple's members; numba's classes say less of themselves than they have."""
    return list(kind)


def kind_of_type(kind: Any) -> Any:
    """native.py's ``kind_of`` for values of this type; None for what has none."""
    if isinstance(kind, types.Array):
        return (as_dtype(kind.dtype).str, kind.ndim, kind.layout, kind.mutable)
    if isinstance(kind, types.BaseTuple):
        of = getattr(kind, "instance_class", tuple)
        kinds = tuple(map(kind_of_type, _members(kind)))
        return (
            None if None in kinds else (of.__module__, of.__qualname__, getattr(of, "_fields", None), kinds)
        )
    return _code(kind)
