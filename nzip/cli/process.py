"""A command as a process: its signals, its standard streams, its end.

A signal becomes an exception, so that temporary files are removed on the way out, and then ends the process
as it would have ended it; a reader that went away does so by SIGPIPE, as it ends ``cat``. Concession: a
system call that cannot be interrupted (a dead network file system's) holds the end up."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from nzip.cli import standard
from nzip.cli.terminal import USAGE, heard
from nzip.io import safe_output

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


class Interrupted(BaseException):
    """A signal asked us to stop; temporary files are removed on the way out."""

    def __init__(self, number: int):
        super().__init__(number)
        self.number = number


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    raise Interrupted(number)


def _handle(handler: Callable[[int, FrameType | None], NoReturn] | signal.Handlers) -> None:
    for name in _NAMES:
        number = getattr(signal, name, None)
        # A signal that our parent ignores (nohup) stays ignored.
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _die_by(number: int) -> NoReturn:
    """End as the signal would have ended us, so that a calling shell sees it; threads are not waited for."""
    _handle(signal.SIG_IGN)
    # What is left where a second signal came while the first was cleaning up.
    safe_output.discard_temporaries(ending=True)
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    os._exit(128 + number)


def guarded(command: Callable[[list[str]], int], arguments: list[str]) -> int:
    """``command(arguments)``, an exit code, with the standard streams and signals of a command of its own.
    Signals and broken pipes end the process."""
    number = signal.SIGINT
    try:
        _handle(_stop)
        standard.install()
        code = command(arguments)
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except OSError:  # the command has said so
            code = code or USAGE
        _handle(signal.SIG_DFL)  # nothing is left to be removed
        return code if heard() else code or USAGE
    except Interrupted as stop:
        number = signal.Signals(stop.number)
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        number = signal.SIGPIPE
    _die_by(number)


def leave(code: int) -> NoReturn:
    """End with ``code``, past the interpreter's own end, which would wait for threads whose blocks nobody
    wants any more."""
    os._exit(code)
