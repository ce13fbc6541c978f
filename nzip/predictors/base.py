"""What a predictor and an expert are: the two contracts that everything below ``codec`` keeps.

A *predictor* codes whole blocks: bytes in, a payload out, and back. It is immutable once built; all
adaptive state lives inside one ``encode`` or ``decode`` call, so one predictor serves many threads.
An *expert* looks at the bytes so far and gives a distribution over the next byte as 256 integers. It can
be fed into the mix as further inputs (``mix+NAME``) or be coded bare through the many-symbol coder
(``NAME``). Experts run over *lanes*: independent byte streams that advance in lock step.

Concession: an expert that cannot promise equal integers on every machine must say ``exact = False``.
"""

from __future__ import annotations

import abc
import contextlib

import numpy as np

from nzip.errors import NzipError
from nzip.predictors.content import Content
from nzip.predictors.own_primer import OwnPrimer
from nzip.predictors.pricing import BITS_ALONE, Priced, Wish

# An expert's 256 integers sum to 2**EXPERT_BITS, and none is below 1.
EXPERT_BITS = 24
# Probabilities of side decisions: integers in 1 .. 2**SIDE_BITS - 1.
SIDE_BITS = 16


class Predictor(abc.ABC):
    """Codes one block at a time. Subclasses set ``spelling`` (canonical, as kept in a file's header).

    Write one where you have a way of coding blocks of your own, coder and all. Where you have a distribution
    over the next byte, write an :class:`Expert` instead: the mix and the bare coder come for nothing."""

    spelling: str
    exact: bool = True
    # True where ``encode`` and ``decode`` also take ``progress=``: an int64 array of one entry in which they
    # keep the number of bytes done so far, for a progress bar to read from another thread.
    reports_progress: bool = False
    # True where ``decode`` also takes ``sink=``: called as ``sink(start, data)`` with ranges of decoded bytes
    # as they become final, in any order, all of them before ``decode`` returns. ``data`` is a memoryview of
    # bytes, the first of them byte ``start`` of the block, and what it shows never changes. A sink may raise,
    # to end the decoding: let it pass. A predictor that hands nothing on gives whole blocks.
    hands_on: bool = False
    # True where blocks after a stream's first are better coded by what ``with_head`` gives.
    takes_head: bool = False
    # The experts that it asks, if any.
    experts: tuple[Expert, ...] = ()

    def config(self) -> dict:
        """What the spelling alone does not pin, kept in the passport: hashes of weights and tokenizers,
        parameters. JSON types only. A decoder refuses a file whose config differs from its own."""
        return {}

    def must_compile(self) -> bool:
        """Whether the first use in this process will compile machine code (seconds), so that a user can be
        told why nothing moves."""
        return False

    def with_primer(self, primer: OwnPrimer | None) -> Predictor:
        """The same predictor, but every block starts from ``primer``, of the user's own, or for None from
        nothing.

        ``config`` must then hold its hash as ``primer`` (hexadecimal), so that a reader knows what to ask
        for. Predictors that never start warm refuse one: :class:`NzipError`."""
        if primer is not None:
            raise NzipError(f"{self.spelling} takes no primer: primers are for mix")
        return self

    def with_experts(self, experts: tuple[Expert, ...]) -> Predictor:
        """The same predictor with these experts in place of its own, as many."""
        raise NzipError(f"{self.spelling} takes no experts")

    def with_head(self, head: bytes) -> Predictor:
        """The same predictor, for blocks after the first of a stream that began with ``head``: they may
        start from it. b"": there is none. ``config`` and ``probe`` stay. Raises :class:`NzipError` where
        blocks start from nothing else than ever; then :attr:`takes_head` is False."""
        raise NzipError(f"blocks of {self.spelling} start from no head of their stream")

    def needs_head(self, params: bytes, size: int, coded: int) -> bool:
        """Whether a block of ``size`` bytes and these params, whose payload has ``coded`` bytes, starts from
        the stream's head, so that :meth:`with_head` alone decodes it. Raises
        :class:`nzip.errors.CorruptError` for impossible params."""
        return False

    @abc.abstractmethod
    def probe(self) -> bytes:
        """Eight bytes: a hash of the integers (CDFs or bit probabilities) given on a fixed kilobyte."""

    @abc.abstractmethod
    def memory(self, block_size: int) -> int:
        """Bytes needed to code one block of ``block_size`` bytes, block buffers included; an upper bound."""

    def shared_memory(self) -> int:
        """Of :meth:`memory`, what blocks that are coded at the same time share."""
        return 0

    def encoding_memory(self, block_size: int) -> int:
        """As :meth:`memory`, of a block that is encoded, which may take more: several ways are tried."""
        return self.memory(block_size)

    def sharing(self) -> contextlib.AbstractContextManager[object]:
        """While it lasts, what encoding makes ready stays in memory, for this predictor and for others that
        encode the same block, each in its turn."""
        return contextlib.nullcontext()

    @abc.abstractmethod
    def encode(self, data) -> tuple[bytes, bytes]:
        """Code a bytes-like block. Returns ``(params, payload)``: params are the choices made for this
        block (a few bytes, kept in the block's header), payload the coded bits."""

    def price(self, data, wish: Wish = BITS_ALONE, progress: np.ndarray | None = None) -> Priced:
        """Code a bytes-like block as :meth:`encode` does, and say what each of its bytes cost; ``wish``: what
        else is wanted, as far as there is any. ``progress`` as for :attr:`reports_progress`. Raises
        :class:`NzipError` where this predictor cannot tell."""
        raise NzipError(f"{self.spelling} cannot say what each byte costs: it has no price()")

    @abc.abstractmethod
    def decode(self, params: bytes, payload, size: int) -> bytes:
        """The ``size`` bytes whose coding gave ``params`` and ``payload``. On damaged input it returns
        other bytes of that size or raises :class:`nzip.errors.CorruptError`; it never hangs, never
        allocates by what params claim beyond :meth:`memory`, never reads out of bounds."""


