"""The bench end to end on a few KB with whatever peers are installed, and its parts on made-up results."""

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import cli
from nzip.benchmark import plot, results, running, suites, table
from nzip.benchmark.peers import PEERS, Peer

ROOT = Path(__file__).resolve().parents[2]


# what takes a minute to start, where it is installed, is left to who asks for it
QUICK = [key for key in PEERS if not key.startswith("paq8px")]


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("inputs") / "alice-head.txt"
    path.write_bytes((ROOT / "corpora/samples/alice29.txt").read_bytes()[:5000])
    return path


@pytest.fixture(scope="module")
def bench_run(small_file, tmp_path_factory):
    """A real run: level 1 and every installed peer over 5 KB, twice."""
    out = tmp_path_factory.mktemp("bench") / "out.json"
    ran = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench",
            "run",
            str(small_file),
            "--levels",
            "-1,-9",
            "--peers",
            ",".join(QUICK),
            "--repeat",
            "2",
            "--out",
            str(out),
            "--per-file",
        ],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr + ran.stdout
    return json.loads(out.read_text()), ran, out


def test_everything_is_run_twice_in_turn_and_verified(bench_run):
    found, _ran, _ = bench_run
    keys = [contender["key"] for contender in found["contenders"]]
    assert keys == ["nzip-1", *(key for key in QUICK if PEERS[key].installed())]
    expected = [(repeat, "alice-head.txt", key) for repeat in (0, 1) for key in keys]
    assert [(run["repeat"], run["file"], run["contender"]) for run in found["runs"]] == expected
    for run in found["runs"]:
        assert run["verified"] and run["error"] is None and run["bytes"] > 0
        for direction in ("compress", "decompress"):
            told = run[direction]
            assert told["wall"] > 0 and told["cpu"] > 0
            if run["contender"].startswith("nzip"):
                assert (
                    0 < told["fixed_cpu"]
                    and told["cpu"] < told["process_cpu"]
                    and told["idle"] < told["peak"]
                )


def test_what_is_missing_is_named(bench_run):
    found, ran, _ = bench_run
    assert "comes with a language model" in found["missing"]["nzip -9"]
    for peer in (PEERS[key] for key in QUICK):
        assert peer.installed() != (peer.label in found["missing"])
    assert "nzip -9: skipped" in ran.stdout and "nzip -1: start-up" in ran.stdout


def test_it_tells_where_it_ran_but_no_folders(bench_run):
    found, _ran, out = bench_run
    assert (
        found["machine"]["processor"] and found["machine"]["memory"] > 1e8 and found["date"].startswith("20")
    )
    assert all(contender["version"] not in ("", "unknown") for contender in found["contenders"])
    assert str(out.parent) not in json.dumps(found)
    peers = ",".join(QUICK)
    assert found["command"] == f"python -m bench run --levels 1,9 --peers {peers} --repeat 2 alice-head.txt"


def test_sizes_are_those_of_the_programs(bench_run, small_file):
    import gzip

    found, _, _ = bench_run
    sizes = {(run["contender"], run["file"]): run["bytes"] for run in found["runs"]}
    if ("gzip", "alice-head.txt") in sizes:
        assert abs(sizes["gzip", "alice-head.txt"] - len(gzip.compress(small_file.read_bytes(), 9))) < 30
    fixed = {contender["key"]: contender["fixed_bytes"] for contender in found["contenders"]}
    assert all(size > 0 for size in fixed.values())
    assert sizes["nzip-1", "alice-head.txt"] < 2500
    if "zpaq" in fixed:
        assert 900 < fixed["zpaq"] < 1200


