"""``tokenizers-lab dataset`` from outside: build, verify, info, sample; mistakes in one line; Ctrl-C and
resume."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import ROOT

pytest.importorskip("tokenizers")

from tokenizers_lab.cli.main import main
from tokenizers_lab.m1.order_n import default_text


@pytest.fixture
def run(capfd, monkeypatch, tmp_path):
    """``run("dataset build …")`` in this process and in ``tmp_path``: (exit code, stdout, stderr)."""
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_bytes(default_text()[:60_000])
    (tmp_path / "b.bin").write_bytes(bytes(range(256)) * 30)
    (tmp_path / "c.jsonl").write_text('{"text": "good"}\n{"text": "bad}\n')

    def call(words):
        with pytest.raises(SystemExit) as end:
            main(words.split())
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


@pytest.mark.parametrize(
    "codec,borders",
    [("equal-info[m1=order-2]", "│"), ("equal-info[b=32,v=256,m1=order-2]", "│"), ("bytes", "│")],
)
def test_build_verify_info_sample(run, codec, borders):
    code, _, err = run(
        f"dataset build a.txt b.bin --codec {codec} -o D --format megatron --workers 1 --shard-mib 0.02 "
        "--document-kib 4 --held-out 0.2"
    )
    assert code == 0 and "D: train: " in err and "D: held_out: " in err and "MB/s" in err
    assert (
        run("dataset build b.bin --codec bytes -o whole --workers 1 --document-kib 0 --held-out 0.001")[
            2
        ].count("no document fell to held_out")
        == 1
    )
    assert run("dataset verify D --against a.txt b.bin") == (
        0,
        "",
        "D: every document decodes to the bytes it was made from\n",
    )
    assert run("dataset verify D -q") == (0, "", "")
    code, out, _ = run("dataset info D --json")
    told = json.loads(out)
    assert code == 0 and told["schema"] == "tokenizers-lab.dataset-info/1" and told["format"] == "megatron"
    assert told["sources"] == {"files": 2, "bytes": 67_680} and told["complete"]
    assert sum(split["bytes"] for split in told["splits"].values()) == 67_680
    code, out, _ = run("dataset info D")
    assert code == 0 and "67,680 bytes" in out and "megatron, uint16" in out and "held_out" in out
    assert ("65,536 by name" in out) == (codec == "equal-info[m1=order-2]")
    code, out, err = run("dataset sample D --document 2 --tokens 40")
    assert code == 0 and "document 2 of" in err and "││" not in out and out.endswith(" …\n")
    text = out[:-3].replace(borders, "")
    assert text and (text.encode() in (Path("a.txt").read_bytes() + b"\n") or "\\x" in text)
    code, _, err = run(
        f"dataset build a.txt b.bin --codec {codec} -o D --format megatron --workers 1 --shard-mib 0.02 "
        "--document-kib 4 --held-out 0.2"
    )
    assert code == 0 and err == "D: complete already, nothing to do\n"


@pytest.mark.parametrize(
    "words,code,match",
    [
        ("build a.txt c.jsonl --codec bytes -o E --workers 1", 2, "c.jsonl: line 2: not JSON"),
        ("build nope --codec bytes -o E", 1, "nope"),
        ("build a.txt --codec gzip -o D", 1, "codec is 'bytes'"),
        ("build a.txt --codec bytes -o D --format parquet", 1, "format"),
        ("build a.txt --codec bite -o E", 1, "unknown codec"),
        ("build a.txt --codec bytes -o b.bin", 1, "b.bin"),
        ("build a.txt --codec bytes", 1, "-o"),
        ("build a.txt --codec bytes -o E --held-out 1", 1, "held_out"),
        ("build a.txt --codec bytes -o E --option x=1", 1, "--option"),
        ("verify nope", 1, "not a dataset"),
        ("verify D --against b.bin", 2, "--against"),
        ("info b.bin", 1, "not a dataset"),
        ("sample D --document 99", 1, "outside"),
        ("sample D --split x", 1, "no split"),
        ("build b.bin --codec bytes -o E --text-key", 1, "--text-key"),
    ],
)
def test_mistakes_are_one_line(run, words, code, match):
    assert run("dataset build a.txt --codec bytes -o D --workers 1 -q") == (0, "", "")
    got, out, err = run(f"dataset {words}")
    assert (
        got == code
        and match in err
        and err.startswith("tokenizers-lab: ")
        and err.count("\n") == 1
        and out == ""
    )
    assert run("dataset verify D -q") == (0, "", "")  # what was there is as it was


def test_interrupted_builds_resume(tmp_path):
    """A real process, a real Ctrl-C in the middle of a shard."""
    (tmp_path / "a.txt").write_bytes(default_text() * 2)
    command = [
        sys.executable,
        "-m",
        "tokenizers_lab",
        "dataset",
        "build",
        str(tmp_path / "a.txt"),
        "--codec",
        "ac[m1=order-6]",
        "--shard-mib",
        "0.05",
        "--workers",
        "1",
        "-o",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, str(tmp_path / "D")],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(  # noqa: PLW1509 - tests may run where it is ignored
            signal.SIGINT, signal.SIG_DFL
        ),
    )
    parts = tmp_path / "D" / "parts"
    while not (parts.is_dir() and any(parts.glob("*.json"))):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate()
    assert (
        process.returncode == 130
        and "Traceback" not in err
        and "the same command goes on" in err
        and not [p for p in os.listdir(tmp_path / "D") if p.startswith(".")]
    )
    stamps = {p: p.stat().st_mtime_ns for p in (tmp_path / "D").glob("train-*")}
    again = subprocess.run(
        [*command, str(tmp_path / "D")], env=environment, check=False, capture_output=True, text=True
    )
    assert again.returncode == 0 and "shards are there already" in again.stderr
    assert stamps and all(p.stat().st_mtime_ns == t for p, t in stamps.items())
    check = subprocess.run(
        [
            sys.executable,
            "-m",
            "tokenizers_lab",
            "dataset",
            "verify",
            str(tmp_path / "D"),
            "--against",
            str(tmp_path / "a.txt"),
        ],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert check.returncode == 0, check.stderr


def test_what_is_worth_knowing_is_said(run, tmp_path):
    """A new end of sequence, lines left out, an M1 that does not know the text."""
    code, _, err = run("dataset build a.txt --codec bytes -o D --workers 1")
    assert code == 0 and "a new id, 256, is made" in err
    assert "new id" not in run("dataset build a.txt --codec bytes -o E --workers 1 --no-eos")[2]
    run("train a.txt --vocab-size 300 --special <stop> --special </s> -o T.json")
    code, _, err = run("dataset build a.txt --codec T.json --eos <stop> -o F --workers 1")
    assert code == 0 and "new id" not in err and run("dataset verify F -q")[0] == 0
    code, _, err = run("dataset build a.txt --codec T.json --eos the -o G --workers 1")
    assert code == 1 and "no special token 'the'" in err and err.count("\n") == 1
    assert run("dataset build a.txt --codec bytes --eos x --no-eos -o G")[0] == 1
    code, _, err = run("dataset build a.txt c.jsonl --codec bytes -o H --workers 1 --on-error skip")
    assert code == 0 and "left out: c.jsonl: line 2: not JSON" in err and "H: 1 lines or rows" in err
    letters = {c: 0x10A0 + c - 97 for c in range(97, 123)} | {c: 0x10D0 + c - 65 for c in range(65, 91)}
    (tmp_path / "g.txt").write_text(default_text()[:70_000].decode().translate(letters))
    for words in (
        "dataset build g.txt --codec equal-info[v=256] -o I --workers 1",
        "analyze --codec equal-info[v=256] g.txt --compressors none --json R.json",
    ):
        code, _, err = run(words)
        assert code == 0 and "bytes a token, where an M1 of this text's own gives" in err, err
        assert (
            "train=g.txt" in err
            and "bytes a token, where" not in run(words.replace("g.txt", "a.txt") + " -q")[2]
        )