class ExpertState(abc.ABC):
    """One run of an expert over ``lanes`` streams in lock step. What an :class:`Expert` of your own returns
    from ``start``; nobody else makes one."""

    @abc.abstractmethod
    def distributions(self) -> np.ndarray:
        """Next-byte distributions, uint32 of shape (lanes, 256), every entry ≥ 1, each row summing to
        ``2**EXPERT_BITS``."""

    @abc.abstractmethod
    def update(self, symbols: np.ndarray, active: np.ndarray) -> None:
        """Advance: lane i has seen byte ``symbols[i]`` (uint8) where ``active[i]``; a lane that has ended
        is inactive for good (see :meth:`ready` for lanes that only wait)."""

    def ready(self, active: np.ndarray) -> np.ndarray | None:
        """Which of the ``active`` lanes (bool, (lanes,)) take a byte in this step; None: all of them. Asked
        once a step, after the side decisions and before :meth:`distributions`; the others' rows mean nothing
        and ``update`` names them inactive for this step only. Where a lane is active, one must be ready. An
        expert that thinks in tokens holds lanes whose token has ended until it can run them in one batch."""
        return None

    # Side decisions, for experts that think in tokens ("has this token ended here?"). Before each
    # byte the coder asks every active lane, in lane order, until it answers None.
    def side(self, lane: int) -> int | None:
        """P(decision = 1) in 1 .. 2**SIDE_BITS-1, or None if nothing is to be decided now."""
        return None

    def asking(self) -> np.ndarray | None:
        """Lanes (bool, (lanes,)) for which ``side`` may now have an answer; None: any. What is not named here
        is not asked."""
        return None

    def choose(self, lane: int) -> int:
        """The decision (0 or 1), asked of the encoder's expert only; it was given the data at start."""
        raise NotImplementedError("an expert that asks side decisions must choose them when encoding")

    def decided(self, lane: int, bit: int) -> None:
        """The decision that ``side`` asked for turned out to be ``bit``."""


class Expert(abc.ABC):
    """A next-byte model. Immutable; ``start`` gives a fresh run.

    Write one to bring a model of your own into the mix (docs/PREDICTORS.md); where it steps in compiled code,
    :class:`nzip.predictors.stepping.SmallExpert` saves the calls between two bytes."""

    spelling: str
    exact: bool = True
    # Whether the mix starts by trusting this expert and only slowly departs from it (a large language model),
    # or gives it a small say at first (the mix's other inputs, small experts).
    leads: bool = False
    # What it reads of a text: b"" raw bytes; the hash of a dictionary of words (``Dictionary.hash``) text
    # coded by that one; None whatever the mix codes. It is asked about streams in that form alone.
    reads: bytes | None = b""

    def config(self) -> dict:
        """As :meth:`Predictor.config`."""
        return {}

    def embedded(self) -> tuple[Expert, str, bytes] | None:
        """For files that embed their model: this expert spelled by its model's name without folders, that
        name, and the bytes of the model's file; None where it needs no file of the user's own. The registry's
        factory must then take ``data=``, these bytes. Raises :class:`NzipError` where there is a model that
        cannot be embedded."""
        if self.config():
            raise NzipError(f"{self.spelling} cannot be embedded: its model stays outside the file")
        return None

    def helps(self, data: np.ndarray, content: Content) -> bool:
        """Whether this expert is worth asking about most of a block; a cheap guess, made by the encoder only.
        ``data`` (uint8, not to be written to) is the block, ``content`` what it was found to hold: its kind,
        and bytes per row and pixel where there are such. Where no expert helps, the mix codes the block
        alone."""
        return True

    def reading(self, form: bytes) -> Expert | None:
        """The expert to ask about a stream of text in that form, told as :attr:`reads` is: this one, another
        where there is a network for each form, or None."""
        return self if self.reads is None or self.reads == form else None

    def lanes_for(self, size: int) -> int:
        """Lanes that a block of ``size`` bytes is best cut into; a function of the size and the spelling
        alone."""
        return 1

    def alone(self) -> Predictor | None:
        """A predictor that codes with this expert alone, if it knows a better way than byte by byte."""
        return None

    @abc.abstractmethod
    def start(self, lanes: int, data: list[np.ndarray] | None = None) -> ExpertState:
        """A fresh state for ``lanes`` streams. When encoding, ``data`` holds the lanes' bytes, so that an
        exact expert may compute ahead in batch; its answers must equal those given without it."""

    @abc.abstractmethod
    def memory(self, block_size: int, lanes: int) -> int:
        """Bytes a run needs beyond the mix's own; an upper bound."""
