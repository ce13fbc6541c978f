"""Do bytes depend on the machine? Encodes and decodes on this one, on lesser ones, and on aarch64 under qemu.

    python scripts/anywhere.py prepare      # an aarch64 root in the user's cache, or in --folder
    python scripts/anywhere.py run [--cases 1-text 1-primed] [--out bench/results/anywhere.json]
    python scripts/anywhere.py run --add --cases … --places …   # goes into what --out holds already
    python scripts/anywhere.py table        # of the JSON, as docs/SECURITY.md has it

A case is a level, or a predictor with a tiny language model, on a sample. Every place encodes it and decodes
what the first place made; then the first decodes what aarch64 made, and the reference in plain Python what
the first made, where it can. ``run`` ends with 1 where anything differs or fails, and 2 without a root.

Concession: lesser x86-64 machines are this one with fewer instructions compiled for, not other hardware. The
language-model cases take the first kilobytes only: compiling them under qemu takes minutes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "scripts")]

import anywhere_root
import mix_samples
import tiny_llama

import nzip.benchmark.results

RESULTS = ROOT / "bench" / "results" / "anywhere.json"
COMMAND = "python scripts/anywhere.py run"
FIRST, OTHER = "native", "aarch64"
TINY = "tiny.gguf"
_V3 = "+sse3,+ssse3,+sse4.1,+sse4.2,+popcnt,+cx16,+avx,+avx2,+fma,+bmi,+bmi2,+f16c,+lzcnt,+movbe"
# What each place adds to the environment. An empty list of features is "none but the processor's name's own".
PLACES = {
    FIRST: {},
    "avx2": {"NZIP_ISA": "avx2", "NUMBA_CPU_NAME": "x86-64-v3", "NUMBA_CPU_FEATURES": _V3},
    "baseline": {"NZIP_ISA": "portable", "NUMBA_CPU_NAME": "x86-64", "NUMBA_CPU_FEATURES": ""},
    OTHER: {},
}
_COLD = {"primer": False}
# By name: the sample, and what is given to nzip.compress.
CASES = {
    **{
        f"{level}-{sample}": (sample, {"level": level, **_COLD})
        for level in (1, 3, 5, 6)
        for sample in ("text", "mixed")
    },
    "lm-tiny": ("start", {"predictor": f"lm:{TINY},window=24"}),
    "mix-lm-tiny": ("start", {"predictor": f"mix:1+lm:{TINY},window=24", **_COLD}),
    "1-primed": ("start", {"level": 1}),
    "3-primed": ("start", {"level": 3}),
}
TWINS = tuple(f"{level}-mixed" for level in (1, 3, 5))  # what nzip.reference decodes, within a minute


def samples(folder: Path) -> dict[str, Path]:
    """By name: 20,000 bytes of prose, its first 3,000, and 1,000 of each kind of content."""
    text = (ROOT / "corpora" / "samples" / "alice29.txt").read_bytes()[:20_000]
    mixed = b"".join(mix_samples.sample(kind, 1000) for kind in mix_samples.KINDS)
    found = {}
    for name, data in {"text": text, "start": text[:3000], "mixed": mixed}.items():
        found[name] = folder / name
        found[name].write_bytes(data)
    return found


def run(folder: Path, places: list[str], cases: list[str]) -> dict:
    """All of it; returns the JSON. Raises :class:`anywhere_root.RootError` without a root."""
    python = {OTHER: anywhere_root.command(folder)} if OTHER in places else {}
    found: dict = {
        "date": nzip.benchmark.results.now(),
        "command": COMMAND,
        "host": {
            "system": f"{platform.system()} {platform.machine()}",
            "processor": nzip.benchmark.results.machine()["processor"],
        },
        "places": {},
        "cases": {name: {"sample": CASES[name][0], "options": CASES[name][1]} for name in cases},
        "failed": [],
    }
    if OTHER in places:
        found["host"]["qemu"] = anywhere_root.qemu_version(folder)
    with tempfile.TemporaryDirectory() as work:
        room = Path(work)
        if any(TINY in str(CASES[name][1]) for name in cases):
            tiny_llama.write_gguf(room / TINY, "Q4_1")
        for place in [name for name in PLACES if name in places]:
            (room / place).mkdir()
            others = room / FIRST if place != FIRST else None
            _place(found, place, python.get(place), folder, room, room / place, others)
        if OTHER in places:
            _place(found, FIRST, None, folder, room, None, room / OTHER)
        for name in [name for name in TWINS if name in cases]:
            _twin(found, name, room)
    return found


def _place(found, place, python, folder: Path, room: Path, streams: Path | None, others: Path | None) -> None:
    """One process at ``place``: encodes to ``streams``, decodes from ``others``."""
    paths = samples(room)
    cases = [
        {"name": name, "sample": str(paths[CASES[name][0]]), "options": CASES[name][1]}
        for name in found["cases"]
    ]
    job = {
        "cases": cases,
        "models": {TINY: TINY},
        "streams": streams and str(streams),
        "others": others and str(others),
    }
    (room / "job.json").write_text(json.dumps(job))
    cache = folder / "cache" / place
    cache.mkdir(parents=True, exist_ok=True, mode=0o700)
    site = [str(folder.resolve() / "site")] if python else []
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("NZIP_", "NUMBA_", "PYTHON"))}
    environment |= (
        PLACES[place]
        | _numpy_without(place)
        | {
            "NZIP_CACHE": str(cache.resolve()),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *site]),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
    )
    words = [
        *(python or [sys.executable]),
        str(ROOT / "scripts" / "anywhere_worker.py"),
        str(room / "job.json"),
    ]
    with subprocess.Popen(words, cwd=room, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            print(place, line, end="", file=sys.stderr, flush=True)
            _note(found, place, json.loads(line), there_and_back=streams is None)
    if child.returncode:
        found["failed"].append(f"{place}: ended with {child.returncode}")


def _numpy_without(place: str) -> dict[str, str]:
    """What forbids numpy the instructions that ``place`` lacks."""
    import numpy

    here = numpy.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    beyond = [name for name in here if name == "X86_V4" or name.startswith("AVX512")]
    lacking = {"avx2": beyond, "baseline": here}.get(place, [])
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(lacking)} if lacking else {}


def _note(found: dict, place: str, said: dict, there_and_back: bool) -> None:
    """What a worker said, into the results."""
    if "machine" in said:
        found["places"].setdefault(place, said)
        return
    case = found["cases"][said["case"]]
    if "stream" in said:
        case.setdefault("streams", {})[place] = said["stream"]
        case.setdefault("bytes", {})[place] = said["bytes"]
    if "right" in said:
        key = f"{FIRST} of {OTHER}" if there_and_back else f"{place} of {FIRST}"
        case.setdefault("decoded", {})[key] = said["right"]
    case.setdefault("seconds", {})[f"{place} of {OTHER}" if there_and_back else place] = [
        said.get("encode_seconds"),
        said.get("decode_seconds"),
    ]


def _twin(found: dict, name: str, room: Path) -> None:
    """The reference, with numba's compiler off."""
    stream = room / FIRST / f"{name}.nz"
    if not stream.exists():
        return
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(ROOT)}
    words = [sys.executable, "-m", "nzip.reference", str(stream)]
    done = subprocess.run(words, check=False, cwd=room, env=environment, capture_output=True)
    right = done.returncode == 0 and done.stdout == (room / CASES[name][0]).read_bytes()
    found["cases"][name].setdefault("decoded", {})[f"twin of {FIRST}"] = right


