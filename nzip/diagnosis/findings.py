"""What a diagnosis consists of, and the words for what would mend each kind of trouble.

Concession: what mends is a guess; what is wrong, and where, is not.
"""

from __future__ import annotations

from typing import NamedTuple

from nzip.errors import CorruptError, ModelMismatchError, Remedy

AGAIN = "restore it from a copy, or transfer it again in binary mode"
RECOVER = Remedy("save what is left with", "recover", True)
MENDS = {
    "weights": "get the model that the file was made with",
    "tokenizer": "get the model, with its tokenizer, that the file was made with",
    "parameters": "use the nzip, and the package of the predictor, that wrote it",
    "spelling": "install the package that has this predictor, or use the nzip that wrote it",
    "exactness": "use the nzip, and the package of the predictor, that wrote it",
    "probe": "use the nzip, and the package of the predictor, that wrote it; if they are the same, this "
    "processor, its memory or its libraries compute wrongly",
    "environment": "decompress it where it was written",
}


Range = tuple[int, int]


class Finding(NamedTuple):
    """One thing that is wrong.

    ``what``: of a damaged file the hash or the frame that says so (``header``, ``model``, ``block header``,
    ``stored``, ``decoded``, ``check point``, ``head``, ``end frame``, ``file``, ``skippable``, ``junk``,
    ``truncated``, ``format``), or what of the predictor differs here (``spelling``, ``weights``,
    ``tokenizer``, ``primer``, ``parameters``, ``exactness``, ``probe``, ``environment``), or ``limit``.
    ``damage``: whether the file itself is at fault. ``stored``: the bytes of the file that are meant,
    ``decoded``: those of the decoded data that are lost, first and behind the last; None where that is not
    known. ``stream`` and ``block`` count from 1. ``remedy``: in words, and ``option``, if one would help."""

    what: str
    message: str
    damage: bool
    remedy: str = ""
    option: Remedy | None = None
    stream: int | None = None
    block: int | None = None
    stored: Range | None = None
    decoded: Range | None = None


class Diagnosis(NamedTuple):
    """What :func:`diagnose` found: ``size`` of the file in bytes, ``decoded_size`` of what its headers
    promise, as far as they could be read; ``streams`` and ``blocks`` that were found, and how many of these
    were ``proven`` to decode to what was compressed. ``findings``: none where all is well."""

    size: int
    decoded_size: int
    streams: int
    blocks: int
    proven: int
    findings: list[Finding]

    @property
    def exit_code(self) -> int:
        """0: all is well; 2: the file is damaged, or none of ours; 1: the file may be whole, and cannot be
        read here."""
        if any(finding.damage for finding in self.findings):
            return CorruptError.exit_code
        return ModelMismatchError.exit_code if self.findings else 0
