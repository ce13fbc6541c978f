"""The predictor's passport: who coded this stream, and does the predictor at hand answer alike?

It stands in every stream's header (docs/FORMAT.md, "Header") and holds the predictor's spelling, what the
spelling alone does not pin (``config``), whether it is exact, and a *probe*: a hash of the integers that it
gives on a fixed kilobyte. A reader compares them before it decodes a single coded block, so a different
model fails in a second with the difference named, not after an hour of garbage. Streams of predictors that
are not exact carry the environment they were written in, too.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from nzip.container import config, framing
from nzip.errors import FormatError, ModelMismatchError, Remedy
from nzip.exact.cpu import processor_name
from nzip.hashes import hash32
from nzip.predictors.own_primer import OwnPrimer
from nzip.varint import u32, varint

if TYPE_CHECKING:  # start-up: NumPy, which listing a file does without
    from nzip.predictors.base import Predictor

FLAG_INEXACT = 1
FLAG_MODELS = 2  # embedded models follow the header
FLAG_CONFIG = 4  # the header has a config
FLAG_HEAD = 8  # blocks after the first may start from the first's head
KNOWN_FLAGS = FLAG_INEXACT | FLAG_MODELS | FLAG_CONFIG | FLAG_HEAD
MAX_SPELLING = 1024
PROBE_SIZE = 4  # of a predictor's eight: what tells predictors apart, not what withstands malice


class Passport(NamedTuple):
    """What a stream's header says of its predictor. ``environment`` is empty where ``exact`` is True;
    ``head``: blocks after the first may start from the first's head (heads.py)."""

    spelling: str
    exact: bool
    config: dict
    probe: bytes
    environment: dict
    head: bool = False

    @classmethod
    def of(cls, predictor: Predictor) -> Passport:
        """The passport of a predictor at hand; computes its probe."""
        return cls.unprobed(predictor).probed(predictor)

    @classmethod
    def unprobed(cls, predictor: Predictor) -> Passport:
        """The same with zeros for the probe, which takes its time: as long, and all that may be wrong with it
        is raised."""
        environment = {} if predictor.exact else describe_environment()
        passport = cls(
            predictor.spelling, bool(predictor.exact), predictor.config(), bytes(PROBE_SIZE), environment,
            bool(predictor.takes_head),
        )  # fmt: skip
        if not acceptable_spelling(passport.spelling):
            raise ValueError(
                f"a predictor's spelling is 1 to {MAX_SPELLING} bytes of printable text without spaces"
            )
        if json.loads(json.dumps(passport.config)) != passport.config:
            raise ValueError(f"the config of {passport.spelling} does not survive JSON")
        return passport

    def probed(self, predictor: Predictor) -> Passport:
        """With the probe of ``predictor``, whose passport it is."""
        probe = predictor.probe()[:PROBE_SIZE]
        if len(probe) != PROBE_SIZE:
            raise ValueError(f"the probe of {self.spelling} has {len(probe)} bytes, not 4")
        return self._replace(probe=probe)

    def pack(self, models: bool = False) -> bytes:
        """The stream header: magic, version, flags, spelling, config, environment, probe, hash; ``models``:
        some follow."""
        spelling = self.spelling.encode()
        body = framing.MAGIC + bytes(
            [
                framing.VERSION_BYTE,
                FLAG_INEXACT * (not self.exact)
                | FLAG_MODELS * models
                | FLAG_CONFIG * bool(self.config)
                | FLAG_HEAD * self.head,
            ]
        )
        body += varint(len(spelling)) + spelling
        if self.config:
            packed = config.pack(self.config, self.spelling)
            body += varint(len(packed)) + packed
        if not self.exact:
            environment = json.dumps(self.environment, sort_keys=True, separators=(",", ":")).encode()
            body += varint(len(environment)) + environment
        body += self.probe
        return body + u32(hash32(body))


def acceptable_spelling(spelling: str) -> bool:
    """Printable, without spaces, not too long: safe to print to a terminal and to type into a shell."""
    return (
        0 < len(spelling.encode()) <= MAX_SPELLING
        and spelling.isprintable()
        and not any(map(str.isspace, spelling))
    )


def check_flags(flags: int) -> None:
    """Raises :class:`FormatError` where a reserved bit is set. Called once the header's hash was right."""
    if flags & ~KNOWN_FLAGS:
        raise FormatError(
            f"uses a feature that this nzip does not know (flags 0x{flags:02x}): use a newer nzip"
        )


