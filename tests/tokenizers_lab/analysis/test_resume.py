"""An interrupted analysis goes on where it stopped, and ends in the same results."""

import json

import pytest

import tokenizers_lab as lab
from tokenizers_lab.analysis import resume

CODECS = ["bytes", "gzip", "static-ac"]
FILES = {"a": b"to be or not to be, that is the question\n" * 30, "b": bytes(range(256)) * 5}


def _run(path, progress=None):
    return lab.analyze(CODECS, FILES, json_path=path, compressors=("gzip",), progress=progress)


def test_an_interrupted_analysis_resumes(tmp_path, monkeypatch):
    whole = _run(tmp_path / "whole.json")

    def stop(done, total, what):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(tmp_path / "r.json", stop)
    part = tmp_path / "r.json.part"
    kept = part.read_text().splitlines()
    assert len(kept) == 2 + 3 and not (tmp_path / "r.json").exists()  # two baselines, three measurements

    measured = []
    get = resume.Finished.get

    def counting(self, key, measure):
        return get(self, key, lambda: measured.append(key) or measure())

    monkeypatch.setattr(resume.Finished, "get", counting)
    part.write_text("\n".join(kept[:-1]) + "\n" + kept[-1][:20])  # the last line was cut
    resumed = _run(tmp_path / "r.json")
    assert len(measured) == 4  # the cut one and the three never measured
    assert (tmp_path / "r.json").read_text() == (tmp_path / "whole.json").read_text()
    assert json.dumps(resumed["files"]) == json.dumps(whole["files"])
    assert not part.exists()


def test_other_options_measure_anew(tmp_path):
    first = resume.Finished(tmp_path / "r.json", 1)
    assert first.get(("k",), lambda: {"x": 1}) == {"x": 1}
    assert resume.Finished(tmp_path / "r.json", 1).get(("k",), lambda: {"x": 2}) == {"x": 1}
    assert resume.Finished(tmp_path / "r.json", 2).get(("k",), lambda: {"x": 3}) == {"x": 3}
