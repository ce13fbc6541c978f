"""What a sweep's TOML file says: its texts, its budget, its arms, its probes. All of it is checked when it is
read.

Concession: codecs' spellings are checked when they are built, since that may need the texts.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tokenizers_lab.errors import LabError
from tokenizers_lab.lm.model import SIZES

MATCHES = ("bytes", "tokens", "flops")
WAYS = ("decompress", "compress")


@dataclass(frozen=True)
class Arm:
    """``codec``: a spelling, in which ``{text}`` stands for the training text of M1s. Or ``vocabulary``: what
    is learnt first (``model`` bpe or unigram, ``size``, ``objective``). ``more_seeds``, by size: seeds beyond
    the sweep's, for arms that one seed cannot tell apart. ``sizes``: some of the sweep's, for an arm that is
    not worth them all."""

    name: str
    codec: str | None = None
    vocabulary: dict | None = None
    m1_flops: float | None = None
    seq2seq: bool = False
    more_seeds: dict[str, list[int]] = field(default_factory=dict)
    sizes: list[str] | None = None

    def identity(self) -> dict:
        """What a result of this arm depends on; which sizes, seeds and probes there are is not among it."""
        return {k: v for k, v in asdict(self).items() if k not in ("more_seeds", "seq2seq", "sizes")}


@dataclass(frozen=True)
class Sweep:
    """The TOML file's tables; ``budget`` is in bytes, tokens or FLOPs, by ``match``. M1s learn from the first
    ``text_bytes`` of the training split and vocabularies from the first ``vocabulary_bytes``, files in their
    order: give both the whole of it, or an arm is judged on kinds of text that its codec never saw. ``rate``:
    the peak, or one for each size (wider models want less). ``probe``: what
    :func:`.probes.seq2seq` takes (``steps`` may be a table by way), and ``sizes`` and ``ways``, to have not
    all."""

    name: str
    files: list[str]
    arms: list[Arm]
    budget: float
    match: str = "bytes"
    sizes: list[str] = field(default_factory=lambda: ["1M"])
    seeds: list[int] = field(default_factory=lambda: [1])
    held_out: float = 0.02
    document_kib: int = 64
    text_bytes: int = 32 << 20
    vocabulary_bytes: int = 32 << 20
    context: int = 512
    batch: int = 16
    rate: float | dict[str, float] = 2e-3
    warm_up: int = 50
    half_life: int = 262144
    evaluations: int = 8
    eval_bytes: int = 262144
    final_bytes: int = 1 << 20
    precision: str = "auto"
    compiled: bool = False
    probe: dict = field(default_factory=dict)
    cost: dict = field(default_factory=dict)

    @classmethod
    def read(cls, path, corpora: str | None = None) -> Sweep:
        """Raises :class:`LabError` naming what is wrong. ``corpora``: the folder that relative ``files``
        start from (else the TOML file's)."""
        path = Path(path)
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise LabError(f"{path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LabError(f"{path}: not TOML: {error}") from None
        try:
            arms = [Arm(**arm) for arm in data.pop("arm", [])]
            sweep = cls(**{**data, "arms": arms})
        except TypeError as error:
            raise LabError(f"{path}: {str(error).replace('__init__()', '')}") from None
        names = [a.name for a in arms]
        if not arms or len(set(names)) != len(names) or any("/" in n or n.startswith(".") for n in names):
            raise LabError(f"{path}: give at least one [[arm]], each with a name of its own, without a slash")
        if not sweep.budget > 0 or not 0 < sweep.held_out < 1 or not sweep.seeds or not sweep.sizes:
            raise LabError(
                f"{path}: budget must be above 0, held_out between 0 and 1, sizes and seeds not empty"
            )
        for arm in arms:
            if (arm.codec is None) == (arm.vocabulary is None):
                raise LabError(f"{path}: arm {arm.name!r} needs either codec or vocabulary")
            table = arm.more_seeds
            if (
                not isinstance(table, dict)
                or not set(table) <= set(sweep.sizes)
                or not all(
                    isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
                    for seeds in table.values()
                )
            ):
                raise LabError(
                    f"{path}: arm {arm.name!r}: more_seeds is a table of the sweep's sizes, such as {{ "
                    f"{sweep.sizes[0]} = [2, 3] }}"
                )
            if arm.sizes is not None and not (
                isinstance(arm.sizes, list) and arm.sizes and all(size in sweep.sizes for size in arm.sizes)
            ):
                raise LabError(
                    f"{path}: arm {arm.name!r}: sizes is a list of some of {', '.join(sweep.sizes)}"
                )
        if sweep.match not in MATCHES:
            raise LabError(f"{path}: match is {sweep.match!r}; known: {', '.join(MATCHES)}")
        for size in sweep.sizes:
            if size not in SIZES:
                raise LabError(f"{path}: size {size!r}; known: {', '.join(SIZES)}")
        rates = sweep.rate if isinstance(sweep.rate, dict) else dict.fromkeys(sweep.sizes, sweep.rate)
        if set(rates) != set(sweep.sizes) or not all(
            type(r) in (int, float) and 0 < r < math.inf for r in rates.values()
        ):
            raise LabError(f"{path}: rate is a number above 0, or one for each of {', '.join(sweep.sizes)}")
        for name, known in (("sizes", sweep.sizes), ("ways", WAYS)):
            some = sweep.probe.get(name, [])
            if not isinstance(some, list) or not all(one in known for one in some):
                raise LabError(f"{path}: probe: {name} is a list of some of {', '.join(known)}")
        steps = sweep.probe.get("steps", 1)
        if not all(
            type(n) is int and n > 0 for n in (steps.values() if isinstance(steps, dict) else [steps])
        ) or (isinstance(steps, dict) and set(steps) != set(WAYS)):
            raise LabError(f"{path}: probe: steps is a number above 0, or one for each of {', '.join(WAYS)}")
        root = Path(corpora) if corpora else path.parent
        files = [str(root / name) for name in sweep.files]
        missing = [f for f in files if not Path(f).exists()]
        if missing or not files:
            raise LabError(
                f"{missing[0] if missing else path}: no such file"
                + ("" if corpora else "; --corpora DIR names the folder of the texts")
            )
        return cls(**{**sweep.__dict__, "files": files})

    def sizes_of(self, arm: Arm) -> list[str]:
        """The sizes at which an arm is run."""
        return arm.sizes or self.sizes

    def rate_of(self, size: str) -> float:
        """The peak learning rate at one of ``sizes``."""
        return self.rate[size] if isinstance(self.rate, dict) else self.rate

    def probe_settings(self, way: str) -> dict:
        """What :func:`.probes.seq2seq` is given for one of ``WAYS``."""
        settings = {k: v for k, v in self.probe.items() if k not in ("sizes", "ways")}
        if isinstance(settings.get("steps"), dict):
            settings["steps"] = settings["steps"][way]
        return settings

    def runs(self) -> list[tuple[int, str, Arm]]:
        """Every run in its order: seed, size, arm. All of the first seed come before any of the second."""

        def seeds(arm, size):
            return dict.fromkeys(
                [*self.seeds, *arm.more_seeds.get(size, [])] if size in self.sizes_of(arm) else []
            )

        every = dict.fromkeys(seed for arm in self.arms for size in self.sizes for seed in seeds(arm, size))
        return [
            (seed, size, arm)
            for seed in every
            for size in self.sizes
            for arm in self.arms
            if seed in seeds(arm, size)
        ]