def merged(kept: dict, new: dict) -> dict:
    """An earlier run's results with a new one's; streams that changed meanwhile show as a difference."""
    places = kept["places"] | new["places"]
    both = {**kept, "host": kept["host"] | new["host"], "failed": kept["failed"] + new["failed"]}
    both["date"] = new["date"]
    both["places"] = {name: places[name] for name in PLACES if name in places}
    both["cases"] = {name: case for name, case in kept["cases"].items() if name not in new["cases"]}
    for name, case in new["cases"].items():
        old = kept["cases"].get(name, {})
        both["cases"][name] = case | {
            key: old.get(key, {}) | case.get(key, {}) for key in ("streams", "bytes", "decoded", "seconds")
        }
        if old and old["streams"].get(FIRST) != case.get("streams", {}).get(FIRST):
            both["failed"].append(f"{name}: {FIRST} made another stream than before")
    both["cases"] = {name: both["cases"][name] for name in CASES if name in both["cases"]}
    return both


def differences(found: dict) -> list[str]:
    """What is not as promised, a line each: failures, streams that differ, wrong bytes, what is missing."""
    lines = list(found["failed"])
    for name, case in found["cases"].items():
        streams, decoded = case.get("streams", {}), case.get("decoded", {})
        if len(set(streams.values())) > 1:
            lines.append(f"{name}: the streams differ: {streams}")
        lines += [f"{name}: {which} is wrong" for which, right in decoded.items() if not right]
        lines += [f"{name}: {place} made nothing" for place in found["places"] if place not in streams]
        lines += [
            f"{name}: {place} decoded nothing"
            for place in found["places"]
            if place != FIRST and f"{place} of {FIRST}" not in decoded
        ]
    return lines


def table(found: dict) -> str:
    """The results in Markdown."""
    head = ["case", "bytes", "SHA-256 of the stream", *found["places"], f"{OTHER} → here", "twin"]
    rows = [head, ["---"] * len(head)]
    for name, case in found["cases"].items():
        streams, decoded = case.get("streams", {}), case.get("decoded", {})
        first = streams.get(FIRST, "")
        cells = [name, f"{case.get('bytes', {}).get(FIRST, 0):,}", f"`{first[:16]}…`"]
        for place in found["places"]:
            same = streams.get(place) == first and decoded.get(f"{place} of {FIRST}", place == FIRST)
            cells.append("equal" if same else "DIFFERS")
        for key in (f"{FIRST} of {OTHER}", f"twin of {FIRST}"):
            cells.append({True: "equal", False: "DIFFERS", None: "–"}[decoded.get(key)])
        rows.append(cells)
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("prepare", "run", "table"))
    parser.add_argument("--folder", type=Path, default=anywhere_root.default_folder(), help="the root's")
    parser.add_argument("--cases", nargs="+", choices=list(CASES), default=list(CASES), metavar="CASE")
    parser.add_argument("--places", nargs="+", choices=list(PLACES), default=list(PLACES), metavar="PLACE")
    parser.add_argument("--add", action="store_true", help="keep what --out holds of other places and cases")
    parser.add_argument("--out", type=Path, default=RESULTS, help="the JSON")
    given = parser.parse_args()
    if FIRST not in given.places:
        parser.error(f"--places needs {FIRST}")
    try:
        if given.what == "prepare":
            anywhere_root.prepare(given.folder)
            print(*anywhere_root.command(given.folder))
            return 0
        if given.what == "table":
            print(table(json.loads(given.out.read_text(encoding="utf-8"))))
            return 0
        found = run(given.folder, given.places, given.cases)
    except anywhere_root.RootError as error:
        print(f"anywhere: {error}", file=sys.stderr)
        return 2
    if given.add:
        found = merged(json.loads(given.out.read_text(encoding="utf-8")), found)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    given.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(table(found))
    print(*differences(found), sep="\n", file=sys.stderr)
    return 1 if differences(found) else 0


if __name__ == "__main__":
    sys.exit(main())
