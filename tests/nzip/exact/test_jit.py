"""Machine code is kept where there is a place, is never stale, and its absence is never an error."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import cache_of_tables

ROOT = Path(__file__).parents[3]
# Root may write anywhere by a capability, which the process gives up; then modes count for it, too.
AS_ANYBODY = """
import ctypes, os
if os.geteuid() == 0:
    head, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    assert ctypes.CDLL(None, use_errno=True).capset(head, none) == 0, ctypes.get_errno()
"""
on_linux = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="gives up root's rights as Linux does"
)


def python(script: str, *, path=ROOT, **environment: str) -> str:
    """What ``script`` prints in a process of its own."""
    inherited = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("NUMBA", "XDG", "NZIP", "HOME", "PYTHONPATH"))
    }
    done = subprocess.run(
        [sys.executable, "-B", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        cwd="/",
        env={**inherited, "PYTHONPATH": str(path), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WORK = """
import nzip, numba, os
from nzip.coding import binary
assert os.path.commonpath([nzip.__file__, {place!r}]) == {place!r}, nzip.__file__
encoder = binary.BinaryEncoder()
for i in range(200):
    encoder.encode(i % 3 == 0, 1 << 21)
print(encoder.finish().hex(), getattr(binary.encode_bit.stats, "cache_path", None))
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package."""
    shutil.copytree(ROOT / "nzip", tmp_path / "site" / "nzip", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "site"


def read_only(tree: Path) -> None:
    for place in (tree, *tree.rglob("*")):
        place.chmod(0o555 if place.is_dir() else 0o444)


def writable(tree: Path) -> None:
    for place in (tree, *tree.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)


@on_linux
def test_a_read_only_installation(package, tmp_path):
    """Neither the package nor a home can be written: it works all the same, and with a home keeps its code
    there."""
    script = AS_ANYBODY + WORK.format(place=str(package))
    home, locked = tmp_path / "home", tmp_path / "locked"
    home.mkdir()
    locked.mkdir(mode=0o555)
    read_only(package)
    try:
        wanted, place = python(script, path=package, HOME=str(home)).split()
        assert Path(place).is_relative_to(home) and list(Path(place).glob("*.code"))
        for nowhere in (locked, locked / "nonexistent"):
            assert python(script, path=package, HOME=str(nowhere)).split()[0] == wanted
    finally:
        writable(package)


@on_linux
@pytest.mark.parametrize("kept", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_read_only_installation_compresses(package, tmp_path, kept):
    """The whole way at -1, for a user without a home: with the session's machine code where there is a cache,
    by what each process compiles where there is none."""
    script = (
        "import nzip\n"
        "data = b'what is written once is read for ever. ' * 20\n"
        "packed = nzip.compress(data, 1, primer=False)\n"
        "assert nzip.decompress(packed) == data\n"
        "print(len(packed) < 200)\n"
    )
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    place = {"NZIP_CACHE": cache_of_tables(tmp_path / "cache")} if kept else {}
    read_only(package)
    try:
        assert python(AS_ANYBODY + script, path=package, HOME=str(locked), **place).split() == ["True"]
    finally:
        writable(package)


def test_code_is_kept_and_found(package, tmp_path):
    """Outside the package, whose folder stays as it was installed: uninstalling takes away what was
    installed, and whatever else lies there stays. Damaged code is made anew."""
    script = WORK.format(place=str(package)) + "print(binary.encode_bit.found)"
    before = set(package.rglob("*"))

    def run() -> list[str]:
        return python(script, path=package, HOME=str(tmp_path)).split()

    first, second = run(), run()
    assert first[:2] == second[:2] and first[2] == "0" and second[2] == "1"
    kept = list((tmp_path / ".cache" / "nzip" / "code").glob("nzip.coding.binary.encode_bit-*"))
    assert len(kept) == 2  # numba's, and what is called without it
    for one in kept:
        one.write_bytes(one.read_bytes()[:40])
    assert run() == first
    assert set(package.rglob("*")) == before


def test_nothing_is_kept_when_it_is_off(package, tmp_path):
    script = WORK.format(place=str(package)) + "print(binary.encode_bit.found)"
    before = set(package.rglob("*"))
    for _ in range(2):
        assert python(script, path=package, HOME=str(tmp_path), NZIP_CACHE="off").split()[1:] == ["None", "0"]
    assert not list(tmp_path.glob(".cache/*")) and set(package.rglob("*")) == before


SMALL = """
from nzip.exact.jit import njit
@njit(cache=True)
def twice(x):
    return 2 * x
