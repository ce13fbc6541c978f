"""Every system call of ``tokenizers-lab dataset build`` fails in turn, in every way: one error, no shard that
is half written and looks whole, and the same command goes on to the same bytes.

The default suite takes a sample of the errors; the whole grid is behind ``slow``. Concession: Parquet's own
writer is pyarrow's and makes no call of :mod:`os`, so its data escapes the shim; all else is met."""

from __future__ import annotations

import errno
import os
import shutil

import faults
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*synced:RuntimeWarning", "ignore:.*durable:RuntimeWarning")

pytest.importorskip("tokenizers")

from tokenizers_lab.cli.main import main
from tokenizers_lab.datasets.building import plan
from tokenizers_lab.datasets.manifest import Manifest
from tokenizers_lab.errors import LabError

TEXTS = {"a.txt": b"All work and no play makes Jack a dull boy.\n" * 40, "b.txt": bytes(range(256)) * 3}
SAMPLE = ("write", "replace", "mkdir"), (errno.EIO,)
WHOLE = faults.CALLS, faults.ERRORS


def contents(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("layout", "which"),
    [
        ("nanogpt", SAMPLE),
        *(pytest.param(name, WHOLE, marks=pytest.mark.slow) for name in ("nanogpt", "megatron", "parquet")),
    ],
)
def test_whatever_fails_a_build_goes_on_to_the_same_bytes(tmp_path, capfd, layout, which):
    pytest.importorskip("pyarrow" if layout == "parquet" else "numpy")
    place = tmp_path / "place"
    folder = place / "built"
    place.mkdir()
    for name, data in TEXTS.items():
        (place / name).write_bytes(data)
    words = ["dataset", "build", *(str(place / name) for name in TEXTS), "--codec", "bytes", "-q"]
    words += ["--format", layout, "--workers", "1", "--held-out", "0.3", "--shard-mib", "0.001"]
    words += ["--document-kib", "1", "-o", str(folder)]

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)
        if which is WHOLE:  # what a killed plan leaves, so that the build has something to unlink
            (folder / "parts").mkdir(parents=True)
            (folder / ".codec.bin.01234567.nzip-tmp").write_bytes(b"ha")

    def action():
        with pytest.raises(SystemExit) as end:
            main(words)
        out, said = capfd.readouterr()
        return end.value.code, out, said

    prepare()
    assert action() == (0, "", "")
    want, fired = contents(folder), set()
    assert len(Manifest.read(folder).data["shards"]) > 1
    descriptors = len(os.listdir("/proc/self/fd"))
    for case in faults.every_failure(prepare, action, below=place, calls=which[0], codes=which[1]):
        fired.add(case.call)
        if (case.call, case.code) == ("read", "EAGAIN"):
            continue  # no system says so of a regular file, and hashlib and torch trip over it
        assert case.error is None, case
        code, out, said = case.result
        assert out == "" and code in (0, 1, 2) and "bug" not in said, case
        assert code == 0 or said.count("\n") == 1 and said.startswith("tokenizers-lab: "), case
        for name, data in TEXTS.items():
            assert (place / name).read_bytes() == data, case
        now = contents(folder) if folder.exists() else {}
        if code == 0 or (folder / "manifest.json").exists() and Manifest.read(folder).data["complete"]:
            assert {k: now.get(k) for k in want} == want, case
        assert len(os.listdir("/proc/self/fd")) == descriptors, case
        assert action()[::2] == (0, ""), case
        assert contents(folder) == want, case
    assert {"write", "replace", "mkdir"} <= fired
    assert which is SAMPLE or {"open", "fsync", "close", "read", "unlink"} <= fired


def test_a_folder_with_others_files_is_none_that_was_begun(tmp_path):
    """What a plan that failed has left is gone on with; a user's own files never are."""
    (tmp_path / "a.txt").write_bytes(TEXTS["a.txt"])
    for names in (("parts", "notes"), ("codec.bin",), ("parts", "parts/mine")):
        folder = tmp_path / "-".join(names).replace("/", "-")
        folder.mkdir()
        for name in names:
            (folder / name).mkdir() if name == "parts" else (folder / name).write_bytes(b"mine")
        with pytest.raises(LabError, match="holds no dataset"):
            plan("bytes", [tmp_path / "a.txt"], folder)
        assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == sorted(names)
    folder = tmp_path / "begun"
    (folder / "parts").mkdir(parents=True)
    (folder / "codec.bin").write_bytes(b"half")
    (folder / ".codec.bin.01234567.nzip-tmp").write_bytes(b"ha")
    plan("bytes", [tmp_path / "a.txt"], folder)
    assert sorted(os.listdir(folder)) == ["codec.bin", "manifest.json", "parts"]
