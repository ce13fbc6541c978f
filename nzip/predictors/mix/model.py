"""``MixPredictor``: the mix as a predictor of blocks, with or without experts.

A block's params say all that the decoder cannot know: the kind of content, row length, filter and lanes
(docs/FORMAT.md, "Parameters of mix"). Without experts a block is one lane and one call of the kernel after
the other; with experts lanes advance in lock step (lockstep.py), or experts and mix in one compiled loop
(fused.py).

A block is copied once, behind its primer's text where it has one, and filtered there; a decoded one is copied
once more, into the bytes that are returned.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xxhash

from nzip.errors import CorruptError, ModelMismatchError, Remedy
from nzip.exact.jit import is_kept
from nzip.hashes import text_hash
from nzip.predictors.base import Expert, Predictor
from nzip.predictors.content import EXECUTABLE, KIND_NAMES, MAX_PIXEL, MAX_STRIDE, TEXT, Content, detect
from nzip.predictors.mix import constants as at
from nzip.predictors.mix import lockstep
from nzip.predictors.mix.call_filter import call_filter
from nzip.predictors.mix.coder import CHUNK, Input, Output
from nzip.predictors.mix.handing_on import HandingOn
from nzip.predictors.mix.kernel import best
from nzip.predictors.mix.plan import LEVELS, plan
from nzip.predictors.mix.primer_choice import choose
from nzip.predictors.mix.primers import HASH_BYTES, USER, Primer, named, portion
from nzip.predictors.mix.state import Mix, build, memory
from nzip.predictors.mix.warm_start import warm

MAX_LANES = 192
# In place of lanes - 1: a block that not all experts help is coded as by a predictor with only those whose
# bits are set in 255 minus this.
_SOME = 192
MAX_EXPERTS = 6
_NO_EXPERTS = np.zeros((0, 1, 0, 0), np.uint32)
_PARAMS = 7  # kind, stride (3 bytes), pixel, lanes - 1, primer; with a primer, its hash


class MixPredictor(Predictor):
    """``mix:LEVEL``, LEVEL 1 to 5, with any number of experts as further inputs.

    ``lanes``: streams that a block is cut into when there are experts (1 to 192; without experts always 1);
    None: as many as the experts want. ``primed``: False never starts warm. ``primer``: a text of the user's
    own to start from, in place of the shipped ones; the decoder must be given the same.

    Use it where a spelling cannot say what you want (``lanes``, ``primed``); else let
    :func:`nzip.predictors.registry.create` make it from ``"mix:3"``."""

    reports_progress = True
    hands_on = True

    def __init__(
        self,
        level: int,
        experts: tuple[Expert, ...] = (),
        lanes: int | None = None,
        primed: bool = True,
        primer: bytes | None = None,
    ):
        if level not in LEVELS:
            raise ValueError(f"mix has the levels 1 to 5, not {level!r}")
        if lanes is not None and not 1 <= lanes <= MAX_LANES:
            raise ValueError(f"lanes must be 1 to {MAX_LANES}, not {lanes}")
        if len(experts) > MAX_EXPERTS:
            raise ValueError(f"at most {MAX_EXPERTS} experts, not {len(experts)}")
        self._options: dict[str, Any] = {
            "level": level, "experts": experts, "lanes": lanes, "primed": primed, "primer": primer,
        }  # fmt: skip
        self.level = level
        # Leading ones first: the first's confidence picks weights.
        self.experts = tuple(sorted(experts, key=lambda e: not e.leads))
        self.lanes = lanes
        self.primed = primed
        self.primer = (
            None if primer is None else Primer(USER, "of the user", primer, text_hash(primer)[:HASH_BYTES])
        )
        self._leading = sum(e.leads for e in self.experts)
        self.exact = all(e.exact for e in self.experts)
        self.spelling = "+".join([f"mix:{level}", *(e.spelling for e in self.experts)])

    def _with(self, **changes) -> MixPredictor:
        """The same predictor, made with ``changes`` to the arguments of its own making."""
        return MixPredictor(**{**self._options, **changes})

    def config(self) -> dict:
        own = {"primer": text_hash(self.primer.text).hex()} if self.primer else {}
        return {e.spelling: c for e in self.experts if (c := e.config())} | own

    def with_primer(self, text: bytes | None) -> MixPredictor:
        return self._with(primed=text is not None, primer=text)

    def with_experts(self, experts: tuple[Expert, ...]) -> MixPredictor:
        return self._with(experts=experts)

    def must_compile(self) -> bool:
        kernel = best(plan(self.level, TEXT), len(self.experts))
        return not kernel.signatures and not is_kept(kernel)

    def memory(self, block_size: int) -> int:
        size = max(block_size, at.PRIMED_SIZE)
        plans = max(
            memory(plan(self.level, kind, 1), size, len(self.experts)) for kind in range(len(KIND_NAMES))
        )
        own = plans + 3 * (block_size + len(self.primer.text if self.primer else b"")) + 24 * CHUNK
        return own + sum(e.memory(block_size, self._lanes_for(block_size)) for e in self.experts)

    def probe(self) -> bytes:
        """Hash of what coding a fixed kilobyte of every flavour of byte gives, end state of the weights
        included."""
        # Small numbers with repeats, words and rows: made by arithmetic so that no file is needed.
        i = np.arange(1024, dtype=np.int64)
        data = np.where(i % 3 == 0, 32 + (i * i >> 5) % 90, 97 + (i >> 3) * 7 % 26).astype(np.uint8)
        payload, mix = self._encode(data, Content(TEXT), self._lanes_for(4), None)
        return xxhash.xxh3_64_digest(payload + mix.final_weights.tobytes() + mix.state_map.tobytes())

    def encode(self, data, progress: np.ndarray | None = None) -> tuple[bytes, bytes]:
        block = np.frombuffer(data, np.uint8)
        content = detect(block)
        helpers = sum(e.helps(block, content) << i for i, e in enumerate(self.experts))
        if helpers == (1 << len(self.experts)) - 1:
            return self._encode_block(block, content, progress)
        params, payload = self._only(helpers)._encode_block(block, content, progress)
        return params[:5] + bytes([255 - helpers]) + params[6:], payload

    def decode(
        self,
        params: bytes,
        payload,
        size: int,
        progress: np.ndarray | None = None,
        sink: Callable[[int, memoryview], None] | None = None,
    ) -> bytes:
        if len(params) < _PARAMS or len(params) != _PARAMS + HASH_BYTES * (params[6] > 0):
            raise CorruptError(f"a mix block with parameters of {len(params)} bytes")
        if self.experts and params[5] >= _SOME:
            helpers = 255 - params[5]
            if helpers >= (1 << len(self.experts)) - 1:
                raise CorruptError("a mix block that names experts which its predictor has not")
            some = self._only(helpers)
            lanes = bytes([some._lanes_for(size) - 1])
            return some.decode(params[:5] + lanes + params[6:], payload, size, progress, sink)
        content = Content(params[0], int.from_bytes(params[1:4], "little"), params[4])
        if (
            content.kind >= len(KIND_NAMES)
            or content.stride > MAX_STRIDE
            or not 1 <= content.pixel <= MAX_PIXEL
        ):
            raise CorruptError("a mix block with impossible parameters")
        if params[5] + 1 != self._lanes_for(size):
            raise CorruptError("a mix block with another number of lanes than its predictor gives it")
        if params[6] and content.kind != TEXT:
            raise CorruptError("a mix block that primes what is not text")
        primer = self._named_primer(params[6], params[7:]) if params[6] else None
        return self._decode(payload, content, self._lanes_for(size), primer, size, progress, sink).tobytes()

    def _only(self, helpers: int) -> MixPredictor:
        """The same predictor with those experts only whose bits are set."""
        return self._with(experts=tuple(e for i, e in enumerate(self.experts) if helpers >> i & 1))

    def _lanes_for(self, size: int) -> int:
        wanted = self.lanes or max((e.lanes_for(size) for e in self.experts), default=1)
        return max(1, min(wanted, MAX_LANES, size)) if self.experts else 1

    def _choose_primer(self, data: np.ndarray, content: Content) -> Primer | None:
        if content.kind != TEXT or not self.primed:
            return None
        if self.primer is not None:
            return portion(self.primer, self.level)
        code = choose(data)
        return portion(named(code), self.level) if code else None

    def _named_primer(self, number: int, pinned: bytes) -> Primer:
        """The primer that a block names, its hash checked. :class:`ModelMismatchError` if it is another."""
        primer = self.primer if number == USER else named(number)
        if primer is None:
            raise ModelMismatchError(
                "this file was made with a primer of the user's own", Remedy("give it with", "primer", "FILE")
            )
        if primer.hash != pinned:
            raise ModelMismatchError(
                f"the primer {primer.name} is not the one this file was made with "
                f"(hash {primer.hash.hex()}, the file wants {pinned.hex()})"
            )
        return portion(primer, self.level)

    def _encode_block(
        self, data: np.ndarray, content: Content, progress: np.ndarray | None
    ) -> tuple[bytes, bytes]:
        """Params and payload of a block that every expert helps."""
        lanes = self._lanes_for(len(data))
        primer = self._choose_primer(data, content)
        params = bytes([content.kind, *content.stride.to_bytes(3, "little"), content.pixel, lanes - 1])
        params += bytes([primer.code]) + primer.hash if primer else b"\0"
        payload, _ = self._encode(data, content, lanes, primer, progress)
        return params, payload

    def _start(
        self, content: Content, lanes: int, size: int, primer: Primer | None
    ) -> tuple[Mix, np.ndarray, np.ndarray, int]:
        """For a block of ``size`` bytes: a mix ready for it, where each lane ends, an array (uint8) for
        primer and block with the primer's text in place, and where the block begins in it."""
        edges = [size * lane // lanes for lane in range(lanes + 1)]
        prefix = primer.prefix if primer else b""
        first = len(prefix)
        data = np.zeros(first + size, np.uint8)
        data[:first] = np.frombuffer(prefix, np.uint8)
        if primer:
            mix = warm(self.level, primer, edges[:-1], len(self.experts), self._leading)
        else:
            chosen = plan(self.level, content.kind, content.stride)
            experts = len(self.experts)
            mix = build(chosen, size, content.stride, content.pixel, edges[:-1], experts, self._leading)
        return mix, np.array(edges[1:], np.int64) + first, data, first

    def _kernel(self, content: Content):
        return best(plan(self.level, content.kind, content.stride), len(self.experts))

    def _encode(
        self, block: np.ndarray, content: Content, lanes: int, primer: Primer | None = None, progress=None
    ) -> tuple[bytes, Mix]:
        """The payload, and the mix as it ends."""
        mix, ends, data, first = self._start(content, lanes, len(block), primer)
        data[first:] = block
        if content.kind == EXECUTABLE:
            call_filter(data[first:], 1)
        output = Output(len(block))
        if not self._walk(content, mix, ends, data, first, output, False, progress, None):
            return bytes(len(data) + 1), mix  # hopeless: longer than the data, so the block is stored
        return output.finish(), mix

    def _decode(
        self,
        payload,
        content: Content,
        lanes: int,
        primer: Primer | None,
        size: int,
        progress=None,
        sink=None,
    ) -> np.ndarray:
        """The block, uint8 (size,)."""
        mix, ends, data, first = self._start(content, lanes, size, primer)
        filtered = content.kind == EXECUTABLE
        told = None
        if sink is not None:
            told = HandingOn(sink, data[first:], [0, *(ends[:-1] - first).tolist()], filtered)
        self._walk(content, mix, ends, data, first, Input(payload), True, progress, told)
        if told is not None:
            return told.finish()
        if filtered:
            call_filter(data[first:], -1)
        return data[first:]

    def _walk(
        self,
        content: Content,
        mix: Mix,
        ends: np.ndarray,
        data: np.ndarray,
        first: int,
        bits: Output | Input,
        decoding: bool,
        progress: np.ndarray | None,
        told: HandingOn | None,
    ) -> bool:
        """Code ``data[first:]``, with ``told`` told of what is decoded; False once it is hopeless (see
        ``bits.drain``)."""
        if self.experts:
            from nzip.predictors.mix import fused  # start-up: the experts' kernels

            runs = fused.start(self.experts) if len(ends) == 1 else None
            if runs is not None:
                return fused.drive(runs, mix, data, first, ends, bits, decoding, progress, told)
            return lockstep.drive(self.experts, mix, data, first, ends, bits, decoding, progress, told)
        kernel = self._kernel(content)
        for start in range(first, len(data), CHUNK):
            steps = min(CHUNK, len(data) - start)
            kernel(mix, data, ends, steps, decoding, bits.coder, bits.buffer, _NO_EXPERTS)
            if not bits.drain():
                return False
            if progress is not None:
                progress[0] = start + steps - first
            if told is not None:
                told.reached(0, start + steps - first)
        return True
