"""Equal input gives equal bytes: over thread counts, chunkings of the input, and processes.

The hashes in tests/golden/hashes.json are what the present draft writes. Where they differ, the bytes have
changed: raise the draft number and run scripts/make_golden.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import mix_samples
import pytest

import nzip
from nzip.container.framing import DRAFT

ROOT = Path(__file__).parents[4]
sys.path.insert(0, str(ROOT / "scripts"))
import make_golden

KEPT = json.loads((ROOT / "tests/golden/hashes.json").read_text())
LEVELS = make_golden.LEVELS


def written(level: int, data: bytes, threads: int = 1) -> str:
    return make_golden.digest(
        nzip.compress(data, level, primer=False, block_size=make_golden.BLOCK, threads=threads)
    )


def test_the_hashes_are_of_this_draft():
    assert KEPT["draft"] == DRAFT and set(KEPT["hashes"]) == {
        f"{n}-{kind}" for n in LEVELS for kind in mix_samples.KINDS
    }


@pytest.mark.parametrize("kind", mix_samples.KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_writes_what_it_wrote(level, kind):
    assert written(level, make_golden.large(kind)) == KEPT["hashes"][f"{level}-{kind}"]


@pytest.mark.parametrize("threads", [0, 2, 3])
@pytest.mark.parametrize("level", [0, 1, 3])
def test_threads_do_not_matter(level, threads):
    assert written(level, make_golden.large("text"), threads) == KEPT["hashes"][f"{level}-text"]


@pytest.mark.parametrize("chunk", [1, 97, 2500, 2501, 100_000])
def test_chunks_do_not_matter(chunk):
    data = make_golden.large("executable")
    compressor = nzip.Compressor(1, primer=False, block_size=make_golden.BLOCK)
    parts = [compressor.compress(data[i : i + chunk]) for i in range(0, len(data), chunk)]
    assert make_golden.digest(b"".join(parts) + compressor.flush()) == KEPT["hashes"]["1-executable"]


def test_processes_do_not_matter():
    """A process started afresh, another hash seed, another order of levels."""
    script = (
        f"import sys; sys.path[:0] = {[str(ROOT), str(ROOT / 'tests'), str(ROOT / 'scripts')]!r}\n"
        "import make_golden, nzip\n"
        "for level in (3, 1):\n"
        "    image = make_golden.large('image')\n"
        "    data = nzip.compress(image, level, primer=False, block_size=make_golden.BLOCK, threads=2)\n"
        "    print(level, make_golden.digest(data))\n"
    )
    for seed in ("77",):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
        )
        assert done.stdout.split() == ["3", KEPT["hashes"]["3-image"], "1", KEPT["hashes"]["1-image"]]


@pytest.mark.slow
def test_golden_files_are_what_is_written():
    """The encoder as a whole, primers included."""
    subprocess.run([sys.executable, str(ROOT / "scripts/make_golden.py"), "--check"], check=True)
