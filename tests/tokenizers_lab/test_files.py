"""Files of arrays: what they claim costs no memory."""

import io
import tracemalloc
import zipfile

import numpy as np
import pytest

from tokenizers_lab.errors import DataError
from tokenizers_lab.files import pack_arrays, unpack_arrays


def member(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text + data


def archive(method=zipfile.ZIP_DEFLATED, **members) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, raw in members.items():
            file.writestr(name + ".npy", raw)
    return out.getvalue()


def header(shape, dtype="<i8", fortran=False) -> str:
    return repr({"descr": dtype, "fortran_order": fortran, "shape": shape})


HEAD = member(header((2,), "|u1"), b"{}")
# Made when they are asked for: each of xdist's workers reads this file, and one of these is of 200 MB.
BAD = {
    "a shape of 8 TB": lambda: archive(head=HEAD, a=member(header((10**12,)), bytes(8))),
    "a shape beyond 64 bits": lambda: archive(head=HEAD, a=member(header((1 << 62, 1 << 62)), bytes(8))),
    "a negative shape": lambda: archive(head=HEAD, a=member(header((-1, -1)), bytes(8))),
    "strings of 2 GB": lambda: archive(head=HEAD, a=member(header((1,), "<U500000000"), bytes(8))),
    "items without bytes": lambda: archive(head=HEAD, a=member(header((10**12,), "|V0"))),
    "Python objects": lambda: archive(head=HEAD, a=member(header((1,), "|O"), bytes(8))),
    "no array": lambda: archive(head=HEAD, a=b"not an array"),
    "zeros without end": lambda: archive(head=HEAD, a=member(header((200 << 20,), "|u1"), bytes(200 << 20))),
    "bzip2": lambda: archive(zipfile.ZIP_BZIP2, head=HEAD, a=member(header((1,)), bytes(8))),
    "lzma": lambda: archive(zipfile.ZIP_LZMA, head=HEAD),
    "no head": lambda: archive(a=member(header((1,)), bytes(8))),
    "cut": lambda: archive(head=HEAD)[:-30],
    "one array alone": lambda: member(header((1,)), bytes(8)),
    "too little": lambda: archive(head=HEAD, a=member(header((4,)), bytes(8))),
    "too much": lambda: archive(head=HEAD, a=member(header((4,)), bytes(99))),
    "a header of version 9": lambda: archive(head=HEAD, a=b"\x93NUMPY\x09\0" + bytes(99)),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_claimed_shape_allocates_nothing(kind, tmp_path):
    (tmp_path / "x").write_bytes(BAD[kind]())
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="damaged"):
            unpack_arrays(tmp_path / "x")
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
    finally:
        tracemalloc.stop()


def test_arrays_come_back(tmp_path):
    arrays = {
        "a": np.arange(12, dtype=np.int32).reshape(3, 4),
        "none": np.zeros((0, 3), np.int32),
        "zeros": np.zeros(9 << 20, np.uint8),
    }
    (tmp_path / "x").write_bytes(pack_arrays({"kind": "x"}, arrays))
    head, found = unpack_arrays(tmp_path / "x")
    assert head == {"kind": "x"} and set(found) == set(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert np.array_equal(found[name], array)
    raw = io.BytesIO()
    np.lib.format.write_array(raw, np.asfortranarray(arrays["a"]))
    (tmp_path / "y").write_bytes(archive(head=HEAD, a=raw.getvalue()))
    assert np.array_equal(unpack_arrays(tmp_path / "y")[1]["a"], arrays["a"])
