"""An aarch64 machine in a folder: qemu-user, a Debian root with Python, and the packages that nzip stands on.

    folder/debs    packages of Debian as they came, and apt's own files: the system's are not touched
    folder/qemu    qemu-user-static, where the system has none
    folder/root    the C library, Python and what its modules link to, unpacked
    folder/wheels  numba and the rest for aarch64, from the Python package index
    folder/site    the same, unpacked

Nothing of the root but its Python is ever run, and nothing needs a superuser.

Concession: it needs Linux on x86-64 with apt, dpkg-deb and Debian's keys (debian-archive-keyring), and takes
the newest wheels that pip finds.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

PYTHON = "3.11"  # of SUITE
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"
KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
DEBS = (
    *(f"{name}:arm64" for name in (f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal")),
    f"libpython{PYTHON}-stdlib:arm64",
    *(f"{name}:arm64" for name in ("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libexpat1", "libssl3")),
    *(f"{name}:arm64" for name in ("libffi8", "libbz2-1.0", "liblzma5", "libsqlite3-0", "libuuid1")),
)
TAGS = ("manylinux2014", "manylinux_2_17", "manylinux_2_27", "manylinux_2_28")
WHEELS = ("numpy", "numba", "click", "rich", "xxhash")
ALONE = ("tokenizers",)  # without what it depends on, which only its downloads use


class RootError(Exception):
    """One line: what is missing, and what to do."""


def default_folder() -> Path:
    """Where the machine is kept if nobody says otherwise: the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "nzip-anywhere"


def command(folder: Path) -> list[str]:
    """What runs aarch64's Python. Raises :class:`RootError` where :func:`prepare` has not been."""
    root, qemu = folder / "root", _qemu(folder)
    python = root / "usr" / "bin" / f"python{PYTHON}"
    if qemu is None or not python.exists() or not (folder / "site" / "numba").is_dir():
        raise RootError(f"no aarch64 root in {folder}: make it with python scripts/anywhere.py prepare")
    return [str(qemu), "-L", str(root), str(python)]


def qemu_version(folder: Path) -> str:
    """The first line that qemu says of itself."""
    return _run([command(folder)[0], "--version"]).splitlines()[0]


def prepare(folder: Path) -> None:
    """Fetch and unpack what is missing. Raises :class:`RootError`."""
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    if not (folder / "root" / "usr" / "bin" / f"python{PYTHON}").exists():
        for deb in _download(folder / "debs", DEBS):
            _run(["dpkg-deb", "-x", str(deb), str(folder / "root")])
    if _qemu(folder) is None:
        for deb in _download(folder / "debs", ("qemu-user-static:amd64",)):
            _run(["dpkg-deb", "-x", str(deb), str(folder / "qemu")])
    if not (folder / "site" / "numba").is_dir():
        _wheels(folder)


def _qemu(folder: Path) -> Path | None:
    own = folder / "qemu" / "usr" / "bin" / "qemu-aarch64-static"
    if own.exists():
        return own
    found = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    return Path(found) if found else None


def _download(place: Path, packages: tuple[str, ...]) -> list[Path]:
    """Packages of Debian by an apt of our own; returns the files that are new."""
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None or not KEYS.exists():
        raise RootError(
            f"this needs apt-get, dpkg-deb and {KEYS}: run it on Debian, or make the root by hand"
        )
    (place / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (place / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    (place / "status").touch()
    (place / "sources.list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {SUITE} main\n")
    (place / "apt.conf").write_text(
        f'Dir::State "{place}";\nDir::State::status "{place}/status";\nDir::State::lists "{place}/lists";\n'
        f'Dir::Cache "{place}";\nDir::Etc::SourceList "{place}/sources.list";\n'
        'Dir::Etc::SourceParts "/dev/null";\nAPT::Architecture "arm64";\n'
        'APT::Architectures { "arm64"; "amd64"; };\nAcquire::Languages "none";\n'
        'APT::Sandbox::User "root";\n'  # for root only, whose apt may not read here as another user
    )
    environment = {**os.environ, "APT_CONFIG": str(place / "apt.conf")}
    before = set(place.glob("*.deb"))
    _run(["apt-get", "update", "-q"], cwd=place, env=environment)
    _run(["apt-get", "download", "-q", *packages], cwd=place, env=environment)
    return sorted(set(place.glob("*.deb")) - before)


def _wheels(folder: Path) -> None:
    place = folder / "wheels"
    place.mkdir(exist_ok=True)
    tags = [word for tag in TAGS for word in ("--platform", f"{tag}_aarch64")]
    pip = [sys.executable, "-m", "pip", "download", "-q", "--only-binary=:all:", *tags]
    pip += ["--implementation", "cp", "--python-version", PYTHON, "-d", str(place)]
    _run([*pip, *WHEELS])
    _run([*pip, "--no-deps", *ALONE])
    for wheel in sorted(place.glob("*.whl")):
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder / "site")


def _run(words: list[str], **options) -> str:
    try:
        done = subprocess.run(words, check=False, capture_output=True, text=True, **options)
    except OSError as error:
        raise RootError(f"{words[0]}: {error.strerror}") from error
    if done.returncode:
        raise RootError(
            f"{' '.join(words[:4])} … failed: {(done.stderr.strip() or 'no word').splitlines()[-1]}"
        )
    return done.stdout
