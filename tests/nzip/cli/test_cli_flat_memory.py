"""A long stream through ``nzip -1 | nzip -d`` takes no more memory than one of a tenth of its length.

-1 codes some 2 MB/s on a core, both ways at once here, so 5 GB of text take the better part of an hour on two
free cores. ``TEST_STREAM_BYTES`` says how long the stream is; without it 64 MiB, which show growth of a block
in sixty. ``TEST_STREAM_NOISE`` says how many blocks of noise, which is stored, follow each block of lines:
with 9 the stream has as many blocks and a tenth of the work. For the whole:
``TEST_STREAM_BYTES=5000000000``."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

NZIP = [sys.executable, "-m", "nzip"]
BLOCK = 1 << 20
BOUND = 400 << 20
NOISE = os.environ.get("TEST_STREAM_NOISE", "0")
# A line of its own number, and after each kilobyte of these some noise: nothing is like what came before.
GENERATOR = """
import hashlib, random, sys
left, chance, digest = int(sys.argv[1]), random.Random(1), hashlib.sha256()
noise, block = int(sys.argv[3]), int(sys.argv[4])
number = blocks = 0
kept = b""
while left:
    if blocks % (noise + 1):
        piece = chance.randbytes(block)
    else:
        while len(kept) < block:
            lines = b"".join(b"line %d of many, and so on\\n" % (number + n) for n in range(2000))
            number += 2000
            kept += lines + chance.randbytes(len(lines) // 20)
        piece, kept = kept[:block], kept[block:]
    blocks += 1
    piece = piece[:left]
    left -= len(piece)
    digest.update(piece)
    rest = memoryview(piece)
    while rest:  # unbuffered, a process that was stopped meanwhile writes less
        rest = rest[sys.stdout.buffer.write(rest):]
open(sys.argv[2], "w").write(digest.hexdigest())
"""


def peak(process: subprocess.Popen) -> int:
    """Bytes of memory that the process has held at most, 0 once it has ended."""
    try:
        # Not ru_maxrss, which begins at what the process that started this one held.
        for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) << 10
    except OSError:
        pass  # it has ended and was waited for
    return 0


def peaks(size: int, folder: Path) -> list[int]:
    """What compressing and decompressing ``size`` bytes hold at most; that they come back is asserted."""
    made = folder / f"{size}.sha256"
    generator = subprocess.Popen(
        [sys.executable, "-c", GENERATOR, str(size), str(made), NOISE, str(BLOCK)], stdout=subprocess.PIPE
    )
    coder = subprocess.Popen(
        [*NZIP, "-1", "-T1", "--block-size", str(BLOCK)], stdin=generator.stdout, stdout=subprocess.PIPE
    )
    decoder = subprocess.Popen([*NZIP, "-d", "-T1"], stdin=coder.stdout, stdout=subprocess.PIPE)
    for process in (generator, coder):
        process.stdout.close()
    found, done = [0, 0], threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            found[:] = map(max, found, (peak(coder), peak(decoder)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    digest = hashlib.sha256()
    try:
        while part := decoder.stdout.read(1 << 16):
            digest.update(part)
    finally:
        done.set()
        watcher.join()
        decoder.stdout.close()
        codes = [process.wait() for process in (generator, coder, decoder)]
    assert codes == [0, 0, 0] and digest.hexdigest() == made.read_text()
    return found


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")
def test_a_long_stream_takes_no_more_memory_than_a_short_one(tmp_path):
    size = int(os.environ.get("TEST_STREAM_BYTES", "67108864"))
    short, long = peaks(size // 10, tmp_path), peaks(size, tmp_path)
    print(f"{size:,} bytes: peaks of {short} and {long} bytes")
    assert all(0 < held < BOUND for held in (*short, *long))
    for before, after in zip(short, long, strict=True):
        assert after < 1.1 * before, (short, long)