def test_a_picture_is_drawn_and_the_table_printed_again(bench_run, tmp_path):
    _found, _ran, out = bench_run
    png = out.with_suffix(".png").read_bytes()
    assert png.startswith(b"\x89PNG") and len(png) > 10_000
    runner = CliRunner()
    again = runner.invoke(cli.main, ["table", str(out)])
    assert again.exit_code == 0 and "nzip -1" in again.output and "alice-head.txt" in again.output
    markdown = runner.invoke(cli.main, ["table", str(out), "--markdown", "--per-file"]).output
    rows = [line for line in markdown.splitlines() if line.startswith("|")]
    assert (
        sum("nzip -1" in row for row in rows) == 2 and "**" in markdown
    )  # a row of one table, a head of the other
    target = tmp_path / "picture.svg"
    assert runner.invoke(cli.main, ["plot", str(out), "--out", str(target)]).exit_code == 0
    assert "<svg" in target.read_text()


# Made-up results
# ----------------------------------------------------------------------------------------------


def made_up():
    def contender(key, kind="peer", fixed=0):
        return {
            "key": key,
            "label": key,
            "kind": kind,
            "version": "1.0",
            "command": f"{key} IN",
            "fixed_bytes": fixed,
        }

    def run(file, key, size, cpu, **more):
        direction = {"cpu": cpu, "wall": 2 * cpu, "peak": 5_000_000, **more}
        return {
            "file": file,
            "contender": key,
            "repeat": 0,
            "bytes": size,
            "verified": True,
            "error": None,
            "compress": direction,
            "decompress": {**direction, "peak": 7_000_000},
        }

    nzip = {"startup_cpu": 1.0, "fixed_cpu": 0.5, "process_cpu": 9.0, "idle": 60_000_000}
    return {
        "schema": results.SCHEMA,
        "date": "2026-01-01T00:00:00+00:00",
        "command": "made up",
        "repeat": 1,
        "baseline": "zpaq",
        "missing": {"absent": "absent is not installed"},
        "machine": {"processor": "cpu", "cores": 2, "memory": 2**33, "system": "Linux", "python": "3.11"},
        "contenders": [contender("zpaq", fixed=1000), contender("nzip-1", "nzip")],
        "files": [{"name": "a", "bytes": 10_000, "sha256": ""}, {"name": "b", "bytes": 40_000, "sha256": ""}],
        "runs": [
            run("a", "zpaq", 3000, 0.1),
            run("b", "zpaq", 11_000, 0.4),
            run("a", "nzip-1", 1000, 0.6, **nzip),
            run("b", "nzip-1", 20_000, 0.9, **nzip),
        ],
    }


def test_the_figures_of_a_row():
    (first, second), failures = results.summaries(made_up())
    assert not failures and (first.key, second.key) == ("nzip-1", "zpaq")
    assert first.bytes == 21_000 and first.bits_per_byte == pytest.approx(8 * 21_000 / 50_000)
    assert first.ratio == pytest.approx(math.sqrt(1000 / 3000 * 20_000 / 11_000))
    assert first.ratio_less_fixed == pytest.approx(math.sqrt(1000 / 2000 * 20_000 / 10_000))
    assert (second.ratio, second.ratio_less_fixed) == (pytest.approx(1), pytest.approx(1))
    # Start-up and fixed costs are told apart: 0.6 + 0.9 seconds, of which 0.5 a file are fixed, and 0.5 are
    # left.
    assert (
        first.compress_speed == pytest.approx(50 / 0.5)
        and first.fixed_cpu == (0.5, 0.5)
        and first.startup_cpu == 1.0
    )
    assert second.compress_speed == pytest.approx(50 / 0.5) and second.decompress_wall_speed == pytest.approx(
        50
    )
    assert (first.compress_peak, first.decompress_peak) == (5_000_000, 7_000_000)


def test_a_failure_is_told_and_has_no_row():
    found = made_up()
    found["runs"][3].update(verified=False, error="the decoded file differs from the original")
    rows, failures = results.summaries(found)
    assert [row.key for row in rows] == ["zpaq"]
    assert failures == ["nzip-1 failed on b: the decoded file differs from the original"]
    assert "FAILED: nzip-1 failed on b" in table.markdown(found, "zpaq")
    assert "absent: skipped, absent is not installed" in table.markdown(found, "zpaq")