"""


def test_no_damage_reaches_the_loader(tmp_path):
    """One bit of every byte is flipped, the entry is cut at every length and filled with noise: none of it is
    unpickled or linked. Then a few through the whole way: compiled anew, and the entry is whole again."""
    (tmp_path / "small.py").write_text(SMALL)
    script = f"""
import random, small
from pathlib import Path
from nzip.cache import CODE
from nzip.exact import native
from nzip.exact.jit import njit
assert small.twice(21) == 42
entries = sorted(Path({str(tmp_path)!r}).glob("cache/code/small.twice-*.code"))
assert [kept.name.endswith("-c.code") for kept in entries].count(True) == 1 and len(entries) == 2
rng = random.Random(1)
def damaged(whole):
    for at in range(len(whole)):
        yield whole[:at] + bytes([whole[at] ^ 1 << at % 8]) + whole[at + 1:]
        yield whole[:at]
    for size in (1, 47, 48, 49, len(whole), len(whole) + 1):
        yield rng.randbytes(size)
        yield (whole + bytes(size))[:len(whole) + size]
count, machine = 0, native.machine
for kept in entries:
    name, whole = kept.name.removesuffix(".code"), kept.read_bytes()
    assert whole.endswith(CODE.get(name))
    for bad in damaged(whole):
        kept.write_bytes(bad)
        assert CODE.get(name) is None, len(bad)
        count += 1
    kept.rename(kept.with_name("small.other-0-0.code"))
    kept.with_name("small.other-0-0.code").write_bytes(whole)
    assert CODE.get("small.other-0-0") is None  # another's entry under this name
    # By numba's entry alone, and without.
    native.machine = machine if name.endswith("-c") else lambda: None
    for at in (0, 20, 40, 60, len(whole) // 2, len(whole) - 1):
        kept.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1:])
        again = njit(cache=True)(small.twice.py_func)
        assert again(21) == 42 and not again._natives.get(("i8",))
        assert CODE.get(name) is not None
        again = njit(cache=True)(small.twice.py_func)
        assert again(21) == 42 and again.found == 1
