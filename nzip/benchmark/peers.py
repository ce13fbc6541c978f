"""The programs nzip is measured against: how each is called, and how it tells its version.

Settings are those a user picks for size, on one thread. A command is a list of arguments in which IN and OUT
stand for the files; a program that only writes to standard output says so by ``stdout``. A peer that is not
installed is named and skipped.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One program at one setting. ``suffix``: of its archives, where it insists on one."""

    key: str
    label: str
    compress: tuple[str, ...]
    decompress: tuple[str, ...]
    version: tuple[str, ...]
    suffix: str = ".packed"
    compress_to_stdout: bool = False
    decompress_to_stdout: bool = False

    @property
    def program(self) -> str:
        """The executable's name."""
        return self.compress[0]

    def installed(self) -> bool:
        """Is it on the path?"""
        return shutil.which(self.program) is not None

    def version_string(self) -> str:
        """What it says of itself: the first thing that looks like a version."""
        said = subprocess.run(
            self.version, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )
        found = re.search(r"\d+\.\d+(\.\d+)?|\bv\d+", said.stdout + said.stderr)
        return found.group() if found else "unknown"


def _peer(
    key: str, label: str, compress: str, decompress: str, version: str = "--version", **options
) -> Peer:
    program = compress.split()[0]
    return Peer(
        key, label, tuple(compress.split()), tuple(decompress.split()), (program, *version.split()), **options
    )


PEERS: dict[str, Peer] = {
    peer.key: peer
    for peer in (
        _peer(
            "gzip",
            "gzip -9",
            "gzip -9 -c IN",
            "gzip -d -c IN",
            suffix=".gz",
            compress_to_stdout=True,
            decompress_to_stdout=True,
        ),
        _peer("zstd", "zstd --ultra -22", "zstd -q --ultra -22 -T1 -f IN -o OUT", "zstd -q -d -f IN -o OUT"),
        _peer("brotli", "brotli -q 11 -w 24", "brotli -q 11 -w 24 -f IN -o OUT", "brotli -d -f IN -o OUT"),
        _peer(
            "xz",
            "xz -9e",
            "xz -9e -T1 -c IN",
            "xz -d -c IN",
            suffix=".xz",
            compress_to_stdout=True,
            decompress_to_stdout=True,
        ),
        _peer("bzip3", "bzip3 -b 16", "bzip3 -f -e -b 16 IN OUT", "bzip3 -f -d IN OUT"),
        _peer(
            "7z",
            "7z PPMd o6 256 MB",
            "7z a -bd -m0=PPMd:o=6:mem=256m -mmt=1 OUT IN",
            "7z x -bd -so IN",
            "i",
            suffix=".7z",
            decompress_to_stdout=True,
        ),
        *(
            _peer(
                f"kanzi{level}",
                f"kanzi -l {level}",
                f"kanzi -c -i IN -o OUT -l {level} -b 64m -j 1 -f",
                "kanzi -d -i IN -o OUT -j 1 -f",
                "-h",
                suffix=".knz",
            )
            for level in (7, 8, 9)
        ),
        _peer("bsc", "bsc -e2", "bsc e IN OUT -b64 -e2 -tT", "bsc d IN OUT -tT", ""),
        *(
            _peer(
                f"paq8px{name}",
                f"paq8px -8{name}T",
                f"paq8px -8{name}T IN OUT",
                "paq8px -d IN OUT",
                "",
                suffix=".paq8px",
            )
            for name in ("", "L")
        ),
        _peer(
            "zpaq",
            "zpaq -m5",
            "zpaq a OUT IN -m5 -t1",
            "zpaq x IN data -to OUT -t1 -force",
            "",
            suffix=".zpaq",
        ),
    )
}