def test_without_the_baseline_there_are_no_ratios(tmp_path):
    found = made_up()
    assert "to it less" not in table.markdown(found, "xz") and "to zpaq" in table.markdown(found, "zpaq")
    plot.draw(found, tmp_path / "p.png", "xz")
    found["runs"] = []
    with pytest.raises(ValueError):
        plot.draw(found, tmp_path / "q.png")


def test_segments_and_boxes():
    from matplotlib.transforms import Bbox

    box = Bbox([[0, 0], [10, 5]])
    for start, end in (
        ((-5, 2), (20, 2)),
        ((5, -5), (5, 1)),
        ((-2, -2), (2, 2)),
        ((3, 3), (4, 4)),
        ((12, 0), (0, 12 / 2.5)),
    ):
        assert plot._crosses(box, start, end)
    for start, end in (((-5, 6), (20, 6)), ((11, 0), (11, 5)), ((-3, 3), (3, 9)), ((-5, 2), (-1, 2))):
        assert not plot._crosses(box, start, end)


@pytest.mark.parametrize(
    "content,words",
    [(None, "No such file"), (b"{", "no JSON"), (b"{}", "not a receipt"), (b"[]", "not a receipt")],
)
def test_bad_result_files_get_one_line(tmp_path, content, words):
    path = tmp_path / "r.json"
    if content is not None:
        path.write_bytes(content)
    for command in ("table", "plot"):
        ran = CliRunner().invoke(cli.main, [command, str(path)])
        assert ran.exit_code == 1 and words in ran.output and ran.output.count("\n") == 1


# Contenders
# ---------------------------------------------------------------------------------------------------


def shell_peer(tmp_path, compress, decompress):
    """A peer of our own made from two lines of Python."""
    paths = []
    for name, line in (("pack", compress), ("unpack", decompress)):
        path = tmp_path / name
        path.write_text(
            f"#!{sys.executable}\nimport sys, zlib, pathlib\n"
            f"source, target = map(pathlib.Path, sys.argv[1:])\n{line}\n"
        )
        path.chmod(0o755)
        paths.append(str(path))
    return Peer("own", "own", (paths[0], "IN", "OUT"), (paths[1], "IN", "OUT"), (sys.executable, "--version"))


def packed(tmp_path, peer, data=b"some data " * 1000):
    folder = tmp_path / "scratch"
    folder.mkdir()
    path = folder / "data"
    path.write_bytes(data)
    import hashlib

    found = running.run_one(running.PeerContender(peer), path, hashlib.sha256(data).hexdigest())
    assert sorted(folder.iterdir()) == [path]
    return found


COPY = "target.write_bytes(source.read_bytes())"


def test_a_right_peer_a_liar_and_a_crasher(tmp_path):
    found = packed(
        tmp_path,
        shell_peer(
            tmp_path,
            "target.write_bytes(zlib.compress(source.read_bytes()))",
            "target.write_bytes(zlib.decompress(source.read_bytes()))",
        ),
    )
    assert found["verified"] and 0 < found["bytes"] < 200


@pytest.mark.parametrize(
    "compress,decompress,words",
    [
        (COPY, "target.write_bytes(source.read_bytes()[:-1] + b'x')", "differs"),
        ("sys.exit('out of luck')", COPY, "exit status 1: out of luck"),
        (COPY, "raise ValueError('cannot')", "ValueError: cannot"),
        ("pass", COPY, "packed"),
        (COPY, "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit status -9"),
    ],
)
def test_failures_are_found_and_told(tmp_path, compress, decompress, words):
    found = packed(tmp_path, shell_peer(tmp_path, compress, decompress))
    assert not found["verified"] and words in found["error"]