assert count > 10_000
print("fine")
"""
    cache = str(tmp_path / "cache")
    path = f"{tmp_path}{os.pathsep}{ROOT}"
    assert python(script, path=path, NZIP_CACHE=cache) == "fine\n"


def test_what_numba_keeps_by_itself_does_not_matter(package, tmp_path):
    """Poison where numba would look for its own cache: nothing of it is read."""
    poison = b"cos\nabort\n(tR."
    places = (package / "nzip" / "coding" / "__pycache__", tmp_path / "numba")
    for place in places:
        place.mkdir()
    script = WORK.format(place=str(package)) + "print(binary.encode_bit.found)"
    lines = (package / "nzip" / "coding" / "binary.py").read_text().splitlines()
    at = 1 + next(i for i, line in enumerate(lines) if line.startswith("def encode_bit("))
    for line in range(at - 3, at + 1):
        for place in places:
            name = f"binary.encode_bit-{line}.py{sys.version_info[0]}{sys.version_info[1]}"
            (place / f"{name}.nbi").write_bytes(poison)
            (place / f"{name}.1.nbc").write_bytes(poison)
    place = {"HOME": str(tmp_path), "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    assert python(script, path=package, **place).split()[2] == "0"
    assert python(script, path=package, **place).split()[2] == "1"


def test_processes_at_once_keep_each_others_code(tmp_path):
    """Four processes compile the same five functions for two types, each beginning elsewhere: all is kept."""
    functions = "".join(f"@njit(cache=True)\ndef f{i}(x):\n    return x + {i}\n" for i in range(5))
    (tmp_path / "small.py").write_text(f"from nzip.exact.jit import njit\n{functions}")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}",
        "NZIP_CACHE": str(tmp_path / "c"),
    }
    script = (
        "import small, sys; first = int(sys.argv[1])\n"
        "for kind in (int, float):\n"
        "    for i in range(5):\n        getattr(small, f'f{(first + i) % 5}')(kind(1))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-B", "-c", script, str(i)], env=environment) for i in range(4)
    ]
    assert [process.wait() for process in running] == [0] * 4
    assert len(list((tmp_path / "c" / "code").iterdir())) == 20  # each twice: with and without numba
    script = (
        "import small; print([getattr(small, f'f{i}')(kind(1)) for kind in (int, float) for i in range(5)],"
        "sum(getattr(small, f'f{i}').found for i in range(5)))"
    )
    found = python(script, path=environment["PYTHONPATH"], NZIP_CACHE=environment["NZIP_CACHE"])
    assert found == "[1, 2, 3, 4, 5, 1.0, 2.0, 3.0, 4.0, 5.0] 10\n"


def test_functions_of_one_factory_are_told_apart(tmp_path):
    """Their code was made in different processes, where numba counts its symbols anew; a third links both."""
    (tmp_path / "made.py").write_text(
        "from nzip.exact.jit import njit\n"
        "def make(number):\n    @njit(cache=True)\n"
        "    def add(x):\n        return x + number\n    return add\n"
        "one, two = make(1), make(2)\n"
        "@njit(cache=True)\ndef both(x):\n    return one(x) * 100 + two(x)\n"
    )
    place = {"path": f"{tmp_path}{os.pathsep}{ROOT}", "NZIP_CACHE": str(tmp_path / "cache")}
    assert python("import made; print(made.one(1))", **place) == "2\n"
    assert python("import made; print(made.two(1))", **place) == "3\n"
    hits = "[f.found for f in (made.one, made.two, made.both)]"
    script = f"import made; print(made.two(1), made.one(1), made.both(1), {hits})"
    assert python(script, **place) == "3 2 203 [1, 1, 0]\n"
    assert python(script, **place) == "3 2 203 [1, 1, 1]\n"


def test_code_over_a_compiled_function_is_found_again(tmp_path):
    """Whatever the process did with that function before: a closure's key once held what was compiled of it,
    and the loop of small experts was compiled in every process."""
    (tmp_path / "made.py").write_text(
        "from nzip.exact.jit import njit\n"
        "@njit(cache=True)\ndef inner(x):\n    return x + 1\n"
        "def make(step):\n    @njit(cache=True)\n"
        "    def twice(x):\n        return step(step(x))\n    return twice\n"
        "twice = make(inner)\n"
    )
    place = {"path": f"{tmp_path}{os.pathsep}{ROOT}", "NZIP_CACHE": str(tmp_path / "cache")}
    found = "print(made.twice(1), made.twice.found)"
    assert python(f"import made; {found}", **place) == "3 0\n"
    assert python(f"import made; made.inner(2); made.inner(2.5); {found}", **place) == "3 1\n"
    assert python(f"import made, numba; made.twice.dispatcher; {found}", **place) == "3 1\n"


STALE = {
    "numbers.py": "HERE = {n}\n",
    "helper.py": (
        "from nzip.exact.jit import njit\nfrom pkg.numbers import HERE\n"
        "@njit(cache=True)\ndef add(x):\n    return x + HERE\n"
    ),
    "main.py": (
        "from nzip.exact.jit import njit\nfrom pkg.helper import add\n"
        "@njit(cache=True)\ndef run(x):\n    return add(x) * 2 + later(x)\n"
        "@njit(cache=True)\ndef later(x):\n    return 0\n"
    ),
}


def test_code_is_never_stale(tmp_path):
    """A constant two files away changes, and with it what the function gives; the files between have not
    changed."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    script = "from pkg.main import run; print(run(1), run.found)"
    found = []
    for n in (5, 5, 7, 7):
        for name, text in STALE.items():
            (tmp_path / "pkg" / name).write_text(text.format(n=n))
        found.append(python(script, path=f"{tmp_path}{os.pathsep}{ROOT}", HOME=str(tmp_path)).split())
    assert found == [["12", "0"], ["12", "1"], ["16", "0"], ["16", "1"]]


MADE = {
    "numbers.py": "HERE = {n}\n",
    "maker.py": (
        "from nzip.exact.jit import njit\nfrom pkg.numbers import HERE\n"
        "def make(number):\n    @njit(cache=True)\n"
        "    def add(x):\n        return x + number\n    return add\n"
        "add = make(HERE)\n"
    ),
    "main.py": (
        "from nzip.exact.jit import njit\nfrom pkg.maker import add\n"
        "@njit(cache=True)\ndef run(x):\n    return add(x) * 2\n"
    ),
}


def test_code_that_calls_a_closure_is_never_stale(tmp_path):
    """What a function was made with changes, and so does the code of who calls it."""
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    script = "from pkg.main import run; print(run(1), run.found)"
    found = []
    for n in (5, 5, 7):
        for name, text in MADE.items():
            (tmp_path / "pkg" / name).write_text(text.format(n=n))
        found.append(python(script, path=f"{tmp_path}{os.pathsep}{ROOT}", HOME=str(tmp_path)).split())
    assert found == [["12", "0"], ["12", "1"], ["16", "0"]]


