"""Text in every encoding, held against a plain file: the same bytes written, the same text read back."""

from __future__ import annotations

import encodings.aliases
import io

import pytest
import toys

import nzip
from nzip.errors import NzipError

TOY = toys.ToyPredictor()
ENCODINGS = sorted({*encodings.aliases.aliases.values(), "idna", "utf_8_sig", "raw_unicode_escape"})
TEXTS = (["abc\n", "def\r\n", ""], ["hé\n", "€\r", "𝄞 and more\n"], ["", "日本\n", "語"])


def outcome(open_it, path, parts, encoding, newline):
    """The bytes and the text, or the kind of error."""
    try:
        for number, part in enumerate(parts):
            with open_it(path, "at" if number else "wt", encoding=encoding, newline=newline) as file:
                file.write(part)
        with open_it(path, "rt", encoding=encoding, newline=newline) as file:
            return file.read()
    except (LookupError, UnicodeError, TypeError) as error:
        return type(error)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_text_is_what_a_plain_file_has(encoding, tmp_path):
    def packed(path, mode, **how):
        return nzip.open(path, mode, predictor=TOY, **how)

    for parts in TEXTS:
        for newline in ("\n", None, "", "\r\n") if "16" in encoding else ("\n",):
            plain = outcome(open, tmp_path / "plain", parts, encoding, newline)
            assert outcome(packed, tmp_path / "packed", parts, encoding, newline) == plain
            if isinstance(plain, str):
                decoded = nzip.decompress((tmp_path / "packed").read_bytes(), predictor=TOY)
                assert decoded == (tmp_path / "plain").read_bytes()
            for name in ("plain", "packed"):
                (tmp_path / name).unlink(missing_ok=True)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_stands_at_the_start_alone(encoding, tmp_path):
    want = "one two three"
    held = io.BytesIO()
    for mode, part in (("wt", "one "), ("at", "two "), ("at", "three")):
        with nzip.open(held, mode, predictor=TOY, encoding=encoding) as file:
            assert not file.buffer.seekable() and file.buffer.tell() == 0
            file.write(part)
    assert nzip.decompress(held.getvalue(), predictor=TOY) == want.encode(encoding)
    with nzip.open(io.BytesIO(held.getvalue()), "rt", predictor=TOY, encoding=encoding) as file:
        assert file.read() == want
    # An empty stream is a start, and so is a file that is not there yet; a damaged one is none.
    path = tmp_path / "file"
    nzip.open(path, "wb", predictor=TOY).close()
    for mode in ("at", "wt", "xt"):
        if mode == "xt":
            path.unlink()
        with nzip.open(path, mode, predictor=TOY, encoding=encoding) as file:
            file.write(want)
        assert nzip.decompress(path.read_bytes(), predictor=TOY) == want.encode(encoding)
    path.write_bytes(path.read_bytes()[:-3])
    cut = path.stat().st_size
    with nzip.open(path, "at", predictor=TOY, encoding=encoding) as file:
        file.write("x")
    assert nzip.decompress(path.read_bytes()[cut:], predictor=TOY) == "x".encode(
        "utf-8" if "8" in encoding else encoding + "-le"
    )
    with pytest.raises(NzipError):
        nzip.decompress(path.read_bytes(), predictor=TOY)


def test_places_in_text(tmp_path):
    path = tmp_path / "file"
    with nzip.open(path, "wt", predictor=TOY, encoding="utf-16", block_size=10) as file:
        file.write("naïve\nlines\n𝄞\n")
    with nzip.open(path, "rt", predictor=TOY, encoding="utf-16") as file:
        assert file.readline() == "naïve\n"
        place = file.tell()
        rest = file.read()
        file.seek(place)
        assert file.read() == rest == "lines\n𝄞\n"
