"""Files of other compressors, told by their first bytes, so that an error can say what a file is rather than
what it is not.

Concession: formats without a magic number (brotli) are not known, and the two bytes of gzip and compress may
begin other files, too; this only ever chooses the words of an error.
"""

from __future__ import annotations

# Enough of a file's start for `what_is`: tar's magic stands at byte 257.
ENOUGH = 512

_TAR_AT = 257
# First bytes: the format's name, and how to read it.
_KNOWN = (
    (b"\xfd7zXZ\x00", "xz", "xz -d"),
    (b"\x1f\x8b", "gzip", "gzip -d"),
    (b"\x28\xb5\x2f\xfd", "zstd", "zstd -d"),
    (b"BZh", "bzip2", "bzip2 -d"),
    (b"BZ3v1", "bzip3", "bzip3 -d"),
    (b"\x04\x22\x4d\x18", "lz4", "lz4 -d"),
    (b"\x02\x21\x4c\x18", "lz4", "lz4 -d"),
    (b"LZIP", "lzip", "lzip -d"),
    (b"\x5d\x00\x00", "lzma", "xz -d"),
    (b"\x1f\x9d", "compress (.Z)", "gzip -d"),
    (b"\x1f\xa0", "lzh (.Z)", "gzip -d"),
    (b"\x89LZO\x00\r\n", "lzop", "lzop -d"),
    (b"\xff\x06\x00\x00sNa", "snappy", "snzip -d"),
    (b"PK\x03\x04", "zip", "unzip"),
    (b"PK\x05\x06", "zip", "unzip"),
    (b"7z\xbc\xaf\x27\x1c", "7z", "7z x"),
    (b"Rar!\x1a\x07", "rar", "unrar x"),
    (b"MSCF\x00\x00\x00\x00", "a cabinet", "cabextract"),
    (b"\x28\x2f\xfd\x37", "zstd of an old version", "zstd -d"),
    (b"zPQ", "zpaq", "zpaq x"),
    (b"7kSt", "zpaq", "zpaq x"),
)


def what_is(start: bytes) -> str | None:
    """For a file that starts with the bytes ``start`` (:data:`ENOUGH` of them tell all there is to tell) as
    ``this is xz: use xz -d``; None for what is not known."""
    for magic, name, command in _KNOWN:
        if start.startswith(magic):
            return f"this is {name}: use {command}"
    if start[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "this is a tar archive, not compressed: use tar -xf"
    return None
