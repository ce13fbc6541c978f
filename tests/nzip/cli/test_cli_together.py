"""Files of a list on several cores: the same files, messages and codes as one after the other, in order; what
fails in the middle; signals; memory."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest

from nzip.container.workers import Budget

TEXT = b"All work and no play makes Jack a dull boy.\n"


@pytest.fixture
def slow_first(toys, monkeypatch):
    """Blocks that begin with ``slow`` take longer than all others; how many were under way at once."""
    encode, decode = toys.ToyPredictor.encode, toys.ToyPredictor.decode
    lock, seen = threading.Lock(), {"now": 0, "most": 0}

    def waiting(self, data):
        with lock:
            seen["now"] += 1
            seen["most"] = max(seen["most"], seen["now"])
        time.sleep(0.3 if bytes(data[:4]) == b"slow" else 0.02)
        with lock:
            seen["now"] -= 1
        return encode(self, data)

    def waiting_back(self, params, payload, size):
        data = decode(self, params, payload, size)
        time.sleep(0.3 if data[:4] == b"slow" else 0)
        return data

    monkeypatch.setattr(toys.ToyPredictor, "encode", waiting)
    monkeypatch.setattr(toys.ToyPredictor, "decode", waiting_back)
    return seen


def _without_speeds(lines: str) -> list[str]:
    return [re.sub(r"[\d,]+ KB/s", "KB/s", line) for line in lines.splitlines()]


def _made(place, count: int) -> list[str]:
    place.mkdir()
    for n in range(count):
        (place / f"{n}").write_bytes((b"slow" if n == 0 else b"fast") + TEXT * (n + 1))
    return [str(place / f"{n}") for n in range(count)]


def test_messages_come_in_order_and_bytes_are_the_same(tmp_path, nzip_cli, slow_first):
    names = _made(tmp_path / "many", 9)
    alone = nzip_cli("--predictor", "toy", "-T1", *names)
    coded = [Path(f"{name}.nz").read_bytes() for name in names]
    assert alone.code == 0 and slow_first["most"] == 1
    together = nzip_cli("--predictor", "toy", "-T4", "-f", *names)
    assert together.code == 0 and slow_first["most"] > 1
    assert _without_speeds(together.err) == _without_speeds(alone.err) and len(alone.err.splitlines()) == 9
    assert [Path(f"{name}.nz").read_bytes() for name in names] == coded
    rows = json.loads(nzip_cli("compress", "--predictor", "toy", "-T4", "-f", "--json", *names).out)["files"]
    assert [row["file"] for row in rows] == names
    packed = [f"{name}.nz" for name in names]
    rows = json.loads(nzip_cli("test", "-T4", "--json", *packed).out)["files"]
    assert [row["file"] for row in rows] == packed
    back = nzip_cli("-d", "-T4", "-f", "--rm", *packed)
    assert back.code == 0 and not any(map(os.path.exists, packed))
    assert [line.split(" → ")[0] for line in back.err.splitlines()] == [f"nzip: {p}" for p in packed]
    assert [Path(name).read_bytes()[:4] for name in names] == [b"slow"] + [b"fast"] * 8


def test_what_fails_in_the_middle_keeps_its_place(tmp_path, nzip_cli, slow_first):
    names = _made(tmp_path / "many", 6)
    (tmp_path / "many" / "2.nz").write_bytes(b"old")
    (tmp_path / "many" / "folder").mkdir()
    names[4:4] = [str(tmp_path / "many" / "missing"), str(tmp_path / "many" / "folder")]
    ran = nzip_cli("--predictor", "toy", "-T4", "--rm", *names)
    assert ran.code == 1
    said = [line.split(": ")[1].split(" → ")[0] for line in ran.err.splitlines()]
    assert said == [f"{names[2]}.nz" if n == 2 else name for n, name in enumerate(names)]
    lines = ran.err.splitlines()
    assert "exists already" in lines[2] and "no such file" in lines[4] and "directory" in lines[5]
    assert sorted(os.listdir(tmp_path / "many")) == [
        "0.nz",
        "1.nz",
        "2",
        "2.nz",
        "3.nz",
        "4.nz",
        "5.nz",
        "folder",
    ]
    assert (tmp_path / "many" / "2.nz").read_bytes() == b"old"


def test_files_that_are_about_each_other_wait(tmp_path, nzip_cli, slow_first):
    """A file that is named twice, and one that another makes: as one after the other."""
    (first,) = _made(tmp_path / "many", 1)
    twice = nzip_cli("--predictor", "toy", "-T4", "-k", first, first)
    assert twice.code == 1 and ["exists already" in line for line in twice.err.splitlines()] == [False, True]
    os.unlink(first)
    both = nzip_cli("-d", "-T4", "-k", f"{first}.nz", f"{first}.nz")
    assert both.code == 1 and ["exists already" in line for line in both.err.splitlines()] == [False, True]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_whole_files_only(start, run, tmp_path, number):
    names = [f"{n}" for n in range(40)]
    for name in names:
        (tmp_path / name).write_bytes(TEXT * 9)
    process = start("--predictor", "toy", "-T4", "--rm", *names, environment={"TOY_SLEEP": "0.05"})
    deadline = time.monotonic() + 60
    while not (tmp_path / "3.nz").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    process.communicate()
    assert process.returncode == -number
    left = set(os.listdir(tmp_path))
    assert left <= {*names, *(f"{name}.nz" for name in names)}, "a temporary file is left"
    assert left > set(names[20:])
    assert all(name in left or f"{name}.nz" in left for name in names)
    packed = [name for name in left if name.endswith(".nz")]
    assert run("-t", "-T4", *packed).returncode == 0
    assert len(run("-dc", *packed).stdout) == len(TEXT * 9 * len(packed))


def test_a_budget_is_kept_by_all_together():
    budget, under_way, most = Budget(100), [], []
    lock = threading.Lock()

    def work(weight: int) -> None:
        budget.take(weight)
        with lock:
            under_way.append(weight)
            most.append((sum(under_way), len(under_way)))
        time.sleep(0.01)
        with lock:
            under_way.remove(weight)
        budget.give(weight)

    threads = [threading.Thread(target=work, args=(weight,)) for weight in (40, 60, 50, 200, 30, 30, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(total <= 100 or count == 1 for total, count in most)
    assert (200, 1) in most and len(most) == 7
