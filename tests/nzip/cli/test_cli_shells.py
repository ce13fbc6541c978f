"""TAB in real shells: a line is typed into bash, zsh and fish, and what the shell makes of it is read back.
Skipped where a shell is not installed."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

import pytest
from support import ROOT

from nzip.cli import shells

SECONDS = 60  # a shell starts nzip for each TAB, and machines that run tests are busy
TYPED = [
    ("nzip estim", "nzip estimate"),
    ("nzip compress --budg", "nzip compress --budget"),
    ("nzip measure --predictor mix:3+ss", "nzip measure --predictor mix:3+ssm"),
    ("nzip measure --predictor=mix:3+ss", "nzip measure --predictor=mix:3+ssm"),
    ("nzip measure --predictor mix:3+lm:smol", "nzip measure --predictor mix:3+lm:smollm2-135m"),
    ("nzip bench --levels 1,3,5,2,4,6,8,0,", "nzip bench --levels 1,3,5,2,4,6,8,0,7"),
    ("nzip model fetch smol", "nzip model fetch smollm2-135m"),
    ("nzip compress -5 notes-of-", "nzip compress -5 notes-of-tests.txt"),
]  # fmt: skip


@pytest.fixture
def home(tmp_path):
    """A folder with a file and an nzip, and an environment for both."""
    tool = tmp_path / "bin" / "nzip"
    tool.parent.mkdir()
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m nzip "$@"\n')
    tool.chmod(0o755)
    (tmp_path / "notes-of-tests.txt").touch()
    kept = {k: v for k, v in os.environ.items() if k not in ("BASH_ENV", "ENV", "ZDOTDIR", "PROMPT_COMMAND")}
    return tmp_path, {
        **kept,
        "PATH": f"{tool.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "HOME": str(tmp_path),
        "ZDOTDIR": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path),
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
    }


class Terminal:
    """A shell that believes it is used by someone."""

    def __init__(self, words, folder, environment):
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.chdir(folder)
            os.execvpe(words[0], words, environment)
        self.seen = ""

    def send(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, pattern: str) -> str:
        """All that came, once it holds ``pattern``; it is forgotten then."""
        end = time.monotonic() + SECONDS
        while not re.search(pattern, self.seen):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise TimeoutError(f"no {pattern!r} in {self.seen!r}")
            self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
        found, self.seen = self.seen, ""
        return found

    def close(self) -> None:
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)
        os.close(self.master)


def completed(terminal: Terminal, typed: str) -> str:
    """What TAB makes of ``typed``, read back by having the shell print the line."""
    terminal.send(f"{typed}\t")
    time.sleep(0.2)  # some shells take a TAB that more follows for a pasted one
    terminal.send("\x01print_it '\x05'\n")
    return re.search(r"<<(.*?)>>", terminal.until(r"<<.*?>>"))[1].strip()


@pytest.mark.parametrize(
    ("shell", "words"),
    [("bash", ["bash", "--norc", "--noprofile", "-i"]), ("zsh", ["zsh", "-d", "-f", "-i"])],
    ids=["bash", "zsh"],
)
def test_a_line_is_completed(shell, words, home):
    if shutil.which(shell) is None:
        pytest.skip(f"there is no {shell}")
    terminal = Terminal(words, *home)
    try:
        terminal.send("PS1='$ '; PS2=; print_it() { printf '<%s%s>%s\\n' '<' \"$1\" '>'; }\n")
        terminal.send(f'eval "$(nzip completion {shell})"; echo "rea""dy"\n')
        terminal.until("ready\r?\n")
        assert [completed(terminal, typed) for typed, _ in TYPED] == [wanted for _, wanted in TYPED]
    finally:
        terminal.close()


@pytest.mark.skipif(shutil.which("fish") is None, reason="there is no fish")
def test_fish_offers(home):
    folder, environment = home
    script = "nzip completion fish | source\n" + "".join(
        f"complete -C '{typed}' | string split -f1 \\t; echo ++\n" for typed, _ in TYPED
    )
    done = subprocess.run(
        ["fish", "--no-config", "-c", script], cwd=folder, env=environment, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stderr == ""
    offered = [part.split() for part in done.stdout.split("++\n")[:-1]]
    wanted = [line.rsplit(" ", 1)[1] for _, line in TYPED]
    assert offered == [[word] for word in wanted]


@pytest.mark.parametrize(
    ("line", "breaks", "word", "said"),
    [
        ("nzip x mix:5+ss", " :=", "mix:5+ssm", "5+ssm"),
        ("nzip x mix:5+ss", " =", "mix:5+ssm", "mix:5+ssm"),
        ("nzip x --predictor=mi", " :=", "mix:5", "mix:5"),
        ("nzip x a=b", " :=", "a=bc", "bc"),
        ("nzip x 'my fi", " :=", "my file", "my file"),
        ("nzip x ", " :=", "compress", "compress"),
    ],
)
def test_bash_gets_the_end_of_a_word(monkeypatch, line, breaks, word, said):
    import click
    from click.shell_completion import CompletionItem

    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_WORDBREAKS", breaks)
    shell = shells.Bash(click.Group(), {}, "nzip", "_NZIP_COMPLETE")
    arguments, _ = shell.get_completion_args()
    assert arguments == ["x"]
    assert shell.format_completion(CompletionItem(word)) == f"plain,{said}"
