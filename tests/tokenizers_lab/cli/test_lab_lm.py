"""``tokenizers-lab lm`` from outside: its verbs, Ctrl-C and resume, one line for every mistake."""

import json
import os
import signal
import subprocess
import sys

import pytest
from support import ROOT

pytest.importorskip("torch")
pytest.importorskip("safetensors")

from tokenizers_lab.cli.main import main
from tokenizers_lab.datasets import build
from tokenizers_lab.lm.runs import Run
from tokenizers_lab.m1.order_n import default_text

SMALL = ("--size", "tiny", "--context", "32", "--batch", "4", "--warm-up", "2", "--threads", "1")


@pytest.fixture
def lab(capfd, monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main(["lm", *map(str, arguments)])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lm")
    (folder / "a.txt").write_bytes(default_text()[:30_000])
    build("bytes", [folder / "a.txt"], folder / "d", held_out=0.25, document_bytes=2048, workers=1)
    build("gzip", [folder / "a.txt"], folder / "g", held_out=0.25, document_bytes=2048, workers=1)
    return folder


def test_train_eval_sample_export(lab, data, tmp_path):
    run = tmp_path / "run"
    code, _, err = lab("train", data / "d", "-o", run, *SMALL, "--bytes", 3000)
    assert code == 0 and "step 23/23" in err and "bits/byte" in err and "tokens/s" in err and "ETA" in err
    assert (
        "ETA" not in err.splitlines()[0] and "step 1/23" in err.splitlines()[0]
    )  # one step, which may compile, has no pace
    code, out, _ = lab("eval", run, data / "d", "--max-bytes", 3000, "--json", tmp_path / "e.json")
    figures = json.loads((tmp_path / "e.json").read_text())
    assert code == 0 and f"{figures['bits_per_byte']:.4f} bits per byte" in out and "with M1" in out
    code, out, _ = lab("sample", run, "--prompt", "In the", "--tokens", 10)
    assert code == 0 and out.startswith("In the")
    assert (
        lab("export", run, "-o", tmp_path / "m.safetensors")[0] == 0 and (tmp_path / "config.json").is_file()
    )
    for arguments, message in [
        (("eval", run, data / "g"), "not of the codec"),
        (("eval", data, data / "d"), "not a run"),
        (("export", run, "-o", tmp_path / "m.safetensors"), "exists"),
        (("train", data / "d", "-o", run, *SMALL, "--steps", 7), "another run"),
        (("train", data / "d", "-o", "x", "--size", "9B"), "size '9B'"),
        (("train", data / "d", "-o", "x", "--steps", 1, "--tokens", 1), "one of --steps"),
        (("sample", tmp_path), "not a run"),
        (("eval", run, data / "d", "--stride", 99), "stride 99"),
        (("sweep", tmp_path / "no.toml", "-o", "x"), "No such file"),
    ]:
        code, out, err = lab(*arguments)
        assert code == 1 and message in err and err.count("\n") == 1 and out == ""


def test_sweep_plan_and_report(lab, data, tmp_path):
    toml = tmp_path / "s.toml"
    toml.write_text(
        'name = "one"\nfiles = ["a.txt"]\nbudget = 2000\nsizes = ["tiny"]\nheld_out = 0.25\ndocument_kib '
        "= 2\ncontext = 32\nbatch = 4\n"
        'evaluations = 2\neval_bytes = 2048\nfinal_bytes = 2048\n[[arm]]\nname = "bytes"\ncodec = "bytes"\n'
    )
    code, out, _ = lab("sweep", toml, "-o", tmp_path / "out", "--corpora", data, "--plan", "--threads", 1)
    assert (
        code == 0
        and "all seeds together: 0.0 hours" in out
        and not list((tmp_path / "out" / "runs").iterdir())
    )
    code, out, err = lab("sweep", toml, "-o", tmp_path / "out", "--corpora", data)
    assert (
        code == 0 and "bits/byte" in out and "1 run;" in err and (tmp_path / "out" / "report.html").is_file()
    )
    code, _, err = lab("sweep", toml, "-o", tmp_path / "out")
    assert code == 1 and "--corpora DIR" in err and err.count("\n") == 1


def test_ctrl_c_keeps_a_checkpoint(data, tmp_path):
    command = [
        sys.executable,
        "-m",
        "tokenizers_lab",
        "lm",
        "train",
        str(data / "d"),
        "-o",
        str(tmp_path / "run"),
        *SMALL,
        "--steps",
        "100000",
    ]
    process = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr.readline().startswith("step 1/100,000")
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait() == 130 and "goes on from there" in rest and "Traceback" not in rest
    assert Run.read(tmp_path / "run").checkpoint()["step"] >= 1
