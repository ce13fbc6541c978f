"""``MixPredictor``: the mix as a predictor of blocks, with or without experts.

A block's params say all that the decoder cannot know: the kind of content, row length, filter and lanes
(docs/FORMAT.md, "Parameters of mix"). Without experts a block is one lane and one call of the kernel. With
experts the lanes advance in lock step: side decisions first, lane by lane, then every ready lane's byte;
all lanes share one adaptive state in (step, lane) order, which is what makes the result independent of
batches and threads.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xxhash

from nzip.coding.binary import (
    POSITION,
    STATE_SIZE,
    decode_bit,
    encode_bit,
    finish_encoder,
    start_decoder,
    start_encoder,
)
from nzip.errors import CorruptError, ModelMismatchError
from nzip.predictors.base import SIDE_BITS, Expert, Predictor
from nzip.predictors.content import MAX_PIXEL, MAX_STRIDE, Content, detect
from nzip.predictors.mix import registers as at
from nzip.predictors.mix.contexts import EXECUTABLE, KIND_NAMES, LEVELS, TEXT, Plan, plan
from nzip.predictors.mix.filters import call_filter
from nzip.predictors.mix.kernel import best, run
from nzip.predictors.mix.primer_choice import choose
from nzip.predictors.mix.primer_snapshot import warm
from nzip.predictors.mix.primers import HASH_BYTES, USER, Primer, named, portion, text_hash
from nzip.predictors.mix.sizes import PRIMED_SIZE
from nzip.predictors.mix.state import build, memory

MAX_LANES = 192
# In place of lanes - 1: a block that not all experts help is coded as by a predictor with only those whose
# bits are set in 255 minus this.
_SOME = 192
MAX_EXPERTS = 6
_CHUNK = 1 << 15
_NO_EXPERTS = np.zeros((0, 1, 0, 0), np.uint32)
_PARAMS = 7  # kind, stride (3 bytes), pixel, lanes - 1, primer; with a primer, its hash


class MixPredictor(Predictor):
    """``mix:LEVEL``, LEVEL 1 to 5, with any number of experts as further inputs.

    ``lanes``: streams that a block is cut into when there are experts (1 to 192; without experts always 1);
    None: as many as the experts want. ``primed``: False never starts warm. ``primer``: a text of the user's
    own to start from, in place of the shipped ones; the decoder must be given the same."""

    reports_progress = True

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
        self.level = level
        self.experts = tuple(
            sorted(experts, key=lambda e: not e.leads)
        )  # leading ones first: the first's confidence picks weights
        self.lanes = lanes
        self.primed = primed
        self.primer = (
            None if primer is None else Primer(USER, "of the user", primer, text_hash(primer)[:HASH_BYTES])
        )
        self._leading = sum(e.leads for e in self.experts)
        self.exact = all(e.exact for e in self.experts)
        self.spelling = "+".join([f"mix:{level}", *(e.spelling for e in self.experts)])

    def config(self) -> dict:
        own = {"primer": text_hash(self.primer.text).hex()} if self.primer else {}
        return {e.spelling: c for e in self.experts if (c := e.config())} | own

    def with_primer(self, text: bytes | None) -> MixPredictor:
        return MixPredictor(self.level, self.experts, self.lanes, primed=text is not None, primer=text)

    def with_experts(self, experts: tuple[Expert, ...]) -> MixPredictor:
        text = self.primer.text if self.primer else None
        return MixPredictor(self.level, experts, self.lanes, primed=self.primed, primer=text)

    def must_compile(self) -> bool:
        kernel = best(plan(self.level, TEXT), len(self.experts))
        return not kernel.signatures and not _machine_code_on_disk(kernel)

    def memory(self, block_size: int) -> int:
        size = max(block_size, PRIMED_SIZE)
        plans = max(
            memory(plan(self.level, kind, 1), size, len(self.experts)) for kind in range(len(KIND_NAMES))
        )
        own = plans + 3 * (block_size + len(self.primer.text if self.primer else b"")) + 24 * _CHUNK
        return own + sum(e.memory(block_size, self._lanes_for(block_size)) for e in self.experts)

    def probe(self) -> bytes:
        """Hash of what coding a fixed kilobyte of every flavour of byte gives, end state of the weights
        included."""
        # Small numbers with repeats, words and rows: made by arithmetic so that no file is needed.
        i = np.arange(1024, dtype=np.int64)
        data = np.where(i % 3 == 0, 32 + (i * i >> 5) % 90, 97 + (i >> 3) * 7 % 26).astype(np.uint8)
        content = Content(0, 0, 1)
        payload, mix = self._encode(data, content, self._lanes_for(4), None)
        return xxhash.xxh3_64_digest(payload + mix.final_weights.tobytes() + mix.state_map.tobytes())

    def encode(self, data, progress: np.ndarray | None = None) -> tuple[bytes, bytes]:
        helpers = sum(e.helps(data) << i for i, e in enumerate(self.experts))
        if helpers != (1 << len(self.experts)) - 1:
            params, payload = self._only(helpers).encode(data, progress)
            return params[:5] + bytes([255 - helpers]) + params[6:], payload
        data = np.frombuffer(data, np.uint8).copy()
        content = detect(data)
        lanes = self._lanes_for(len(data))
        primer = self._choose_primer(data, content)
        params = bytes([content.kind, *content.stride.to_bytes(3, "little"), content.pixel, lanes - 1])
        params += bytes([primer.code]) + primer.hash if primer else b"\0"
        if content.kind == EXECUTABLE:
            call_filter(data, 1)
        payload, _ = self._encode(data, content, lanes, primer, progress)
        return params, payload

    def decode(self, params: bytes, payload, size: int, progress: np.ndarray | None = None) -> bytes:
        if len(params) < _PARAMS or len(params) != _PARAMS + HASH_BYTES * (params[6] > 0):
            raise CorruptError(f"a mix block with parameters of {len(params)} bytes")
        if self.experts and params[5] >= _SOME:
            helpers = 255 - params[5]
            if helpers >= (1 << len(self.experts)) - 1:
                raise CorruptError("a mix block that names experts which its predictor has not")
            some = self._only(helpers)
            lanes = bytes([some._lanes_for(size) - 1])
            return some.decode(params[:5] + lanes + params[6:], payload, size, progress)
        content = Content(params[0], int.from_bytes(params[1:4], "little"), params[4])
        lanes = params[5] + 1
        if (
            content.kind >= len(KIND_NAMES)
            or content.stride > MAX_STRIDE
            or not 1 <= content.pixel <= MAX_PIXEL
        ):
            raise CorruptError("a mix block with impossible parameters")
        if lanes != self._lanes_for(size):
            raise CorruptError("a mix block with another number of lanes than its predictor gives it")
        if params[6] and content.kind != TEXT:
            raise CorruptError("a mix block that primes what is not text")
        primer = self._named_primer(params[6], params[7:]) if params[6] else None
        data = self._decode(payload, content, lanes, primer, size, progress)
        if content.kind == EXECUTABLE:
            call_filter(data, -1)
        return data.tobytes()

    def _only(self, helpers: int) -> MixPredictor:
        """The same predictor with those experts only whose bits are set."""
        experts = tuple(e for i, e in enumerate(self.experts) if helpers >> i & 1)
        text = self.primer.text if self.primer else None
        return MixPredictor(
            self.level, experts, self.lanes if experts else None, primed=self.primed, primer=text
        )

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
        if number == USER and self.primer is None:
            raise ModelMismatchError(
                "this file was made with a primer of the user's own: give it with --primer FILE"
            )
        primer = self.primer if number == USER else named(number)
        if primer.hash != pinned:
            raise ModelMismatchError(
                f"the primer {primer.name} is not the one this file was made with "
                f"(hash {primer.hash.hex()}, the file wants {pinned.hex()})"
            )
        return portion(primer, self.level)

    def _start(self, content: Content, lanes: int, size: int, primer: Primer | None):
        """A mix ready for the block, where each lane ends, and how many bytes of primer come before."""
        edges = [size * l // lanes for l in range(lanes + 1)]
        if primer:
            ends = np.array(edges[1:], np.int64) + len(primer.prefix)
            return warm(self.level, primer, edges[:-1], len(self.experts), self._leading), ends
        chosen: Plan = plan(self.level, content.kind, content.stride)
        mix = build(chosen, size, content.stride, content.pixel, edges[:-1], len(self.experts), self._leading)
        return mix, np.array(edges[1:], np.int64)

    def _kernel(self, content: Content):
        return best(plan(self.level, content.kind, content.stride), len(self.experts))

    def _encode(self, data: np.ndarray, content: Content, lanes: int, primer=None, progress=None):
        mix, ends = self._start(content, lanes, len(data), primer)
        kernel = self._kernel(content)
        output = _Output(len(data))
        start = 0
        if primer:
            start = len(primer.prefix)
            data = np.concatenate([np.frombuffer(primer.prefix, np.uint8), data])
        if not self._walk(kernel, mix, ends, data, start, output, False, progress):
            return bytes(len(data) + 1), mix  # hopeless: longer than the data, so the block is stored
        return output.finish(), mix

    def _decode(self, payload, content: Content, lanes: int, primer, size: int, progress=None) -> np.ndarray:
        mix, ends = self._start(content, lanes, size, primer)
        start = len(primer.prefix) if primer else 0
        data = np.zeros(start + size, np.uint8)
        if primer:
            data[:start] = np.frombuffer(primer.prefix, np.uint8)
        self._walk(self._kernel(content), mix, ends, data, start, _Input(payload), True, progress)
        return data[start:]

    def _walk(self, kernel, mix, ends, data, first: int, bits, decoding: bool, progress) -> bool:
        if self.experts:
            from nzip.predictors.mix import fused  # start-up: the experts' kernels

            runs = fused.start(self.experts) if len(ends) == 1 else None
            if runs is not None:
                return fused.drive(runs, mix, data, first, ends, bits, decoding, progress)
            return _lock_step(self.experts, mix, ends, data, bits, decoding, progress)
        for start in range(first, len(data), _CHUNK):
            steps = min(_CHUNK, len(data) - start)
            kernel(mix, data, ends, steps, decoding, bits.coder, bits.buffer, _NO_EXPERTS)
            if not bits.drain():
                return False
            if progress is not None:
                progress[0] = start + steps - first
        return True


def _lock_step(experts, mix, ends, data, bits, decoding, progress) -> bool:
    """All lanes side by side, one byte of every ready lane a step, with the experts' answers between."""
    starts = mix.lanes[:, at.L_START].astype(np.int64)
    lanes = len(starts)
    own = None if decoding else [data[s:e] for s, e in zip(starts, ends, strict=True)]
    states = [e.start(lanes, own) for e in experts]
    symbols, positions, done = np.zeros(lanes, np.uint8), mix.lanes[:, at.L_POSITION].astype(np.int64), 0
    while True:
        active = positions < ends
        if not active.any():
            return True
        due = active
        for i, state in enumerate(states):
            asking = state.asking()
            due = active if asking is None else asking if i == 0 else due | asking
            if asking is None:
                break
        for lane in np.flatnonzero(due & active):
            for state in states:
                _side_decisions(state, int(lane), bits, decoding)
        ready = active
        for state in states:
            answer = state.ready(active)
            if answer is not None:
                ready = ready & answer
        count = np.count_nonzero(ready)
        if count == 0:
            raise RuntimeError("experts that hold lanes for batches do not agree on any lane")
        given = [s.distributions() for s in states]
        given = given[0][:, None] if len(given) == 1 else np.stack(given, axis=1)
        given = np.ascontiguousarray(given[None], np.uint32)
        run(mix, data, np.where(ready, ends, 0), 1, decoding, bits.coder, bits.buffer, given)
        if not bits.drain():
            return False
        symbols[ready] = data[positions[ready]]
        positions += ready
        done += count
        for state in states:
            state.update(symbols, ready)
        if progress is not None:
            progress[0] = done


