"""nzip.estimate and its face: small data exactly, large data near, budgets, and what is refused."""

import json
import os

import numpy as np
import pytest
from small_experts import random_weights
from support import ROOT, corpus_path

import nzip
from nzip.cli.main import _guarded as run  # in this process, without its streams and signals
from nzip.estimation import PROCESS, Estimate, LevelEstimate, sampling
from nzip.estimation.sampling import CAP, STRETCH, block_of
from nzip.predictors.mix.stream import Streams
from nzip.predictors.online.expert import OnlineExpert
from nzip.predictors.ssm.expert import SsmExpert

ALICE = ROOT / "corpora" / "samples" / "alice29.txt"


def test_what_is_small_is_coded_whole():
    data = ALICE.read_bytes()[:30_000]
    found = nzip.estimate(data, [1, 3])
    assert (found.raw, found.sampled) == (30_000, 30_000)
    for entry in found.levels:
        size = len(nzip.compress(data, level=entry.level))
        assert entry.exact and abs(entry.size - size) < 0.03 * size  # the likeliest way alone was tried
        assert entry.cpu_seconds > 0 and entry.memory > PROCESS
    assert [entry.name for entry in found.levels] == ["-1", "-3"]


def test_what_is_larger_is_near():
    data = ALICE.read_bytes()[:60_000] + (ROOT / "nzip/predictors/mix/kernel.py").read_bytes() * 3
    found = nzip.estimate(data, [1])
    for entry in found.levels:
        size = len(nzip.compress(data, level=entry.level))
        assert abs(entry.size - size) < 0.1 * size


@pytest.mark.slow
@pytest.mark.parametrize("name", ["moby_dick.txt", "libsqlite3.so", "UnicodeData.txt", "text_ko.txt"])
def test_the_promise_on_large_files(name):
    """Within a tenth in size; times are told by docs/ESTIMATES.md, for a test has no say over the machine."""
    path = corpus_path(f"dev/{name}")
    found = nzip.estimate(path, [1, 3])
    for entry in found.levels:
        size = nzip.measure(path.read_bytes(), entry.level).compressed
        assert abs(entry.size - size) < 0.1 * size


@pytest.mark.parametrize("data", [b"", b"x", os.urandom(5000), bytes(5000)])
def test_odd_data(data):
    found = nzip.estimate(data, [1])
    (entry,) = found.levels
    assert found.raw == len(data) and entry.size <= len(data) + 100
    assert json.loads(json.dumps(found.as_json()))["schema"] == "nzip.estimate/1"


