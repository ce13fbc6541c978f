"""Every system call of ``tokenizers-lab lm train`` fails in turn, in every way: one error, a checkpoint that
is whole or the last one, and the same call goes on to the same losses and weights.

The default suite takes a sample; the whole grid is behind ``slow``."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil

import faults
import pytest

torch = pytest.importorskip("torch")

from tokenizers_lab.datasets import TokenReader, build
from tokenizers_lab.errors import LabError
from tokenizers_lab.lm import training
from tokenizers_lab.lm.model import Shape
from tokenizers_lab.lm.runs import CHECKPOINT, NAME, Plan, Run

pytestmark = [
    pytest.mark.usefixtures("one_torch_thread"),
    pytest.mark.filterwarnings("ignore:.*(synced|durable|does not keep):RuntimeWarning"),
]
PLAN = Plan(2, batch=2, warm_up=1, evaluations=0)
SAMPLE = ("fsync", "replace"), (errno.EIO,)
WHOLE = faults.CALLS, faults.ERRORS


def _descriptors(place) -> int:
    """Files below ``place`` that are open (an error's traceback may hold the dataset's)."""
    links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
    return sum(os.path.exists(link) and os.readlink(link).startswith(str(place)) for link in links)


def weights(folder) -> str:
    state = Run.read(folder).model().state_dict()
    return hashlib.sha256(b"".join(state[k].numpy().tobytes() for k in sorted(state))).hexdigest()


@pytest.mark.parametrize("which", [SAMPLE, pytest.param(WHOLE, marks=pytest.mark.slow)])
def test_whatever_fails_a_run_goes_on_to_the_same_weights(tmp_path, monkeypatch, which):
    (tmp_path / "a.txt").write_bytes(b"All work and no play makes Jack a dull boy.\n" * 30)
    build("bytes", [tmp_path / "a.txt"], tmp_path / "data", document_bytes=256, workers=1)
    monkeypatch.setattr(training, "SAVE_EVERY", 0.0)
    monkeypatch.setattr("nzip.training.stopping.TIMES", 0)
    shape = Shape(1, 32, 2, 32, TokenReader(tmp_path / "data").vocab_size, 16)
    place = tmp_path / "place"
    folder = place / "run"
    place.mkdir()

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)

    def action():
        return training.train(tmp_path / "data", folder, shape, PLAN)["losses"]

    prepare()
    losses = action()
    want, names, fired = weights(folder), sorted(os.listdir(folder)), set()
    descriptors = _descriptors(place)
    for case in faults.every_failure(prepare, action, below=place, calls=which[0], codes=which[1], most=2000):
        fired.add(case.call)
        if (case.call, case.code) == ("read", "EAGAIN"):
            continue  # no system says so of a regular file, and hashlib and torch trip over it
        if case.error is None:
            assert case.result == losses and weights(folder) == want, case
        else:
            assert isinstance(case.error, (LabError, OSError)), case
            assert str(case.error) and "\n" not in str(case.error), case
            if (folder / CHECKPOINT).exists():
                assert Run.read(folder).checkpoint()["step"] in (1, 2), case
        left = [name for name in os.listdir(folder) if name not in names] if folder.exists() else []
        assert not left or case.call == "unlink", case
        assert _descriptors(place) == descriptors, case
        assert action() == losses and weights(folder) == want, case
        assert (folder / NAME).exists() and set(os.listdir(folder)) >= set(names), case
    assert set(which[0]) <= fired or which is WHOLE and {"open", "write", "fsync", "mkdir"} <= fired


def test_a_full_disk_is_one_line_whatever_torch_makes_of_it(tmp_path):
    run = Run.__new__(Run)
    run.folder = tmp_path
    run.save({"losses": [1.0], "curve": [], "step": 1, "model": {"x": torch.zeros(100_000)}})
    kept = (tmp_path / CHECKPOINT).read_bytes()
    with (
        faults.failing("write", errno.ENOSPC, below=tmp_path, at=1),
        pytest.raises(LabError, match="checkpoint.pt: cannot write: no space left on device"),
    ):
        run.save({"losses": [2.0], "curve": [], "step": 2, "model": {"x": torch.ones(100_000)}})
    assert (tmp_path / CHECKPOINT).read_bytes() == kept
    assert sorted(os.listdir(tmp_path)) == [CHECKPOINT, "log.jsonl"]
