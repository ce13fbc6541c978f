"""How bash, zsh and fish ask for completions and take the answers: click's ways, mended where spellings of
predictors and lists of levels break them.

bash takes a colon and an equals sign for the end of a word, so what stands before the last of them must not
be in an answer; the line itself is asked about, since words that were cut there cannot be joined again. fish
cuts answers at commas, which lists of levels have. zsh may have no completion system yet, where a .zshrc does
not begin it; and both want answers to ``--option=value`` with the option.

Concession: in bash a colon inside quotes counts as any other."""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = r"""
%(complete_func)s() {
    local IFS=$'\n' answer type value
    COMPREPLY=()
    for answer in $(COMP_LINE="${COMP_LINE:0:COMP_POINT}" COMP_WORDBREAKS="$COMP_WORDBREAKS" \
        %(complete_var)s=bash_complete "$1"); do
        IFS=, read -r type value <<< "$answer"
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("$value") ;;
        esac
    done
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""

_FISH = r"""
function %(complete_func)s
    set -l answers (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \
        COMP_CWORD=(commandline -ct | string collect) %(prog_name)s)
    for answer in $answers
        set -l parts (string split --max 1 , -- $answer)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments "(%(complete_func)s)"
"""

_ZSH_BEGINS = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }\n"


class Bash(BashComplete):
    """Answers begin where bash thinks that the word does."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_LINE"]
        words = split_arg_string(line)
        goes_on = bool(words) and (not line[-1:].isspace() or words[-1][-1:].isspace())
        self._word = words.pop() if goes_on and len(words) > 1 else ""
        return words[1:], self._word

    def format_completion(self, item: CompletionItem) -> str:
        if item.type != "plain":
            return super().format_completion(item)
        breaks = os.environ.get("COMP_WORDBREAKS", "")
        option, equals, word = self._word.partition("=")
        if not (equals and option.startswith("-")):
            word = self._word
        cut = max((word.rfind(mark) + 1 for mark in ":=" if mark in breaks), default=0)
        return f"plain,{item.value[cut:] if item.value.startswith(word[:cut]) else item.value}"


class _Whole:
    """Answers are whole words: what stands before the equals sign of ``--option=value`` is theirs, too."""

    def get_completion_args(self) -> tuple[list[str], str]:
        arguments, word = super().get_completion_args()  # type: ignore[misc]
        option, equals, _ = word.partition("=")
        self._before = option + equals if equals and option.startswith("-") else ""
        return arguments, word

    def format_completion(self, item: CompletionItem) -> str:
        if item.type == "plain" and self._before:
            item = CompletionItem(self._before + item.value, help=item.help)
        return super().format_completion(item)  # type: ignore[misc]


class Fish(_Whole, FishComplete):
    """Answers may hold commas."""

    source_template = _FISH


class Zsh(_Whole, ZshComplete):
    """Completion begins, if nothing has begun it."""

    def source(self) -> str:
        first, rest = super().source().split("\n", 1)
        return f"{first}\n{_ZSH_BEGINS}{rest}"


def register() -> None:
    """These in place of click's."""
    for shell in (Bash, Fish, Zsh):
        add_completion_class(shell)
