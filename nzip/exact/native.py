"""Calls machine code that an earlier process compiled, without numba: the warm start.

Importing numba costs three times what numpy does, before anything is coded. What it made is a plain object
file, kept as an image of memory where that is possible (image.py), else as it is, for llvmlite to link.
numba's own convention for compiled functions is ``int32 f(result *, error **,
arguments...)``, where an array is its owner, parent, size, item size, data, shape and strides, and a tuple
its members; these may be a thousand, so beside it stands ``int32 call(int64 *)``, which takes them from
memory. native_entry.py writes the entries that are read here: a line of JSON that says what the function
takes and gives, then the image or both objects. They lie in nzip's cache, which hands out only what it
hashed.

Whatever does not fit gives None, and numba does the work: functions that make arrays, arguments of other
kinds, symbols that this process lacks, object files that are not ELF (macOS, Windows). The bytes cannot
differ: it is the same machine code.

Concession: a call costs some 0.5 µs an array, where numba's costs 0.05: for functions called a few times a
block, not for every byte (jit.py changes over to numba where calls are many).
"""

from __future__ import annotations

import ctypes
import functools
import json
import os
import pickle
import struct
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from nzip.cache import CODE
from nzip.exact import cpu, cpuid, image

# What only the wrappers for Python and C use, which stand in the same object and are never called.
NEVER_CALLED = frozenset({
    "NRT_adapt_ndarray_from_python", "NRT_adapt_ndarray_to_python_acqref", "NRT_MemInfo_call_dtor",
    "NRT_Free", "numba_adapt_ndarray", "numba_unpickle", "numba_do_raise",
    "numba_runtime_build_excinfo_struct", "numba_gil_ensure", "numba_gil_release",
})  # fmt: skip
CALL = "nzip_call"  # the function that takes its arguments from memory
SCALARS: dict[str, Any] = {
    "b1": ctypes.c_uint8, "i1": ctypes.c_int8, "i2": ctypes.c_int16, "i4": ctypes.c_int32,
    "i8": ctypes.c_int64, "u1": ctypes.c_uint8, "u2": ctypes.c_uint16, "u4": ctypes.c_uint32,
    "u8": ctypes.c_uint64, "f4": ctypes.c_float, "f8": ctypes.c_double, "none": ctypes.c_void_p,
}  # fmt: skip
# Environment that changes what numba compiles, or whether.
_SETTINGS = sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_"))
_INTEGERS = tuple(code for code in SCALARS if code[0] in "iub")
# The words of struct for arguments in memory.
_FORMS = {
    **{code: "q" if code[0] == "i" else "Q" for code in SCALARS},
    "f4": "f4x", "f8": "d", "none": "Q", "ptr": "Q",
}  # fmt: skip
# What numbers are converted to where a signature asks for it.
_NUMBERS = {code: (*_INTEGERS, "f4", "f8") if code in _INTEGERS else ("f4", "f8") for code in SCALARS}
# NumPy's flags of an array that numba's types tell apart: C and Fortran order, writable.
_C, _F, _WRITABLE = 0x1, 0x2, 0x400
_ORDERS = {
    flags: ("C" if flags & _C else "F" if flags & _F else "A", bool(flags & _WRITABLE))
    for flags in (c | f | w for c in (0, _C) for f in (0, _F) for w in (0, _WRITABLE))
}
_MASK = _C | _F | _WRITABLE
_lock = threading.RLock()


def kind_of(value) -> Any:
    """What numba's type of an argument depends on, hashable; None for what only numba can pass. As
    native_entry.py's ``kind_of_type`` of that type."""
    of = type(value)
    if of is np.ndarray:
        dtype = value.dtype
        return (dtype.str, value.ndim, *_ORDERS[value.flags.num & _MASK]) if dtype.kind in "biuf" else None
    if of is int:
        return "i8" if -(1 << 63) <= value < 1 << 63 else None
    if of is bool:
        return "b1"
    if of is float:
        return "f8"
    if value is None:
        return "none"
    if isinstance(value, np.generic):
        code = value.dtype.str[1:]
        return code if code in SCALARS else None
    if isinstance(value, tuple):
        kinds = tuple(map(kind_of, value))
        if None in kinds:
            return None
        return (of.__module__, of.__qualname__, getattr(of, "_fields", None), kinds)
    return None


def fits(kind, declared) -> bool:
    """Whether what is of ``kind`` may be passed where a signature ``declared`` something: numbers are
    converted, arrays must be what was declared, or may be more than that."""
    if isinstance(kind, str) or isinstance(declared, str):
        return kind == declared or (kind in _NUMBERS and declared in _NUMBERS[kind])
    if len(kind) != len(declared) or isinstance(kind[-1], tuple) != isinstance(declared[-1], tuple):
        return False
    if isinstance(kind[-1], tuple):
        return len(kind[-1]) == len(declared[-1]) and all(map(fits, kind[-1], declared[-1]))
    (*what, order, writable), (*wanted, order_wanted, to_write) = kind, declared
    return what == wanted and order_wanted in (order, "A") and writable >= to_write


@functools.cache
def machine() -> str | None:
    """What machine code depends on besides its source: processor, compiler, settings. None where only numba
    knows (settings for other processors than this)."""
    import importlib.util  # start-up

    if cpu.is_told():
        return None  # numba alone knows for what
    processor: Any = cpuid.facts()
    if processor is None:
        import llvmlite.binding as llvm  # start-up

        if not cpu.compiles_for_all():
            return None
        try:
            features = llvm.get_host_cpu_features().flatten()
        except RuntimeError:
            return None
        processor = llvm.get_default_triple(), llvm.get_host_cpu_name(), features
    compilers = []
    for package in ("numba", "llvmlite", "numpy"):
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            return None
        status = os.stat(spec.origin)
        compilers.append((package, spec.origin, status.st_mtime_ns, status.st_size))
    return repr((processor, compilers, _SETTINGS))


