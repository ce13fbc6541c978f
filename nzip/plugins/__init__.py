"""nzip inside other libraries: fsspec, smart_open, shutil's archives. (numcodecs finds its codec by itself,
through an entry point: see :mod:`nzip.plugins.zarr`.)

>>> import nzip.plugins
>>> nzip.plugins.register()          # everything that is installed
>>> shutil.make_archive("backup", "nztar", root_dir="notes")
>>> fsspec.open("s3://bucket/notes.txt.nz", compression="infer")
>>> smart_open.open("notes.txt.nz")

Nothing is registered by an import alone, and no library is imported that is not asked for. Registering
twice does nothing.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tarfile

SUFFIX = ".nz"
ARCHIVE_SUFFIXES = (".tar.nz", ".tnz")
ARCHIVE_FORMAT = "nztar"


def register() -> list[str]:
    """Register with shutil, and with fsspec and smart_open where they are installed. Returns their names."""
    register_shutil()
    done = ["shutil"]
    for name, call in (("fsspec", register_fsspec), ("smart_open", register_smart_open)):
        if importlib.util.find_spec(name) is not None:
            call()
            done.append(name)
    return done


def register_fsspec() -> None:
    """``compression="nzip"``, and the suffix ``.nz`` under ``compression="infer"``."""
    from fsspec.compression import compr, register_compression

    if "nzip" not in compr:
        register_compression("nzip", _open_stream, "nz")


def register_smart_open() -> None:
    """The suffix ``.nz`` in ``smart_open.open``."""
    from smart_open import compression

    if SUFFIX not in compression.get_supported_extensions():
        compression.register_compressor(SUFFIX, _open_stream)


def register_shutil() -> None:
    """The archive format ``nztar`` (``.tar.nz``, ``.tnz``) in ``shutil.make_archive`` and
    ``unpack_archive``."""
    if ARCHIVE_FORMAT not in {name for name, _ in shutil.get_archive_formats()}:
        shutil.register_archive_format(ARCHIVE_FORMAT, make_tar, description="nzip'ed tar file")
    if ARCHIVE_FORMAT not in {name for name, _, _ in shutil.get_unpack_formats()}:
        shutil.register_unpack_format(
            ARCHIVE_FORMAT, list(ARCHIVE_SUFFIXES), unpack_tar, description="nzip'ed tar file"
        )


def _open_stream(file, mode: str = "rb", **options):
    from nzip.file import NzipFile

    return NzipFile(file, mode.replace("t", ""), **options)


def make_tar(
    base_name,
    base_dir=os.curdir,
    *,
    owner=None,
    group=None,
    dry_run=False,
    logger=None,
    root_dir=None,
    level=None,
    threads=0,
) -> str:
    """A compressed tar of ``base_dir`` (relative to ``root_dir``) at ``base_name + ".tar.nz"``; its path.

    As :func:`shutil.make_archive` calls it. The archive appears whole or not at all, and replaces an older
    one, as with shutil's own formats."""
    from nzip.api import choose_predictor
    from nzip.container.pipeline import StreamEncoder
    from nzip.safe_output import Output

    path = os.fspath(base_name) + ARCHIVE_SUFFIXES[0]
    if logger is not None:
        logger.info("Creating tar archive %s", path)
    if dry_run:
        return path
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if owner is not None:
            member.uid, member.uname = _identity("pwd", "getpwnam", owner), owner
        if group is not None:
            member.gid, member.gname = _identity("grp", "getgrnam", group), group
        return member

    with Output(path, force=True) as output:
        encoder = StreamEncoder(output.write, choose_predictor(level), threads=threads)
        try:
            with tarfile.open(mode="w|", fileobj=encoder) as archive:
                archive.add(os.path.join(root_dir or "", base_dir), arcname=base_dir, filter=owned)
            encoder.finish()
        finally:
            encoder.close()
        output.commit()
    return path


# shutil then leaves the working directory of the process alone.
make_tar.supports_root_dir = True


def unpack_tar(filename, extract_dir, *, filter=None) -> None:
    """Unpack ``filename`` into ``extract_dir``. ``filter`` as for :meth:`tarfile.TarFile.extractall`; by
    default ``data``, which refuses members that would leave the directory."""
    from nzip.file import NzipFile

    try:
        with NzipFile(filename) as stream, tarfile.open(mode="r|", fileobj=stream) as archive:
            archive.extractall(extract_dir, filter=filter or "data")
    except tarfile.ReadError as error:
        raise shutil.ReadError(f"{filename} is not a compressed tar file") from error


def _identity(module: str, function: str, name: str) -> int:
    found = getattr(importlib.import_module(module), function)(name)
    return found.pw_uid if module == "pwd" else found.gr_gid
