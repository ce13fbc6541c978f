"""Make the golden files of the present draft: tests/golden/draft-N/*.nz, their manifest, and hashes.json.

Run: python scripts/make_golden.py [--check]

A golden file is a file that must decode for ever, or, until 1.0, as long as its draft number stands: where
``--check`` (or the test suite) finds that nzip writes other bytes than these, the draft number must be raised
in nzip/container/framing.py and nzip/reference.py, and this script run again. It drops the files of drafts
that no reader reads any more. ``hashes.json`` holds the hash of each level's output on larger inputs, by
which tests/nzip/predictors/mix/test_levels_determinism.py pins the encoder over threads, chunkings and
processes."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import mix_samples

import nzip
from nzip.container import heads
from nzip.container.framing import DRAFT
from nzip.levels import spelling_of

GOLDEN = ROOT / "tests" / "golden"
LEVELS = (0, 1, 2, 3, 4, 5)
SIZE = 500  # bytes of most golden inputs
LARGE = 6000  # bytes of the inputs of hashes.json


def golden(level: int) -> dict[str, tuple[bytes, bytes]]:
    """By name: what was compressed, and the file: by the level's own predictor, for a level may take the one
    below where a file is short."""
    own = spelling_of(level)

    def cold(data: bytes, **options) -> bytes:
        return nzip.compress(data, predictor=own, primer=False, **options)

    text, code = mix_samples.text(2 * SIZE), mix_samples.executable(2 * SIZE)
    mixed = text + code + bytes(300) + mix_samples.image(SIZE)
    noise = b"".join(n.to_bytes(4, "little") for n, _ in zip(mix_samples.numbers(5), range(60)))
    found = {
        kind: (data, cold(data)) for kind in mix_samples.KINDS for data in [mix_samples.sample(kind, SIZE)]
    }
    return (
        found
        | {
            "empty": (b"", cold(b"")),
            "one-byte": (b"\x00", cold(b"\x00")),
            "stored": (noise, cold(noise)),
            "blocks": (mixed, cold(mixed, block_size=700)),
            "streams": (text + code, cold(text) + cold(b"") + cold(code)),
            "skippable": (text, nzip.skippable_frame(b"a note") + cold(text) + nzip.skippable_frame(b"")),
            "primed": (text, nzip.compress(text, predictor=own)),
        }
        | ({"head": with_head(level)} if level == 1 else {})
    )


def with_head(level: int) -> tuple[bytes, bytes]:
    """As of :func:`golden`: a block that starts from the head of its stream."""
    words = mix_samples.text(4 * SIZE, seed=9)
    first = (words * (heads.LEAST // len(words) + 1))[: heads.LEAST]
    data = first + words[SIZE : 2 * SIZE]
    return data, nzip.compress(data, level, block_size=len(first))


def with_experts() -> dict[str, tuple[int, bytes, bytes]]:
    """By name: level, what was compressed, and the file. Levels with the networks that ship, cold; and
    networks of the user's own inside the file, which decode whatever ships."""
    from small_experts import sparse_file

    text = mix_samples.text(2 * SIZE)
    found = {
        f"{level}-text": (level, text, nzip.compress(text, predictor=spelling_of(level), primer=False))
        for level in (6, 7, 8)
    }
    with tempfile.TemporaryDirectory() as folder:
        own, other = f"{folder}/own.expert", f"{folder}/transformer.expert"
        Path(own).write_bytes(sparse_file())
        Path(other).write_bytes(sparse_transformer())
        for name, experts in {
            "ssm": f"ssm:{own}", "online": f"online:{own}+online", "transformer": f"transformer:{other}",
            "all": f"transformer:{other}+online:{own}+online+ssm:{own}",
        }.items():  # fmt: skip
            stream = nzip.compress(text, predictor=f"mix:3+{experts}", primer=False, embed_model=True)
            found[f"embedded-{name}"] = (0, text, stream)
    return found


def sparse_transformer() -> bytes:
    """A byte-level Llama of one layer, its weights mostly zero."""
    import numpy as np

    from nzip.predictors.llama.model import Shape
    from nzip.predictors.transformer import byte_file

    chance, b = np.random.default_rng(5), "model.layers.0."
    square = ("self_attn.q_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
    dims = {
        "model.embed_tokens": (256, 32),
        "lm_head": (256, 32),
        "model.norm": (32,),
        b + "self_attn.k_proj": (16, 32),
        b + "self_attn.v_proj": (16, 32),
        b + "input_layernorm": (32,),
        b + "post_attention_layernorm": (32,),
    }
    dims |= {b + name: (32, 32) for name in square}
    tensors = {}
    for name, d in dims.items():
        sparse = chance.integers(-4, 5, d) * (chance.random(d) < 0.2) / 4
        tensors[f"{name}.weight"] = (np.ones(d) if len(d) == 1 else sparse).astype(np.float32)
    return byte_file.write(Shape(1, 32, 2, 1, 16, 32, 256, 10000.0, 1e-5), {}, tensors)


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
    for name, (level, data, stream) in with_experts().items():
        path = f"draft-{DRAFT}/{name}.nz"
        files[path] = stream
        manifest[path] = {"level": level, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    files["manifest.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    files["hashes.json"] = (json.dumps({"draft": DRAFT, "hashes": hashes()}, indent=1) + "\n").encode()
    return files


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--check", action="store_true", help="compare instead of writing; exit code 1 where bytes differ"
    )
    options = parser.parse_args()
    files = build()
    if options.check:
        different = [
            n for n, data in files.items() if not (GOLDEN / n).exists() or (GOLDEN / n).read_bytes() != data
        ]
        if different:
            raise SystemExit(
                f"{len(different)} of {len(files)} golden files would change: {', '.join(different[:8])}"
            )
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