MODULES = {
    "numbers.py": "HERE = {n}\n",
    "helper.py": (
        "from nzip.exact.jit import njit\nfrom pkg import numbers\n"
        "@njit(cache=True)\ndef add(x):\n    return x + numbers.HERE\n"
    ),
    "main.py": (
        "from nzip.exact.jit import njit\nfrom pkg import helper\n"
        "@njit(cache=True)\ndef run(x):\n    return helper.add(x) * 2\n"
    ),
}


def test_code_that_reaches_through_modules_is_never_stale(tmp_path):
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    script = "from pkg.main import run; print(run(1), run.found)"
    found = []
    for n in (10, 10, 20):
        for name, text in MODULES.items():
            (tmp_path / "pkg" / name).write_text(text.format(n=n))
        found.append(python(script, path=f"{tmp_path}{os.pathsep}{ROOT}", HOME=str(tmp_path)).split())
    assert found == [["22", "0"], ["22", "1"], ["42", "0"]]


# What a function calls in another package: the import, the call, and where the helper lies.
ELSEWHERE = (
    ("from other.direct import add as direct", "direct", "other/direct.py"),
    ("from other import module", "module.add", "other/module.py"),
    ("import other.dotted", "other.dotted.add", "other/dotted.py"),
    ("import plain", "plain.add", "plain.py"),
    ("from nzip.coding import extra", "extra.add", "nzip/coding/extra.py"),
)


def test_code_that_calls_other_packages_is_never_stale(package):
    """``njit`` serves packages beside nzip (the lab), and plain modules: a helper changes in another file of
    another package, nzip's included, and so does the result."""
    callers = ("lab/main.py", "script.py")
    for folder in ("lab", "other"):
        (package / folder).mkdir()
        (package / folder / "__init__.py").touch()
    for caller in callers:
        text = "from nzip.exact.jit import njit\n" + "".join(f"{line}\n" for line, _, _ in ELSEWHERE)
        for i, (_, call, _) in enumerate(ELSEWHERE):
            text += f"@njit(cache=True)\ndef run{i}(x):\n    return {call}(x) * 2\n"
        (package / caller).write_text(text)
    script = (
        "import lab.main, script\n"
        f"names = [f'run{{i}}' for i in range({len(ELSEWHERE)})]\n"
        "for run in [getattr(module, name) for module in (lab.main, script) for name in names]:\n"
        "    print(run(1), run.found)\n"
    )
    found = []
    for n in (5, 5, 7):
        for _, _, place in ELSEWHERE:
            (package / place).write_text(
                f"from nzip.exact.jit import njit\n@njit(cache=True)\ndef add(x):\n    return x + {n}\n"
            )
        found.append(set(python(script, path=package, HOME=str(package)).splitlines()))
    assert found == [{"12 0"}, {"12 1"}, {"16 0"}]


def test_a_full_disk_is_no_error(monkeypatch):
    from nzip.cache import store
    from nzip.exact.jit import njit

    tried = []

    def full(*_):
        tried.append(True)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.Store, "_write", full)

    @njit(cache=True)
    def twice(x):
        return 2 * x

    assert twice(21) == 42 and tried


def test_signatures_are_compiled_at_once(tmp_path, monkeypatch):
    """By numba at the first call; what it left converts as the signature says, and takes nothing else."""
    from nzip.exact.jit import njit

    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    for found in (0, 1):

        @njit("uint64(uint64, float64, uint8[::1])", cache=True)
        def some(x, y, z):
            return 3 * x + np.uint64(y) + z[0]

        array = np.array([7, 8], np.uint8)
        assert some(5, 2, array) == 24 and some(np.uint8(5), True, array) == 23 and some.found == 2 * found
        for bad in (
            ("text", 2, array),
            (5, 2, array.astype(np.int64)),
            (5, 2, array[::-1]),
            (5, 2),
            (5, 2, 3),
        ):
            with pytest.raises(TypeError):
                some(*bad)
        with pytest.raises(OverflowError):
            some(-1, 2, array)


def test_every_compiled_function_of_the_package_uses_it():
    """No module takes numba's own njit with a cache, which fails where nothing can be written."""
    import re

    for source in (ROOT / "nzip").rglob("*.py"):
        if source.name not in ("jit.py", "numba_cache.py"):
            assert not re.search(r"^from numba import .*\bn?jit\b", source.read_text(), re.MULTILINE), source
