"""Start-up and many files are measured as processes' CPU time, beside whatever peer is installed."""

from __future__ import annotations

import sys

import pytest
from rich.console import Console
from support import ROOT

from bench import start
from nzip.benchmark.peers import PEERS, _peer
from nzip.benchmark.running import RunError

ALICE = (ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()
COPY = _peer("copy", "cat", "cat IN", "cat IN", compress_to_stdout=True, decompress_to_stdout=True)


def test_cpu_time_and_memory_are_the_processs(tmp_path):
    busy = "x = bytearray(50 << 20); n = 0\nwhile n < 3000000: n += 1"
    idle = "import time; time.sleep(0.5)"
    worked, slept = (start.taken([sys.executable, "-c", code]) for code in (busy, idle))
    assert worked.seconds > slept.seconds and worked.memory > slept.memory + (40 << 20)
    out = tmp_path / "out"
    start.taken([sys.executable, "-c", "print('said')"], out)
    assert out.read_text() == "said\n"
    with pytest.raises(RunError):
        start.taken([sys.executable, "-c", "raise SystemExit(3)"])


def test_rows(monkeypatch):
    monkeypatch.setitem(PEERS, "copy", COPY)
    rows = start.start(ALICE[:500], [1], ["copy"], 1, str)
    names = [name for name, _ in rows]
    assert names[:4] == ['python -c "import numpy"', "nzip --version", "nzip -1, there", "nzip -1, back"]
    assert "cat, there" in names and all(seconds > 0 for _, seconds in rows[:4])
    many = start.many(ALICE, 3, 200, [1], ["copy"], str)
    assert [row.name for row in many] == ["nzip -1", "cat"]
    assert many[0].size < 200 == many[1].size and many[0].memory > many[1].memory
    console = Console(record=True, width=100)
    console.print(start.start_table(rows), start.many_table(many))
    shown = console.export_text()
    assert "1.00" in shown and "MB held" in shown
