"""``--on-error skip`` in every verb that reads documents line by line: the same result as of the good lines
alone, and what was left out is counted and named."""

import json

import pytest

import tokenizers_lab as lab
from tokenizers_lab.cli.main import main
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.training.bpe import train_full

GOOD = [json.dumps({"text": f"the cat and the dog number {i} at the end"}) for i in range(60)]
BAD = {7: "{", 20: '{"text": 3}', 41: '{"text": "\\ud800"}'}


@pytest.fixture
def files(tmp_path):
    lines = list(GOOD)
    for at, line in BAD.items():
        lines.insert(at - 1, line)
    (tmp_path / "bad.jsonl").write_text("\n".join(lines))
    (tmp_path / "good.jsonl").write_text("\n".join(GOOD))
    return tmp_path


def told(error: str) -> bool:
    return all(f"bad.jsonl: line {at}: " in error for at in BAD) and "3 lines or rows were left out" in error


def run(*words) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(w) for w in words])
    return ended.value.code


@pytest.mark.parametrize(
    "verb",
    [
        ["train", "--vocab-size", 262, "-o", "OUT.json"],
        ["train", "--model", "unigram", "--vocab-size", 288, "-o", "OUT.model"],
        ["analyze", "--codec", "bytes", "--compressors", "none", "--json", "OUT.json"],
        ["dataset", "build", "--codec", "bytes", "--workers", 1, "-o", "OUT"],
    ],
)
def test_every_verb_skips_where_it_is_asked_to(files, verb, capfd):
    words = [str(files / w) if str(w).startswith("OUT") else w for w in verb]
    assert run(*words, files / "bad.jsonl") == 2 and "bad.jsonl: line 7: not JSON" in capfd.readouterr().err
    if verb[0] == "dataset":
        words[-1] += "2"
    assert run(*words, files / "bad.jsonl", "--on-error", "skip") == 0
    assert told(capfd.readouterr().err)


def test_the_rest_is_what_the_good_lines_give(files):
    found = train_full([files / "bad.jsonl"], 262, on_error="skip")
    want = train_full([files / "good.jsonl"], 262, on_error="skip")
    assert found.codec.fingerprint() == want.codec.fingerprint() and found.documents == len(GOOD)
    assert (
        found.left_out.count == 3
        and want.left_out.count == 0
        and train_full(documents=["a"]).left_out is None
    )
    with pytest.raises(DataError, match="line 7"):
        lab.train([files / "good.jsonl"], 258, "entropy", validation=files / "bad.jsonl")
    lab.train([files / "good.jsonl"], 258, "entropy", validation=files / "bad.jsonl", on_error="skip")
    results = lab.analyze(["bytes"], [files / "bad.jsonl"], compressors=(), on_error="skip")
    assert (
        results["left_out"]["count"] == 3
        and results["files"][0]["bytes"]
        == lab.analyze(["bytes"], [files / "good.jsonl"], compressors=())["files"][0]["bytes"]
    )
    with pytest.raises(LabError, match="stop or skip"):
        lab.analyze(["bytes"], [files / "bad.jsonl"], on_error="ignore")


def test_a_run_that_goes_on_still_knows_what_it_left_out(files):
    def stop(stage, done, total):
        if stage == "merge":
            raise KeyboardInterrupt

    options = {"on_error": "skip", "checkpoint": files / "c"}
    with pytest.raises(KeyboardInterrupt):
        train_full([files / "bad.jsonl"], 262, progress=stop, **options)
    with pytest.raises(LabError, match="on_error"):
        train_full([files / "bad.jsonl"], 262, checkpoint=files / "c")
    assert train_full([files / "bad.jsonl"], 262, **options).left_out.count == 3


@pytest.mark.parametrize("text", ["", "\n\n", '{"other": 1}\n'])
def test_nothing_to_read_is_no_success(tmp_path, text, capfd):
    (tmp_path / "a.jsonl").write_text(text)
    skip = ["--on-error", "skip"] if "other" in text else []
    assert run("train", tmp_path / "a.jsonl", "--vocab-size", 260, "-o", tmp_path / "T.json", *skip) == 1
    assert "no text to learn from" in capfd.readouterr().err and not (tmp_path / "T.json").exists()
    words = ["dataset", "build", "--codec", "bytes", "--workers", 1, "-o", tmp_path / "d", *skip]
    assert run(*words, tmp_path / "a.jsonl") == 1
    assert "empty" in (error := capfd.readouterr().err) or "no document in these sources" in error


def test_results_of_a_stranger_are_one_line(tmp_path, capfd):
    (tmp_path / "R.json").write_text('{"tokenizers_lab": 1, "files": 3, "codecs": {"a": 1}}')
    assert run("report", tmp_path / "R.json", "-o", tmp_path / "R.html") == 2
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "R.json: damaged results" in error
    assert not (tmp_path / "R.html").exists()