def test_memory_and_time_are_the_command_s_own(tmp_path):
    """80 MB and a fifth of a second taken must show, and a small command must not inherit this process's
    size."""
    ballast = bytearray(150_000_000)
    ballast[::4096] = b"x" * len(ballast[::4096])
    used = running.launch(
        [
            sys.executable,
            "-c",
            (
                "import time; x = bytearray(80_000_000); x[::4096] = b'x' * len(x[::4096])\n"
                "t = time.process_time()\n"
                "while time.process_time() < t + 0.2: pass"
            ),
        ],
        tmp_path,
        None,
        {},
    )
    assert 80_000_000 < used["peak"] < 120_000_000 and used["cpu"] >= 0.2 and used["wall"] >= 0.2
    small = running.launch(["sleep", "0.2"], tmp_path, None, {})
    assert small["peak"] < 9_000_000 and small["wall"] >= 0.2 > small["cpu"]
    del ballast


def test_a_program_that_is_not_there_is_told(tmp_path):
    with pytest.raises(running.RunError, match="could not be started"):
        running.launch(["no-such-program-here"], tmp_path, None, {})


@pytest.mark.parametrize("peer", PEERS.values(), ids=lambda peer: peer.key)
def test_missing_peers_are_skipped_by_name(peer, monkeypatch, small_file, tmp_path):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    ran = CliRunner().invoke(
        cli.main, ["run", str(small_file), "--levels", "", "--peers", peer.key, "--out", str(tmp_path / "x")]
    )
    assert ran.exit_code == 1 and "nothing to measure with" in ran.output


# Suites
# -------------------------------------------------------------------------------------------------------


def test_samples_and_cuts(monkeypatch):
    monkeypatch.delenv("NZIP_CORPORA", raising=False)
    samples = suites.resolve(["samples"])
    assert len(samples) == 7 and sum(len(item.read()) for item in samples) > 400_000
    cut, whole = suites.resolve(["alice29.txt:10K", "alice29.txt"])
    assert (cut.name, len(cut.read())) == ("alice29.txt:10K", 10_000)
    assert len(whole.read()) == 152_089 and whole.read().startswith(cut.read())
    assert len(suites.resolve(["samples", "samples"])) == 7


@pytest.mark.parametrize(
    "word,words",
    [
        ("dev", "set NZIP_CORPORA"),
        ("lcet10.txt", "canterbury fetches it"),
        ("nowhere.bin", "nowhere.bin is not here"),
        ("enwik8:1M", "not to be fetched"),
        ("enwik8", "not to be fetched"),
    ],
)
def test_what_is_not_here_is_told_with_its_remedy(monkeypatch, tmp_path, word, words):
    monkeypatch.delenv("NZIP_CORPORA", raising=False)
    monkeypatch.setattr(suites, "folders", lambda: [tmp_path])
    ran = CliRunner().invoke(cli.main, ["run", word])
    assert ran.exit_code == 1 and words in ran.output and ran.output.count("\n") == 1


def test_a_cut_longer_than_the_file_is_told(small_file):
    ran = CliRunner().invoke(
        cli.main, ["run", f"{small_file}:1M", "--levels", "", "--peers", "gzip", "--no-plot"]
    )
    assert ran.exit_code == 1 and "5,000 bytes" in ran.output


def test_a_false_enwik8_is_refused(monkeypatch, tmp_path):
    (tmp_path / "enwik8_first_2M").write_bytes(bytes(2_000_000))
    monkeypatch.setattr(suites, "folders", lambda: [tmp_path])
    with pytest.raises(suites.SuiteError, match="does not begin"):
        suites.resolve(["enwik8:1M"])


def test_the_large_corpora(corpus):
    corpus("enwik8/enwik8_first_4M")
    (item,) = suites.resolve(["enwik8:1M"])
    assert len(item.read()) == 1_000_000
    assert [len(item.read()) for item in suites.resolve(["canterbury"])] == [
        152_089,
        125_179,
        426_754,
        481_861,
    ]
    assert len(suites.resolve(["dev"])) == len(
        [p for p in (Path(os.environ["NZIP_CORPORA"]) / "dev").iterdir() if p.is_file()]
    )
