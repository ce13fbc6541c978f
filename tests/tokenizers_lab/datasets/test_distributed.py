"""Datasets by datatrove's executors, for real: the same bytes, killed workers, Slurm by a scheduler of three
scripts; and what is written is read by Hugging Face's ``datasets`` and by datatrove's torch reader."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import ROOT

pytest.importorskip("datatrove")

from tokenizers_lab.datasets import TokenReader, build
from tokenizers_lab.datasets.manifest import Manifest

pytestmark = pytest.mark.slow


def contents(folder) -> dict:
    return {p.name: p.read_bytes() for p in Path(folder).iterdir()}


def environment(**more) -> dict:
    return {**os.environ, "PYTHONPATH": str(ROOT), "RAY_TMPDIR": "/tmp", **more}


def dataset_build(*arguments, **kwargs):
    return subprocess.run(
        [sys.executable, "-m", "tokenizers_lab", "dataset", "build", *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        **{"env": environment(), **kwargs},
    )


def descendants(pid: int) -> list[int]:
    out = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(c) for c in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            out += [child, *descendants(child)]
    return out


def command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


@pytest.fixture
def slow_text(tmp_path, english):
    """A text, and the options of a build slow enough to be disturbed."""
    (tmp_path / "a.txt").write_bytes((english * 8)[:1_600_000])
    return [tmp_path / "a.txt", "--codec", "ac[m1=order-6]", "--shard-mib", "0.1", "--workers", "2"]


def start(arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tokenizers_lab", "dataset", "build", *map(str, arguments)],
        env=environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_a_part(process, folder) -> None:
    while not (folder / "parts").is_dir() or not list((folder / "parts").glob("*.json")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.02)


@pytest.mark.parametrize("executor", ["datatrove", "ray"])
def test_the_same_files_by_any_executor(tmp_path, english, executor):
    (tmp_path / "a.txt").write_bytes(english)
    build(
        "equal-info",
        [tmp_path / "a.txt"],
        tmp_path / "here",
        workers=1,
        shard_bytes=40_000,
        document_bytes=4096,
    )
    options = [
        tmp_path / "a.txt",
        "--codec",
        "equal-info",
        "--shard-mib",
        40_000 / 2**20,
        "--document-kib",
        4,
        "--workers",
        2,
    ]
    run = dataset_build(*options, "-o", tmp_path / "there", "--executor", executor)
    assert run.returncode == 0 and len(run.stderr.splitlines()) == 2, run.stderr
    assert (
        contents(tmp_path / "there") == contents(tmp_path / "here") and not (tmp_path / "there.logs").exists()
    )
    run = dataset_build(*options, "-o", tmp_path / "there", "--executor", executor)
    assert run.returncode == 0 and "nothing to do" in run.stderr


def test_a_worker_of_datatrove_killed(slow_text, tmp_path):
    options = [*slow_text, "--executor", "datatrove", "-o", tmp_path / "d"]
    process = start(options)
    wait_for_a_part(process, tmp_path / "d")
    os.kill(next(p for p in descendants(process.pid) if b"spawn_main" in command_line(p)), signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 1 and "run the same command again" in err and err.count("\n") == 1, err
    done = {p: p.stat().st_mtime_ns for p in (tmp_path / "d" / "parts").glob("*.json")}
    files = {
        p: p.stat().st_mtime_ns
        for p in (tmp_path / "d").glob("train-*")
        if p.stem[6:11] in {d.stem for d in done}
    }
    assert 0 < len(done) < 16 and len(files) == 2 * len(done)
    again = dataset_build(*options)
    assert again.returncode == 0 and "shards are there already" in again.stderr
    assert all(p.stat().st_mtime_ns == t for p, t in files.items())  # nothing twice
    assert dataset_build(*slow_text, "-o", tmp_path / "e").returncode == 0
    assert contents(tmp_path / "d") == contents(tmp_path / "e")  # nothing lost


def test_a_worker_of_ray_killed(slow_text, tmp_path):
    """The worker inside the actor dies: the actor is told, Ray starts another, which builds what is missing
    only."""
    process = start([*slow_text, "--executor", "ray", "-o", tmp_path / "d"])
    wait_for_a_part(process, tmp_path / "d")
    files = {
        p: p.stat().st_mtime_ns
        for p in (tmp_path / "d").glob("train-*.bin")
        if (tmp_path / "d" / "parts" / f"{p.stem[6:]}.json").exists()
    }
    actors = [p for p in descendants(process.pid) if command_line(p).startswith(b"ray::")]
    workers = [p for p in actors if any(p in descendants(a) for a in actors)]
    os.kill(workers[0], signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == 0, err
    assert files and all(p.stat().st_mtime_ns == t for p, t in files.items())
    assert dataset_build(*slow_text, "-o", tmp_path / "e").returncode == 0
    assert contents(tmp_path / "d") == contents(tmp_path / "e")


def test_all_of_ray_killed_and_run_again(slow_text, tmp_path):
    options = [*slow_text, "--executor", "ray", "-o", tmp_path / "d"]
    process = start(options)
    wait_for_a_part(process, tmp_path / "d")
    for pid in [process.pid, *descendants(process.pid)]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.communicate()
    done = [p.stem for p in (tmp_path / "d" / "parts").glob("*.json")]
    files = {p: p.stat().st_mtime_ns for s in done for p in (tmp_path / "d").glob(f"train-{s}*")}
    assert 0 < len(done) < 16
    again = dataset_build(*options)
    assert again.returncode == 0, again.stderr
    assert all(p.stat().st_mtime_ns == t for p, t in files.items())
    assert dataset_build(*slow_text, "-o", tmp_path / "e").returncode == 0
    assert contents(tmp_path / "d") == contents(tmp_path / "e")


@pytest.mark.parametrize("executor", ["datatrove", "ray"])
def test_a_bad_line_is_one_line_from_any_executor(tmp_path, executor):
    lines = [json.dumps({"text": "word " * (i % 7)}) for i in range(400)]
    lines[333] = "{"
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    run = dataset_build(
        tmp_path / "x.jsonl",
        "--codec",
        "bytes",
        "--shard-mib",
        0.003,
        "--workers",
        2,
        "--executor",
        executor,
        "-o",
        tmp_path / "d",
    )
    assert (
        run.returncode == 2 and "x.jsonl: line 334: not JSON" in run.stderr and run.stderr.count("\n") == 1
    ), run.stderr
    manifest = Manifest.read(tmp_path / "d")
    bad = next(
        i
        for i in range(manifest.shards)
        for s in manifest.segments(i)
        if s.start <= len("\n".join(lines[:333])) + 1 < s.stop
    )
    assert manifest.missing() == [bad]  # all others are built


FAKES = {  # a scheduler of one machine
    "sbatch": """#!{python}
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
calls = os.path.join({folder!r}, "calls")
number = str(100 + sum(1 for _ in open(calls)) if os.path.exists(calls) else 100)
with open(calls, "a") as f:
    what = re.search("launch_pickled_pipeline|merge_stats", script).group()
    f.write(" ".join([*sys.argv[1:-1], what]) + "\\n")
