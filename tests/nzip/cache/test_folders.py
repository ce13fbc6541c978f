"""Whose folders are used: the user's own or root's, that nobody else may write to. Others are left alone,
neither read nor written, and one line says so."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest
from support import ROOT

from nzip import NzipError, cache
from nzip.cache import folders
from nzip.cache.store import Store

SMALL = Store("small", ".thing", 10_000)
STRANGER = 12345
as_posix = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="no owners and modes here")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to another user, as root alone can"
)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """A cache with an entry; the folder it is in."""
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    assert SMALL.put("x", [b"content"])
    folders._tell.cache_clear()
    return tmp_path / "cache" / "small"


def left_alone(place: Path, why: str) -> None:
    before = {p: p.lstat().st_mtime_ns for p in place.resolve().rglob("*")}
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert SMALL.get("x") is None
        assert not SMALL.put("x", [b"new"]) and not SMALL.put("y", [b"new"])
        assert SMALL.read("x") is None and not SMALL.holds("x")
    (said,) = told  # once
    assert said.category is cache.CacheWarning and re.search(why, str(said.message))
    assert {p: p.lstat().st_mtime_ns for p in place.resolve().rglob("*")} == before


@as_posix
@pytest.mark.parametrize("mode", [0o777, 0o702, 0o720, 0o1777])
@pytest.mark.parametrize("which", ["the cache", "the kind's folder"])
def test_a_folder_that_others_may_write_to(place, mode, which):
    (place if which == "the kind's folder" else place.parent).chmod(mode)
    left_alone(place, "may be written by others")


@as_root
@pytest.mark.parametrize("which", ["the cache", "the kind's folder"])
def test_a_folder_of_another_user(place, which):
    os.chown(place if which == "the kind's folder" else place.parent, STRANGER, -1)
    left_alone(place, f"belongs to another user .{STRANGER}.")


@as_root
@pytest.mark.parametrize("which", ["the cache", "the kind's folder"])
def test_a_link_of_another_user(place, which, tmp_path):
    """It leads to a folder of ours, today."""
    folder = place if which == "the kind's folder" else place.parent
    folder.rename(tmp_path / "behind")
    folder.symlink_to(tmp_path / "behind")
    assert SMALL.get("x") == b"content"  # our own link
    os.lchown(folder, STRANGER, -1)
    left_alone(place, "belongs to another user")


@as_root
def test_a_file_of_another_user_or_that_others_may_write_to(place):
    os.chown(place / "x.thing", STRANGER, -1)
    assert SMALL.get("x") is None
    assert SMALL.put("x", [b"new"]) and SMALL.get("x") == b"new"  # replaced, not written to
    (place / "x.thing").chmod(0o666)
    assert SMALL.get("x") is None


@as_root
def test_roots_folder_serves_others(monkeypatch):
    """A cache that root filled and nobody else may write to is read by all and written by none; what another
    user keeps is not root's to run."""
    with tempfile.TemporaryDirectory() as above:
        monkeypatch.setenv("NZIP_CACHE", f"{above}/cache")
        SMALL.put("x", [b"content"])
        place = Path(above, "cache", "small")
        for folder in (Path(above), place.parent, place):
            folder.chmod(0o755)
        (place / "x.thing").chmod(0o644)
        try:
            os.seteuid(STRANGER)
            found = SMALL.get("x"), SMALL.put("y", [b""])
        finally:
            os.seteuid(0)
        assert found == (b"content", False)
        os.chown(place / "x.thing", STRANGER, -1)
        assert SMALL.get("x") is None


@as_posix
def test_code_of_a_folder_that_others_may_write_to_is_not_run(place, tmp_path):
    """It is compiled anew each time, and the command line says so in one line."""
    (tmp_path / "small.py").write_text(
        "from nzip.exact.jit import njit\n@njit(cache=True)\ndef twice(x):\n    return 2 * x\n"
    )
    script = (
        "from nzip.cli import main\nmain.run(['levels', '--json'])\n"
        "import small\nprint(small.twice(21), small.twice.found)"
    )
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    found = []
    for mode in (0o700, 0o700, 0o777, 0o777):
        place.parent.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
        )
        found.append((done.stdout.splitlines()[-1], done.stderr))
    told = f"nzip: the cache is left alone: {place.parent} may be written by others (chmod go-w)\n"
    assert found == [("42 0", ""), ("42 1", ""), ("42 0", told), ("42 0", told)]


def test_a_user_without_a_home(monkeypatch):
    monkeypatch.delenv("NZIP_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cache.home() is None and cache.folder("code") is None
        assert SMALL.get("x") is None and not SMALL.put("x", [b""])
    with pytest.raises(NzipError, match="NZIP_MODELS"):
        cache.models()
    assert cache.info()[-1].path is None


def test_models_lie_in_the_cache_unless_told_otherwise(tmp_path, monkeypatch):
    monkeypatch.delenv("NZIP_MODELS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "cache"))
    assert cache.models() == tmp_path / "cache" / "models"
    for none in ("off", ""):
        monkeypatch.setenv("NZIP_CACHE", none)
        assert cache.models() == tmp_path / "home" / "nzip" / "models"
    monkeypatch.setenv("NZIP_MODELS", str(tmp_path / "mine"))
    assert cache.models() == tmp_path / "mine"


def test_folders_above_are_made_for_the_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("NZIP_CACHE", str(tmp_path / "a" / "b" / "c"))
    before = os.umask(0)
    try:
        assert SMALL.put("x", [b"content"])
    finally:
        os.umask(before)
    assert SMALL.get("x") == b"content"
    if os.name == "posix":
        assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700
