"""Small experts and the mix in one compiled loop: no Python between two bytes.

The general lock step (lockstep.py) asks experts through Python once a byte, which costs more than a small
expert does. Where a block has one lane and its experts are small ones of at most one of each kind
(:mod:`nzip.predictors.stepping`), this loop does the same in the same order, and a test proves the bytes
equal.

Concession: the loop names its kinds of experts one by one, because compiled code wants one type for each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nzip.exact.jit import later, njit
from nzip.predictors.base import Expert
from nzip.predictors.mix import constants as at
from nzip.predictors.mix.handing_on import Told
from nzip.predictors.mix.kernel import PRICING, WATCHING, run
from nzip.predictors.mix.ledger import Ledger
from nzip.predictors.online import kernel as online_kernel
from nzip.predictors.online import network
from nzip.predictors.ssm import kernel as ssm_kernel
from nzip.predictors.ssm.weights import blank
from nzip.predictors.stepping import ADAPTED, FLAT, ONLINE, SLOTS, STATIC, TRANSFORMER, SmallExpert

if TYPE_CHECKING:  # start-up: the engine's kernels, which import numba
    from nzip.predictors.transformer import stream as transformer_stream

(transformer_step,) = later(
    "nzip.predictors.transformer.stream",
    "step",
    beside=("nzip.predictors.llama.layers", "nzip.predictors.distribution"),
)
_STEPS = 1 << 12  # bytes a call of the compiled loop


class Runs(NamedTuple):
    """Fresh runs of a block's experts. ``places`` int64 (4,): which input of the mix each kind feeds, -1 for
    none; a kind that is absent has a tiny stand-in, because compiled code wants one type; but for those
    that learn where both are absent, and the transformer: these are None then, so that only their users wait
    for them to be compiled."""

    places: np.ndarray
    net: ssm_kernel.Net
    stream: ssm_kernel.Stream
    adapted: network.Online | None
    online: network.Online | None
    transformer: transformer_stream.Stream | None


def fits(experts: tuple[Expert, ...]) -> bool:
    """Whether the experts are of the kinds that :func:`drive` knows."""
    slots = {e.slot for e in experts if isinstance(e, SmallExpert)}
    return len(slots) == len(experts)


def start(experts: tuple[Expert, ...]) -> Runs | None:
    """Runs for :func:`drive`, or None where the experts are not of its kinds."""
    if not fits(experts):
        return None
    small = [e for e in experts if isinstance(e, SmallExpert)]
    slots = [e.slot for e in small]
    places = np.full(SLOTS, -1, np.int64)
    places[slots] = np.arange(len(slots))
    if places[STATIC] >= 0:
        net, stream = small[places[STATIC]].fresh()
    else:
        net = ssm_kernel.make_net(blank())
        stream = ssm_kernel.new_stream(net)
    adapted = online = None
    if max(places[ADAPTED], places[ONLINE]) >= 0:
        adapted, online = (
            small[places[kind]].fresh() if places[kind] >= 0 else network.new_run(blank(), (0.0, 0.0), span=8)
            for kind in (ADAPTED, ONLINE)
        )
    transformer = small[places[TRANSFORMER]].fresh() if places[TRANSFORMER] >= 0 else None
    return Runs(places, net, stream, adapted, online, transformer)


def driver(kernel, name: str):
    """The compiled loop of experts and one form of the mix's kernel."""

    def drive_steps(
        mix,
        data,
        ends,
        steps,
        decoding,
        coder,
        buffer,
        given,
        places,
        net,
        stream,
        adapted,
        online,
        transformer,
    ):
        """``steps`` bytes of the only lane; ``given`` uint32 (1, 1, experts, 256) holds the distributions
        before the first of them, and after."""
        one = np.int64(1)  # a literal would have numba compile another kernel, for this number alone
        for _ in range(steps):
            position = np.int64(mix.lanes[0, at.L_POSITION])
            kernel(mix, data, ends, one, decoding, coder, buffer, given)
            byte = np.int64(data[position])
            if places[STATIC] >= 0:
                ssm_kernel.step(net, stream, byte, given[0, 0, places[STATIC]])
            if adapted is not None and places[ADAPTED] >= 0:
                online_kernel.step(adapted, byte, given[0, 0, places[ADAPTED]])
            if online is not None and places[ONLINE] >= 0:
                online_kernel.step(online, byte, given[0, 0, places[ONLINE]])
            if transformer is not None:
                transformer_step(transformer, data, position, decoding, given[0, 0, places[TRANSFORMER]])

    drive_steps.__qualname__ = name  # by which its machine code is kept
    return njit(nogil=True, cache=True)(drive_steps)


_drive = driver(run, "_drive")
_PRICED, _WATCHED = driver(PRICING, "_drive_priced"), driver(WATCHING, "_drive_watched")


def drive(
    runs: Runs,
    mix,
    data,
    first: int,
    ends,
    bits,
    decoding: bool,
    progress,
    told: Told | None = None,
    ledger: Ledger | None = None,
    loop=None,
) -> bool:
    """Code ``data[first:]``; False once it is hopeless (see ``bits.drain``). ``told`` of what is decoded,
    ``ledger``, whose mix this is, of what is encoded; ``loop``: another :func:`driver` than theirs."""
    steps_of = loop or (_drive if ledger is None else _WATCHED if ledger.everything else _PRICED)
    count = int((runs.places >= 0).sum())
    given = np.full((1, 1, count, 256), FLAT, np.uint32)
    for begin in range(first, len(data), _STEPS):
        steps = min(_STEPS, len(data) - begin)
        if ledger is not None:
            ledger.begin(begin)
        steps_of(mix, data, ends, steps, decoding, bits.coder, bits.buffer, given, *runs)
        if ledger is not None:
            ledger.end(begin, steps)
        if not bits.drain():
            return False
        progress(begin + steps - first)
        if told is not None:
            told.reached(0, begin + steps - first)
    return True
