"""An interrupted analysis goes on where it stopped, and ends in the same results."""

import json

import pytest

import tokenizers_lab as lab
from tokenizers_lab.analysis import resume
from tokenizers_lab.errors import LabError

CODECS = ["bytes", "gzip", "static-ac"]
FILES = {"a": b"to be or not to be, that is the question\n" * 30, "b": bytes(range(256)) * 5}


def _run(path, progress=None, workers=1):
    return lab.analyze(
        CODECS, FILES, json_path=path, compressors=("gzip",), progress=progress, workers=workers
    )


def _without_speed(path):
    """A results file, but for what no two runs have in common."""
    results = json.loads(path.read_text())
    for codec in results["codecs"]:
        for entry in codec["files"].values():
            del entry["goals"]["speed"]
    return results


def test_an_interrupted_analysis_resumes(tmp_path, monkeypatch):
    whole = _run(tmp_path / "whole.json")

    def stop(done, total, what):
        if done == 2 + 6 + 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "r.json", stop)
    part = tmp_path / "r.json.part"
    kept = part.read_text().splitlines()
    # two baselines, six speeds, three measurements
    assert len(kept) == 2 + 6 + 3 and not (tmp_path / "r.json").exists()

    measured = []
    get = resume.Finished.get

    def counting(self, key, measure):
        return get(self, key, lambda: measured.append(key) or measure())

    monkeypatch.setattr(resume.Finished, "get", counting)
    part.write_text("\n".join(kept[:-1]) + "\n" + kept[-1][:20])  # the last line was cut
    resumed = _run(tmp_path / "r.json")
    assert len(measured) == 4 + 3  # the cut one and the three never measured, and of each codec unused tokens
    assert _without_speed(tmp_path / "r.json") == _without_speed(tmp_path / "whole.json")
    assert json.dumps(resumed["files"]) == json.dumps(whole["files"])
    assert not part.exists()


def test_threads_measure_the_same_and_are_interrupted_as_well(tmp_path):
    _run(tmp_path / "one.json")
    seen = []
    _run(tmp_path / "four.json", lambda *a: seen.append(a[0]), workers=4)
    assert _without_speed(tmp_path / "one.json") == _without_speed(tmp_path / "four.json")
    assert seen == sorted(seen) and seen[-1] == 2 + 6 + 6

    def stop(done, total, what):
        if done > 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "r.json", stop, workers=4)
    assert len((tmp_path / "r.json.part").read_text().splitlines()) >= 8
    _run(tmp_path / "r.json", workers=2)
    assert _without_speed(tmp_path / "r.json") == _without_speed(tmp_path / "one.json")
    with pytest.raises(LabError, match="0 workers"):
        _run(None, workers=0)


def test_other_options_measure_anew(tmp_path):
    first = resume.Finished(tmp_path / "r.json", 1)
    assert first.get(("k",), lambda: {"x": 1}) == {"x": 1}
    assert resume.Finished(tmp_path / "r.json", 1).get(("k",), lambda: {"x": 2}) == {"x": 1}
    assert resume.Finished(tmp_path / "r.json", 2).get(("k",), lambda: {"x": 3}) == {"x": 3}
