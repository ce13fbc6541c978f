"""Building a dataset on many machines: datatrove's executors (Local, Slurm, Ray) over the same shard
function.

The folder must be seen by all machines. The ranks share the shards that are missing when a run begins; what
datatrove keeps (logs, statistics) lies in ``FOLDER.logs`` and decides nothing. A bad source is no crash of
its rank: its line is kept beside the part, and shown when all ranks are through.

Concession: datatrove's process pools never notice that a worker was killed and would wait for ever;
:func:`_watch` does."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import multiprocess
from datatrove.executor import LocalPipelineExecutor, RayPipelineExecutor, SlurmPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger

from tokenizers_lab.datasets.building import end_with
from tokenizers_lab.datasets.manifest import Manifest
from tokenizers_lab.datasets.shard import build_shard
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_whole

_KILLED = {-signal.SIGKILL, -signal.SIGSEGV, -signal.SIGABRT, -signal.SIGBUS}


class BuildShards(PipelineStep):
    """The pipeline: rank r of n builds the shards ``shards[r::n]``."""

    type = "🗜 - TOKENIZER"
    name = "tokenizers_lab shard"

    def __init__(self, folder: str, root: str, shards: list[int]):
        super().__init__()
        self.folder, self.root, self.shards = folder, root, shards

    def run(self, data, rank: int = 0, world_size: int = 1):
        for index in self.shards[rank::world_size]:
            complaint = _complaint(self.folder, index)
            try:
                with self.track_time("shard"):
                    part = build_shard(self.folder, index, self.root)
                complaint.unlink(missing_ok=True)
            except LabError as error:
                write_whole(complaint, json.dumps([error.exit_code, str(error)]).encode())
                logger.warning(str(error))
                continue
            for split in part["splits"].values():
                self.stat_update("documents", value=split["documents"])
                self.stat_update("bytes", value=split["bytes"])
                self.stat_update("tokens", value=split["tokens"])
        return data


class FinishDataset(PipelineStep):
    """The job after all shards: takes the parts into the manifest."""

    type = "🗜 - TOKENIZER"
    name = "tokenizers_lab manifest"

    def __init__(self, folder: str):
        super().__init__()
        self.folder = folder

    def run(self, data, rank: int = 0, world_size: int = 1):
        _finish(Manifest.read(self.folder))
        return data


class _LocalExecutor(LocalPipelineExecutor):
    """datatrove's, but its workers log to their files only."""

    def _launch_run_for_rank(self, *args, **kwargs):
        if multiprocess.parent_process() is not None:
            sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - for the worker's life
            end_with(multiprocess.parent_process())
        return super()._launch_run_for_rank(*args, **kwargs)


class _RayExecutor(RayPipelineExecutor):
    """datatrove's, but an actor whose worker was killed dies too, so that Ray tells and the rank is tried
    again."""

    def __setstate__(self, state):
        self.__dict__.update(state)
        _watch(lambda: os._exit(1))


def run(manifest: Manifest, executor: str, workers: int = 0, options: dict | None = None) -> str | None:
    """Build the missing shards by ``executor``: ``datatrove`` (its Local executor), ``ray`` (the cluster of
    ``RAY_ADDRESS``, or one started here) or ``slurm``. ``workers``: ranks at a time (0: one for each core).
    ``options`` go to datatrove's executor (Slurm needs ``partition`` and ``time``).

    Returns None, the dataset complete; for Slurm the job's id, at once: a dependent job finishes the dataset.
    Raises
    :class:`DataError`/:class:`LabError` with the first complaint of a rank, or if a worker was killed.
    """
    missing = manifest.missing()
    if manifest.data["complete"] or not missing:
        _finish(manifest)
        return None
    for index in missing:
        _complaint(manifest.folder, index).unlink(missing_ok=True)
    folder = str(manifest.folder.resolve())
    logs = Path(f"{folder}.logs") / time.strftime("%Y%m%d-%H%M%S")
    while logs.exists():
        logs = logs.with_name(logs.name + "+")
    pipeline = [BuildShards(folder, os.getcwd(), missing)]
    workers = min(workers or os.cpu_count() or 1, len(missing))
    # A rank may build several shards, because starting one costs seconds; what is done is told by the parts.
    settings = {
        "tasks": min(2 * workers, len(missing)),
        "workers": workers,
        "logging_dir": str(logs),
        **(options or {}),
    }
    try:
        if executor == "slurm":
            return _slurm(folder, pipeline, settings)
        logger.remove()  # datatrove logs every rank to stderr; its log files have it all
        (_local if executor == "datatrove" else _ray)(pipeline, settings)
    except TypeError as error:
        raise LabError(f"datatrove's {executor} executor: {error}") from None
    _finish(manifest)
    shutil.rmtree(logs, ignore_errors=True)
    if logs.parent.is_dir() and not any(logs.parent.iterdir()):
        logs.parent.rmdir()
    return None


