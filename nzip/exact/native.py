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
_WORDS = {code: struct.Struct("@" + form).pack for code, form in _FORMS.items()}
_TWO = struct.Struct("@QQ").pack
_ARRAYS = [struct.Struct("@QQqqQ" + "qq" * dimensions).pack for dimensions in range(9)]
# What numbers are converted to where a signature asks for it.
_NUMBERS = {code: (*_INTEGERS, "f4", "f8") if code in _INTEGERS else ("f4", "f8") for code in SCALARS}
# NumPy's flags of an array that numba's types tell apart: C and Fortran order, writable.
_C, _F, _WRITABLE = 0x1, 0x2, 0x400
_ORDERS = {
    flags: ("C" if flags & _C else "F" if flags & _F else "A", bool(flags & _WRITABLE))
    for flags in (c | f | w for c in (0, _C) for f in (0, _F) for w in (0, _WRITABLE))
}
_MASK = _C | _F | _WRITABLE
_PLAIN = _C | _WRITABLE
_BYTE_OF = ctypes.c_char.from_buffer
_lock = threading.RLock()


# What is passed often, by its identity: each with its kind and the words that it is in memory.
_held: dict[int, tuple[Any, Any, bytes]] = {}


def hold(argument: np.ndarray | tuple) -> None:
    """Know an array that stays where it is, or a tuple of such, until :func:`release`: to pass it then takes
    a tenth of the time. It is kept alive."""
    spec = argument.ndim if isinstance(argument, np.ndarray) else [array.ndim for array in argument]
    _held[id(argument)] = argument, kind_of(argument), _words(spec, argument)


def release(argument: np.ndarray | tuple) -> None:
    """The opposite of :func:`hold`."""
    _held.pop(id(argument), None)


_array_kinds: dict[tuple[np.dtype, int, int], Any] = {}


def kind_of(value) -> Any:
    """What numba's type of an argument depends on, hashable; None for what only numba can pass. As
    native_entry.py's ``kind_of_type`` of that type."""
    held = _held.get(id(value))
    if held is not None:
        return held[1]
    of = type(value)
    if of is np.ndarray:
        key = value.dtype, value.ndim, value.flags.num & _MASK
        kind = _array_kinds.get(key)
        if kind is None and key[0].kind in "biuf":
            _array_kinds[key] = kind = key[0].str, key[1], *_ORDERS[key[2]]
        return kind
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
    return None if content is None else called(content, nogil, kinds)


def called(content: bytes, nogil: bool, kinds: tuple | None) -> Callable | None:
    """As :func:`load`, of an entry's content."""
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
    if address is None:
        return None
    return _Native(address, said["takes"], said["gives"], nogil, said.get("prepared", False))


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

    def __init__(self, address: int, takes: list, gives, nogil: bool, prepared: bool):
        """``takes``: for each argument one of ``SCALARS``, a number (an array of so many dimensions), or a
        list of such (a tuple); ``gives``: one of ``SCALARS``, a list of them, or None. ``prepared``: numba
        did not make it, and does not have it."""
        self.prepared = prepared
        make = ctypes.CFUNCTYPE if nogil else ctypes.PYFUNCTYPE
        self._call = make(ctypes.c_int32, ctypes.c_char_p)(address)
        self._takes = takes
        self._many = isinstance(gives, list)
        parts = gives if self._many else [gives or "i8"]
        fields = [(f"_{i}", SCALARS[code]) for i, code in enumerate(parts)]
        self._result = type("Result", (ctypes.Structure,), {"_fields_": fields})
        self._nothing = gives is None
        self._truths = [code == "b1" for code in parts]

    def __call__(self, *arguments):
        result, error = self._result(), ctypes.c_void_p()
        head = _TWO(ctypes.addressof(result), ctypes.addressof(error))
        status = self._call(head + b"".join(map(_words, self._takes, arguments)))
        if status:
            raise _exception(status, error)
        if self._nothing:
            return None
        if not self._many:
            return bool(result._0) if self._truths[0] else result._0
        values = [
            bool(value) if truth else value
            for value, truth in zip(
                (getattr(result, name) for name, _ in result._fields_), self._truths, strict=True
            )
        ]
        return tuple(values)


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


def _words(spec, argument) -> bytes:
    """An argument as it is in memory (:func:`scalars`)."""
    held = _held.get(id(argument))
    if held is not None:
        return held[2]
    if isinstance(spec, int):
        place = _address_of(argument)
        size = argument.size, argument.itemsize
        return _ARRAYS[spec](0, 0, *size, place, *argument.shape, *argument.strides)
    if isinstance(spec, list):
        return b"".join(map(_words, spec, argument))
    if spec == "none":
        return _WORDS[spec](0)
    if spec[0] == "f":
        return _WORDS[spec](float(argument))
    number = int(argument)
    if number < 0 and spec[0] != "i":
        raise OverflowError("can't convert negative int to unsigned")
    return _WORDS[spec](number)


def _address_of(array: np.ndarray) -> int:
    """Where an array's data lies. NumPy makes a dictionary to say so, which takes five times as long."""
    if array.flags.num & _PLAIN == _PLAIN and array.size:
        return ctypes.addressof(_BYTE_OF(array))  # type: ignore[arg-type]  # an array is a buffer
    return array.__array_interface__["data"][0]


def _exception(status: int, error: ctypes.c_void_p) -> BaseException:
    if status > 0 and error.value:
        told = _Error.from_address(error.value)
        if told.data and told.size > 0 and not told.dynamic:
            of, arguments, *_ = pickle.loads(ctypes.string_at(told.data, told.size))
            return of(*(arguments or ()))
    return RuntimeError(f"compiled code ended with status {status}")
