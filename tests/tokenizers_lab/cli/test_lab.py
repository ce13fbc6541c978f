"""``tokenizers-lab`` from outside: its verbs end to end, its exit codes, one line for every mistake, Ctrl-C
and resume."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from support import ROOT

pytest.importorskip("tokenizers")

from tokenizers_lab.cli.main import main
from tokenizers_lab.m1.order_n import default_text


@pytest.fixture
def run(capfd, monkeypatch):
    """``run(*arguments)`` in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(a) for a in arguments])
        out, err = capfd.readouterr()
        return end.value.code, out, err

    return call


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("texts")
    (folder / "a.txt").write_bytes(default_text()[:40_000])
    (folder / "b.bin").write_bytes(bytes(range(256)) * 20)
    return folder


def test_train_encode_decode_compare_report(run, texts, tmp_path):
    code, _, err = run(
        "train", texts / "a.txt", "--vocab-size", 800, "--nested", "300,500", "-o", tmp_path / "T.json"
    )
    assert (
        code == 0
        and "800 tokens from 40,000 bytes" in err
        and sorted(os.listdir(tmp_path)) == ["T-300.json", "T-500.json", "T.json"]
    )
    assert run("truncate", tmp_path / "T.json", "--vocab-size", 300, "-o", tmp_path / "t.json")[0] == 0
    assert (tmp_path / "t.json").read_bytes() == (tmp_path / "T-300.json").read_bytes()
    for codec in (tmp_path / "T.json", "gzip[v=65k]", "ac[m1=order-2]"):
        for name in ("a.txt", "b.bin"):
            assert run("encode", "--codec", codec, texts / name, "-o", tmp_path / "ids.npy", "-f")[0] == 0
            assert np.load(tmp_path / "ids.npy").dtype == np.uint16
            assert (
                run("decode", "--codec", codec, tmp_path / "ids.npy", "-o", tmp_path / "back", "-f")[0] == 0
            )
            assert (tmp_path / "back").read_bytes() == (texts / name).read_bytes()
    assert run("decode", "--codec", codec, tmp_path / "ids.npy", "-o", "-")[0] == 0
    code, _, err = run(
        "export", tmp_path / "T.json", "-o", tmp_path / "T.tiktoken", "--check", texts / "a.txt"
    )
    assert code == 0 and "0 token borders differ" in err
    code, out, _ = run(
        "compare",
        tmp_path / "T.json",
        tmp_path / "T.tiktoken",
        "bytes",
        "--on",
        texts / "a.txt",
        texts / "b.bin",
        "-o",
        tmp_path / "R.html",
        "--json",
        tmp_path / "R.json",
        "--compressors",
        "gzip",
        "--weights",
        "a=1,b.bin=3",
        "--csv",
        tmp_path / "R.csv",
    )
    lines = out.splitlines()
    assert code == 0 and len(lines) <= 60 and max(map(len, lines)) <= 80 and "T.tiktoken" in out
    assert lines[0] == "Means over 2 files: a.txt 25%, b.bin 75%" and "a.txt: entropies" not in out
    results = json.loads((tmp_path / "R.json").read_text())
    assert results["overlap"]["boundary_f1"]["a.txt"][0][1] == 1.0 and [
        f["name"] for f in results["files"]
    ] == ["a.txt", "b.bin"]
    assert run("report", tmp_path / "R.json", "-o", tmp_path / "again.html")[0] == 0
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "R.html").read_bytes()
    code, out, _ = run("report", tmp_path / "R.json", "--all", "--csv", tmp_path / "again.csv")
    assert code == 0 and "a.txt: entropies" in out and "b.bin: length" in out
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "R.csv").read_bytes()
    code, out, _ = run("report", tmp_path / "R.json", "--weights", "b=1", "--show", "bytes")
    assert code == 0 and "b.bin 100%" in out and "bytes 320" in out
    code, out, _ = run(
        "analyze",
        "--codec",
        tmp_path / "T.json",
        "--codec",
        "gzip",
        texts / "a.txt",
        "--json",
        tmp_path / "S.json",
        "--compressors",
        "none",
        "-q",
    )
    assert code == 0 and out == "" and len(json.loads((tmp_path / "S.json").read_text())["codecs"]) == 2


