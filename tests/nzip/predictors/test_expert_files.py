"""From an expert's argument to what its file holds."""

from __future__ import annotations

import os

import pytest

from nzip.errors import ModelMismatchError, NzipError
from nzip.predictors.expert_files import ExpertFiles


@pytest.fixture
def files(tmp_path):
    for name in ("shipped", "other"):
        (tmp_path / name).write_bytes(name.encode())
    reads = []

    def read(data, name):
        reads.append(name)
        if data == b"wrong":
            raise NzipError(f"{name} is wrong")
        return data.decode()

    found = ExpertFiles("toy", {None: tmp_path / "shipped", "second": tmp_path / "other"}, read)
    found.reads = reads
    return found


def test_none_is_what_ships_and_files_are_read_once_until_they_change(files, tmp_path):
    own = tmp_path / "own"
    own.write_bytes(b"first")
    assert files.load(None) == files.load(None) == "shipped" and len(files.reads) == 1
    assert files.load(str(own)) == files.load(str(own)) == "first" and len(files.reads) == 2
    own.write_bytes(b"other")
    assert files.load("second") == "other"
    os.utime(own, ns=(1, 1))
    assert files.load(str(own)) == "other"


def test_what_is_embedded_has_no_folder_in_its_name(files, tmp_path):
    (tmp_path / "own").write_bytes(b"bytes")
    for argument in (None, "second"):
        assert files.embedded(argument, lambda name, held: (name, held)) is None
    assert files.embedded(str(tmp_path / "own"), lambda name, held: (name, held)) == (
        ("own", "bytes"),
        "own",
        b"bytes",
    )
    assert files.given("own", b"bytes") == "bytes" and files.given("own", None) is None


def test_errors_are_one_line_and_name_the_file(files, tmp_path):
    with pytest.raises(ModelMismatchError, match="no model file"):
        files.load(str(tmp_path / "missing"))
    (tmp_path / "own").write_bytes(b"wrong")
    with pytest.raises(NzipError, match="own is wrong"):
        files.load(str(tmp_path / "own"))
    for ask in (files.load, lambda argument: files.embedded(argument, lambda name, held: None)):
        with pytest.raises(NzipError, match=r"the toy .* cannot be read: \S"):
            ask(str(tmp_path))  # a folder
