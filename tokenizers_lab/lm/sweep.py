"""A comparison of arms: one TOML file, one folder, one report. Each arm is a codec; each is trained at every
size and seed.

All arms see the same documents: the sources are cut and split once, and vocabularies and M1s learn from the
training split alone. ``match`` says what is equal between arms: ``bytes`` of raw text, ``tokens``, or
training ``flops`` (of the model with its output layer). Whatever is done stays done: each dataset, each run
and each result is a file of its own, and the same command goes on with what is missing, in the middle of an
arm too. The same command may run more than once at a time, one process a core: each takes what no other is at
(files under ``locks/`` say which), and all write the same report.

Concession: one run is one process; the locks are the operating system's, so the folder must be on a file
system that has them."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tokenizers_lab.datasets.building import build
from tokenizers_lab.datasets.manifest import HELD_OUT, TRAIN, Manifest
from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json, write_whole
from tokenizers_lab.lm.evaluation import evaluate, trivial
from tokenizers_lab.lm.flops import cost
from tokenizers_lab.lm.model import Shape
from tokenizers_lab.lm.probes import position_accuracy, seq2seq
from tokenizers_lab.lm.runs import Plan, Run
from tokenizers_lab.lm.sweep_file import WAYS, Arm, Sweep
from tokenizers_lab.lm.training import train
from tokenizers_lab.registry import load
from tokenizers_lab.report.page import write_report
from tokenizers_lab.training.bpe import train_full
from tokenizers_lab.training.sentencepiece import train_unigram


def folder_name(arm: str) -> str:
    """An arm's name as the name of a folder."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in arm)