def test_superwords_are_trained_and_compared(run, texts, tmp_path):
    out = tmp_path / "S.json"
    arguments = ["train", texts / "a.txt", "--vocab-size", 800, "--superwords", "--nested", "500", "-o", out]
    code, _, err = run(*arguments)
    assert code == 0 and "800 tokens from 40,000 bytes" in err
    assert sorted(os.listdir(tmp_path)) == ["S-500.json", "S.json"]  # no checkpoint, no cells
    assert run(*arguments[:-1], tmp_path / "S2.json", "--transition", 400)[0] == 0
    assert (tmp_path / "S2.json").read_bytes() == out.read_bytes()
    code, shown, _ = run("compare", out, "bytes", "--on", texts / "a.txt")
    assert code == 0 and "bytes/tok" in shown
    two = [texts / "a.txt", texts / "a.txt"]
    code, _, err = run(
        "train", *two, "--vocab-size", 500, "--parity", "--nested", "400", "-o", tmp_path / "P.json"
    )
    assert code == 0 and err.count("chose") == 2 and (tmp_path / "P-400.json").exists()
    marked = tmp_path / "M.codec"
    code, _, err = run(
        "train", texts / "a.txt", "--vocab-size", 500, "--marks", "case+space", "--nested", 400, "-o", marked
    )
    assert code == 0 and "`tokenizers` has no normalizer" in err and (tmp_path / "M-400.codec").exists()
    code, shown, err = run("compare", marked, out, "--on", texts / "a.txt", texts / "b.bin")
    assert code == 0 and "M.codec" in shown and "!" not in shown.split("M.codec")[1].splitlines()[0]
    assert run("truncate", marked, "--vocab-size", 400, "-o", tmp_path / "t.codec") == (0, "", "")
    assert (tmp_path / "t.codec").read_bytes() == (tmp_path / "M-400.codec").read_bytes()
    code, _, err = run("export", marked, "-o", tmp_path / "x.tiktoken")
    assert code == 1 and "not a byte-level BPE vocabulary: `tokenizers`" in err and err.count("\n") == 1
    code, _, err = run("save", f"segment[of={out}]", "-o", tmp_path / "f.codec")
    assert code == 0 and "cannot load it" in err


def test_compression_aware_and_unigram_training(run, texts, tmp_path):
    for objective in ("gzip", "entropy"):
        assert run(
            "train",
            texts / "a.txt",
            "--vocab-size",
            259,
            "--objective",
            objective,
            "--candidates",
            4,
            "--stream-kib",
            8,
            "-o",
            tmp_path / f"{objective}.json",
            "-q",
        ) == (0, "", "")
    code, _, err = run(
        "train", texts / "a.txt", "--vocab-size", 600, "--model", "unigram", "-o", tmp_path / "m.model"
    )
    assert code == 0 and "600 tokens" in err and "not lossless" not in err
    assert run("encode", "--codec", tmp_path / "m.model", texts / "b.bin", "-o", tmp_path / "i.npy")[0] == 0
    assert run("decode", "--codec", tmp_path / "m.model", tmp_path / "i.npy", "-o", tmp_path / "back")[0] == 0
    assert (tmp_path / "back").read_bytes() == (texts / "b.bin").read_bytes()
    assert run("save", "ac[m1=order-1]", "-o", tmp_path / "ac.bin")[0] == 0
    assert (
        run("encode", "--codec", tmp_path / "ac.bin", texts / "b.bin", "-o", tmp_path / "i.npy", "-f")[0] == 0
    )


