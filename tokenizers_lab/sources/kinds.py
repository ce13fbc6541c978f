"""What a file is, by its first bytes and its suffix in any case: packed how, text, JSON lines or Parquet, or
something that holds no text.

Content wins over names: a ``.txt`` that is gzip inside is unpacked. Concession: formats without a magic
number (brotli) are told by their suffix only, JSON lines too (``.json`` is lines where its first line is an
object and another begins behind it, else one text); executables and other binaries without a name here are
text, that is, bytes to learn from."""

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
    "bgz": "gz",
    "dz": "gz",
    "bzip2": "bz2",
    "bz": "bz2",
    "tgz": "gz",
    "tbz2": "bz2",
    "txz": "xz",
    "tzst": "zst",
}
_STRUCTURED = dict.fromkeys(("jsonl", "jl", "ndjson", "jsonlines", "ldjson"), "jsonl")
_STRUCTURED |= {"json": "json", "parquet": "parquet", "pq": "parquet"}
_NO_TEXT = (
    (rb"%PDF-[0-9]", "a PDF"),
    (rb"\x89PNG\r\n\x1a\n", "an image (PNG)"),
    (rb"\xff\xd8\xff[\xc0-\xfe]", "an image (JPEG)"),
    (rb"\xff\x0a|\x00\x00\x00\x0cJXL ", "an image (JPEG XL)"),
    (rb"\x00\x00\x00\x0cjP  ", "an image (JPEG 2000)"),
    (rb"II\x2a\x00|MM\x00\x2a", "an image (TIFF)"),
    (rb"BM....\x00\x00\x00\x00....[\x0c\x28\x6c\x7c]\x00\x00\x00", "an image (BMP)"),
    (rb"\x1a\x45\xdf\xa3", "a video (Matroska)"),
    (rb"\x00\x00\x01[\xb3\xba]", "a video (MPEG)"),
    (rb"OggS\x00|fLaC\x00|ID3[\x02-\x04]\x00|\xff[\xf2\xf3\xfa\xfb]..", "sound"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb".{16}\xde\xc0\xef\xbe", "an LMDB database"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (rb"ARROW1\x00\x00|\xff\xff\xff\xff..\x00\x00\x10\x00\x00\x00", "an Arrow file"),
    (rb"Obj\x01", "an Avro file"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\x80[\x03-\x05][\x95\x5d\x71\x7d(]", "a Python pickle"),
    (rb"GGUF[\x01-\x0f]\x00\x00\x00", "a GGUF model"),
    (rb".{5}\x00\x00\x00\{", "a safetensors file"),
    (rb"\x00\x01\x00\x00\x00|wOF[F2]\x00\x01|OTTO\x00", "a font"),
    (rb"\xfe\xed\xfe\xed|\xca\xfe\xba\xbe\x00\x00", "a Java or Mach-O file"),
    (rb"!<arch>\n", "an ar archive"),
    (rb"\xed\xab\xee\xdb", "an RPM package"),
    (rb"MMIDIDX\x00\x00", "a Megatron index"),
)
# Those whose first bytes a text may have, too.
_LIKE_TEXT = (
    (rb"GIF8[79]a", "an image (GIF)"),
    (rb"RIFF....WEBP", "an image (WebP)"),
    (rb"RIFF....(WAVE|AVI )", "sound or video (RIFF)"),
    (rb"8BPS", "an image (Photoshop)"),
    (rb"AT&TFORM", "a DjVu document"),
    (rb"....ftyp(avif|heic|heix|mif1)", "an image (HEIF)"),
    (rb"....ftyp", "a video (MP4)"),
    (rb"PARE", "an encrypted Parquet file"),
    (rb"ORC", "an ORC file"),
    (rb"FEA1", "an Arrow file"),
    (rb"070701[0-9a-fA-F]{8}", "a cpio archive"),
)
_REFUSED, _UNLESS_TEXT = (
    tuple((re.compile(magic, re.DOTALL), name) for magic, name in kinds) for kinds in (_NO_TEXT, _LIKE_TEXT)
)
_BRIEF = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # no text has these


def packing_of(start: bytes) -> str:
    """How a file that starts so is packed: one of :data:`PACKINGS`, or ""."""
    return next((name for name, magic in _PACKED if magic.match(start)), "")


def by_name(name: str) -> tuple[str, str]:
    """The packing that a file's name claims ("" for none), and its kind inside: text, jsonl, parquet, or
    json, which may be lines or one text."""
    parts = name.lower().split(".")[1:]
    packing = ""
    if parts and (found := _SUFFIXES.get(parts[-1], parts[-1])) in PACKINGS:
        packing = found
        parts.pop()
    return packing, _STRUCTURED.get(parts[-1], "text") if parts else "text"


def holds_no_text(start: bytes, name: str = "") -> str | None:
    """What a file that starts so is, where it cannot be read as text: ``this is a PDF``; else None."""
    no_text = _BRIEF.search(start) is not None
    for magic, kind in (*_REFUSED, *(_UNLESS_TEXT if no_text else ())):
        if magic.match(start):
            return f"this is {kind}"
    # Packers, whose magic may be letters ("LZIP"), too.
    if no_text and (found := foreign.what_is(start)) and "gzip:" not in found:
        return found
    return "this is brotli: use brotli -d" if name.lower().endswith(".br") else None


def begins_as_parquet(start: bytes) -> bool:
    """Whether a file begins as Parquet does, cut or not; a text may begin with the same four letters."""
    return start[:4] == b"PAR1" and _BRIEF.search(start) is not None


def looks_like_json_lines(start: bytes, more: bool = False) -> bool:
    """Whether the first line is a JSON object, for streams without a name; ``more``: and whether another one
    begins behind it."""
    first, _, rest = start.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
    if first[:1] != b"{" or more and rest.lstrip()[:1] != b"{":
        return False
    try:
        return isinstance(json.loads(first, parse_int=float), dict)
    except (ValueError, RecursionError):
        return False
