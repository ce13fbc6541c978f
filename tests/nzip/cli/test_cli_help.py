"""Help, the man page and completion: each verb has its examples, which parse; each page is what the code
makes."""

import os
import re
import shlex
import shutil
import subprocess

import click
import pytest
from support import NZIP, ROOT

from nzip.cli import completing, manual
from nzip.cli.examples import ENVIRONMENT, EXAMPLES, EXIT_CODES
from nzip.cli.main import cli

PAGE = ROOT / "docs" / "nzip.1"
CONTEXT = click.Context(cli, info_name="nzip", help_option_names=["-h", "--help"])


def verbs():
    return dict(manual._commands(cli, CONTEXT, ()))


def test_every_verb_has_examples_and_exit_codes(nzip_cli):
    assert set(verbs()) <= set(EXAMPLES)
    for path in verbs():
        text = nzip_cli(*path.split(), "--help").out.decode()
        assert "Examples:" in text and "Exit codes: 0 fine" in text, path
    text = nzip_cli("--help").out.decode()
    assert "Environment:" in text and all(name in text for name in ENVIRONMENT)


@pytest.mark.parametrize("path", EXAMPLES)
def test_examples_are_what_the_command_line_takes(path):
    """Each line that begins with nzip is parsed, without being run."""
    for line, _ in EXAMPLES[path]:
        for command in re.split(r" && | > | < ", line):
            words = [word for word in shlex.split(command.replace("$(", "").replace(")", ""))]
            if words[:1] != ["nzip"]:
                continue
            verb = " ".join(words[1:3]) if " ".join(words[1:3]) in verbs() else words[1]
            found = verbs()[verb]
            context = click.Context(found, info_name=verb, help_option_names=["-h", "--help"])
            found.parse_args(context, words[1 + len(verb.split()) :])


def test_exit_codes_are_those_of_the_page():
    told = (ROOT / "docs" / "ENVIRONMENT.md").read_text()
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", told, re.MULTILINE)} == set(EXIT_CODES)
    assert all(f"`{name}`" in told for name in ENVIRONMENT)


def test_the_man_page_is_what_the_help_makes(nzip_cli):
    ran = nzip_cli("manual")
    assert ran.code == 0 and ran.out.decode() == PAGE.read_text(), "make it anew: nzip manual > docs/nzip.1"
    for path in verbs():
        assert f".SS {manual._text('nzip ' + path)}\n" in PAGE.read_text()


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
def test_the_man_page_is_good_roff():
    done = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", str(PAGE)], capture_output=True, check=False,
        env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "100", "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    shown = done.stdout.decode()
    assert done.returncode == 0 and not done.stderr and "EXIT STATUS" in shown and "--time-budget" in shown


@pytest.mark.parametrize(
    "text,roff", [("-a", "\\-a"), ("a\\b", "a\\eb"), (".x", "\\&.x"), ("it's", "it\\(aqs")]
)
def test_nothing_in_a_text_is_a_macro(text, roff):
    assert manual._text(text) == roff


# Completion -----------------------------------------------------------------------------------------------


def offered(function, start):
    return [item.value for item in function(CONTEXT, cli.params[0], start)]


def test_predictors_models_levels_peers():
    assert {"mix:3", "mix:5+ssm"} <= set(offered(completing.predictors, ""))
    assert offered(completing.predictors, "mix:3+ss") == ["mix:3+ssm"]
    assert "mix:3+lm:smollm2-135m" in offered(completing.predictors, "mix:3+lm:")
    assert offered(completing.predictors, "nothing") == []
    assert "smollm2-135m" in offered(completing.models, "smol")
    assert offered(completing.levels, "1,3,")[:2] == ["1,3,0", "1,3,2"]
    assert "enwik8:4M" in offered(completing.suites, "enwik8:")
    assert offered(completing.peers, "no") == ["none"]


def test_a_shell_is_answered():
    for line, wanted in (("nzip co", "plain,compress"), ("nzip compress --bu", "plain,--budget")):
        done = subprocess.run(
            NZIP, capture_output=True, text=True, check=True, cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "_NZIP_COMPLETE": "bash_complete", "COMP_LINE": line},
        )  # fmt: skip
        assert wanted in done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_for_every_shell(nzip_cli, shell, tmp_path):
    ran = nzip_cli("completion", shell)
    script = ran.out.decode()
    assert ran.code == 0 and f"_NZIP_COMPLETE={shell}_complete" in script
    (tmp_path / "c").write_text(script)
    if shutil.which(shell):
        subprocess.run([shell, "-n", str(tmp_path / "c")], check=True)
    assert nzip_cli("completion", "tcsh").code == 1
