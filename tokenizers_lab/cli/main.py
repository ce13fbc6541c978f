"""``tokenizers-lab``: the lab in the shell. Words, flags and progress bars; every verb is one Python call.

Exit codes: 0 fine · 1 usage or environment · 2 data that is damaged or not ours · 3 a bug of ours · 130
interrupted."""

from __future__ import annotations

import io
import sys
import traceback

import click

from tokenizers_lab.cli.analysis import analyze, compare, playground, report
from tokenizers_lab.cli.bound import bound
from tokenizers_lab.cli.codec import decode, encode, save
from tokenizers_lab.cli.dataset import dataset
from tokenizers_lab.cli.lm import lm
from tokenizers_lab.cli.names import fetch
from tokenizers_lab.cli.train import export, train, truncate
from tokenizers_lab.errors import LabError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="nzip", prog_name="tokenizers-lab")
def cli():
    """Which tokenizer should I train my model on, and why?"""


for _command in (
    *(train, truncate, export, encode, decode, save),
    *(analyze, report, compare, bound, playground, fetch),
    *(dataset, lm),
):
    cli.add_command(_command)


def _spread_on(arguments: list[str]) -> list[str]:
    """``compare A B --on x y -o R`` as click takes it: ``--on x --on y``; so for ``dataset verify D --against
    x y``."""
    spread = {("compare",): "--on", ("dataset", "verify"): "--against"}
    flag = next((f for verbs, f in spread.items() if tuple(arguments[: len(verbs)]) == verbs), None)
    if flag is None:
        return arguments
    out, inside = [], False
    for item in arguments:
        if item == flag:
            inside = True
            continue
        if inside and item.startswith("-") and item != "-":
            inside = False
        out += [flag, item] if inside else [item]
    return out


def main(arguments: list[str] | None = None) -> None:
    """Run, and answer with the exit codes of the docstring."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Signs that a terminal's encoding lacks, and names that are no text, are no reason to fail.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")
    try:
        sys.exit(cli(_spread_on(list(arguments)), prog_name="tokenizers-lab", standalone_mode=False) or 0)
    except LabError as error:
        click.echo(f"tokenizers-lab: {error}", err=True)
        sys.exit(error.exit_code)
    except click.ClickException as error:
        click.echo(f"tokenizers-lab: {error.format_message()}", err=True)
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except ImportError as error:
        if (error.name or "").split(".")[0] not in (
            "tokenizers",
            "sentencepiece",
            "matplotlib",
            "jinja2",
            "zstandard",
            "regex",
            "pyarrow",
        ):
            raise
        click.echo(
            f"tokenizers-lab: {error.name} is missing; install the extra: "
            "pip install '.[lab]' in nzip's source",
            err=True,
        )
        sys.exit(1)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        click.echo(f"tokenizers-lab: {error}", err=True)
        sys.exit(1)
    except Exception as error:  # noqa: BLE001 - a bug of ours, whatever it is
        traceback.print_exc()
        click.echo(f"tokenizers-lab: a bug of ours: {type(error).__name__}: {error}", err=True)
        sys.exit(3)
