"""What compressing would take, told before anyone waits: sizes, times and memory of levels and predictors,
from samples. :func:`estimate` is ``nzip.estimate``, and ``nzip estimate`` its face.

Concession: what is told is a guess, and docs/ESTIMATES.md says how far off it is. A file whose pieces are
unlike each other, or a machine that is busy with other things while it samples, makes it worse."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, cast

from nzip.bits_per_byte import bits_per_byte
from nzip.container import heads, pipeline
from nzip.container.workers import thread_count
from nzip.errors import LimitError, NzipError
from nzip.levels import LEVELS
from nzip.options import Primer, choose_predictor
from nzip.predictors.base import Predictor

if TYPE_CHECKING:
    from typing_extensions import Buffer

SCHEMA = "nzip.estimate/1"
# Python, NumPy, numba and compiled code, before any table is made; what bench calls idle, and kernels.
PROCESS = 190_000_000
MOST_FILES = 8  # that are sampled; of more the largest, and the others in proportion

Source = "str | os.PathLike[str] | Buffer"


class LevelEstimate(NamedTuple):
    """What one ``level`` (None: a ``predictor`` by its spelling alone) would take: ``size`` in bytes,
    ``cpu_seconds`` of coding, ``seconds`` of the clock on so many threads, ``memory`` in bytes, of the whole
    process. Decompressing takes about the same times and memory. ``exact``: all of the data was coded."""

    level: int | None
    predictor: str
    size: int
    cpu_seconds: float
    seconds: float
    memory: int
    exact: bool

    @property
    def name(self) -> str:
        """``-3``, or the spelling."""
        return self.predictor if self.level is None else f"-{self.level}"


class Estimate(NamedTuple):
    """What :func:`estimate` found: ``raw`` bytes, those of them that were looked at, and one entry for each
    level and predictor, in the order they were asked for."""

    raw: int
    sampled: int
    levels: list[LevelEstimate]

    def pick(self, *, seconds: float | None = None, memory: int | None = None) -> LevelEstimate:
        """The entry that makes the data smallest within ``seconds`` of the clock and ``memory`` bytes (None:
        any). Raises :class:`nzip.LimitError` where none does, with what would do."""
        within = [
            entry
            for entry in self.levels
            if (seconds is None or entry.seconds <= seconds) and (memory is None or entry.memory <= memory)
        ]
        if within:
            return min(within, key=lambda entry: (entry.size, entry.seconds))
        fastest = min(self.levels, key=lambda entry: entry.seconds)
        least = min(self.levels, key=lambda entry: entry.memory)
        asked = []
        if seconds is not None:
            asked.append(f"{seconds:g} seconds (the fastest, {fastest.name}, takes {fastest.seconds:.3g})")
        if memory is not None:
            asked.append(f"{memory >> 20} MiB ({least.name} takes {-(-least.memory >> 20)})")
        raise LimitError(f"nothing that was estimated stays within {' and '.join(asked)}")

    def bits_per_byte(self, entry: LevelEstimate) -> float:
        """Compressed bits for each raw byte; NaN for none."""
        return bits_per_byte(entry.size, self.raw)

    def as_json(self) -> dict:
        """For JSON."""
        return {
            "schema": SCHEMA,
            "size": self.raw,
            "sampled": self.sampled,
            "levels": [
                {
                    **entry._asdict(),
                    "bits_per_byte": self.bits_per_byte(entry) if self.raw else None,
                }
                for entry in self.levels
            ],
        }


def estimate(
    data: str | os.PathLike[str] | Buffer | Iterable[str | os.PathLike[str]],
    levels: Sequence[int] | None = None,
    *,
    predictors: Sequence[str | Predictor] = (),
    primer: Primer = None,
    block_size: int | None = None,
    threads: int = 1,
    enough: float | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Estimate:
    """Sample ``data`` (a path, several paths, or bytes-like) and say what it would take under ``levels``
    (None, with no predictors: all that there are) and ``predictors``. Takes some seconds of CPU, more where
    machine code is made for the first time.

    ``primer``, ``block_size``, ``threads``: as for :func:`nzip.compress`. ``enough``: seconds of the clock;
    what comes after the first that takes longer is not looked at, so that a small budget is not spent on
    sampling what cannot keep to it (name the fastest first, as levels are). ``progress``: told of steps done
    and steps in all. Raises :class:`OSError` for a file that cannot be read or is no regular one, and
    :class:`nzip.NzipError` for levels and predictors that do not exist and for a file that becomes shorter
    meanwhile.

    >>> found = estimate(b"to be or not to be, " * 500, [1, 2])
    >>> [entry.name for entry in found.levels], found.raw
    (['-1', '-2'], 10000)
    >>> found.pick(memory=1 << 40).exact
    True
    """
    from nzip.estimation.sampling import Sampled, block_of  # start-up: NumPy

    if block_size is not None:
        pipeline.check_block_size(block_size)
    if levels is None:
        levels = [] if predictors else [n for n, entry in LEVELS.items() if entry.spelling]
    asked: list[tuple[int | None, Predictor]] = [
        (level, choose_predictor(level, None, primer)) for level in levels
    ]
    asked += [(None, choose_predictor(None, predictor, primer)) for predictor in predictors]
    if not asked:
        raise NzipError("there is no level and no predictor to estimate")
    primed = primer is None
    with contextlib.ExitStack() as stack:
        sources = [_Source(each, stack) for each in _each(data)]
        sources.sort(key=lambda source: -source.size)
        raw = sum(source.size for source in sources)
        looked_at = sources[:MOST_FILES]
        steps, done, sampled = len(looked_at) * len(asked), 0, 0
        sizes, cpu = [0.0] * len(asked), [0.0] * len(asked)
        exact = [len(looked_at) == len(sources)] * len(asked)
        seen = sum(source.size for source in looked_at)
        times = raw / seen if seen else 1.0
        largest = looked_at[0].size if looked_at else 0
        each = [block_size or pipeline.block_size_for(predictor, largest) for _, predictor in asked]
        lanes = [min(thread_count(threads), max(1, -(-largest // own))) for own in each]
        for source in looked_at:
            block = block_of(source.read, source.size)
            sampled += len(block)
            # Blocks that are smaller by default take as much: later ones start from the first's head.
            file = Sampled(block, source.size, block_size or pipeline.DEFAULT_BLOCK_SIZE, primed)
            for i, (_, predictor) in enumerate(asked):
                progress(min(done, steps), steps)
                guess = file.guess(predictor)
                sizes[i] += guess.size
                cpu[i] += guess.seconds
                exact[i] = exact[i] and guess.exact
                done += 1
                if enough is not None and cpu[i] * times / lanes[i] > enough:
                    del asked[i + 1 :]
        progress(steps, steps)
    return Estimate(
        raw,
        sampled,
        [
            LevelEstimate(
                level,
                predictor.spelling,
                round(size * times),
                seconds * times,
                seconds * times / threads_of,
                PROCESS + _memory(predictor, max(1, min(largest, own)), threads_of, largest),
                all_of_it,
            )
            for (level, predictor), size, seconds, all_of_it, threads_of, own in zip(
                asked, sizes, cpu, exact, lanes, each, strict=False
            )
        ],
    )


def _memory(predictor: Predictor, block: int, threads: int, size: int) -> int:
    """Bytes that coding ``size`` bytes in blocks of ``block`` takes on so many ``threads``."""
    if predictor.takes_head and size > block and heads.length(block):
        later = predictor.with_head(bytes(heads.SIZE))
        return threads * (later.memory(block) - later.shared_memory()) + later.shared_memory()
    return threads * predictor.memory(block)


def _each(data) -> list:
    if isinstance(data, str | os.PathLike):
        return [data]
    try:
        memoryview(data).release()
    except TypeError:
        found = list(cast("Iterable[str | os.PathLike[str]]", data))
        if not found:
            raise NzipError("there is nothing to estimate: name a file") from None
        return found
    return [data]


class _Source:
    """A file or bytes, read in stretches: ``size`` in bytes."""

    def __init__(self, data, stack: contextlib.ExitStack):
        if isinstance(data, str | os.PathLike):
            from nzip.io import sources  # start-up: as needed

            self.name = os.fspath(data)
            self._file: BinaryIO | None = stack.enter_context(
                sources.open_source(self.name, force=True, remove=False, elsewhere=True)
            )
            status = sources.status_of(self._file)
            if status is None or not sources.is_regular(status):
                raise NzipError(f"{self.name}: is no regular file, so no sample of it can be taken")
            self.size = status.st_size
        else:
            from nzip.api import as_bytes  # start-up: as needed

            self.name = "the data"
            self._view = stack.enter_context(as_bytes(data))
            self._file = None
            self.size = len(self._view)

    def read(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``. Raises :class:`NzipError` where they are gone."""
        if self._file is None:
            return bytes(self._view[offset : offset + count])
        from nzip.io.streams import read_fully  # start-up: as needed

        self._file.seek(offset)
        found = read_fully(self._file, count)
        if len(found) < count:
            raise NzipError(f"{self.name}: became shorter while it was sampled")
        return found
