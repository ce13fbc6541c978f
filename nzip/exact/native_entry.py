"""Writes what native.py reads: a compiled function as a line of JSON, and an image of memory or, where that
cannot be had, plain object files.

Only ELF files are written, by whose table of symbols one knows what the code needs before it is linked, and
only functions that neither make arrays nor return them.

Concession: this touches private names of numba and its convention of
calls (``CPUCallConv``); tests/nzip/exact/test_native.py says when a future numba has others."""

from __future__ import annotations

import json
from typing import Any

import llvmlite.binding as llvm
from numba import types
from numba.np.numpy_support import as_dtype

from nzip.exact import image
from nzip.exact.image import undefined
from nzip.exact.native import CALL, NEVER_CALLED, SCALARS, scalars

# LLVM's types of what native.py's words say; where pointers are concerned, only that they are pointers.
_LLVM = {
    **{code: f"i{8 * int(code[1])}" for code in SCALARS if code[0] in "iu"},
    "b1": "i1", "f4": "float", "f8": "double", "ptr": "ptr", "none": "ptr",
}  # fmt: skip


def entry_of(compiled, code: bytes) -> list[bytes] | None:
    """The entry for a ``CompileResult`` of numba's and its object file, in parts; None for what only numba
    can call."""
    takes = [_code(kind) for kind in compiled.signature.args]
    gives = _code(compiled.signature.return_type)
    plain = all(isinstance(code, str) for code in (gives if isinstance(gives, list) else [gives]))
    if compiled.lifted or None in takes or not plain:
        return None
    needs = undefined(code)
    if needs is None or any(
        name.startswith(("NRT_", "numba_")) and name not in NEVER_CALLED for name in needs
    ):
        return None
    said = {
        "takes": takes, "gives": None if gives == "none" else gives,
        "kinds": list(map(kind_of_type, compiled.signature.args)),
    }  # fmt: skip
    objects = [code, _caller(compiled.fndesc.llvm_func_name, takes)]
    laid = image.laid_out(objects, CALL) if image.possible() else None
    if laid is None:
        said |= {"size": len(code), "needs": needs}
        content = objects
    else:
        said["image"] = list(laid[1:])
        content = [laid.content]
    return [json.dumps(said).encode() + b"\n", *content]


def _caller(symbol: str, takes: list) -> bytes:
    """The object file of ``CALL``: it calls ``symbol`` with the words that its argument points to."""
    lines, words = [], []
    for n, code in enumerate(["ptr", "ptr", *scalars(takes)]):
        kind = _LLVM[code]
        loaded = "i64" if kind[0] == "i" else kind
        lines.append(f"%a{n} = getelementptr i64, ptr %from, i64 {n}\n%l{n} = load {loaded}, ptr %a{n}\n")
        if kind != loaded:
            lines.append(f"%t{n} = trunc i64 %l{n} to {kind}\n")
        words.append((kind, f"%{'t' if kind != loaded else 'l'}{n}"))
    text = (
        f'declare i32 @"{symbol}"({", ".join(kind for kind, _ in words)})\n'
        f"define i32 @{CALL}(ptr %from) {{\n{''.join(lines)}"
        f'%status = call i32 @"{symbol}"({", ".join(f"{kind} {name}" for kind, name in words)})\n'
        "ret i32 %status\n}\n"
    )
    target = llvm.Target.from_default_triple().create_target_machine(jit=True)
    return target.emit_object(llvm.parse_assembly(text))


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
