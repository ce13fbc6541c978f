"""A run's folder: ``run.json`` (shape, plan, what it was trained on), ``codec.bin``, ``checkpoint.pt``,
``log.jsonl``.

Everything is written whole or not at all. The codec is kept, so a run can be sampled and exported without its
dataset."""

from __future__ import annotations

import json
import math
import pickle
import struct
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

import torch

from nzip.io.safe_output import TEMPORARY_SUFFIX, FileError, Output
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json, write_whole
from tokenizers_lab.lm import checkpoints
from tokenizers_lab.lm.evaluation import PRECISIONS
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.registry import load

NAME, CODEC, CHECKPOINT, LOG = "run.json", "codec.bin", "checkpoint.pt", "log.jsonl"

_UNREADABLE = (
    OSError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
)  # of torch's readers, whatever stands in a damaged file


@dataclass(frozen=True)
class Plan:
    """How to train: ``steps`` of ``batch`` contexts; ``rate`` is AdamW's peak, reached after ``warm_up``
    steps, from which a cosine falls to a tenth; ``half_life``: tokens in which its second moment forgets half
    (13.5 steps at least); ``evaluations`` points on the learning curve, each over ``eval_bytes`` of held-out
    text; ``precision`` of the products in training (:func:`.evaluation.autocast`): evaluation is float32 on
    the CPU in any case; ``compiled``: by torch.compile, which fuses what lies between the products (it needs
    a C++ compiler on a CPU)."""

    steps: int
    batch: int = 16
    rate: float = 2e-3
    warm_up: int = 50
    decay: float = 0.1
    clip: float = 1.0
    seed: int = 1
    evaluations: int = 8
    eval_bytes: int = 262144
    precision: str = "auto"
    compiled: bool = False
    half_life: int = 262144

    def __post_init__(self):
        counts = (self.steps, self.batch, self.warm_up, self.seed, self.evaluations, self.eval_bytes)
        if not all(type(n) is int and 0 <= n < 1 << 53 for n in (*counts, self.half_life)):
            raise LabError(
                "steps, batch, warm-up, seed, evaluations and the rest are whole numbers from 0 on"
            )
        if not all(math.isfinite(x) and x >= 0 for x in (self.rate, self.decay, self.clip)):
            raise LabError("rate, decay and clip are numbers from 0 on")
        if self.evaluations > 1000 or type(self.compiled) is not bool:
            raise LabError("evaluations are 1,000 at most, compiled is true or false")
        if self.precision not in PRECISIONS:
            raise LabError(f"precision {self.precision!r}: known are {', '.join(PRECISIONS)}")
        if self.steps < 1 or self.batch < 1 or not self.rate > 0 or not self.half_life > 0:
            raise LabError("steps and batch must be 1 or more, the rate and the half-life above 0")

    def json(self) -> dict:
        return asdict(self)


