"""Machine code as an image of memory: what the linker's work gives, and what is refused."""

from __future__ import annotations

import ctypes

import llvmlite.binding as llvm
import pytest
from test_jit import ROOT, python

from nzip.exact import cpuid, image

pytestmark = pytest.mark.skipif(not image.possible(), reason="images are for Linux on x86-64")

FIRST = """
@counter = global i64 5
@constant = private constant [3 x i64] [i64 10, i64 20, i64 30]
@places = constant [2 x ptr] [ptr @constant, ptr @counter]
@empty = common global i64 0
declare i64 @labs(i64)
declare ptr @memset(ptr, i32, i64)
define i64 @count(i64 %by) {
  %was = load i64, ptr @counter
  %now = add i64 %was, %by
  store i64 %now, ptr @counter
  %common = load i64, ptr @empty
  %other = add i64 %common, 1
  store i64 %other, ptr @empty
  %place = load ptr, ptr @places
  %at = getelementptr i64, ptr %place, i64 %common
  %found = load i64, ptr %at
  %positive = call i64 @labs(i64 %now)
  %sum = add i64 %found, %positive
  ret i64 %sum
}
"""
SECOND = """
declare i64 @count(i64)
define i64 @call(i64 %by) {
  %found = call i64 @count(i64 %by)
  %doubled = mul i64 %found, 2
  ret i64 %doubled
}
"""


def objects(*texts: str, model: str = "jitdefault") -> list[bytes]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True, codemodel=model)
    return [machine.emit_object(llvm.parse_assembly(text)) for text in texts]


@pytest.mark.parametrize("model", ["jitdefault", "large", "small"])
def test_objects_that_call_each_other(model):
    """Data that is written to, constants with addresses in them, common data, functions of the C library;
    each image has data of its own."""
    try:
        found = image.laid_out(objects(FIRST, SECOND, model=model), "call")
    except RuntimeError:
        pytest.skip("LLVM has no such model")
    if found is None:
        assert model == "small"  # calls the C library by a near reference
        return
    for _ in range(2):
        call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(image.placed(found, image.symbol))
        assert [call(-8), call(4), call(9)] == [2 * (10 + 3), 2 * (20 + 1), 2 * (30 + 10)]


def test_what_is_no_image():
    one, two = objects(FIRST, SECOND)
    assert image.laid_out([two], "call").others.keys() == {"count"}
    assert image.placed(image.laid_out([two], "call"), image.symbol) is None
    assert image.laid_out([one, two], "another") is None
    thread = "@mine = thread_local global i64 1\ndefine ptr @call() {\nret ptr @mine\n}\n"
    assert image.laid_out(objects(thread), "call") is None
    for cut in (b"", one[:3], one[:100], one[:-100], b"\x7fELF\x01\x01" + one[6:]):
        assert image.laid_out([cut], "count") is None


def test_code_is_never_both_written_and_run():
    placed = image.placed(image.laid_out(objects(FIRST, SECOND), "call"), image.symbol)
    with open("/proc/self/maps") as maps:
        for line in maps:
            place, rights, *_ = line.split()
            first, last = (int(end, 16) for end in place.split("-"))
            if first <= placed < last:
                assert rights.startswith("r-xp")
                return
    pytest.fail("the code is nowhere")


def test_the_processor_is_what_llvm_says():
    features = llvm.get_host_cpu_features()
    known = ("avx2", "avx512f", "avx512bw", "avx512vl", "avx512vnni")
    assert cpuid.sets() == {name for name in known if features.get(name)}
    assert cpuid.facts() == cpuid.facts.__wrapped__()
    elsewhere = python("from nzip.exact import cpuid; print(cpuid.facts())")
    assert elsewhere.strip() == repr(cpuid.facts())


def test_no_more_code_where_the_system_says_so(monkeypatch):
    class Refusing:
        def __init__(self, _):
            self.mprotect = self._refuse

        @staticmethod
        def _refuse(*_):
            return -1

    monkeypatch.setattr(Refusing._refuse, "argtypes", None, raising=False)
    found = image.laid_out(objects(FIRST, SECOND), "call")
    monkeypatch.setattr(ctypes, "CDLL", Refusing)
    assert image.placed(found, image.symbol) is None


def test_nothing_of_a_compiler_is_imported(tmp_path):
    """A function that an earlier process compiled needs neither numba nor llvmlite."""
    (tmp_path / "own.py").write_text(
        "from nzip.exact.jit import njit\n@njit(cache=True)\ndef double(x):\n    return 2 * x\n"
    )
    code = "import sys\nfrom own import double\nprint(double(4), {'numba', 'llvmlite'} & set(sys.modules))"
    place = {"path": f"{tmp_path}:{ROOT}", "NZIP_CACHE": str(tmp_path / "cache")}
    python(code, **place)
    assert python(code, **place).strip() == "8 set()"
