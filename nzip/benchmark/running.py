"""Run contenders over files, interleaved: for each repeat and file, every contender packs and unpacks in
turn, so that a slow minute of the machine falls on all of them alike. Every unpacked file is compared by
hash.

nzip runs in a process of its own each time (worker.py), its start-up told apart; peers are timed as whole
processes, their start-up being a few milliseconds. Before anything is timed, each nzip level runs once, so
that compiled kernels lie in the cache.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nzip.benchmark import results as results_format
from nzip.benchmark.entropy import entropies
from nzip.benchmark.peers import Peer
from nzip.benchmark.suites import Input
from nzip.benchmark.weights import weights_of
from nzip.container.passport import Passport
from nzip.errors import NzipError
from nzip.options import choose_predictor

ROOT = Path(__file__).resolve().parents[2]
LAUNCHER = Path(__file__).with_name("launch.py")
# peers.py's zpaq command unpacks this name.
DATA_NAME = "data"


class RunError(NzipError):
    """A contender failed: its exit status and what it said, in one line."""


@dataclass(frozen=True)
class NzipContender:
    """One predictor of nzip, by level or spelling; ``primed`` False: without a primer."""

    key: str
    label: str
    spelling: str
    primed: bool = True

    kind = "nzip"

    def describe(self) -> dict:
        """Its line in the results."""
        import nzip

        predictor = choose_predictor(None, self.spelling, None if self.primed else False)
        passport = Passport.of(predictor)
        return {
            "key": self.key,
            "label": self.label,
            "kind": self.kind,
            "version": nzip.__version__,
            "command": f"nzip.open(..., predictor={self.spelling!r}"
            + ("" if self.primed else ", primer=False")
            + ")",
            "config": passport.config,
            "probe": passport.probe.hex(),
            "weights": weights_of(predictor),
        }

    def packed_name(self) -> str:
        return "packed.nz"

    def run(self, direction: str, source: Path, target: Path) -> dict:
        """One direction in a fresh process."""
        command = [
            sys.executable,
            "-m",
            "nzip.benchmark.worker",
            direction,
            self.spelling,
            str(source),
            str(target),
            "primed" if self.primed else "cold",
        ]
        report = target.with_name("worker.json")
        usage = launch(command, None, report, {"PYTHONPATH": _python_path(), "NUMBA_NUM_THREADS": "1"})
        told = json.loads(report.read_text())
        return {
            "cpu": told["codec_cpu"],
            "wall": told["codec_wall"],
            "peak": usage["peak"],
            "startup_cpu": told["startup_cpu"],
            "fixed_cpu": told["fixed_cpu"],
            "process_cpu": usage["cpu"],
            "idle": told["idle"],
        }


@dataclass(frozen=True)
class PeerContender:
    """One peer at one setting."""

    peer: Peer

    kind = "peer"

    @property
    def key(self) -> str:
        return self.peer.key

    @property
    def label(self) -> str:
        return self.peer.label

    def describe(self) -> dict:
        """Its line in the results."""
        return {
            "key": self.key,
            "label": self.label,
            "kind": self.kind,
            "version": self.peer.version_string(),
            "command": " ".join(self.peer.compress),
        }

    def packed_name(self) -> str:
        return f"packed{self.peer.suffix}"

    def run(self, direction: str, source: Path, target: Path) -> dict:
        """One direction, in the folder of the data, so that archives hold the bare name."""
        packing = direction == "compress"
        words = self.peer.compress if packing else self.peer.decompress
        to_stdout = self.peer.compress_to_stdout if packing else self.peer.decompress_to_stdout
        # Archivers store the name they are given: the bare one of the data, which lies in the same folder.
        names = {"IN": source.name, "OUT": target.name}
        return launch(
            [names.get(word, word) for word in words], source.parent, target if to_stdout else None, {}
        )


def _python_path() -> str:
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def launch(command: list[str], folder: Path | None, stdout: Path | None, environment: dict) -> dict:
    """cpu, wall, peak of one command. RunError with the last line it said where it fails."""
    with tempfile.TemporaryDirectory(prefix="nzip-bench-") as scratch:
        report = Path(scratch) / "report"
        launched = subprocess.run(
            [sys.executable, "-I", "-S", str(LAUNCHER), str(report), "-", str(stdout or "-"), *command],
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said = launched.stderr.decode(errors="replace").strip().splitlines()
        if launched.returncode:
            raise RunError(f"{command[0]} could not be started: {said[-1] if said else launched.returncode}")
        status, cpu, wall, peak = report.read_text().split()
        if int(status):
            raise RunError(f"exit status {status}: {said[-1] if said else 'no word why'}")
    return {"cpu": float(cpu), "wall": float(wall), "peak": int(peak)}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def run_one(contender, data: Path, sha256: str) -> dict:
    """Pack and unpack one file; ``data`` lies in a scratch folder of its own. Never raises for the
    contender's own failure: that is a finding, told in ``error``."""
    packed, unpacked = data.with_name(contender.packed_name()), data.with_name("unpacked")
    found: dict = {
        "bytes": None,
        "packed_sha256": None,
        "verified": False,
        "error": None,
        "compress": None,
        "decompress": None,
    }
    try:
        found["compress"] = contender.run("compress", data, packed)
        found["bytes"] = packed.stat().st_size
        found["packed_sha256"] = _sha256(packed)
        found["decompress"] = contender.run("decompress", packed, unpacked)
        found["verified"] = _sha256(unpacked) == sha256
        if not found["verified"]:
            found["error"] = "the decoded file differs from the original"
    except (RunError, OSError) as error:
        found["error"] = str(error)
    finally:
        for path in (packed, unpacked):
            path.unlink(missing_ok=True)
    return found


def run(
    contenders: list,
    inputs: list[Input],
    repeat: int,
    missing: dict[str, str],
    command: str,
    baseline: str,
    tell: Callable[[str], None] = lambda line: None,
) -> dict:
    """Everything: warm-up, fixed costs, then the interleaved runs. Returns the results as results.py has
    them."""
    described = {contender.key: contender.describe() for contender in contenders}
    results: dict[str, Any] = {
        "schema": results_format.SCHEMA,
        "date": results_format.now(),
        "command": command,
        "repeat": repeat,
        "baseline": baseline,
        "machine": results_format.machine(),
        "environment": results_format.environment(),
        "contenders": list(described.values()),
        "missing": missing,
        "files": [],
        "runs": [],
    }
    for item in inputs:
        content = item.read()
        results["files"].append(
            {
                "name": item.name,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "entropies": entropies(content),
            }
        )
    with tempfile.TemporaryDirectory(prefix="nzip-bench-") as scratch:
        data = Path(scratch) / DATA_NAME
        data.write_bytes(b"x")
        for contender in contenders:
            tell(f"warming up: {contender.label}")
            described[contender.key]["fixed_bytes"] = run_one(contender, data, _sha256(data))["bytes"] or 0
        for number in range(repeat):
            for item, file in zip(inputs, results["files"], strict=True):
                data.write_bytes(item.read())
                for contender in contenders:
                    tell(
                        f"{item.name}: {contender.label}"
                        + (f" ({number + 1} of {repeat})" if repeat > 1 else "")
                    )
                    found = run_one(contender, data, file["sha256"])
                    results["runs"].append(
                        {"file": item.name, "contender": contender.key, "repeat": number, **found}
                    )
    return results
