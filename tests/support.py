"""Plain helpers of the tests, apart from conftest.py because there is more than one of that name."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
# The command, by this Python.
NZIP = [sys.executable, "-m", "nzip"]


def corpus_path(name: str) -> Path:
    """A file of the large corpora, as ``dev/alice29.txt``, found by NZIP_CORPORA.

    Unset: the test is skipped. Set but without that file: the test fails.
    """
    root = os.environ.get("NZIP_CORPORA")
    if not root:
        pytest.skip("needs the large corpora: set NZIP_CORPORA")
    path = Path(root) / name
    if not path.exists():
        pytest.fail(f"NZIP_CORPORA is set, but {name} is not there")
    return path


def cache_of_tables(place: Path) -> str:
    """For ``NZIP_CACHE``: an empty cache in ``place``, but for machine code, which takes minutes to make and
    is the session's."""
    from nzip.cache import folders

    place.mkdir(mode=0o700, exist_ok=True)
    code = folders.opened("code", make=True)
    if code is not None and not (place / "code").exists():
        with code, contextlib.suppress(FileExistsError):  # another worker was there first
            (place / "code").symlink_to(code.path.resolve())
    return str(place)


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: bytes
    err: str


def child_output(code: str, **environment: str) -> str:
    """Standard output of ``code`` run by a fresh Python in the repository's root; a failure there fails
    here."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
