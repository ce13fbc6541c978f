"""Reads cases of ``strangers.py``, each as a user's commands would; a process that may die of one.

    python tests/tokenizers_lab/strangers_runner.py TEMPLATES SEED FIRST STOP

A line of JSON for each case: its number, kind, what was changed, how it ended: ``refused`` (a LabError of one
line), ``read`` (whole, with answers that agree with each other), or what went wrong. Address space is limited
to a GiB beyond what the imports took, a case to 60 seconds of processor time (some codecs are compiled when
they are first met); no pickle is run, no process started.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOM, SECONDS = 1 << 30, 60  # of processor time: some codecs are compiled when they are first met
FORBIDDEN = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect", "os.fork")


class Hung(BaseException):
    """A case took too long."""


def read_codec(folder: Path, path: Path) -> None:
    import strangers

    import tokenizers_lab as lab

    codec = lab.load(path)
    ids = codec.encode(strangers.RAW)
    codec.offsets(strangers.RAW, ids), codec.fingerprint(), codec.used_vocab_size(), codec.token_lengths()
    back = codec.decode(ids)
    assert not codec.lossless or back == strangers.RAW, "called lossless, and is not"


def read_tokenizer(folder: Path, changed: Path) -> None:
    if changed.name.endswith(".tiktoken.json"):
        changed = changed.with_suffix("")
    read_codec(folder, changed)


def read_m1(folder: Path, changed: Path) -> None:
    import strangers

    from tokenizers_lab.m1.spelling import load_model

    load_model(str(changed)).cdf(strangers.RAW)


def read_training(folder: Path, changed: Path) -> None:
    import tokenizers_lab as lab

    codec = lab.train([str(folder / "a.txt")], vocab_size=270, checkpoint=str(folder / "c"))
    raw = (folder / "a.txt").read_bytes()
    assert codec.decode(codec.encode(raw)) == raw


def read_dataset(folder: Path, changed: Path) -> None:
    from tokenizers_lab.datasets import TokenDataset, TokenReader, verify
    from tokenizers_lab.datasets.manifest import Manifest
    from tokenizers_lab.errors import LabError

    place = folder / "d"
    told: LabError | None = None
    for split in Manifest.read(place).require_complete().splits:
        try:
            reader = TokenReader(place, split)
            whole = reader.read(0, reader.tokens)
            assert len(whole) == reader.tokens == len(reader), "tokens are missing"
            for i in range(min(3, reader.documents)):
                reader.codec.decode(np.asarray(reader.document(i)))
            reader.bytes_between(0, int(reader.ends[-1]))
            data = TokenDataset(place, split, length=7)
            assert len(data) == 0 or data[0][0].shape == (7,)
        except LabError as error:
            told = error
    faults = verify(place)
    assert all("\n" not in fault for fault in faults)
    if told:
        raise told
    if faults:
        raise LabError("verify: " + faults[0])


def read_unfinished(folder: Path, changed: Path) -> None:
    from tokenizers_lab.datasets import build, verify
    from tokenizers_lab.errors import LabError

    os.chdir(folder)
    build("bytes", ["a.jsonl"], "d", workers=1, shard_bytes=2000, on_error="skip")
    faults = verify("d", ["a.jsonl"])
    if faults:
        raise LabError("verify: " + faults[0])


def read_run(folder: Path, changed: Path) -> None:
    import torch

    from tokenizers_lab.lm.runs import Run

    run = Run.read(folder / "r")
    model = run.model()
    with torch.no_grad():
        logits = model(torch.zeros((1, 2), dtype=torch.int64))
    assert logits.shape == (1, 2, run.shape.vocabulary)
    run.codec.encode(b"the end")


def read_resume(folder: Path, changed: Path) -> None:
    from tokenizers_lab.datasets import TokenReader
    from tokenizers_lab.lm.model import Shape
    from tokenizers_lab.lm.runs import Plan
    from tokenizers_lab.lm.training import train

    shape = Shape.named("tiny", TokenReader(folder / "d").vocab_size, 16)
    train(folder / "d", folder / "r", shape, Plan(2, batch=2, evaluations=1, eval_bytes=600))


READERS = {
    "tokenizer": read_tokenizer,
    "codec": read_codec,
    "m1": read_m1,
    "training": read_training,
    "nanogpt": read_dataset,
    "megatron": read_dataset,
    "parquet": read_dataset,
    "unfinished": read_unfinished,
    "run": read_run,
    "resume": read_resume,
}


def status(name: str) -> int:
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(name + ":"))


def _loads_of_numba() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if "numba" in frame.f_code.co_filename:
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


class Watch:
    """What a case did that it may not."""

    def __init__(self):
        self.on, self.seen = False, []
        sys.addaudithook(self)

    def __call__(self, event, arguments):
        if self.on and (event in FORBIDDEN or event == "pickle.find_class" and not _loads_of_numba()):
            self.seen.append(f"{event} {arguments!r:.80}")


def case(seed: int, number: int, templates: Path, watch: Watch) -> dict:
    """Make and read one case."""
    import strangers

    rng = random.Random(f"{seed}/{number}")
    (kind,) = rng.choices(strangers.KINDS, strangers.WEIGHTS)
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, kind)
        shutil.copytree(templates / kind, folder)
        what = strangers.changed(rng, folder)
        if rng.random() < 0.2:
            what += "; " + strangers.changed(rng, folder)
        path = folder / what.split(": ")[0]
        held = status("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        began = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        watch.seen.clear()
        watch.on = True
        try:
            with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
                end = _read(kind, folder, path)
        finally:
            watch.on = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            os.chdir(before)
        if watch.seen or os.path.exists(strangers.canary()):
            end = f"did what it may not: {watch.seen[:3]}"
        seconds, peak = time.process_time() - began, status("VmHWM") - held
    return {"case": number, "kind": kind, "what": what, "end": end, "seconds": seconds, "peak": peak}


def _read(kind: str, folder: Path, path: Path) -> str:
    from tokenizers_lab.errors import LabError

    try:
        READERS[kind](folder, path)
        return "read"
    except LabError as error:
        strict = kind in ("tokenizer", "codec", "m1") and path.exists()
        if "\n" in str(error) or (error.exit_code != 2 if strict else error.exit_code not in (1, 2)):
            return f"not one line, or exit code {error.exit_code}: {error}"[:300]
        return "refused"
    except Hung:
        return f"took more than {SECONDS} s"
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the finding
        import traceback

        last = traceback.extract_tb(error.__traceback__)[-1]
        ours = [f for f in traceback.extract_tb(error.__traceback__) if "tokenizers_lab/" in f.filename][-1]
        where = f"{Path(ours.filename).name}:{ours.lineno} ({Path(last.filename).name}:{last.lineno})"
        return f"{type(error).__name__} at {where}: {error}"[:300]


def main() -> None:
    """The command."""
    templates, (seed, first, stop) = Path(sys.argv[1]), map(int, sys.argv[2:5])
    sys.path[:0] = [str(Path(__file__).parent)]
    import strangers

    with tempfile.TemporaryDirectory() as scratch:
        os.environ["STRANGERS_CANARY"] = os.path.join(scratch, "canary")
        for (
            kind
        ) in strangers.KINDS:  # whole, all are read; what is imported and compiled lazily is there then
            folder = Path(scratch, kind)
            shutil.copytree(templates / kind, folder)
            files = [p for p in folder.iterdir() if p.is_file() and kind in ("tokenizer", "codec", "m1")]
            before = os.getcwd()
            for path in files or [folder]:
                READERS[kind](folder, path)
            os.chdir(before)
        watch = Watch()
        signal.signal(signal.SIGPROF, _hung)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        room = status("VmSize") + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (room, room))
        for number in range(first, stop):
            print(json.dumps(case(seed, number, templates, watch)), flush=True)


def _hung(*_):
    raise Hung


if __name__ == "__main__":
    main()
