"""The command in processes of its own, its toy predictors installed."""

from __future__ import annotations

import signal
import subprocess

import pytest
from support import NZIP


@pytest.fixture
def run(plugin_environment, tmp_path):
    """``run("-dc", "FILE", input=b"")``: the command in a process of its own."""

    def call(*arguments, command=NZIP, environment=None, **options):
        return subprocess.run(
            [*command, *map(str, arguments)],
            capture_output=True,
            cwd=tmp_path,
            env={**plugin_environment, **(environment or {})},
            check=False,
            **options,
        )

    return call


def _heed_signals():
    """What a suite in the background or under nohup ignores, its children would ignore too."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(plugin_environment, tmp_path):
    """As ``run``, but the process is left running."""
    started = []

    def call(*arguments, environment=None, **options):
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "preexec_fn": _heed_signals, **options}  # fmt: skip
        process = subprocess.Popen(
            [*NZIP, *map(str, arguments)],
            cwd=tmp_path,
            env={**plugin_environment, **(environment or {})},
            **options,
        )
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.wait()
        for stream in filter(None, (process.stdin, process.stdout, process.stderr)):
            stream.close()
