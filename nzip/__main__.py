"""``python -m nzip``, which is the ``nzip`` command.

Its version alone is told without the command line's library, whose import takes longer than all else."""

import gc
import sys


def main() -> None:
    """The ``nzip`` command."""
    # Imports make objects that all stay: to look for garbage among them, again and again, takes a tenth of
    # their time. A command makes little garbage that refers to itself; what it makes is still found.
    gc.set_threshold(100_000, 50, 50)
    if sys.argv[1:] in (["--version"], ["-V"]) and sys.stdout is not None:
        from nzip import __version__

        try:
            print(f"nzip {__version__}", flush=True)
        except OSError:
            pass_on()  # what is said of a pipe that is closed, and how, the command line knows
        return
    pass_on()


def pass_on() -> None:
    """All else."""
    from nzip.cli.main import main as command  # start-up: click

    command()


if __name__ == "__main__":
    main()