def test_a_part_of_a_large_file_is_looked_at():
    asked = []

    def read(offset, count):
        asked.append((offset, count))
        return bytes(count)

    block = block_of(read, 1 << 30)
    assert len(block) == CAP and [count for _, count in asked] == [STRETCH] * (CAP // STRETCH)
    assert asked[0][0] == 0 and asked[-1][0] + STRETCH == 1 << 30


def test_a_growing_stream_is_told(monkeypatch):
    """Of a file that is sampled the fastest level's size grows with the bytes."""
    monkeypatch.setattr(sampling, "CAP", 80_000)
    monkeypatch.setattr(sampling, "STRETCH", 20_000)
    text = ALICE.read_bytes()
    few, many = (nzip.estimate(part, [1]) for part in (text[:60_000], text))
    assert many.sampled == 80_000 < many.raw and many.levels[0].size > few.levels[0].size
    size = len(nzip.compress(text, level=1))
    assert abs(many.levels[0].size - size) < 0.1 * size
    assert many.levels[0].cpu_seconds > few.levels[0].cpu_seconds
    assert not many.levels[0].exact


def test_predictors_of_others(toys):
    data = ALICE.read_bytes()[:13_000]
    (entry,) = nzip.estimate(data, predictors=["toy"]).levels
    size = len(nzip.compress(data, predictor="toy"))
    assert (entry.name, entry.level) == ("toy", None) and abs(entry.size - size) < 0.1 * size


def test_each_predictor_s_parts_are_tried_with_its_own_experts():
    """Bits name experts by their place: those of one predictor mean others in the next."""
    raw, online = SsmExpert("raw.expert", random_weights(4)), OnlineExpert()
    lines = b"".join(b"%d;%d\n" % (i, i * i % 97) for i in range(400))
    sampled = sampling.Sampled(np.frombuffer(lines, np.uint8), len(lines), 1 << 20, primed=False)
    for experts, everybody in (((raw,), 0b1), ((online, raw), 0b11), ((raw,), 0b1)):
        parts, _ = sampled._outline(Streams(1, experts, primed=False))
        assert max(bits for part in parts for bits, _ in part.trials) == everybody


@pytest.mark.slow
def test_experts():
    data = ALICE.read_bytes()[:13_000]
    found = nzip.estimate(data, predictors=["mix:1+ssm", "ssm"])
    assert [entry.predictor for entry in found.levels] == ["mix:1+ssm", "ssm"]
    assert all(entry.level is None and 2000 < entry.size < 7000 for entry in found.levels)


def entry(level, size, seconds, memory):
    return LevelEstimate(level, f"mix:{level}", size, seconds, seconds, memory, False)


MADE_UP = Estimate(
    10_000, 10_000, [entry(1, 300, 1.0, 100), entry(3, 250, 3.0, 200), entry(5, 220, 20.0, 900)]
)


@pytest.mark.parametrize(
    "seconds,memory,level",
    [(None, None, 5), (10, None, 3), (3, None, 3), (2.9, None, 1), (None, 500, 3), (100, 150, 1)],
)
def test_the_smallest_within_a_budget(seconds, memory, level):
    assert MADE_UP.pick(seconds=seconds, memory=memory).level == level


def test_what_cannot_keep_to_a_budget_is_not_sampled(tmp_path, monkeypatch):
    """Of two files the first tells already that -2 takes too long, so that no further level is tried."""
    asked = []

    def guess(self, predictor):
        asked.append(predictor.spelling)
        return sampling.Guess(100.0, {"mix:1": 1.0, "mix:2": 5.0}[predictor.spelling], False)

    monkeypatch.setattr(sampling.Sampled, "guess", guess)
    paths = [tmp_path / "a", tmp_path / "b"]
    for path in paths:
        path.write_bytes(b"some text " * 10)
    found = nzip.estimate(paths, [1, 2, 3, 4], enough=4.0)
    assert asked == ["mix:1", "mix:2"] * 2
    assert [(entry.level, entry.cpu_seconds) for entry in found.levels] == [(1, 2.0), (2, 10.0)]
    assert found.pick(seconds=4.0).level == 1


def test_a_budget_that_nothing_meets():
    with pytest.raises(nzip.LimitError, match=r"within 0\.5 seconds \(the fastest, -1, takes 1\)"):
        MADE_UP.pick(seconds=0.5)
    with pytest.raises(nzip.LimitError, match="and 0 MiB"):
        MADE_UP.pick(seconds=5, memory=5)


@pytest.mark.parametrize(
    "data,options,words",
    [
        ([], {}, "nothing to estimate"),
        ("no-such-file", {}, "no-such-file: no such file"),
        (os.devnull, {}, "no regular file"),
        (b"x", {"levels": []}, "no level and no predictor"),
        (b"x", {"levels": [9]}, "level -9"),
        (b"x", {"predictors": ["mix:77"]}, "mix"),
    ],
)
def test_what_is_refused(data, options, words):
    with pytest.raises(nzip.NzipError, match=words):
        nzip.estimate(data, **options)


def test_a_file_that_shrinks(tmp_path, monkeypatch):
    from nzip.estimation import _Source

    path = tmp_path / "f"
    path.write_bytes(b"x" * 100)
    read = _Source.read

    def cut(self, offset, count):
        os.truncate(path, 50)
        return read(self, offset, count)

    monkeypatch.setattr(_Source, "read", cut)
    with pytest.raises(nzip.NzipError, match="became shorter"):
        nzip.estimate(path, [1])


# The command line -----------------------------------------------------------------------------------------


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "t.txt"
    path.write_bytes(ALICE.read_bytes()[:20_000])
    return str(path)


def test_the_table_and_the_json(text, capsys):
    assert run(["estimate", "--levels", "1,2", "--time-budget", "10h", text]) == 0
    shown = capsys.readouterr()
    assert "mix:1" in shown.out and "mix:2" in shown.out and "the smallest within the budget: -" in shown.err
    assert run(["estimate", "--levels", "1,2", "-M", "4G", "--json", text]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["schema"] == "nzip.estimate/1" and told["chosen"] == {"level": 2, "predictor": "mix:2"}
    assert [level["level"] for level in told["levels"]] == [1, 2] and told["size"] == 20_000


@pytest.mark.parametrize(
    "words,said",
    [
        (["estimate", "--levels", "1", "--time-budget", "0.000001s", "FILE"], "nothing that was estimated"),
        (["estimate", "--levels", "1", "-M", "1M", "FILE"], "within 1 MiB"),
        (["estimate", "--time-budget", "soon", "FILE"], "is no time"),
        (["estimate", "--time-budget", "10m1h", "FILE"], "is no time"),
        (["estimate", "--time-budget", "0s", "FILE"], "no time to do anything"),
        (["estimate", "--levels", "1,x", "FILE"], "no list of levels"),
        (["estimate", "gone.txt"], "gone.txt: no such file"),
        (["estimate", "."], "is a directory"),
        (["estimate"], "name a file"),
        (["estimate", "-"], "name a file"),
        (["compress", "--budget", "10m", "-3", "FILE"], "--budget and -3"),
        (["compress", "--budget", "10m", "--predictor", "mix:1", "FILE"], "--budget and --predictor"),
        (["compress", "--budget", "10m"], "name a file"),
    ],
)
def test_bad_words_are_one_line(words, said, text, capsys):
    assert run([text if word == "FILE" else word for word in words]) == 1
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and not shown.out


def test_compress_within_a_budget(text, capsys, monkeypatch):
    from nzip import estimation

    given = []
    monkeypatch.setattr(estimation, "estimate", lambda *a, **o: given.append(o["enough"]) or MADE_UP)
    assert run(["compress", "--budget", "2s", "-o", text + ".out.nz", text]) == 0
    assert "-1: about 300 bytes in 1.0 s" in capsys.readouterr().err
    assert nzip.contents(text + ".out.nz").streams[0].predictor == "mix:1"
    assert run(["compress", "--budget", "0.5s", "-o", text + ".no.nz", text]) == 1
    assert not os.path.exists(text + ".no.nz") and given == [2.0, 0.5]


def test_durations_as_people_write_them():
    from nzip.cli.options import Duration

    for words, seconds in (
        ("90", 90),
        ("90s", 90),
        ("10m", 600),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("2M", 120),
    ):
        assert Duration().convert(words, None, None) == seconds