@pytest.mark.parametrize(
    "arguments,code,match",
    [
        ("train missing.txt -o T.json", 1, "no such file"),
        ("train a.txt --vocab-size 10 -o T.json", 1, "too small"),
        ("train a.txt --objective magic -o T.json", 1, "magic"),
        ("train a.txt", 1, "-o"),
        ("train a.txt -o no/folder/T.json --vocab-size 300", 1, "cannot write"),
        ("train a.txt -o a.txt", 1, "exists already"),
        ("train a.txt --nested x -o T.json", 1, "--nested"),
        ("encode --codec bite a.txt -o i.npy", 1, "unknown codec"),
        ("encode --codec bytes nope -o i.npy", 1, "nope"),
        ("decode --codec bytes a.txt -o back", 2, "not a NumPy array"),
        ("decode --codec nope.json a.txt -o back", 1, "no such"),
        ("analyze --codec bytes a.txt --json R.json --language xx", 1, "hunspell-xx"),
        ("analyze --codec bytes a.txt --json R.json --compressors rar", 1, "rar"),
        ("report a.txt -o R.html", 2, "not JSON"),
        ("compare bytes --on a.txt -q --weights b=1", 1, "'b', which is no file here; the files: a.txt"),
        ("compare bytes --on a.txt --weights a", 1, "FILE=NUMBER"),
        ("compare bytes --on a.txt --csv no/R.csv", 1, "cannot write"),
        ("compare nope --on a.txt", 1, "unknown codec 'nope'"),
        ("report a.txt", 2, "not JSON"),
        ("compare bytes -o R.html", 1, "--on"),
        ("analyze --codec bytes a.txt --json R.json --aligned tr", 1, "LANGUAGE=FILE"),
        ("nonsense", 1, "nonsense"),
        ("train a.txt -o m.model --model unigram --vocab-size 300 --veto the --seed x", 1, "--seed, --veto"),
        ("train a.txt -o m.model --model unigram --pre gpt4", 1, "--pre: only --model bpe"),
        ("train a.txt -o m.model --model sentencepiece-bpe --checkpoint c --nested 300", 1, "--nested"),
        ("train a.txt -o m.model --model unigram --objective frequency", 1, "--objective"),
        ("train a.txt -o T.json --vocab-size 300 --seed x --veto x", 1, "both a seed and vetoed"),
        ("train a.txt -o T.json --vocab-size 300 --special x1 --special x1", 1, "twice"),
        ("train a.txt -o T.json --vocab-size 300 --special |", 1, "single byte"),
        ("export a.txt -o x.tiktoken", 2, "SentencePiece"),
        ("train a.txt -o T.json --vocab-size 400 --transition 400", 1, "before the end"),
        ("train a.txt -o T.json --vocab-size 400 --transition 20", 1, "must stand from 256"),
        ("train a.txt -o T.json --vocab-size 400 --superwords --pre none", 1, "words to begin with"),
        ("train - -o T.json --vocab-size 400 --superwords", 1, "twice"),
        ("train a.txt -o T.json --vocab-size 65536 --superwords --max-memory 8", 1, "MiB or more"),
        ("train a.txt -o T.json --vocab-size 400 --superwords --max-memory 0", 1, "MiB or more"),
        ("train a.txt -o T.json --parity", 1, "two sources"),
        ("train a.txt a.txt -o T.json --parity --seed x --superwords", 1, "--superwords, --seed: not with"),
        ("train a.txt a.txt -o m.model --parity --model unigram", 1, "--parity: only --model bpe"),
        ("train a.txt -o T.json --marks case", 1, "name it T.codec"),
        ("train a.txt -o T.codec --marks words", 1, "words"),
        ("train a.txt a.txt -o T.json --parity --checkpoint c --veto x", 1, "--veto, --checkpoint: not with"),
        ("bound a.txt --vocab-size 200", 1, "smaller than its alphabet"),
        ("bound a.txt --vocab-size 300 --codec gzip", 1, "no bytes of their own"),
        ("bound a.txt --vocab-size 300 --pre gpt9", 1, "unknown pre-tokenizer"),
        ("bound nope.txt --vocab-size 300", 1, "no such file"),
        ("train a.txt -o m.model --model unigram --superwords", 1, "--superwords: only --model bpe"),
    ],
)
def test_mistakes_are_one_line(run, texts, tmp_path, monkeypatch, arguments, code, match):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_bytes((texts / "a.txt").read_bytes()[:4000])
    got, _out, err = run(*arguments.split())
    assert (
        got == code and match in err and err.strip().count("\n") == 0 and err.startswith("tokenizers-lab: ")
    )
    assert os.listdir(tmp_path) == ["a.txt"]  # nothing half-written


def test_interrupted_training_resumes(texts, tmp_path):
    """A real process, a real Ctrl-C: the checkpoint stays, the same command goes on, and the result is the
    same."""
    command = [
        sys.executable,
        "-m",
        "tokenizers_lab",
        "train",
        str(texts / "a.txt"),
        "--vocab-size",
        "276",
        "--objective",
        "gzip",
        "--stream-kib",
        "32",
        "--workers",
        "1",
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "T.json")], env=environment, stderr=subprocess.PIPE, text=True
    )
    time.sleep(2.5)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    if process.returncode == 130:  # else it was done already, and the comparison below still holds
        assert "Traceback" not in err and not (tmp_path / "T.json").exists()
    if not (tmp_path / "T.json").exists():
        subprocess.run([*command, "-o", str(tmp_path / "T.json"), "-q"], env=environment, check=True)
    subprocess.run([*command, "-o", str(tmp_path / "whole.json"), "-q"], env=environment, check=True)
    assert (tmp_path / "T.json").read_bytes() == (tmp_path / "whole.json").read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["T.json", "whole.json"]


def test_help_and_lazy_imports():
    code = (
        "import sys; from tokenizers_lab.cli.main import cli; import tokenizers_lab; "
        "heavy = {'torch', 'tokenizers', 'sentencepiece', 'matplotlib', 'numba'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True)
    out = subprocess.run(
        [sys.executable, "-m", "tokenizers_lab", "--help"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 0 and all(
        verb in out.stdout for verb in ("train", "encode", "decode", "analyze", "report", "compare")
    )