path = os.path.join({folder!r}, "job-" + number)
open(path, "w").write(script)
first, last = re.search(r"--array=(\\d+)-(\\d+)", script).groups()
for i in range(int(first), int(last) + 1):
    env = {{**os.environ, "SLURM_ARRAY_TASK_ID": str(i), "SLURM_NODELIST": "here"}}
    env |= {{"SLURM_JOB_ID": number, "RUN_OFFSET": "0"}}
    subprocess.run(["bash", path], env=env, stdout=open(path + ".out", "a"), stderr=subprocess.STDOUT)
print("Submitted batch job", number)
""",
    "srun": """#!{python}
import os, sys
command = sys.argv[sys.argv.index("-n") + 2:]
os.execvp(command[0], command)
""",
    "scontrol": "#!/bin/sh\necho here\n",
}


def test_slurm_jobs_build_and_finish_the_dataset(tmp_path, english):
    bin = tmp_path / "bin"
    bin.mkdir()
    for name, text in FAKES.items():
        (bin / name).write_text(
            text.format(python=sys.executable, folder=str(tmp_path)) if "{" in text else text
        )
        (bin / name).chmod((bin / name).stat().st_mode | stat.S_IXUSR)
    (tmp_path / "a.txt").write_bytes(english[:100_000])
    options = [
        tmp_path / "a.txt",
        "--codec",
        "bytes",
        "--shard-mib",
        0.02,
        "--document-kib",
        4,
        "-o",
        tmp_path / "d",
        "--executor",
        "slurm",
    ]
    path = os.pathsep.join([str(bin), str(Path(sys.executable).parent), os.environ["PATH"]])
    missing = dataset_build(*options)
    assert missing.returncode == 1 and missing.stderr.count("\n") == 1 and "partition" in missing.stderr
    settings = ["--option", "partition=cpu", "--option", "time=01:00:00", "--workers", 3]
    run = dataset_build(*options, *settings, env=environment(PATH=path))
    assert run.returncode == 0 and "is submitted" in run.stderr, run.stderr
    calls = (tmp_path / "calls").read_text().splitlines()
    launches = [c for c in calls if "launch_pickled" in c]
    assert len(launches) == 2 and "--dependency=afterok:100" in launches[1]
    script = (tmp_path / "job-100").read_text()
    assert "#SBATCH --array=0-4%3" in script and "--partition=cpu" in script and "--time=01:00:00" in script
    build(
        "bytes",
        [tmp_path / "a.txt"],
        tmp_path / "e",
        workers=1,
        shard_bytes=int(0.02 * 2**20),
        document_bytes=4096,
    )
    assert contents(tmp_path / "d") == contents(tmp_path / "e")
    assert "not found" in dataset_build(*options[:-3], tmp_path / "f", *options[-2:], *settings).stderr


@pytest.mark.parametrize("codec", ["equal-info", "gzip[v=65k]"])
def test_hugging_face_datasets_reads_it(tmp_path, english, codec, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", "2.20")
    (tmp_path / "a.txt").write_bytes(english[:60_000])
    build(
        codec,
        [tmp_path / "a.txt"],
        tmp_path / "d",
        format="parquet",
        workers=1,
        shard_bytes=20_000,
        document_bytes=2048,
        held_out=0.2,
    )
    read = datasets.load_dataset(
        "parquet",
        data_files={s: str(tmp_path / "d" / f"{s}-*.parquet") for s in ("train", "held_out")},
        cache_dir=str(tmp_path / "cache"),
    )
    for split in ("train", "held_out"):
        reader = TokenReader(tmp_path / "d", split)
        assert len(read[split]) == reader.documents and sum(read[split]["bytes"]) == reader.bytes
        assert [i for row in read[split]["input_ids"] for i in row] == reader.read(0, reader.tokens).tolist()


@pytest.mark.parametrize(
    "codec,layout", [("equal-info", "nanogpt"), ("gzip[v=65k]", "nanogpt"), ("equal-info", "megatron")]
)
def test_datatrove_reads_it(tmp_path, english, codec, layout):
    pytest.importorskip("torch")
    from datatrove.utils.dataset import DatatroveFolderDataset

    (tmp_path / "a.txt").write_bytes(english[:60_000])
    build(
        codec,
        [tmp_path / "a.txt"],
        tmp_path / "d",
        format=layout,
        workers=1,
        shard_bytes=20_000,
        document_bytes=2048,
    )
    reader = TokenReader(tmp_path / "d")
    read = DatatroveFolderDataset(
        str(tmp_path / "d"),
        seq_len=15,
        filename_pattern="train-*.bin",
        token_size=np.dtype(reader.manifest.data["dtype"]).itemsize,
    )
    start = 0
    got = [read[i]["input_ids"].tolist() for i in range(len(read))]
    for record in reader.manifest.data["shards"]:  # whole blocks of each file
        tokens = record["splits"]["train"]["tokens"]
        for _ in range(tokens // 16):
            assert got.pop(0) == reader.read(start, start + 16).tolist()
            start += 16
        start += tokens % 16
    assert not got and start == reader.tokens