def load(name: str, nogil: bool, kinds: tuple | None) -> Callable | None:
    """The function of an entry of the cache; None where there is none that this process can call, or none
    for arguments of ``kinds`` (not asked where they are None, being in the name)."""
    content = CODE.get(name)
    if content is None:
        return None
    head, _, code = content.partition(b"\n")
    said = json.loads(head)
    if kinds is not None and not (
        len(kinds) == len(said["kinds"]) and all(map(fits, kinds, _tuples(said["kinds"])))
    ):
        return None
    if "image" in said:
        address = image.placed(image.Image(code, *said["image"]), _address)
    else:
        address = _link((code[: said["size"]], code[said["size"] :]), said["needs"])
    return None if address is None else _Native(address, said["takes"], said["gives"], nogil)


def _address(name: str) -> int | None:
    """Where a symbol is in this process; of what is never called, an address that ends it."""
    return image.symbol(name) or (_never() if name in NEVER_CALLED else None)


def _tuples(value):
    """JSON's lists as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _link(objects: tuple[bytes, ...], needs: list[str]) -> int | None:
    """The address of ``CALL`` in object files, whose code is kept as long as the process."""
    import llvmlite.binding as llvm  # start-up

    with _lock:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        target = llvm.Target.from_default_triple().create_target_machine(jit=True)
        # The first engine makes LLVM look for symbols in this process.
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), target)
        for one in needs:  # to link without one of these ends the process
            if llvm.address_of_symbol(one) is None:
                if one not in NEVER_CALLED:
                    return None
                llvm.add_symbol(one, _never())
        for code in objects:
            engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        address = engine.get_function_address(CALL)
        # For good: an engine that is collected takes its code along, and at the interpreter's end it finds no
        # LLVM to dispose of it.
        engine.detach()
        return address or None


@functools.cache
def _never() -> int:
    """An address that ends the process when it is called."""
    return ctypes.cast(ctypes.pythonapi.Py_FatalError, ctypes.c_void_p).value or 0


class _Error(ctypes.Structure):
    """numba's static error: a pickled exception's class, arguments and place."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("size", ctypes.c_int32), ("hash", ctypes.c_void_p),
        ("unwrap", ctypes.c_void_p), ("dynamic", ctypes.c_int32),
    )  # fmt: skip


class _Native:
    """A compiled function, called with what :func:`kind_of` told apart."""

    def __init__(self, address: int, takes: list, gives, nogil: bool):
        """``takes``: for each argument one of ``SCALARS``, a number (an array of so many dimensions), or a
        list of such (a tuple); ``gives``: one of ``SCALARS``, a list of them, or None."""
        make = ctypes.CFUNCTYPE if nogil else ctypes.PYFUNCTYPE
        self._call = make(ctypes.c_int32, ctypes.c_char_p)(address)
        self._pack = struct.Struct("@QQ" + "".join(_FORMS[code] for code in scalars(takes))).pack
        self._takes = takes
        self._many = isinstance(gives, list)
        parts = gives if self._many else [gives or "i8"]
        fields = [(f"_{i}", SCALARS[code]) for i, code in enumerate(parts)]
        self._result = type("Result", (ctypes.Structure,), {"_fields_": fields})
        self._nothing = gives is None
        self._truths = [code == "b1" for code in parts]

    def __call__(self, *arguments):
        flat: list[Any] = []
        for spec, argument in zip(self._takes, arguments, strict=True):
            _flatten(spec, argument, flat)
        result, error = self._result(), ctypes.c_void_p()
        status = self._call(self._pack(ctypes.addressof(result), ctypes.addressof(error), *flat))
        if status:
            raise _exception(status, error)
        if self._nothing:
            return None
        values = [
            bool(value) if truth else value
            for value, truth in zip(
                (getattr(result, name) for name, _ in result._fields_), self._truths, strict=True
            )
        ]
        return tuple(values) if self._many else values[0]


def scalars(takes: list) -> list[str]:
    """The words that arguments are in memory, each of eight bytes: keys of ``SCALARS``, and ``"ptr"``."""
    found: list[str] = []
    for spec in takes:
        if isinstance(spec, list):
            found += scalars(spec)
        elif isinstance(spec, int):
            found += ["ptr", "ptr", "i8", "i8", "ptr", *["i8"] * (2 * spec)]
        else:
            found.append(spec)
    return found


def _flatten(spec, argument, flat: list) -> None:
    if isinstance(spec, list):
        for one, member in zip(spec, argument, strict=True):
            _flatten(one, member, flat)
    elif isinstance(spec, int):
        flat += (0, 0, argument.size, argument.itemsize, argument.__array_interface__["data"][0])
        flat += argument.shape
        flat += argument.strides
    elif spec == "none":
        flat.append(0)
    elif spec[0] == "f":
        flat.append(float(argument))
    else:
        number = int(argument)
        if number < 0 and spec[0] != "i":
            raise OverflowError("can't convert negative int to unsigned")
        flat.append(number)


def _exception(status: int, error: ctypes.c_void_p) -> BaseException:
    if status > 0 and error.value:
        told = _Error.from_address(error.value)
        if told.data and told.size > 0 and not told.dynamic:
            of, arguments, *_ = pickle.loads(ctypes.string_at(told.data, told.size))
            return of(*(arguments or ()))
    return RuntimeError(f"compiled code ended with status {status}")
