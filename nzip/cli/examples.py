"""What stands under every help text: examples, exit codes, environment. ``nzip --help``, ``nzip VERB --help``
and the man page (manual.py) show the same.

Concession: docs/ENVIRONMENT.md says more of each variable; here is one line.
"""

from __future__ import annotations

# By verb: a command, and what it is for. "" is nzip itself.
EXAMPLES: dict[str, list[tuple[str, str]]] = {
    "": [
        ("nzip compress FILE", "FILE.nz; FILE is kept"),
        ("nzip decompress FILE.nz", "FILE again"),
        ("tar -I nzip -cf x.tar.nz FOLDER", "in gzip's letters, as tar calls it"),
        ("nzip estimate FILE", "what each level would take"),
    ],
    "bench": [
        ("nzip bench --levels 1,3 FILE", "beside the programs that are installed"),
        ("nzip bench --suite enwik8:4M -o r.json", "a receipt, and a picture beside it"),
        ("nzip bench --show r.json --compare old.json", "what changed"),
    ],
    "cache": [
        ("nzip cache --check", "read and hash all that is kept"),
        ("nzip cache --limit 4G", "of tables that primers made"),
    ],
    "cat": [("nzip cat --range 5000:6000 FILE.nz", "decodes only the blocks it needs")],
    "completion": [
        ('eval "$(nzip completion bash)"', "in ~/.bashrc; zsh: in ~/.zshrc"),
        ("nzip completion fish > ~/.config/fish/completions/nzip.fish", "once"),
    ],
    "compress": [
        ("nzip compress -5 FILE", "smaller and slower than -3, the default"),
        ("nzip compress --budget 10m FILE", "the smallest that takes ten minutes"),
        ("nzip compress -c < FILE > FILE.nz", "on pipes"),
        ("nzip compress -r FOLDER", "every file in it and below"),
    ],
    "decompress": [
        ("nzip decompress -o FILE FILE.nz", "under another name"),
        ("nzip decompress --recover -o FILE FILE.nz", "what can be saved of a damaged file"),
    ],
    "diagnose": [("nzip diagnose FILE.nz", "which bytes are damaged, and what would mend it")],
    "estimate": [
        ("nzip estimate FILE", "every level"),
        ("nzip estimate --levels 1,3,5 --time-budget 10m -M 2G FILE", "and the smallest within both"),
    ],
    "explain": [
        ("nzip explain FILE", "where its bits go"),
        ("nzip explain --html page.html --against 5 FILE", "a heat map, beside that of -5"),
    ],
    "levels": [("nzip levels --json", "for programs")],
    "list": [
        ("nzip list -v FILE.nz", "every block, too"),
        ("nzip list --check FILE.nz", "compare the stored hashes"),
    ],
    "manual": [("nzip manual > nzip.1 && man ./nzip.1", "the man page")],
    "measure": [("nzip measure --predictor mix:3+ssm FILE", "bits per byte, nothing written")],
    "model": [("nzip model list", "names that lm:NAME takes")],
    "primer": [("nzip primer train -r notes -o my.primer", "then nzip compress --primer my.primer new.txt")],
    "model fetch": [("nzip model fetch smollm2-135m", "then nzip compress --predictor lm:smollm2-135m FILE")],
    "model list": [("nzip model list --json", "for programs")],
    "primer list": [("nzip primer list my.primer", "what it holds")],
    "primer train": [("nzip primer train -r notes -o my.primer", "of all files in a folder")],
    "test": [("nzip test FILE.nz", "decodes it, and writes nothing")],
    "warm": [("nzip warm 1,3", "in a container image, so that no first run compiles")],
    "train": [
        ("nzip train logs/*.log -o my.expert", "then nzip compress --predictor mix:5+ssm:my.expert new.log")
    ],
}

EXIT_CODES = {
    0: "fine",
    1: "usage or environment: an unknown option, a missing file, a model that is missing or differs, a limit",
    2: "corrupt, cut off, or not nzip's",
    3: "a bug of ours",
}

ENVIRONMENT = {
    "NZIP_CACHE": "where machine code and tables are kept, or off",
    "NZIP_MODELS": "where fetched language models are kept",
    "NZIP_ISA": "the best instruction set to be used: portable, avx2, avx512",
    "NZIP_NO_PLUGINS": "1: names that other packages add are left out",
    "NZIP_CORPORA": "a folder of larger corpora, for bench",
    "NZIP_DEBUG": "1: an internal error shows its traceback",
    "NO_COLOR": "no colours",
}


def epilog(verb: str) -> str:
    """What click puts under the help of ``verb`` ("": of nzip), its lines kept as they are."""
    parts = []
    examples = EXAMPLES.get(verb, [])
    if examples:
        lines = [line for command, why in examples for line in _example(command, why)]
        parts.append("\n".join(["\b", "Examples:", *lines]))
    parts.append(
        "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in EXIT_CODES.items()) + "."
    )
    if not verb:
        width = max(map(len, ENVIRONMENT))
        lines = [f"  {name:<{width}}  {meaning}" for name, meaning in ENVIRONMENT.items()]
        parts.append("\n".join(["\b", "Environment:", *lines]))
        parts.append("Without a sub-command, gzip's letters: nzip -dc FILE.nz, tar -I nzip.")
    return "\n\n".join(parts)


def _example(command: str, why: str) -> list[str]:
    one = f"  {command}  # {why}"
    return [one] if len(one) <= 96 else [f"  # {why}", f"  {command}"]
