"""``diagnose``: what is wrong with a file, where, and what would mend it.

What was found is the result, so it goes to standard output, in a table or as JSON, and the exit code tells a
script: 0 all is well, 1 it cannot be read here, 2 it is damaged or none of ours. Concession: standard input
must be a file; a pipe cannot be looked at from its end.
"""

from __future__ import annotations

from typing import Any

from nzip import diagnosis as library
from nzip.cli.inputs import STDIN, guarded, open_input, own_primer, refuse_terminal, size_of
from nzip.cli.options import Decoding, Files, Running, Talking
from nzip.cli.tables import make_table, print_json, print_table
from nzip.cli.terminal import ShownMeter, one_line, option_line, worst
from nzip.container.decoding import DEFAULT_MEMORY


def diagnose(
    files: Files,
    decoding: Decoding,
    running: Running,
    talking: Talking,
    *,
    decode: bool = True,
    as_json: bool = False,
) -> int:
    """Look at each file; the worst exit code."""
    own = own_primer(decoding.primer, running.memory or DEFAULT_MEMORY)
    found: list[tuple[str, library.Diagnosis]] = []

    def one(path: str) -> None:
        refuse_terminal(path, "diagnose")
        with open_input(path) as source, ShownMeter(path, size_of(source), talking) as meter:
            look = library.look(
                source,
                decode=decode,
                primer=own,
                models=dict(decoding.models),
                threads=running.threads,
                memory=running.memory or DEFAULT_MEMORY,
                meter=meter,
            )
        found.append((path, look))

    code = worst([guarded(path, one) for path in files or (STDIN,)])
    if as_json:
        print_json({"files": [_as_json(path, diagnosis) for path, diagnosis in found]}, "diagnose")
    else:
        for path, diagnosis in found:
            _print(path, diagnosis, decode)
    return worst([code, *(diagnosis.exit_code for _, diagnosis in found)])


def _as_json(path: str, diagnosis: library.Diagnosis) -> dict[str, Any]:
    value: dict[str, Any] = {"file": path, **diagnosis._asdict(), "exit_code": diagnosis.exit_code}
    value["findings"] = [
        {
            **finding._asdict(),
            "option": option_line(finding.option) if finding.option is not None else None,
        }
        for finding in diagnosis.findings
    ]
    return value


def _print(path: str, diagnosis: library.Diagnosis, decode: bool) -> None:
    name = one_line(path)
    blocks = f"{diagnosis.blocks:,} block{'s' if diagnosis.blocks != 1 else ''}"
    if not diagnosis.findings:
        said = (
            "decodes to what was compressed" if decode else "stored bytes are intact, predictors answer alike"
        )
        print(f"{name}: all is well: {blocks} of {diagnosis.decoded_size:,} bytes, {said}")
        return
    verdict = "damaged, or none of ours" if diagnosis.exit_code == 2 else "cannot be read here"
    print(f"{name}: {verdict}: {diagnosis.proven:,} of {blocks} proven to decode to what was compressed")
    columns = ("what", "stored bytes", "decoded bytes", "found", "what would mend it")
    table = make_table(*columns, left=columns)
    for finding in diagnosis.findings:
        mends = [finding.remedy] if finding.remedy else []
        if finding.option is not None:
            mends.append(f"{finding.option.doing} {option_line(finding.option)}")
        table.add_row(
            finding.what,
            _range(finding.stored),
            _range(finding.decoded),
            one_line(finding.message),
            one_line("; ".join(mends)),
        )
    print_table(table)


def _range(span: library.Range | None) -> str:
    return "" if span is None else f"{span[0]:,} to {span[1]:,}"