class Workshop:
    """The folder of a sweep: ``data/`` (texts, vocabularies, datasets), ``runs/``, ``results/``,
    ``results.json``, ``report.html``."""

    def __init__(self, sweep: Sweep, folder, say: Callable[[str], None] = lambda text: None):
        self.sweep, self.folder, self.say = sweep, Path(folder), say
        for name in ("data", "runs", "results", "locks"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def alone(self, name: str, wait: bool = True):
        """Whether this process, of all that work in the folder, holds ``name`` while it is entered; ``wait``
        until it does."""
        with open(self.folder / "locks" / f"{name}.lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True

    def _build(self, codec, name: str, workers: int = 1) -> Path:
        s = self.sweep
        target = self.folder / "data" / name
        manifest = build(
            codec, s.files, target, held_out=s.held_out, document_bytes=s.document_kib << 10, workers=workers
        )
        if set(manifest.splits) != {TRAIN, HELD_OUT}:
            raise LabError(
                f"{target}: the texts have too few documents for both splits; name another folder, and a "
                "lower document_kib"
            )
        return target

    def text_dataset(self) -> Path:
        """The dataset of bytes, which all else is made from."""
        with self.alone("data-bytes"):
            return self._build("bytes", "bytes")

    def text(self, most: int) -> Path:
        """The first ``most`` bytes of the training split as a file; made from the bytes' own dataset, so that
        no held-out document is in it."""
        path = self.folder / "data" / f"train-{most}.txt"
        reader = TokenReader(self.text_dataset())
        if not path.exists():
            out, at = bytearray(), 0
            while at < reader.documents and len(out) < most:
                out += reader.document(at).astype("uint8").tobytes()
                at += 1
            write_whole(path, bytes(out[:most]))
        return path

    def dataset(self, arm: Arm) -> Path:
        """The arm's dataset, built or found."""
        with self.alone(f"data-{'bytes' if arm.codec == 'bytes' else folder_name(arm.name)}"):
            return self._dataset(arm)

    def _dataset(self, arm: Arm) -> Path:
        name = folder_name(arm.name)
        target = self.folder / "data" / name
        if arm.codec == "bytes":
            return self._build("bytes", "bytes")
        kept = self.folder / "data" / f"{name}.codec"
        if not kept.exists():
            self.say(f"{arm.name}: its codec")
            _codec(arm, self).save(kept)
        if not (target / "manifest.json").exists() or not json.loads(
            (target / "manifest.json").read_text()
        ).get("complete"):
            self.say(f"{arm.name}: its dataset")
        return self._build(load(str(kept)), name)

    def plan(self, arm: Arm, size: str, seed: int) -> tuple[Path, Shape, Plan]:
        """Dataset, shape and training plan of one run."""
        s, data = self.sweep, self.dataset(arm)
        reader = TokenReader(data)
        shape = Shape.named(size, reader.vocab_size, s.context)
        tokens = {
            "tokens": s.budget,
            "bytes": s.budget * reader.tokens / reader.bytes,
            "flops": s.budget / (3 * shape.flops()),
        }[s.match]
        steps = max(1, round(tokens / (s.batch * s.context)))
        return (
            data,
            shape,
            Plan(
                steps,
                s.batch,
                s.rate_of(size),
                min(s.warm_up, steps),
                seed=seed,
                evaluations=s.evaluations,
                eval_bytes=s.eval_bytes,
                precision=s.precision,
                compiled=s.compiled,
                half_life=s.half_life,
            ),
        )

    def done(self, arm: Arm, size: str, seed: int) -> bool:
        """Whether its result is there."""
        return self._result_path(arm, size, seed).exists()

    def run_name(self, arm: Arm, size: str, seed: int) -> str:
        """The name of its folder, its result and its lock."""
        return f"{folder_name(arm.name)}-{size}-{seed}"

    def _result_path(self, arm: Arm, size: str, seed: int) -> Path:
        return self.folder / "results" / f"{self.run_name(arm, size, seed)}.json"

    def result(self, arm: Arm, size: str, seed: int, progress=None) -> dict:
        """One run's result: read, or trained and measured now."""
        data, shape, plan = self.plan(arm, size, seed)
        path = self._result_path(arm, size, seed)
        folder = self.folder / "runs" / path.stem
        reader, held = TokenReader(data), TokenReader(data, HELD_OUT)
        identity = {
            "arm": arm.identity(),
            "shape": shape.json(),
            "plan": plan.json(),
            "dataset": reader.manifest.content_hash,
            "final_bytes": self.sweep.final_bytes,
        }
        kept = _kept(path, identity, reader.manifest)
        if kept is not None:
            return kept
        self.say(f"{arm.name}, {size}, seed {seed}: {plan.steps:,} steps")
        trained = train(data, folder, shape, plan, progress)
        model = Run.read(folder).model()
        score = evaluate(model, held, at_most=self.sweep.final_bytes)
        tokens = plan.steps * plan.batch * shape.context
        result = {
            "identity": identity,
            "arm": arm.name,
            "spelling": arm.codec or json.dumps(arm.vocabulary),
            "size": size,
            "seed": seed,
            "vocabulary": reader.vocab_size,
            "parameters": shape.parameters,
            "head_parameters": shape.head_parameters,
            "steps": plan.steps,
            "tokens": tokens,
            "bytes": round(tokens * reader.bytes / reader.tokens),
            "training_flops": 3 * tokens * shape.flops(),
            "seconds": trained["seconds"],
            "loader_seconds": trained["loader_seconds"],
            "held_out": score.json(),
            "curve": trained["curve"],
            "cost": cost(shape, reader, arm.m1_flops),
            "trivial": trivial(reader, held, self.sweep.final_bytes),
            "position_accuracy": position_accuracy(
                model, held, min(self.sweep.final_bytes, self.sweep.eval_bytes)
            ),
        }
        write_json(path, result)
        return result

    def probe_name(self, arm: Arm, size: str, way: str) -> str:
        """The name of a probe's result and lock."""
        return f"{self.run_name(arm, size, self.sweep.seeds[0])}.{way}"

    def probe(self, arm: Arm, size: str, way: str, progress=None) -> dict:
        """The arm's :func:`.probes.seq2seq` with the first seed: read, or trained and measured now."""
        path, s = self.folder / "results" / f"{self.probe_name(arm, size, way)}.json", self.sweep
        reader, text = TokenReader(self.dataset(arm)), self.text_dataset()
        settings = s.probe_settings(way)
        identity = {
            "arm": arm.identity(),
            "size": size,
            "way": way,
            "probe": settings,
            "dataset": reader.manifest.content_hash,
        }
        kept = _kept(path, identity, reader.manifest)
        if kept is not None:
            return kept
        self.say(f"{arm.name}, {size}: learns to {way}")
        found = seq2seq(
            reader.codec,
            TokenReader(text),
            TokenReader(text, HELD_OUT),
            size=size,
            way=way,
            seed=s.seeds[0],
            precision=s.precision,
            compiled=s.compiled,
            progress=progress,
            **settings,
        )
        write_json(path, {"identity": identity, **found})
        return found

    def results(self) -> list[dict]:
        """All that is done, in the sweep's order, each run with its arm's probes."""
        s, out = self.sweep, []
        for seed, size, arm in s.runs():
            if not self.done(arm, size, seed):
                continue
            found = {k: v for k, v in self.result(arm, size, seed).items() if k != "identity"}
            ways = [
                w
                for w in WAYS
                if seed == s.seeds[0]
                and (self.folder / "results" / f"{self.probe_name(arm, size, w)}.json").exists()
            ]
            if ways:
                found["seq2seq"] = {
                    w: {k: v for k, v in self.probe(arm, size, w).items() if k != "identity"} for w in ways
                }
            out.append(found)
        return out

    def jobs(self) -> list[tuple[str, Callable]]:
        """What there is to do, in order: the name of its lock, and what does it; called with ``progress``.
        Every size with the first seed, its probes behind it, before any run with the second."""
        s, jobs = self.sweep, []
        for (seed, size), runs in itertools.groupby(s.runs(), key=lambda run: run[:2]):
            jobs += [
                (
                    f"run-{self.run_name(a, size, seed)}",
                    lambda p, a=a, z=size, seed=seed: self.result(a, z, seed, p),
                )
                for *_, a in runs
            ]
            if s.probe and seed == s.seeds[0] and size in s.probe.get("sizes", s.sizes):
                jobs += [
                    (
                        f"probe-{self.probe_name(a, size, way)}",
                        lambda p, a=a, z=size, way=way: self.probe(a, z, way, p),
                    )
                    for a in s.arms
                    if a.seq2seq and size in s.sizes_of(a)
                    for way in s.probe.get("ways", WAYS)
                ]
        return jobs

    def estimate(self, flops_per_second: dict[str, float]) -> list[dict]:
        """What each run would take at these training speeds by size: rows of arm, size, seed, steps, tokens,
        FLOPs and hours."""
        rows = []
        for size in self.sweep.sizes:
            for arm in (arm for arm in self.sweep.arms if size in self.sweep.sizes_of(arm)):
                _, shape, plan = self.plan(arm, size, self.sweep.seeds[0])
                flops = 3 * shape.flops() * plan.steps * plan.batch * shape.context
                rows.append(
                    {
                        "arm": arm.name,
                        "size": size,
                        "steps": plan.steps,
                        "vocabulary": shape.vocabulary,
                        "flops": flops,
                        "hours": flops / flops_per_second[size] / 3600,
                        "seeds": sum(run[1:] == (size, arm) for run in self.sweep.runs()),
                    }
                )
        return rows


def _kept(path: Path, identity: dict, manifest: Manifest) -> dict | None:
    """What an earlier process measured, None if none did; on the same tokens, if by an earlier version of
    their codec. Raises :class:`DataError` and :class:`LabError`
    where something else lies there."""
    if not path.exists():
        return None
    try:
        found = json.loads(path.read_text())
        made_from = found["identity"]["dataset"]
        same = made_from == identity["dataset"] or made_from in manifest.content_hashes()
        if same and found["identity"] == json.loads(json.dumps({**identity, "dataset": made_from})):
            return found
    except (ValueError, KeyError, TypeError):
        raise DataError(f"{path}: damaged; remove it, and it is measured again") from None
    raise LabError(f"{path}: was made by another sweep file; name another folder, or remove it")


def _codec(arm: Arm, workshop: Workshop):
    s = workshop.sweep
    if arm.codec is not None:
        if "{text}" not in arm.codec:
            return load(arm.codec)
        return load(arm.codec.replace("{text}", str(workshop.text(s.text_bytes))))
    wanted = dict(arm.vocabulary or {})
    model, size, objective = (
        wanted.pop("model", "bpe"),
        wanted.pop("size", 8192),
        wanted.pop("objective", "frequency"),
    )
    text = workshop.text(s.vocabulary_bytes)
    if model == "unigram":
        lines = text.read_bytes().splitlines(keepends=True)
        return train_unigram(
            [b"".join(lines[i : i + 2000]) for i in range(0, len(lines), 2000)], size, num_threads=1
        )
    if model != "bpe":
        raise LabError(f"arm {arm.name!r}: vocabulary model {model!r}; known: bpe, unigram")
    return train_full(
        [str(text)],
        size,
        objective,
        workers=1,
        checkpoint=str(workshop.folder / "data" / f"{folder_name(arm.name)}.checkpoint"),
        **wanted,
    ).codec


def run(sweep: Sweep, folder, say: Callable[[str], None] = lambda text: None, progress=None) -> dict:
    """Run what is missing (:meth:`Workshop.jobs`) and return the results (also in ``results.json``;
    ``report.html`` shows them)."""
    shop, together = Workshop(sweep, folder, say), dict[str, Any]()
    open_ones, patient = shop.jobs(), False
    while open_ones or not together:
        for one in list(open_ones):
            lock, work = one
            with shop.alone(lock, wait=patient) as mine:
                if not mine:
                    continue  # another process is at it
                work(progress)
            open_ones.remove(one)
            patient = False
            together = {
                "tokenizers_lab_lm": 1,
                "name": sweep.name,
                "match": sweep.match,
                "budget": sweep.budget,
                "context": sweep.context,
                "eval_bytes": sweep.eval_bytes,
                "final_bytes": sweep.final_bytes,
                "files": [Path(f).name for f in sweep.files],
                "planned": len(sweep.runs()),
                "runs": shop.results(),
            }
            write_json(Path(folder) / "results.json", together)
            write_report(together, Path(folder) / "report.html")
        patient = True  # what is left is in other hands: wait for it
    return together