def _local(pipeline, settings) -> None:
    executor = _LocalExecutor(pipeline, start_method="spawn", skip_completed=False, **settings)
    main = threading.main_thread()
    if threading.current_thread() is not main:
        return executor.run()  # only a program's main thread can be woken
    # Not SIGINT, which programs in the background ignore.
    before = signal.signal(signal.SIGUSR2, _wake)
    stop = _watch(lambda: signal.pthread_kill(main.ident or 0, signal.SIGUSR2))
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
            executor.run()
    except _WorkerKilled:
        return  # what is missing will be told
    finally:
        stop.set()
        signal.signal(signal.SIGUSR2, before)


class _WorkerKilled(BaseException):
    """Wakes the main thread out of datatrove's waiting."""


def _wake(*_):
    raise _WorkerKilled


def _ray(pipeline, settings) -> None:
    import ray  # an optional dependency

    settings.setdefault("mem_per_cpu_gb", 0.5)
    if not ray.is_initialized():
        # The workers import this package as this process does, wherever it was found.
        ray.init(
            num_cpus=None if os.environ.get("RAY_ADDRESS") else settings["workers"],
            log_to_driver=False,
            logging_level="ERROR",
            include_dashboard=False,
            runtime_env={"env_vars": {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}},
        )
    try:
        _RayExecutor(pipeline, skip_completed=False, **settings).run()
    finally:
        ray.shutdown()


def _slurm(folder, pipeline, settings) -> str:
    try:
        job = SlurmPipelineExecutor(pipeline, job_name="dataset-shards", **{"qos": None, **settings})
        last = SlurmPipelineExecutor(
            [FinishDataset(folder)],
            job_name="dataset-manifest",
            depends=job,
            **{
                "qos": None,
                **settings,
                "tasks": 1,
                "workers": 1,
                "logging_dir": settings["logging_dir"] + "-manifest",
            },
        )
        last.run()
    except FileNotFoundError as error:
        raise LabError(f"{error.filename}: not found; submit from a machine of the Slurm cluster") from None
    return str(last.job_id)


def _complaint(folder, index: int) -> Path:
    return Manifest(folder, {}).part_path(index).with_suffix(".error")


def _finish(manifest: Manifest) -> None:
    """Complete the manifest, or say why it cannot be."""
    if manifest.data["complete"]:
        return
    missing = manifest.missing()
    for index in missing:
        try:
            code, text = json.loads(_complaint(manifest.folder, index).read_bytes())
        except (OSError, ValueError):
            continue  # none, or cut short
        raise (DataError if code == 2 else LabError)(text)
    if missing:
        raise LabError(
            f"{len(missing)} of {manifest.shards} shards were not built (workers killed, out of "
            "memory?); run the same command again"
        )
    for left in manifest.folder.glob(".*.tmp"):  # of workers that were killed
        left.unlink(missing_ok=True)
    manifest.finish()


def _watch(on_death: Callable[[], None]) -> threading.Event:
    """Call ``on_death`` once a child process of this one was killed; the event ends the watch."""
    stop = threading.Event()

    def look():
        seen: set = set()
        while not stop.wait(0.1):
            seen |= set(multiprocess.active_children())
            if any(child.exitcode in _KILLED for child in seen):
                return on_death()

    threading.Thread(target=look, daemon=True).start()
    return stop
