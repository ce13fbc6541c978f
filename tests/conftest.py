"""What tests of both packages share: the large corpora, toy predictors, and the command line in process."""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# No test depends on the clock.
settings.register_profile("nzip", deadline=None)
settings.load_profile("nzip")

sys.path.insert(0, str(Path(__file__).parent))  # for `import toys`, `import support`

from support import ROOT, Ran, cache_of_tables, corpus_path

WHOLE_SUITE = 1000  # tests; so many are no selection


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """With ``-n``, unless another way is asked for: each of xdist's workers takes a row of files, and the
    other's rest when it is done, so that a file's fixtures and kernels are mostly made by one of them."""
    if getattr(config.option, "numprocesses", None) and config.option.dist == "no":
        config.option.dist = "worksteal"


def pytest_configure(config):
    """Where Python is told to leave no bytecode, the hundreds of processes that tests start leave theirs all
    the same until the end of the run: half of what a command takes is else parsing."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None) and not hasattr(config, "workerinput"):
        before = set(_bytecode())
        config.add_cleanup(lambda: [shutil.rmtree(place, True) for place in set(_bytecode()) - before])


def _bytecode() -> list[Path]:
    """Folders of bytecode beside our sources."""
    return [
        place
        for name in ("nzip", "tokenizers_lab", "bench", "tests")
        for place in ROOT.glob(f"{name}/**/__pycache__")
    ]


@pytest.fixture(scope="session", autouse=True)
def made_once(request):
    """Where xdist's workers run a suite, not a few files, what all need is compiled by one of them, and all
    tests share what is learnt from primers."""
    worker = getattr(request.config, "workerinput", None)
    if worker is not None and len(request.session.items) > WHOLE_SUITE:
        import compiled

        request.getfixturevalue("primed_cache")
        compiled.make(int(worker["workerid"].removeprefix("gw")), worker["workercount"])


@pytest.fixture(scope="session")
def corpus():
    """``corpus("dev/alice29.txt")``: the path of a file of the large corpora; see :func:`corpus_path`."""
    return corpus_path


@pytest.fixture
def toys():
    """The module of toy predictors and experts, their names registered while the test runs."""
    import toys

    from nzip.predictors import registry

    registry.register_predictor("toy", toys.toy_factory)
    registry.register_expert("count", toys.count_factory)
    registry.register_expert("runs", toys.runs_factory)
    yield toys
    for name in ("toy", "count", "runs"):
        registry.unregister(name)


@pytest.fixture(scope="session")
def plugin_environment(tmp_path_factory):
    """An environment for child processes in which an installed package adds the toys by entry points."""
    site = tmp_path_factory.mktemp("site")
    info = site / "nzip_toys-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nzip-toys\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[nzip.predictors]\ntoy = toys:toy_factory\n[nzip.experts]\n"
        "count = toys:count_factory\nruns = toys:runs_factory\n"
    )
    paths = [str(site), str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), "COLUMNS": "100"}


class _Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def nzip_cli():
    """``nzip_cli("-dc", path, input=b"...")``: the command line run in this process, as :class:`Ran`.

    ``terminal`` names the standard streams (``stdin``, ``stdout``) that pretend to be terminals.
    """
    from nzip.cli import main

    def run(*arguments, input: bytes = b"", terminal: str = "") -> Ran:
        streams = {}
        for name, data in (("stdin", input), ("stdout", b""), ("stderr", b"")):
            kind = _Terminal if name in terminal.split() else io.TextIOWrapper
            streams[name] = kind(io.BytesIO(data), encoding="utf-8")
        before = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = streams.values()
        try:
            code = main._guarded([str(argument) for argument in arguments])
            for stream in streams.values():
                stream.flush()
        finally:
            sys.stdin, sys.stdout, sys.stderr = before
        return Ran(code, streams["stdout"].buffer.getvalue(), streams["stderr"].buffer.getvalue().decode())

    return run


@pytest.fixture(scope="session")
def primed_cache(request, tmp_path_factory):
    """Snapshots of primed tables are kept for the session, in a place of its own, which xdist's workers
    share. Returns that place."""
    before = os.environ.get("NZIP_CACHE")
    base = tmp_path_factory.getbasetemp()
    place = (base.parent if hasattr(request.config, "workerinput") else base) / "nzip-cache"
    os.environ["NZIP_CACHE"] = cache_of_tables(place)
    yield place
    if before is None:
        del os.environ["NZIP_CACHE"]
    else:
        os.environ["NZIP_CACHE"] = before
