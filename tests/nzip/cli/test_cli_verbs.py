"""The words of the command line, in process: what each does, says and answers with."""

from __future__ import annotations

import json
import random

import pytest

from nzip import levels
from nzip.levels import Level


@pytest.fixture(autouse=True)
def toy_by_default(toys, monkeypatch):
    monkeypatch.setitem(levels.LEVELS, 3, Level("toy", "a toy"))
    monkeypatch.setitem(levels.LEVELS, 1, Level("toy:1", "another"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"All work and no play makes Jack a dull boy.\n" * 100)
    return path


def beside(path, suffix=".nz"):
    return path.with_name(path.name + suffix)


def test_compress_and_decompress_a_file(nzip_cli, file):
    data = file.read_bytes()
    ran = nzip_cli("compress", file)
    assert (ran.code, ran.out) == (0, b"")
    assert (
        "notes.txt → " in ran.err
        and "bits per byte" in ran.err
        and "KB/s" in ran.err
        and ran.err.count("\n") == 1
    )
    assert file.read_bytes() == data  # kept
    file.unlink()
    ran = nzip_cli("decompress", beside(file))
    assert ran.code == 0 and "bits per byte" in ran.err
    assert file.read_bytes() == data and beside(file).exists()


def test_gzip_letters(nzip_cli, file):
    data = file.read_bytes()
    assert nzip_cli(file).code == 0
    assert nzip_cli("-t", beside(file)).code == 0
    assert nzip_cli("-dc", beside(file)).out == data
    assert nzip_cli("-dkf", beside(file)).code == 0
    assert b"toy" in nzip_cli("-l", beside(file)).out
    assert nzip_cli("-z1c", file).out != beside(file).read_bytes()
    assert nzip_cli("-d", input=nzip_cli("-1", input=data).out).out == data
    assert nzip_cli("--uncompress", "--to-stdout", beside(file)).out == data


def test_standard_streams(nzip_cli, file):
    data = file.read_bytes()
    stream = nzip_cli(input=data)
    assert stream.code == 0 and stream.err == ""
    assert nzip_cli("compress", "-", input=data).out == stream.out == nzip_cli("-c", file).out
    assert nzip_cli("decompress", input=stream.out).out == data
    assert nzip_cli("cat", "-", input=stream.out).out == data
    assert nzip_cli("test", input=stream.out) == (0, b"", "")
    assert nzip_cli("compress", "-v", input=data).err.startswith("nzip: standard input: 4,400 → ")
    assert nzip_cli("compress", "-", "-", input=data).code == 1


def test_the_output_can_be_named(nzip_cli, file, tmp_path):
    target = tmp_path / "other.bin"
    assert nzip_cli("compress", "-o", target, file).code == 0
    assert not beside(file).exists()
    assert nzip_cli("decompress", target, "-o", "-").out == file.read_bytes()
    ran = nzip_cli("compress", "-o", target, file, file)
    assert ran.code == 1 and "several" in ran.err
    assert nzip_cli("compress", "-c", "-o", target, file).code == 1
    assert nzip_cli("compress", "-o", target, input=b"x").code == 1  # exists
    assert nzip_cli("compress", "-f", "-o", target, input=b"x").code == 0
    assert nzip_cli("-dc", target).out == b"x"


def test_suffixes(nzip_cli, file, tmp_path):
    assert nzip_cli("compress", "-S", ".small", file).code == 0
    ran = nzip_cli("decompress", beside(file, ".small"))
    assert ran.code == 1 and "unknown suffix" in ran.err and "-o" in ran.err
    file.unlink()
    assert nzip_cli("decompress", "-S", ".small", beside(file, ".small")).code == 0
    assert file.exists()
    assert nzip_cli("compress", file).code == 0
    ran = nzip_cli("compress", beside(file))
    assert ran.code == 1 and "already" in ran.err
    short = tmp_path / "backup.tnz"
    beside(file).rename(short)
    assert nzip_cli("decompress", short).code == 0
    assert (tmp_path / "backup.tar").read_bytes() == file.read_bytes()
    hidden = tmp_path / ".nz"
    hidden.write_bytes(short.read_bytes())
    assert nzip_cli("decompress", hidden).code == 1
    assert nzip_cli("compress", "-S", "", file).code == 1
    assert nzip_cli("compress", "-S", "/x", file).code == 1


def test_options_end_at_two_dashes(nzip_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-d").write_bytes(b"a file with a bad name")
    (tmp_path / "test").write_bytes(b"a file named like a sub-command")
    assert nzip_cli("compress", "--", "-d").code == 0
    assert nzip_cli("--", "-d").code == 1  # exists now
    assert nzip_cli("-dc", "--", "-d.nz").out == b"a file with a bad name"
    assert nzip_cli("-k", "test").code == 0
    assert nzip_cli("-c", "./test").code == 0


def test_several_files_and_the_worst_exit_code(nzip_cli, tmp_path):
    good, bad, ugly = (tmp_path / name for name in ("good.nz", "bad.nz", "ugly"))
    good.write_bytes(nzip_cli(input=b"good").out)
    bad.write_bytes(good.read_bytes()[:-1])
    ran = nzip_cli("-dc", good, good)
    assert (ran.code, ran.out) == (0, b"goodgood")
    ran = nzip_cli("test", bad, ugly, good)
    assert ran.code == 2
    assert [line.split(": ")[1] for line in ran.err.splitlines()] == [str(bad), str(ugly)]
    assert nzip_cli("test", ugly, good).code == 1
    assert nzip_cli("cat", ugly, good).out == b"good"


def test_corrupt_input_leaves_nothing(nzip_cli, file, tmp_path):
    stream = bytearray(nzip_cli("-c", "--block-size", "1000", file).out)
    stream[-100] ^= 1
    path = tmp_path / "damaged.nz"
    path.write_bytes(stream)
    before = sorted(tmp_path.iterdir())
    ran = nzip_cli("decompress", path)
    assert ran.code == 2 and ran.err.count("\n") == 1 and "damaged" in ran.err
    assert sorted(tmp_path.iterdir()) == before
    assert nzip_cli("decompress", "-o", tmp_path / "x", path).code == 2
    assert sorted(tmp_path.iterdir()) == before
    assert file.read_bytes().startswith(nzip_cli("-dc", path).out)


def test_recover(nzip_cli, file, tmp_path):
    stream = bytearray(nzip_cli("-c", "--block-size", "1000", file).out)
    stream[150] ^= 1
    path = tmp_path / "damaged.nz"
    path.write_bytes(stream)
    ran = nzip_cli("decompress", "--recover", path)
    assert ran.code == 2 and "decoded bytes 1000 to 2000 are lost" in ran.err
    data = file.read_bytes()
    assert (tmp_path / "damaged").read_bytes() == data[:1000] + bytes(1000) + data[2000:]


def test_an_existing_target_is_kept_unless_forced(nzip_cli, file):
    beside(file).write_bytes(b"precious")
    ran = nzip_cli("compress", file)
    assert ran.code == 1 and "exists" in ran.err and "-f" in ran.err
    assert beside(file).read_bytes() == b"precious"
    assert nzip_cli("compress", "-f", file).code == 0
    assert nzip_cli("-dc", beside(file)).out == file.read_bytes()
    bad = file.with_name("bad.nz")
    bad.write_bytes(beside(file).read_bytes()[:-9])
    bad.with_name("bad").write_bytes(b"precious")
    assert nzip_cli("decompress", "-f", bad).code == 2
    assert bad.with_name("bad").read_bytes() == b"precious"


def test_remove(nzip_cli, file):
    data = file.read_bytes()
    assert nzip_cli("compress", "--rm", file).code == 0
    assert not file.exists()
    assert nzip_cli("-d", "--rm", beside(file)).code == 0
    assert not beside(file).exists() and file.read_bytes() == data
    for arguments in (
        ("compress", "--rm", "-c", file),
        ("compress", "--rm", "-o", "-", file),
        ("compress", "--rm", "-k", file),
    ):
        assert nzip_cli(*arguments).code == 0
        assert file.exists()
    ran = nzip_cli("-f", "--rm", "-o", "/dev/null", file)
    assert ran.code == 1 and file.exists() and "--rm" in ran.err


def test_remove_keeps_what_does_not_decode(nzip_cli, file, toys, monkeypatch):
    """The predictor breaks after compressing: no output is left, and the source stays."""
    monkeypatch.setattr(toys.ToyPredictor, "decode", lambda self, params, payload, size: bytes(size))
    ran = nzip_cli("compress", "--rm", file)
    assert ran.code == 2 and file.exists() and not beside(file).exists()


def test_remove_keeps_what_changed_meanwhile(nzip_cli, file, toys, monkeypatch):
    encode = toys.ToyPredictor.encode

    def meddle(self, data):
        file.write_bytes(file.read_bytes().replace(b"Jack", b"Jill"))
        return encode(self, data)

    monkeypatch.setattr(toys.ToyPredictor, "encode", meddle)
    ran = nzip_cli("compress", "--rm", file)
    assert ran.code == 1 and "source is kept" in ran.err
    assert file.exists() and not beside(file).exists()


def test_terminals(nzip_cli, file):
    ran = nzip_cli("-c", file, terminal="stdout")
    assert ran.code == 1 and "terminal" in ran.err and ran.out == b""
    assert nzip_cli("-cf", file, terminal="stdout").out
    assert nzip_cli("compress", input=b"x", terminal="stdout").code == 1
    ran = nzip_cli("-d", terminal="stdin")
    assert ran.code == 1 and "terminal" in ran.err
    assert nzip_cli("test", terminal="stdin").code == 1
    stream = nzip_cli(input=b"text").out
    assert nzip_cli("-d", input=stream, terminal="stdout").out == b"text"
    ran = nzip_cli(terminal="stdin stdout")
    assert ran.code == 1 and "Usage" in ran.err


def test_cat_ranges(nzip_cli, file, toys):
    data = file.read_bytes()
    stream = nzip_cli("-c", "--block-size", "1K", file).out
    path = beside(file)
    path.write_bytes(stream)
    for span in ("0:10", "1020:1030", "1K:2K", ":5", "4390:", "100:100", "9999:", "4000:99999", ":"):
        start, _, end = span.replace("K", "*1024").partition(":")
        want = data[eval(start or "0") : eval(end or "None")]
        assert nzip_cli("cat", "--range", span, path).out == want, span
        assert nzip_cli("cat", "--range", span, input=stream).out == want, span
    for span in ("5", "5:1", "a:b", "-5:", "1:2:3"):
        assert nzip_cli("cat", "--range", span, path).code == 1
    assert nzip_cli("cat", "--range", "0:1", path, path).code == 1


def test_cat_ranges_decode_only_what_they_need(nzip_cli, file, toys, monkeypatch):
    path = beside(file)
    path.write_bytes(nzip_cli("-c", "--block-size", "100", file).out)
    decoded = []
    decode = toys.ToyPredictor.decode
    monkeypatch.setattr(toys.ToyPredictor, "decode", lambda *given: decoded.append(1) or decode(*given))
    assert nzip_cli("cat", "--range", "2050:2150", path).out == file.read_bytes()[2050:2150]
    assert len(decoded) == 2


def test_list(nzip_cli, file, tmp_path):
    path, other = beside(file), tmp_path / "noise.nz"
    path.write_bytes(nzip_cli("-c", "--block-size", "1000", file).out * 2)
    other.write_bytes(nzip_cli("--predictor", "toy:7", input=random.Random(1).randbytes(99)).out)
    ran = nzip_cli("list", "--json", path, other)
    first, second = json.loads(ran.out)["files"]
    assert ran.code == 0 and first["size"] == 8800 and first["compressed"] == path.stat().st_size
    assert len(first["streams"]) == 2 and len(first["streams"][0]["blocks"]) == 5
    assert (
        second["streams"][0]["predictor"] == "toy:7"
        and second["streams"][0]["blocks"][0]["method"] == "stored"
    )
    text = nzip_cli("-l", path, other).out.decode()
    assert "8,800" in text and "toy:7" in text and "total" in text and str(path) in text
    assert "stored" in nzip_cli("list", "-v", other).out.decode()
    assert json.loads(nzip_cli("list", "--json", input=path.read_bytes()).out)["files"][0]["size"] == 8800


def test_list_check_scrubs_without_decoding(nzip_cli, file, toys, monkeypatch):
    path = beside(file)
    path.write_bytes(nzip_cli("-c", file).out)
    monkeypatch.setattr(toys.ToyPredictor, "decode", None)
    assert "intact" in nzip_cli("list", "--check", path).out.decode()
    damaged = bytearray(path.read_bytes())
    damaged[-40] ^= 1
    path.write_bytes(damaged)
    assert nzip_cli("list", path).code == 0
    ran = nzip_cli("list", "--check", path)
    assert ran.code == 2 and "damaged" in ran.err


def test_measure(nzip_cli, file, tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    before = sorted(tmp_path.iterdir())
    ran = nzip_cli("measure", "--json", file, empty)
    found = json.loads(ran.out)
    size = len(nzip_cli("-c", file).out)
    assert found["predictor"] == "toy" and found["files"][0]["compressed"] == size
    assert (
        found["files"][0]["bits_per_byte"] == 8 * size / 4400 and found["files"][1]["bits_per_byte"] is None
    )
    assert found["total"]["size"] == 4400 and found["total"]["compressed"] == size + len(
        nzip_cli(input=b"").out
    )
    text = nzip_cli("measure", "--predictor", "toy:6", file, empty).out.decode()
    assert "toy:6" in text and "total" in text and "bits/byte" in text
    assert sorted(tmp_path.iterdir()) == before
    assert (
        json.loads(nzip_cli("measure", "--json", input=file.read_bytes()).out)["total"]["compressed"] == size
    )


def test_levels(nzip_cli):
    table = nzip_cli("levels").out.decode()
    assert "-3" in table and "toy" in table and "-9" in table and "language model" in table
    assert [row["level"] for row in json.loads(nzip_cli("levels", "--json").out)["levels"]] == list(range(10))


@pytest.mark.parametrize("level", [9])
def test_levels_to_come_say_so_in_one_line(nzip_cli, file, level):
    ran = nzip_cli(f"-{level}", file)
    assert ran.code == 1 and "language model" in ran.err and ran.err.count("\n") == 1
    assert not beside(file).exists()


def test_predictors_by_spelling(nzip_cli, file):
    file.write_bytes(file.read_bytes()[:300])
    for spelling in ("toy:9", "count", "runs"):
        stream = nzip_cli("-c", "--predictor", spelling, file).out
        assert spelling.encode() in stream[:20]
        assert nzip_cli("-dc", input=stream).out == file.read_bytes()
    for spelling in ("nonsense", "toy+nonsense", "Count", "count+runs", "", "mix:77", "count+"):
        ran = (
            nzip_cli("-c", "--predictor", spelling, file)
            if spelling
            else nzip_cli("-c", "-1", "--predictor", "toy", file)
        )
        assert ran.code == 1 and ran.err.count("\n") == 1, spelling


def test_memory(nzip_cli, file, toys, monkeypatch):
    monkeypatch.setattr(toys.ToyPredictor, "memory", lambda self, size: 5 << 30)
    stream = nzip_cli("-c", file)
    assert stream.code == 0  # compressing has no limit unless one is set
    ran = nzip_cli("-dc", input=stream.out)
    assert ran.code == 1 and "--memory 5120MiB" in ran.err and ran.err.count("\n") == 1
    assert nzip_cli("-dc", "--memory", "5120MiB", input=stream.out).out == file.read_bytes()
    assert nzip_cli("-dc", "-M6G", input=stream.out).out == file.read_bytes()
    assert nzip_cli("-c", "-M1G", file).code == 1
    assert nzip_cli("test", "-M1G", input=stream.out).code == 1


@pytest.mark.parametrize("level", [2, 5])
def test_the_mix(nzip_cli, file, level):
    stream = nzip_cli(f"-{level}c", file).out
    assert nzip_cli("-dc", input=stream).out == file.read_bytes()
    found = json.loads(nzip_cli("list", "--json", input=stream).out)["files"]
    assert found[0]["streams"][0]["predictor"] == f"mix:{level}" and found[0]["streams"][0]["exact"]
    assert len(stream) < 200


def test_verify(nzip_cli, file, toys, monkeypatch):
    monkeypatch.setattr(toys.ToyPredictor, "decode", lambda self, params, payload, size: bytes(size))
    assert nzip_cli("-c", file).code == 0
    ran = nzip_cli("-c", "--verify", file)
    assert ran.code == 3 and "report" in ran.err


@pytest.mark.parametrize("size", ["0", "-1", "2G", "lots", "1.5M", "1X", "1i", "Ki"])
def test_wrong_block_sizes(nzip_cli, file, size):
    ran = nzip_cli("-c", f"--block-size={size}", file)
    assert ran.code == 1 and ran.err.count("\n") == 1


@pytest.mark.parametrize(
    ("given", "size"),
    [("100", 100), ("1k", 1024), ("1KiB", 1024), ("1kb", 1024), ("2M", 2 << 20), ("1GiB", 1 << 30)],
)
def test_sizes(given, size):
    from nzip.cli.options import Size

    assert Size().convert(given, None, None) == size


def test_threads_never_change_the_bytes(nzip_cli, file):
    one = nzip_cli("-c", "-T1", "--block-size", "500", file).out
    assert all(
        nzip_cli("-c", threads, "--block-size", "500", file).out == one for threads in ("-T0", "-T2", "-T7")
    )
    assert nzip_cli("-dc", "-T3", input=one).out == file.read_bytes()
    assert nzip_cli("-T", "-1", file).code == 1


def test_quiet(nzip_cli, file):
    assert nzip_cli("-q", file) == (0, b"", "")
    assert nzip_cli("-q", file).err.count("\n") == 1  # errors are still said


@pytest.mark.parametrize(
    "arguments",
    [["--no-such-option"], ["compress", "--no-such-option"], ["-Z"], ["levels", "x"], ["--threads"]],
)
def test_usage_errors_are_one_line_and_exit_code_1(nzip_cli, arguments):
    ran = nzip_cli(*arguments)
    assert ran.code == 1 and ran.err.count("\n") == 1 and ran.err.startswith("nzip: ")


def test_bugs_are_owned_up_to(nzip_cli, file, toys, monkeypatch):
    def broken(self, data):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr(toys.ToyPredictor, "encode", broken)
    ran = nzip_cli(file)
    assert ran.code == 3 and "report" in ran.err and ran.err.count("\n") == 1
    assert not beside(file).exists()


def test_version_and_help(nzip_cli):
    import nzip

    assert nzip_cli("--version").out.decode() == f"nzip {nzip.__version__}\n"
    for arguments in (["--help"], ["-h"], ["compress", "--help"], ["list", "-h"]):
        ran = nzip_cli(*arguments)
        assert ran.code == 0 and b"Usage" in ran.out


def test_names_from_headers_cannot_drive_the_terminal(nzip_cli, tmp_path):
    path = tmp_path / "a\x1b[31m\nb.nz"
    path.write_bytes(b"not ours")
    ran = nzip_cli("test", path)
    assert ran.code == 2 and "\x1b" not in ran.err and ran.err.count("\n") == 1