def _side_decisions(state, lane: int, bits, decoding: bool) -> None:
    while (p := state.side(lane)) is not None:
        p22 = min(max(int(p), 1), (1 << SIDE_BITS) - 1) << (22 - SIDE_BITS)
        if decoding:
            bit = decode_bit(bits.coder, bits.buffer, p22)
        else:
            bit = state.choose(lane)
            encode_bit(bits.coder, bits.buffer, bit, p22)
            bits.drain()
        state.decided(lane, bit)


class _Output:
    """The coder's end that writes: a small buffer, drained after every call of the kernel."""

    def __init__(self, size: int):
        self.coder = np.zeros(STATE_SIZE, np.uint64)
        # A byte costs at most 8 × 22 bits: the buffer has room for what one chunk can cost.
        self.buffer = np.zeros(min(size, _CHUNK) * 23 + 4096, np.uint8)
        self._done = bytearray()
        self._limit = size + 1024  # more than this and the block is stored anyway
        start_encoder(self.coder, len(self.buffer))

    def drain(self) -> bool:
        """Take what was written. False once it is more than storing would need."""
        count = int(self.coder[POSITION])
        if count > len(self.buffer) // 24:
            self._done += self.buffer[:count].tobytes()
            self.coder[POSITION] = 0
        return len(self._done) <= self._limit

    def finish(self) -> bytes:
        """All that was written. Trailing zeros go, as in coding/binary.py: the decoder reads zeros there."""
        self._done += self.buffer[: finish_encoder(self.coder, self.buffer)].tobytes()
        return bytes(self._done).rstrip(b"\0")


class _Input:
    """The coder's end that reads."""

    def __init__(self, payload):
        self.coder = np.zeros(STATE_SIZE, np.uint64)
        self.buffer = np.frombuffer(bytes(payload) + b"\0", np.uint8).copy()
        start_decoder(self.coder, self.buffer, len(payload))

    def drain(self) -> bool:
        """Nothing to take when reading."""
        return True


def _machine_code_on_disk(kernel) -> bool:
    """Whether numba has kept a kernel's machine code from an earlier process."""
    try:
        return any(Path(kernel.stats.cache_path).glob(f"kernel.{kernel.py_func.__qualname__}-*.nbc"))
    except (AttributeError, TypeError, OSError):  # no cache at all: a read-only place
        return False