class Run:
    """A folder and what ``run.json`` says."""

    def __init__(self, folder, data: dict):
        self.folder, self.data = Path(folder), data
        self.shape = Shape(**data["shape"])

    @classmethod
    def read(cls, folder) -> Run:
        path = Path(folder) / NAME
        try:
            data = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise LabError(f"{folder}: not a run of 'lm train': {NAME}: {error.strerror}") from None
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: not JSON: {str(error).splitlines()[0]}") from None
        try:
            if data["tokenizers_lab_run"] != 1:
                raise ValueError("of another version")
            data["codec"]["fingerprint"], Plan(**data["plan"])
            run, eos = cls(folder, data), data["eos"]
            if eos is not None and not (type(eos) is int and 0 <= eos < run.shape.vocabulary):
                raise ValueError(f"an end of sequence {eos!r:.40}")
            return run
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise DataError(f"{path}: damaged: {error!r}") from None
        except LabError as error:  # of its plan or shape
            raise DataError(f"{path}: damaged: {error}") from None

    @classmethod
    def create(cls, folder, shape: Shape, plan: Plan, reader) -> Run:
        """The run of this plan in ``folder``: begun, or gone on with. Raises :class:`LabError` where another
        one lies there."""
        folder = Path(folder)
        manifest = reader.manifest
        data = {
            "tokenizers_lab_run": 1,
            "shape": shape.json(),
            "plan": plan.json(),
            "codec": manifest.data["codec"],
            "eos": reader.eos,
            "dataset": manifest.plan_hash,
        }
        if (folder / NAME).exists():
            old = cls.read(folder)
            for key in ("shape", "plan", "codec", "eos", "dataset"):
                kept = asdict(old.plan) if key == "plan" else old.data.get(key)
                if kept != json.loads(json.dumps(data[key])):
                    raise LabError(
                        f"{folder}: holds another run (its {key} differs); name another folder, or remove it"
                    )
            return old
        codec = (manifest.folder / CODEC).read_bytes()
        if folder.exists() and not _only_begun(folder, codec):
            raise LabError(f"{folder}: is there already and holds no run; name a new or empty folder")
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / CODEC, codec)
        write_json(folder / NAME, data)
        return cls(folder, data)

    @property
    def plan(self) -> Plan:
        return Plan(**self.data["plan"])

    @property
    def codec(self):
        codec = load(str(self.folder / CODEC))
        if codec.fingerprint() != self.data["codec"]["fingerprint"]:
            raise DataError(f"{self.folder / CODEC}: not the codec that the run was trained with")
        return codec

    def checkpoint(self, device="cpu") -> dict | None:
        """What :func:`save` wrote, or None before the first one."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        try:
            # Looked at on the CPU, where a lie costs nothing, whatever the device.
            kept = torch.load(path, map_location="cpu", weights_only=True)
        except _UNREADABLE as error:
            why = (str(error) or type(error).__name__).splitlines()[0][:120]
            raise DataError(f"{path}: cannot be read ({why}); remove it to begin anew") from None
        try:
            checkpoints.require_state(kept, self.plan.steps)
            checkpoints.require_tensors(kept["model"], self.shape.weights, 3 + 6 * self.shape.layers)
        except ValueError as error:
            raise DataError(f"{path}: damaged, or of another run: {error}; remove it to begin anew") from None
        kept["model"] = {name: tensor.to(device) for name, tensor in kept["model"].items()}
        return kept

    def save(self, state: dict) -> None:
        """Checkpoint and log, each whole or not at all. Raises :class:`LabError` where they cannot be
        written; the last checkpoint is then still there."""
        try:
            with Output(str(self.folder / CHECKPOINT), force=True) as output:
                sink = _Sink(output)
                try:
                    torch.save(state, cast(IO[bytes], sink))  # torch asks for `write` alone
                except Exception:
                    if sink.failed is not None:  # torch has made an error of its own of it
                        raise sink.failed from None
                    raise
                output.commit()
        except FileError as error:
            raise LabError(str(error)) from None
        lines = [{"step": i + 1, "loss": loss} for i, loss in enumerate(state["losses"])] + state["curve"]
        write_whole(self.folder / LOG, "".join(json.dumps(x) + "\n" for x in lines).encode())

    def model(self, device="cpu") -> Llama:
        """The trained network."""
        kept = self.checkpoint(device)
        if kept is None:
            raise LabError(f"{self.folder}: has no checkpoint yet; run 'lm train' first")
        model = Llama(self.shape).to(device)
        model.load_state_dict(kept["model"])
        return model.eval()


class _Sink:
    """``output`` as torch writes to it; ``failed``: what a write raised."""

    def __init__(self, output: Output):
        self._output = output
        self.failed: FileError | None = None

    def write(self, data) -> int:
        """All of ``data``; its bytes."""
        with memoryview(data) as view:
            try:
                self._output.write(view)
            except FileError as error:
                self.failed = error
                raise
            return view.nbytes

    def flush(self) -> None:
        """Nothing: the output is flushed when it is committed."""


def _only_begun(folder: Path, codec: bytes) -> bool:
    """Whether ``folder`` holds nothing but what a run of this codec wrote before it failed, or nothing."""
    if not folder.is_dir():
        return False
    found = list(folder.iterdir())
    left = [path for path in found if path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)]
    if any(path.name != CODEC or path.read_bytes() != codec for path in found if path not in left):
        return False
    for path in left:
        path.unlink(missing_ok=True)
    return True
