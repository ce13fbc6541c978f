"""A hostile writer's streams: every hash right, every lie clean. See :mod:`hostile_writer`; many more are
read by ``scripts/fuzz.py``."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import hostile_runner
import hostile_writer

import nzip
from nzip.container import check_points
from nzip.errors import CorruptError, FormatError
from nzip.predictors.mix.words.dictionary import parse
from nzip.predictors.mix.words.options import Words
from nzip.primer import file as primer_file

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of address space, and forks")


@pytest.fixture(scope="module", autouse=True)
def names_and_places(tmp_path_factory):
    """The toys' names, and a model folder without models."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NZIP_MODELS", str(tmp_path_factory.mktemp("models")))
        hostile_writer.register_toys()
        yield
        hostile_writer.unregister_toys()
        hostile_writer.honest.cache_clear()


def test_the_writer_writes_what_the_package_writes():
    parts = hostile_writer.honest("toy", 100)
    stream = hostile_writer.put_together(parts)
    assert stream == hostile_writer.written(parts)
    assert nzip.decompress(stream) == hostile_writer.DATA
    assert hostile_writer.put_together(parts, hostile_writer.raw_config(parts, b"")) == stream


def test_check_points_are_among_the_lies():
    """Every honest stream has some, and cases are drawn in which they are wrong, too few and too many."""
    assert check_points.CHECK_POINT == hostile_writer.CHECK_POINT
    header, _ = hostile_writer.honest("toy", 250).blocks[0]
    assert len(header.check_points) == 4 * 3
    drawn = [
        case for n in range(3000) if "check points" in (case := hostile_writer.case(1, n, ("toy",))).told
    ]
    ends = {hostile_runner.read(case, hostile_runner.whole) for case in drawn}
    assert len(drawn) > 50 and "CorruptError" in ends


def test_a_case_is_a_function_of_seed_and_number():
    names = ("toy", "toy:3")
    made = [hostile_writer.case(1, n, names) for n in range(60)]
    assert made == [hostile_writer.case(1, n, names) for n in range(60)]
    assert len({case.stream for case in made}) > 50


@pytest.mark.parametrize(
    ("names", "count"), [(("toy", "toy:3", "count", "runs"), 2000), (hostile_writer.FAST, 200)]
)
def test_every_lie_ends_cleanly(names, count):
    """Exact bytes or an error of one line, nothing opened, within memory, time and descriptors."""
    hostile_runner.warm(names)
    found = hostile_runner.run(hostile_runner.Job(1, 0, count, names))
    assert found["unclean"] == []
    assert sum(found["counts"].values()) == count
    assert (
        found["counts"]["CorruptError"] > count // 10 and found["counts"]["ModelMismatchError"] > count // 20
    )


@pytest.mark.slow
def test_every_lie_ends_cleanly_at_every_level():
    names = tuple(hostile_writer.WEIGHTS)
    hostile_runner.warm(names)
    found = hostile_runner.run(hostile_runner.Job(2, 0, 4000, names))
    assert found["unclean"] == []


def test_what_is_unclean_is_told(monkeypatch):
    """The runner sees what it is there to see: other exceptions, opened files, and the end of a process."""

    def crash(case):
        if "block" in case.told:
            raise KeyError("no error of ours")
        if "index" in case.told or "end frame" in case.told:
            open("/etc/hostname", "rb").close()
        if "streams" in case.told:
            os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(hostile_runner, "WAYS", (crash,))
    monkeypatch.setattr(hostile_runner, "listed", crash)
    found = hostile_runner.run(hostile_runner.Job(3, 0, 80, ("toy",)))
    said = " ".join(entry["what"] for entry in found["unclean"])
    assert "KeyError" in said and "/etc/hostname" in said and "status" in said
    assert sum(found["counts"].values()) == 80 and found["counts"]["unclean"] == len(found["unclean"])


def test_primer_files_that_lie_are_damage():
    """Or a dictionary all the same, in which nothing is lost."""
    raw = np.frombuffer("The rain in Éspain, ß and É".encode() * 3 + bytes(range(256)), np.uint8)
    ended = {"text alone": 0, "words": 0, "refused": 0}
    for number in range(600):
        data = hostile_writer.lying_primer(1, number)
        try:
            primer = primer_file.unpack(data)
        except (CorruptError, FormatError) as error:
            assert str(error).isprintable() and len(str(error)) < 500
            ended["refused"] += 1
            continue
        assert primer.text == hostile_writer.PRIMER
        ended["words" if primer.dictionary else "text alone"] += 1
        if primer.dictionary:
            words = Words(parse(primer.dictionary))
            assert words.undo(words.apply(raw), len(raw)).tobytes() == raw.tobytes()
    assert ended["words"] > 20 and ended["refused"] > 300