def check(passport: Passport, predictor: Predictor) -> None:
    """Does ``predictor`` answer as the passport's did? Raises :class:`ModelMismatchError` naming what
    differs."""
    if predictor.spelling != passport.spelling:
        raise ModelMismatchError(
            f"the file was written with predictor {passport.spelling}, "
            f"and {predictor.spelling} was given to read it",
            part="spelling",
        )
    own = predictor.config()
    if own.get("primer") != passport.config.get("primer"):
        raise _primer_difference(passport.config.get("primer"), own.get("primer"))
    if own != passport.config:
        keys = sorted(k for k in own.keys() | passport.config.keys() if own.get(k) != passport.config.get(k))
        said = ", ".join(
            f"{k} is {_short(own.get(k))}, the file's {_short(passport.config.get(k))}" for k in keys
        )
        raise ModelMismatchError(
            f"predictor {passport.spelling} is another one here: {said}",
            part=_part(own, passport.config) or "parameters",
        )
    if predictor.exact != passport.exact:
        raise ModelMismatchError(
            f"predictor {passport.spelling} promises exactness differently here and in the file",
            part="exactness",
        )
    probe = predictor.probe()[:PROBE_SIZE]
    if probe != passport.probe:
        raise ModelMismatchError(
            f"predictor {passport.spelling} predicts differently here: its probe is {probe.hex()}, "
            f"the file's {passport.probe.hex()}{environment_difference(passport)}",
            part="probe",
        )


def _part(own, theirs) -> str | None:
    """Which of weights and tokenizer, wherever in two configs, differs; None: neither."""
    if not isinstance(own, dict) or not isinstance(theirs, dict):
        return None
    for key in sorted(own.keys() | theirs.keys()):
        here, there = own.get(key), theirs.get(key)
        if here != there:
            part = key if key in ("weights", "tokenizer") else _part(here, there)
            if part is not None:
                return part
    return None


def check_primer(config: dict, primer: OwnPrimer) -> None:
    """Is ``primer`` the one that ``config`` names, if it names one? Raises :class:`ModelMismatchError` if
    not."""
    wanted, given = config.get("primer"), primer.hash.hex()
    if wanted is not None and wanted != given:
        raise _primer_difference(wanted, given)


def _primer_difference(wanted, given) -> ModelMismatchError:
    if wanted is None:
        return ModelMismatchError(
            f"the file was made without a primer, and a predictor with one ({_short(given)}) was given to "
            "read it",
            part="primer",
        )
    made = f"the file was made with a primer of the user's own (hash {_short(wanted)})"
    if given is None:
        return ModelMismatchError(made, Remedy("give it with", "primer", "FILE"), "primer")
    return ModelMismatchError(
        f"{made}, and the given one is another (hash {_short(given)})",
        Remedy("give the right one with", "primer", "FILE"),
        "primer",
    )


def environment_difference(passport: Passport) -> str:
    """For streams that are not exact: what differs between here and where the stream was written."""
    if passport.exact:
        return ""
    here = describe_environment()
    keys = sorted(here.keys() | passport.environment.keys())
    said = [
        f"{key} {_short(passport.environment.get(key))} there and {_short(here.get(key))} here"
        for key in keys
        if here.get(key) != passport.environment.get(key)
    ]
    return " (" + "; ".join(said or ["the environments look the same"]) + ")"


def describe_environment() -> dict[str, str]:
    """What a float predictor's answers may depend on: processor, system, Python, libraries already loaded."""
    import platform  # start-up: of predictors that are not exact alone

    found = {
        "machine": platform.machine(),
        "processor": processor_name(),
        "system": platform.system(),
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
    }
    for name in ("numpy", "numba", "torch"):
        module = sys.modules.get(name)
        if module is not None:
            found[name] = str(getattr(module, "__version__", "unknown"))
    torch = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        found["torch threads"] = str(torch.get_num_threads())
    return found


def _short(value) -> str:
    # From a header, so perhaps hostile: escaped by repr, and cut in the middle, for a path ends in its name.
    text = value if isinstance(value, str) and value.isprintable() else repr(value)
    return text if len(text) <= 60 else f"{text[:25]}...{text[-32:]}"
