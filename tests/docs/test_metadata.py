"""What pyproject.toml says of the package against what the package is."""

from __future__ import annotations

import itertools
import re
import tomllib

from support import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NOTICE = (ROOT / "NOTICE").read_text(encoding="utf-8")
# Headings and words of NOTICE, and the identifier (SPDX) that the licence expression must have for each.
NAMED = {
    "MIT License": "MIT",
    "ISC License": "ISC",
    "BSD 3-Clause License": "BSD-3-Clause",
    "PostgreSQL License": "PostgreSQL",
    "Python Software Foundation License Version 2": "PSF-2.0",
    "curl licence": "curl",
    "BSD-2-Clause": "BSD-2-Clause",
    "Unlicense": "Unlicense",
    "CC0-1.0": "CC0-1.0",
    "MPL-2.0": "MPL-2.0",
    "CC-BY-3.0": "CC-BY-3.0",
    "CC-BY-4.0": "CC-BY-4.0",
    "CC-BY-SA-3.0": "CC-BY-SA-3.0",
    "CC-BY-SA-4.0": "CC-BY-SA-4.0",
    "WordNet 3.0 licence": "LicenseRef-WordNet-3.0",
    "The Artistic License": "Artistic-1.0-Perl",
}


def test_the_licence_is_that_of_all_that_ships():
    named = set(PROJECT["license"].split(" AND "))
    assert named == {"Apache-2.0", *(spdx for words, spdx in NAMED.items() if words in NOTICE)}


def test_every_licence_text_of_notice_is_accounted_for():
    """Headings under "Licence texts", and those of the primers' groups, have a line in NAMED."""
    headings = re.findall(r"^(.+?)(?: \(text below\))?\n-{6,}$", NOTICE, re.MULTILINE)
    known = {words.lower() for words in NAMED} | {"public domain", "cc-by-sa"}
    assert headings and {heading.lower() for heading in headings} <= known


def test_python_versions_agree():
    lowest = re.fullmatch(r">=3\.(\d+)", PROJECT["requires-python"])
    assert lowest
    listed = [int(n) for n in re.findall(r"Python :: 3\.(\d+)", "\n".join(PROJECT["classifiers"]))]
    assert listed == list(range(int(lowest[1]), max(listed) + 1))


def test_constraints_lie_within_what_the_project_asks_for():
    from packaging.requirements import Requirement

    asked: dict[str, list[Requirement]] = {}
    extras = itertools.chain.from_iterable(PROJECT["optional-dependencies"].values())
    for line in itertools.chain(PROJECT["dependencies"], extras):
        requirement = Requirement(line)
        asked.setdefault(requirement.name, []).append(requirement)
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert "torch" in {pin.name for pin in pins}
    for pin in pins:
        (version,) = [specifier.version for specifier in pin.specifier]
        assert all(requirement.specifier.contains(version) for requirement in asked[pin.name])
