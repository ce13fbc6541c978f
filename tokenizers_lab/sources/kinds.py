"""What a file is, by its first bytes and its suffix in any case: packed how, text, JSON lines or Parquet, or
something that holds no text.

Content wins over names: a ``.txt`` that is gzip inside is unpacked. Concession: formats without a magic
number (brotli) are told by their suffix only, JSON lines too; executables and other binaries without a name
here are text, that is, bytes to learn from."""

from __future__ import annotations

import json
import re

from nzip.io import foreign

ENOUGH = foreign.ENOUGH
PACKINGS = ("nz", "xz", "gz", "bz2", "zst")
_PACKED = (
    ("nz", re.compile(rb"\x89NZ\r\n\x1a\n")),
    ("xz", re.compile(rb"\xfd7zXZ\x00")),
    ("gz", re.compile(rb"\x1f\x8b\x08")),
    ("bz2", re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)")),
    ("zst", re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")),
)
_SUFFIXES = {
    "zstd": "zst",
    "gzip": "gz",
    "bzip2": "bz2",
    "tgz": "gz",
    "tbz2": "bz2",
    "txz": "xz",
    "tzst": "zst",
}
_STRUCTURED = {"jsonl": "jsonl", "jl": "jsonl", "ndjson": "jsonl", "parquet": "parquet", "pq": "parquet"}
_NO_TEXT = (
    (rb"%PDF-", "a PDF"),
    (rb"\x89PNG\r\n\x1a\n", "an image (PNG)"),
    (rb"\xff\xd8\xff[\xc0-\xfe]", "an image (JPEG)"),
    (rb"GIF8[79]a", "an image (GIF)"),
    (rb"RIFF....WEBP", "an image (WebP)"),
    (rb"RIFF....(WAVE|AVI )", "sound or video (RIFF)"),
    (rb"II\x2a\x00|MM\x00\x2a", "an image (TIFF)"),
    (rb"BM....\x00\x00\x00\x00....[\x0c\x28\x6c\x7c]\x00\x00\x00", "an image (BMP)"),
    (rb"....ftyp(avif|heic|heix|mif1)", "an image (HEIF)"),
    (rb"....ftyp", "a video (MP4)"),
    (rb"\x1a\x45\xdf\xa3", "a video (Matroska)"),
    (rb"OggS\x00|fLaC\x00|ID3[\x02-\x04]\x00", "sound"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"ARROW1\x00\x00", "an Arrow file"),
    (rb"PARE", "an encrypted Parquet file"),
    (rb"Obj\x01", "an Avro file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\xfe\xed\xfe\xed|\xca\xfe\xba\xbe\x00\x00", "a Java or Mach-O file"),
    (rb"!<arch>\n", "an ar archive"),
    (rb"070701[0-9a-fA-F]{8}", "a cpio archive"),
    (rb"MMIDIDX\x00\x00", "a Megatron index"),
)
_REFUSED = tuple((re.compile(magic, re.DOTALL), name) for magic, name in _NO_TEXT)
_BRIEF = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # no text has these


def packing_of(start: bytes) -> str:
    """How a file that starts so is packed: one of :data:`PACKINGS`, or ""."""
    return next((name for name, magic in _PACKED if magic.match(start)), "")


def by_name(name: str) -> tuple[str, str]:
    """The packing that a file's name claims ("" for none), and its kind inside: text, jsonl or parquet."""
    parts = name.lower().split(".")[1:]
    packing = ""
    if parts and (found := _SUFFIXES.get(parts[-1], parts[-1])) in PACKINGS:
        packing = found
        parts.pop()
    return packing, _STRUCTURED.get(parts[-1], "text") if parts else "text"


def holds_no_text(start: bytes, name: str = "") -> str | None:
    """What a file that starts so is, where it cannot be read as text: ``this is a PDF``; else None."""
    for magic, kind in _REFUSED:
        if magic.match(start):
            return f"this is {kind}"
    # Packers, whose magic may be letters ("LZIP"): they are followed by bytes that no text has.
    if _BRIEF.search(start) and (found := foreign.what_is(start)) and "gzip:" not in found:
        return found
    return "this is brotli: use brotli -d" if name.lower().endswith(".br") else None


def looks_like_json_lines(start: bytes) -> bool:
    """Whether the first line is a JSON object, for streams without a name."""
    if start[:1] != b"{":
        return False
    try:
        return isinstance(json.loads(start.split(b"\n", 1)[0]), dict)
    except (ValueError, RecursionError):
        return False
