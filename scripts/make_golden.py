"""Make the golden files of the present draft: tests/golden/draft-N/*.nz, their manifest, and hashes.json.

Run: python scripts/make_golden.py [--check]

A golden file is a file that must decode for ever, or, until 1.0, as long as its draft number stands: where
``--check`` (or the test suite) finds that nzip writes other bytes than these, the draft number must be raised
in nzip/container/framing.py and nzip/reference.py, and this script run again. It drops the files of drafts
that no reader reads any more. ``hashes.json`` holds the hash of each level's output on larger inputs, by which
tests/nzip/predictors/mix/test_levels_determinism.py pins the encoder over threads, chunkings and processes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import mix_samples  # noqa: E402

import nzip  # noqa: E402
from nzip.container.framing import DRAFT  # noqa: E402

GOLDEN = ROOT / "tests" / "golden"
LEVELS = (1, 2, 3, 4, 5)
SIZE = 500  # bytes of most golden inputs
LARGE = 6000  # bytes of the inputs of hashes.json


def golden(level: int) -> dict[str, tuple[bytes, bytes]]:
    """By name: what was compressed, and the file."""

    def cold(data: bytes, **options) -> bytes:
        return nzip.compress(data, level, primer=False, **options)

    text, code = mix_samples.text(2 * SIZE), mix_samples.executable(2 * SIZE)
    mixed = text + code + bytes(300) + mix_samples.image(SIZE)
    noise = b"".join(n.to_bytes(4, "little") for n, _ in zip(mix_samples.numbers(5), range(60)))
    found = {kind: (data, cold(data)) for kind in mix_samples.KINDS for data in [mix_samples.sample(kind, SIZE)]}
    return found | {
        "empty": (b"", cold(b"")),
        "one-byte": (b"\x00", cold(b"\x00")),
        "stored": (noise, cold(noise)),
        "blocks": (mixed, cold(mixed, block_size=700)),
        "streams": (text + code, cold(text) + cold(b"") + cold(code)),
        "skippable": (text, nzip.skippable_frame(b"a note") + cold(text) + nzip.skippable_frame(b"")),
        "primed": (text, nzip.compress(text, level)),
    }


def large(kind: str) -> bytes:
    """The input of hashes.json: several blocks of BLOCK bytes."""
    return mix_samples.sample(kind, LARGE, seed=7)


BLOCK = 2500


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]


def hashes() -> dict[str, str]:
    """The hash of each level's output on each kind, cold."""
    return {
        f"{level}-{kind}": digest(nzip.compress(large(kind), level, primer=False, block_size=BLOCK))
        for level in LEVELS
        for kind in mix_samples.KINDS
    }


def build() -> dict[str, bytes]:
    """Every file that belongs below tests/golden, by its name there."""
    files, manifest = {}, {}
    for level in LEVELS:
        for name, (data, stream) in golden(level).items():
            path = f"draft-{DRAFT}/{level}-{name}.nz"
            files[path] = stream
            manifest[path] = {"level": level, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    files["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    files["hashes.json"] = (json.dumps({"draft": DRAFT, "hashes": hashes()}, indent=1) + "\n").encode()
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing; exit code 1 where bytes differ")
    options = parser.parse_args()
    files = build()
    if options.check:
        different = [n for n, data in files.items() if not (GOLDEN / n).exists() or (GOLDEN / n).read_bytes() != data]
        if different:
            raise SystemExit(f"{len(different)} of {len(files)} golden files would change: {', '.join(different[:8])}")
        print(f"all {len(files)} golden files are what nzip writes")
        return
    for old in GOLDEN.glob("draft-*"):
        shutil.rmtree(old)
    for name, data in files.items():
        (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_bytes(data)
    print(f"draft {DRAFT}: {len(files)} files, {sum(map(len, files.values()))} bytes")


if __name__ == "__main__":
    main()
