"""nzip inside other libraries: fsspec, smart_open, shutil's archives. (numcodecs and Zarr 3 find their codecs
by themselves, through entry points: see :mod:`nzip.plugins.zarr` and :mod:`nzip.plugins.zarr3`.)

>>> import nzip.plugins
>>> "shutil" in nzip.plugins.register()  # everything that is installed
True
>>> shutil.make_archive("backup", "nztar", root_dir="notes")  # doctest: +SKIP
>>> fsspec.open("s3://bucket/notes.txt.nz", compression="infer")  # doctest: +SKIP
>>> smart_open.open("notes.txt.nz")  # doctest: +SKIP

No library is imported that is not asked for. Registering twice does nothing. Nothing is registered by an
import alone, but for one thing: where fsspec is imported already, ``import nzip`` registers with it; after
that, or to be sure, :func:`register` is the one line. Concession: a seek in an archive is slow (tarfile
reads from front to back), and members cannot be added to one.
"""

from __future__ import annotations

import errno
import importlib
import importlib.util
import logging
import os
import shutil
import tarfile
from typing import IO, Any, Unpack, cast

from nzip.container.pipeline import StreamEncoder
from nzip.file import File, NzipFile
from nzip.io.safe_output import Output
from nzip.io.streams import read_fully
from nzip.options import Opening, choose_predictor

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
    from fsspec.compression import compr, register_compression  # optional: fsspec

    if "nzip" not in compr:
        register_compression("nzip", _open_stream, "nz")


def register_smart_open() -> None:
    """The suffix ``.nz`` in ``smart_open.open``."""
    from smart_open import compression  # optional: smart_open

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


def _open_stream(file: File, mode: str = "rb", **options: Unpack[Opening]) -> IO[bytes]:
    return cast("IO[bytes]", NzipFile(file, mode.replace("t", ""), **options))


def make_tar(
    base_name: str | os.PathLike[str],
    base_dir: str = os.curdir,
    *,
    owner: str | None = None,
    group: str | None = None,
    dry_run: bool = False,
    logger: logging.Logger | None = None,
    root_dir: str | os.PathLike[str] | None = None,
    level: int | None = None,
    threads: int = 0,
) -> str:
    """A compressed tar of ``base_dir`` (relative to ``root_dir``) at ``base_name + ".tar.nz"``; its path.

    As :func:`shutil.make_archive` calls it. The archive appears whole or not at all, and replaces an older
    one, as with shutil's own formats; neither is packed, if they lie in ``base_dir``. ``owner`` and ``group``
    are names, and LookupError is raised for those that do not exist."""
    path, base_dir = os.fspath(base_name) + ARCHIVE_SUFFIXES[0], os.fspath(base_dir)
    if logger is not None:
        logger.info("Creating tar archive %s", path)
    if dry_run:
        return path
    if os.path.dirname(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)

    user = None if owner is None else _identity("pwd", "getpwnam", owner)
    its_group = None if group is None else _identity("grp", "getgrnam", group)

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        if user is not None and owner is not None:
            member.uid, member.uname = user, owner
        if its_group is not None and group is not None:
            member.gid, member.gname = its_group, group
        return member

    with Output(path, force=True) as output:
        encoder = StreamEncoder(output.write, choose_predictor(level), threads=threads)
        try:
            # typeshed asks a whole file of it, where only `write` is used
            with _Tar.open(mode="w|", fileobj=cast(Any, encoder)) as archive:
                archive.leave_out(path, None if output.is_direct() else output.reread().fileno())
                archive.add(os.path.join(root_dir or "", base_dir), arcname=base_dir, filter=owned)
            encoder.finish()
        finally:
            encoder.close()
        output.commit()
    return path


class _Tar(tarfile.TarFile):
    """Leaves out the archive that it becomes, and the one that this will replace."""

    _path: str
    _directory: os.stat_result
    _temporary: os.stat_result | None

    def leave_out(self, path: str, temporary: int | None) -> None:
        """``path``: of the archive; ``temporary``: the descriptor of the file that it is written to."""
        self._path = path
        self._directory = os.stat(os.path.dirname(path) or os.curdir)
        self._temporary = None if temporary is None else os.fstat(temporary)

    def add(self, name: Any, *args: Any, **options: Any) -> None:
        """As of the base class, which calls this for each file of a folder, too."""
        if not self._is_archive(os.fspath(name)):
            super().add(name, *args, **options)

    def addfile(self, tarinfo: tarfile.TarInfo, fileobj: Any = None) -> None:
        """As of the base class, but that a file is read as everywhere in nzip, and an error names it."""
        try:
            super().addfile(tarinfo, None if fileobj is None else cast(Any, _Member(fileobj)))
        except OSError as error:  # what is written to raises FileError, which is none
            if error.filename is not None:
                raise
            code, said = (
                (error.errno, error.strerror)
                if error.errno
                else (errno.EIO, "became shorter while it was packed")
            )
            raise OSError(code, said, getattr(fileobj, "name", tarinfo.name)) from error

    def _is_archive(self, name: str) -> bool:
        if self._temporary is not None and os.path.samestat(os.lstat(name), self._temporary):
            return True
        # By name and folder: a hard link to the old archive is a file of the user's own.
        same_name = os.path.normcase(os.path.basename(name)) == os.path.normcase(os.path.basename(self._path))
        return same_name and os.path.samestat(os.stat(os.path.dirname(name) or os.curdir), self._directory)


class _Member:
    """A file that is packed: what it has nothing of yet is waited for."""

    def __init__(self, file: IO[bytes]):
        self._file = file

    def read(self, n: int) -> bytes:
        """``n`` bytes, fewer at its end only."""
        return read_fully(self._file, n)


# shutil then leaves the working directory of the process alone.
cast(Any, make_tar).supports_root_dir = True


def unpack_tar(
    filename: str | os.PathLike[str], extract_dir: str | os.PathLike[str], *, filter: Any = None
) -> None:
    """Unpack ``filename`` into ``extract_dir``. ``filter`` as for :meth:`tarfile.TarFile.extractall`; by
    default ``data``, which refuses members that would leave the directory."""
    try:
        with NzipFile(filename) as stream, tarfile.open(mode="r|", fileobj=stream) as archive:
            archive.extractall(extract_dir, filter=filter or "data")
            while stream.read(1 << 20):  # tar stops at its own end mark; the stream's hash comes after it
                continue
    except tarfile.ReadError as error:
        raise shutil.ReadError(f"{filename} is not a compressed tar file") from error


def _identity(module: str, function: str, name: str) -> int:
    try:
        found = getattr(importlib.import_module(module), function)(name)
    except KeyError:
        raise LookupError(f"this system knows no {'user' if module == 'pwd' else 'group'} {name!r}") from None
    return found.pw_uid if module == "pwd" else found.gr_gid
