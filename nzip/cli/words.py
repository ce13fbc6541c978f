"""The words of the command line, read with care: two dialects, and what looks like a slip.

``nzip compress FILE`` and gzip's ``nzip FILE`` share the first word, so that a misspelled verb would be a
file, and the files after it compressed. A first word that is no file, has neither separator nor suffix and is
within two letters of a verb is an error, before anything is touched; so is ``-12``, which gzip's letters read
as ``-1 -2``. Concession: a file that is missing and named nearly like a verb gets the wrong advice."""

from __future__ import annotations

import importlib
import itertools
import os
from typing import ClassVar

import click

from nzip.cli.examples import epilog

_NEAR = 2


class Verb(click.Command):
    """A command that refuses ``-12`` for a level."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in _split(self, args)[0]:
            for one, other in itertools.pairwise(word):
                if one.isdigit() and other.isdigit():
                    raise click.UsageError(f"-{word}: a level is one digit, -0 to -9", ctx)
        return super().parse_args(ctx, args)


class Verbs(click.Group):
    """Takes gzip's letters where no sub-command is named first. A file named like a sub-command is reached
    as ``./test``, or behind an option or ``--``. ``lazy``: groups of commands with a module of their own,
    imported when they are named."""

    command_class = Verb
    lazy: ClassVar[dict[str, str]] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *self.lazy])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            found = getattr(importlib.import_module(self.lazy[cmd_name]), cmd_name)
        else:
            found = super().get_command(ctx, cmd_name)
        if found is not None and found.epilog is None:
            found.epilog = epilog(cmd_name)
        for name, inner in found.commands.items() if isinstance(found, click.Group) else ():
            inner.epilog = inner.epilog or epilog(f"{cmd_name} {name}")
        return found

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and ctx.resilient_parsing:  # a shell asks what may come first: verbs
            return super().parse_args(ctx, args)
        verbs = [name for name in (*self.commands, *self.lazy) if name != "gzip-style"]
        if not args or (args[0] not in verbs and args[0] not in ("--help", "-h", "--version", "-V")):
            for word in _split(self.commands["gzip-style"], args)[1][:1]:
                meant = _meant(word, verbs)
                if meant == word:
                    raise click.UsageError(f"{word}: no such file; a command stands before all options", ctx)
                if meant is not None and word is args[0]:
                    raise click.UsageError(f"{word}: no such command or file: did you mean {meant}?", ctx)
            args = ["gzip-style", *args]
        return super().parse_args(ctx, args)


def _meant(word: str, verbs: list[str]) -> str | None:
    """The verb that ``word`` is a slip of; None for what may be a file."""
    separators = {os.sep, os.altsep or os.sep, "."}
    if not word or separators & set(word) or os.path.lexists(word):
        return None
    found = min(verbs, key=lambda verb: distance(word.lower(), verb))
    return found if distance(word.lower(), found) <= _NEAR else None


def distance(one: str, other: str) -> int:
    """Letters to insert, remove, replace or swap with a neighbour to make ``other`` of ``one``
    (Damerau-Levenshtein, each letter touched once)."""
    if abs(len(one) - len(other)) > _NEAR:
        return _NEAR + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                best = min(best, last[j - 2] + 1)
            row.append(best)
    return row[-1]


def _split(command: click.Command, args: list[str]) -> tuple[list[str], list[str]]:
    """The clusters of letters, without their values, and the operands of ``args``, up to ``--``."""
    takes_value = {
        name: not getattr(option, "is_flag", False) and not getattr(option, "count", False)
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }
    letters, operands = [], []
    rest = iter(args)
    for word in rest:
        if word == "--":
            break
        if word.startswith("--"):
            if "=" not in word and takes_value.get(word, False):
                next(rest, None)
        elif word.startswith("-") and word != "-":
            ends = next((i for i, c in enumerate(word) if takes_value.get(f"-{c}", False)), None)
            letters.append(word[1:ends])
            if ends == len(word) - 1:
                next(rest, None)
        else:
            operands.append(word)
    return letters, operands
