"""What the commands take: groups of click's options, and for each group the record that a verb is given.

Click hands over a dict of everything. :func:`takes` turns it into a few frozen dataclasses, one a group, so
that below :mod:`nzip.cli.main` what a verb depends on stands in its signature and a misspelt name is found by
a type checker. Concession: each option is written twice, as click's line and as a field; a test holds them
together.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import click

from nzip.cli import completing

Files: TypeAlias = "tuple[str, ...]"


# What the system counts bytes of a file with: 63 bits.
_MOST = (1 << 63) - 1
# More threads than any machine has cores; each would take memory for its stack.
_MOST_THREADS = 1 << 12


class Size(click.ParamType):
    """Bytes, with K, M, G or T (powers of 1024, as in xz) behind the number."""

    name = "size"
    _UNITS: ClassVar = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """As click asks; refuses with the accepted forms named."""
        if isinstance(value, int):
            return value
        text = value.strip().lower()
        digits = text.rstrip("kmgtib")
        unit = text[len(digits) :].removesuffix("b").removesuffix("i")
        if (
            not digits.isascii()
            or not digits.isdigit()
            or unit not in self._UNITS
            or text[len(digits) :] == "i"
        ):
            self.fail(f"{value!r} is no size: write a number of bytes, or 64KiB, 16M, 4GiB", param, ctx)
        # Not to be read as a number before that: Python refuses to read thousands of digits.
        size = int(digits) << self._UNITS[unit] if len(digits) < 30 else _MOST + 1
        if size > _MOST:
            self.fail(f"{value[:40]} is more than any file or memory has: at most {_MOST} bytes", param, ctx)
        return size


class Duration(click.ParamType):
    """Seconds of the clock: a number, with s, m or h behind it, or several (``1h30m``)."""

    name = "time"
    _UNITS: ClassVar = {"h": 3600.0, "m": 60.0, "s": 1.0, "": 1.0}

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """As click asks; refuses with the accepted forms named."""
        if isinstance(value, int | float):
            return float(value)
        text = value.strip().lower()
        parts = re.findall(r"(\d{1,9}(?:\.\d{1,9})?)(h|m|s|$)", text)
        whole = "".join(number + unit for number, unit in parts)
        units = [unit for _, unit in parts]
        # each unit once, the larger before the smaller
        if not parts or whole != text or units != sorted(set(units), key="hms".find) or not text.isascii():
            self.fail(f"{value!r} is no time: write 90s, 10m, 1h30m, or seconds", param, ctx)
        seconds = sum(float(number) * self._UNITS[unit] for number, unit in parts)
        if seconds <= 0:
            self.fail(f"{value!r} is no time to do anything in: write 90s, 10m or 1h30m", param, ctx)
        return seconds


class Levels(click.ParamType):
    """Levels as ``1,3,5``; a list."""

    name = "levels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[int]:
        """As click asks; refuses what is no level."""
        if isinstance(value, list):
            return value
        words = [word.lstrip("-") for word in value.replace(",", " ").split()]
        if any(word not in "0123456789" or not word for word in words):
            self.fail(f"{value!r} is no list of levels: write 1,3,5", param, ctx)
        return [int(word) for word in dict.fromkeys(words)]


class ByteRange(click.ParamType):
    """``START:END``, either missing; sizes as for :class:`Size`."""

    name = "start:end"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        """As click asks; a pair (start, end or None)."""
        if isinstance(value, tuple):
            return value
        start, colon, end = value.partition(":")
        if not colon:
            self.fail(f"{value!r} is no range: write START:END, START: or :END, as in 1M:1088K", param, ctx)
        first = Size().convert(start, param, ctx) if start.strip() else 0
        last = Size().convert(end, param, ctx) if end.strip() else None
        if last is not None and last < first:
            self.fail(f"the range {value} ends before it starts", param, ctx)
        return first, last


class LineRange(click.ParamType):
    """``FIRST:LAST``, lines from 1 on, either missing."""

    name = "first:last"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int | None]:
        """As click asks; a pair (first, last or None)."""
        if isinstance(value, tuple):
            return value
        first, _, last = value.partition(":")
        numbers = [part.strip() or default for part, default in ((first, "1"), (last, "0"))]
        if not all(n.isascii() and n.isdecimal() and len(n) < 12 for n in numbers) or ":" not in value:
            self.fail(f"{value!r} is no range of lines: write FIRST:LAST, FIRST: or :LAST", param, ctx)
        begin, end = max(1, int(numbers[0])), int(numbers[1]) if last.strip() else None
        if end is not None and end < begin:
            self.fail(f"the range {value} ends before it starts", param, ctx)
        return begin, end


class Named(click.ParamType):
    """``NAME=PATH``."""

    name = "name=path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """As click asks; a pair."""
        if isinstance(value, tuple):
            return value
        name, equals, path = value.partition("=")
        if not name or not equals or not path:
            self.fail(
                f"{value!r} names no model: write NAME=PATH, as in my.expert=models/my.expert", param, ctx
            )
        return name, path


def flag(*names: str, **options: Any) -> Callable:
    """An option that is there or not."""
    return click.option(*names, is_flag=True, **options)


@dataclasses.dataclass(frozen=True)
class Placing:
    """Where output goes, and what of it and of its source may be replaced or removed."""

    to_stdout: bool = False
    output: str | None = None
    suffix: str = ".nz"
    force: bool = False
    remove: bool = False
    resume: bool = False


@dataclasses.dataclass(frozen=True)
class Coding:
    """What codes: a level or a predictor, how it starts, how its blocks are cut and checked. ``primer``: a
    primer file's path; ``block_size`` in bytes; ``budget``: in place of a level, seconds of the clock that
    the smallest one may take."""

    level: int | None = None
    predictor: str | None = None
    block_size: int | None = None
    verify: bool | None = None
    embed_model: bool = False
    primer: str | None = None
    no_primer: bool = False
    budget: float | None = None


@dataclasses.dataclass(frozen=True)
class Asking(Coding):
    """As :class:`Coding`, of a verb that writes nothing that could be decoded: neither ``verify`` nor
    ``embed_model`` nor ``budget`` is its option."""


@dataclasses.dataclass(frozen=True)
class Decoding:
    """What decoding needs besides the file: the path of the primer file that it was made with, and where the
    models lie that it names."""

    primer: str | None = None
    models: tuple[tuple[str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Running:
    """What it may use: ``threads`` (0: all cores) and ``memory`` in bytes (None: as the verb has it)."""

    threads: int = 0
    memory: int | None = None


@dataclasses.dataclass(frozen=True)
class Talking:
    """What is said besides errors. ``verbose`` counts."""

    quiet: bool = False
    verbose: int = 0
    progress: bool = True


_LEVEL_HELP = {0: "Fastest level; -1 to -8 lie between (see nzip levels).", 9: "Smallest level."}


def _levels(command: Callable) -> Callable:
    for level in range(9, -1, -1):
        command = click.option(
            f"-{level}", "level", flag_value=level, type=int, default=None, hidden=level not in _LEVEL_HELP,
            help=_LEVEL_HELP.get(level),
        )(command)  # fmt: skip
    return command


# Of the verbs that decode.
named_models = click.option(
    "--model", "models", metavar="NAME=PATH", type=Named(), multiple=True,
    help="Where a model lies that FILES name; one in the model folder is found by itself.",
)  # fmt: skip

_SPELLED: list[Callable] = [
    _levels,
    click.option("--predictor", metavar="SPELLING", shell_complete=completing.predictors,
                 help="A predictor by its spelling, as mix:3 or mix+NAME."),
    click.option("--block-size", type=Size(), metavar="SIZE",
                 help="Bytes coded together; default 16MiB, 4 to 8MiB of longer files at -0 to -5. Small "
                 "blocks cost size."),
]  # fmt: skip
_PRIMED: list[Callable] = [
    click.option("--primer", metavar="FILE", type=click.Path(),
                 help="Start warm from this primer (see nzip primer); decompressing needs it, too."),
    flag("--no-primer", help="Start cold; default: from a primer that ships, where one is like the data."),
]  # fmt: skip
_VERIFY = click.option(
    "--verify/--no-verify", default=None,
    help="Decode every block at once and compare; default: predictors that are not exact.",
)  # fmt: skip
_EMBED = flag(
    "--embed-model", help="Put the experts named by path into the output: reading it needs no file."
)
_BUDGET = click.option(
    "--budget", metavar="TIME", type=Duration(),
    help="Sample FILES and take the level that makes them smallest in TIME (90s, 10m, 1h30m) and --memory.",
)  # fmt: skip
_OPTIONS: dict[type, list[Callable]] = {
    Placing: [
        flag("-c", "--stdout", "--to-stdout", "to_stdout", help="Write to standard output."),
        click.option("-o", "--output", type=click.Path(allow_dash=True), help="Write to this file."),
        click.option("-S", "--suffix", default=".nz", show_default=True,
                     help="The compressed file's suffix."),
        flag("-f", "--force", help="Overwrite; go on with links; binary to a terminal."),
        click.option("--rm/--keep", " /-k", "remove", default=False,
                     help="Remove the source once its output was decoded and compared; default: keep."),
        flag("--resume", help="If stopped half-way, the same command goes on from there. Files only."),
    ],
    Coding: [*_SPELLED, _VERIFY, _EMBED, *_PRIMED, _BUDGET],
    Asking: [*_SPELLED, *_PRIMED],
    Decoding: [
        click.option("--primer", metavar="FILE", type=click.Path(),
                     help="The primer that FILES were made with."),
        named_models,
    ],
    Running: [
        click.option("-T", "--threads", type=click.IntRange(0, _MOST_THREADS), default=0, show_default=True,
                     help="Files, or blocks of a long one, coded at a time; 0: all cores. The bytes never "
                          "depend on it."),
        click.option("-M", "--memory", type=Size(), metavar="SIZE",
                     help="Memory that coding may take; decoding defaults to 4GiB."),
    ],
    Talking: [
        flag("-q", "--quiet", help="Say nothing but errors."),
        click.option("-v", "--verbose", count=True, help="Say more."),
        click.option("--progress/--no-progress", default=True, help="A progress bar, on a terminal only."),
    ],
}  # fmt: skip

# Decorators of what is handed over as it is.
files = click.argument("files", nargs=-1, type=click.Path(allow_dash=True))
as_json = flag("--json", "as_json", help="Machine-readable output.")


def takes(*records: type) -> Callable[[Callable], Callable]:
    """Decorate a command with the options of ``records``; its function is given each record under the
    record's name in small letters, and what else click has as it is."""

    def decorate(function: Callable) -> Callable:
        @functools.wraps(function)
        def call(**given: Any) -> Any:
            made = {
                record.__name__.lower(): record(
                    **{f.name: given.pop(f.name) for f in dataclasses.fields(record) if f.name in given}
                )
                for record in records
            }
            return function(**made, **given)

        decorated: Callable = call
        for record in reversed(records):
            for option in reversed(_OPTIONS[record]):
                decorated = option(decorated)
        return decorated

    return decorate
