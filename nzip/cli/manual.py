"""``manual``: the man page, made from what ``--help`` knows; and ``completion``: what makes a shell complete.

The page lies in docs/nzip.1 and is installed with the package; a test says that it is what this makes.
Written in man(7)'s few macros. Concession: one page for all verbs, as git has none and xz has one.
"""

from __future__ import annotations

import click

import nzip
from nzip.cli.examples import ENVIRONMENT, EXAMPLES, EXIT_CODES
from nzip.cli.tables import print_text

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.command("manual", context_settings=_CONTEXT)
def manual() -> None:
    """Print the man page."""
    print_text(page(_command_line()))


@click.command("completion", context_settings=_CONTEXT)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes SHELL complete verbs, options, predictors and models."""
    from nzip.cli import shells  # start-up: as needed

    found = {"bash": shells.Bash, "zsh": shells.Zsh, "fish": shells.Fish}[shell]
    print_text(found(_command_line(), {}, "nzip", "_NZIP_COMPLETE").source().strip() + "\n")


def _command_line() -> click.Group:
    """All of it, which hooks these verbs in."""
    root = click.get_current_context().find_root().command
    assert isinstance(root, click.Group)
    return root


def page(group: click.Group) -> str:
    """The whole page, roff."""
    context = click.Context(group, info_name="nzip", help_option_names=["-h", "--help"])
    parts = [
        f'.TH NZIP 1 "" "nzip {nzip.__version__}" "User Commands"',
        ".SH NAME",
        "nzip, nzcat \\- neural lossless compression: small files, exact on every machine",
        ".SH SYNOPSIS",
        ".B nzip\n.I verb\n[\\fIoptions\\fR] [\\fIfiles\\fR]",
        ".br\n.B nzip\n[\\fB\\-cdfklqtvz\\fR] [\\fB\\-1\\fR..\\fB\\-9\\fR] [\\fIfiles\\fR]",
        ".br\n.B nzcat\n[\\fIoptions\\fR] [\\fIfiles\\fR]",
        ".SH DESCRIPTION",
        "Compresses and decompresses files with predictions of the next byte and an arithmetic coder.",
        "The first synopsis names a verb; the second is gzip's, for tar and old habits.",
        'nzcat is\n.BR "nzip cat" .',
        ".SH VERBS",
    ]
    for path, command in _commands(group, context, ()):
        parts += _verb(path, command, click.Context(command, info_name=path, parent=context))
    parts += [".SH EXIT STATUS", *_terms({str(code): meaning for code, meaning in EXIT_CODES.items()})]
    parts += [".SH ENVIRONMENT", *_terms(ENVIRONMENT)]
    parts += [".SH EXAMPLES", *_examples("")]
    parts += [".SH SEE ALSO", ".BR xz (1),\n.BR zstd (1),\n.BR tar (1)"]
    return "\n".join(parts) + "\n"


def _commands(group: click.Group, context: click.Context, path: tuple[str, ...]):
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        if isinstance(command, click.Group):
            yield from _commands(command, context, (*path, name))
        else:
            yield " ".join((*path, name)), command


def _verb(path: str, command: click.Command, context: click.Context) -> list[str]:
    usage = " ".join(command.collect_usage_pieces(context))
    parts = [f".SS {_text('nzip ' + path)}", f".B {_text('nzip ' + path)}\n{_text(usage)}", ".PP"]
    about = (command.help or "").partition("\f")[0]
    for number, paragraph in enumerate(about.split("\n\n")):
        parts += ([".PP"] if number else []) + [_text(" ".join(paragraph.split()))]
    for parameter in command.params:
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None:
            parts += [".TP", f".B {_text(record[0])}", _text(record[1])]
    return [*parts, *_examples(path)]


def _examples(path: str) -> list[str]:
    parts: list[str] = []
    for line, why in EXAMPLES.get(path, []):
        parts += [
            ".PP",
            _text(why[0].upper() + why[1:] + ":"),
            ".PP",
            ".RS 4",
            ".nf",
            _text(line),
            ".fi",
            ".RE",
        ]
    return parts


def _terms(table: dict[str, str]) -> list[str]:
    return [line for name, said in table.items() for line in (".TP", f".B {_text(name)}", _text(said))]


def _text(text: str) -> str:
    """Text as roff has it: nothing in it is a macro or an escape."""
    out = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return out if not out.startswith(".") else "\\&" + out
