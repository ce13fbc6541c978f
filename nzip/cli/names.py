"""Where output goes: file names from file names, by suffix, as gzip and xz do it."""

from __future__ import annotations

import os

import click

from nzip.safe_output import FileError

STDIN = "-"
# Like .txz and .tgz: what the short form of a tar archive stands for.
_SHORT = {".tnz": ".tar"}


def targets(path: str, given: dict, derive) -> tuple[str, str]:
    """How to call the input, and where the output goes ('-' for standard output)."""
    name = "standard input" if path == STDIN else path
    if given["to_stdout"] or given["output"] == STDIN:
        return name, STDIN
    if given["output"] is not None:
        return name, given["output"]
    return name, STDIN if path == STDIN else derive(path, given)


def compressed_name(path: str, given: dict) -> str:
    suffix = _suffix(given)
    if path.endswith((suffix, *_SHORT)) and not given["force"]:
        raise FileError(f"{path}: has the suffix {suffix} already, skipping (-f to compress it again)")
    return path + suffix


def decompressed_name(path: str, given: dict) -> str:
    suffix = _suffix(given)
    directory, name = os.path.split(path)
    for end, becomes in ((suffix, ""), *_SHORT.items()):
        if name.endswith(end) and len(name) > len(end):
            return os.path.join(directory, name[: -len(end)] + becomes)
    raise FileError(f"{path}: unknown suffix, expected {suffix}: name the output with -o, or use -c")


def _suffix(given: dict) -> str:
    suffix = given["suffix"]
    if not suffix or "/" in suffix or "\0" in suffix:
        raise click.UsageError(f"{suffix!r} cannot be a suffix")
    return suffix
