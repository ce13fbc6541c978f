"""``python -m bench growth`` on a few kilobytes, and its verdicts on made-up figures."""

import hashlib
import json
import lzma

import pytest
from click.testing import CliRunner

from bench import cli, growth

TEXT = b"a line of text to grow, number %d\n"


def lines(count: int) -> bytes:
    return b"".join(TEXT % n for n in range(count))


def test_a_run_writes_json_picture_and_table(tmp_path, monkeypatch):
    """The processes themselves are test_bench.py's; here lzma plays the compressor."""

    def run_one(contender, data, sha256):
        content = data.read_bytes()
        told = {"cpu": 1 + len(content) / 1e5, "fixed_cpu": 1.0, "peak": 50_000_000, "idle": 1}
        right = hashlib.sha256(content).hexdigest() == sha256
        return {
            "bytes": len(lzma.compress(content)),
            "verified": right,
            "error": None,
            "compress": told,
            "decompress": told,
        }

    monkeypatch.setattr(growth, "run_one", run_one)
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(lines(100)))
    (tmp_path / "b.txt").write_bytes(lines(100))
    out = tmp_path / "growth.json"
    words = [
        "growth",
        "--levels",
        "1,3",
        "--sizes",
        "5K,2K",
        "--out",
        str(out),
        str(tmp_path / "a.txt.xz"),
        str(tmp_path / "b.txt"),
    ]
    ran = CliRunner().invoke(cli.main, words)
    assert ran.exit_code == 0, ran.output
    found = json.loads(out.read_text())
    assert [(row["contender"], row["size"]) for row in found["rows"]] == [
        ("nzip-1", 2000), ("nzip-3", 2000), ("nzip-1", 5000), ("nzip-3", 5000),
    ]  # fmt: skip
    assert found["verified"] and found["command"].endswith("--levels 1,3 --sizes 2000,5000 a.txt.xz b.txt")
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert ran.output.count(": linear") == 2 and "5,000" in ran.output


def test_a_wrong_decode_fails_the_command(tmp_path, monkeypatch):
    wrong = {
        "bytes": 1,
        "verified": False,
        "error": "the decoded file differs",
        "compress": {},
        "decompress": {},
    }
    monkeypatch.setattr(growth, "run_one", lambda *_: wrong)
    (tmp_path / "a").write_bytes(lines(100))
    ran = CliRunner().invoke(cli.main, ["growth", "--levels", "1", "--sizes", "1K", str(tmp_path / "a")])
    assert ran.exit_code == 1 and "the decoded file differs" in ran.output


def test_files_are_put_together_and_cut(tmp_path):
    (tmp_path / "a.xz").write_bytes(lzma.compress(b"first "))
    (tmp_path / "b").write_bytes(b"second")
    files = [tmp_path / "a.xz", tmp_path / "b"]
    growth.concatenate(files, 9, tmp_path / "out")
    assert (tmp_path / "out").read_bytes() == b"first sec"
    with pytest.raises(growth.GrowthError, match="12 bytes together, and 13"):
        growth.concatenate(files, 13, tmp_path / "out")
    with pytest.raises(growth.GrowthError):
        growth.concatenate([tmp_path / "none"], 1, tmp_path / "out")


def row(size: int, cpu: float, peak: int) -> dict:
    told = {"cpu": cpu + 0.5, "fixed_cpu": 0.5, "peak": peak}
    return {"label": "nzip -1", "size": size, "bytes": size // 4, "compress": told, "decompress": told}


@pytest.mark.parametrize(
    ("cpu", "verdict"), [(10.0, "nzip -1: linear"), (12.0, "nzip -1: linear"), (20.0, "nzip -1: NOT linear")]
)
def test_growth_is_linear_or_not(cpu, verdict):
    found = {"rows": [row(1_000_000, 1.0, 100_000_000), row(10_000_000, cpu, 150_000_000)]}
    (line,) = growth.conclusions(found)
    assert line.startswith(verdict) and f"{10 / cpu:.2f}" in line and "+50 MB" in line


def test_bad_sizes_are_refused(tmp_path):
    (tmp_path / "a").write_bytes(b"x")
    for words in (
        ["--sizes", "1Q"],
        ["--sizes", ""],
        ["--sizes", "0K"],
        ["--levels", "9"],
        ["--sizes", "1K", "--levels", "1"],
    ):
        ran = CliRunner().invoke(cli.main, ["growth", *words, str(tmp_path / "a")])
        assert ran.exit_code in (1, 2) and "rror" in ran.output
