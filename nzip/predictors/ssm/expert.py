"""``ssm``: a pretrained recurrent network (gated linear recurrence with hashed n-gram tables), exact in
integers.

``ssm`` alone is two networks that ship, one for raw text and one for English coded as words, which alone is
``ssm:words``; ``ssm:PATH`` is one of the user's own, made by ``nzip train``.
``create`` is the registry's factory."""

from __future__ import annotations

import functools

import numpy as np

from nzip.predictors.base import Expert
from nzip.predictors.content import TEXT, Content
from nzip.predictors.model_files import takes_model
from nzip.predictors.spelling import Part
from nzip.predictors.ssm import kernel
from nzip.predictors.ssm.counts import SIZE
from nzip.predictors.ssm.weights import FILES, KIND, WORDS, Weights
from nzip.predictors.stepping import STATIC, SmallExpert


class SsmExpert(SmallExpert):
    """``ssm[:words|:PATH]``: see :mod:`nzip.predictors.ssm.kernel`."""

    slot = STATIC

    def __init__(self, argument: str | None = None, given: Weights | None = None):
        self.spelling = str(Part("ssm", argument))
        self._argument = argument
        self.weights = given if given is not None else FILES.load(argument)
        self.reads = self.weights.words

    @functools.cached_property
    def _net(self) -> kernel.Net:
        return kernel.make_net(self.weights)  # when it is asked, which a stream in another form never does

    def config(self) -> dict:
        """The hash of weights of the user's own; what ships is told by the probe."""
        return {} if self._argument in FILES.shipped else {"weights": self.weights.digest}

    @functools.cached_property
    def _for_words(self) -> SsmExpert:
        return SsmExpert(WORDS)

    def reading(self, form: bytes) -> Expert | None:
        if form and self._argument is None:
            return self._for_words.reading(form)
        return super().reading(form)

    def embedded(self) -> tuple[Expert, str, bytes] | None:
        """The weights' file, unless it is the one that ships."""
        return FILES.embedded(self._argument, SsmExpert)

    def helps(self, data: np.ndarray, content: Content) -> bool:
        """Text only: what an ``ssm`` has learnt is text."""
        return content.kind == TEXT

    def fresh(self):
        return self._net, kernel.new_stream(self._net)

    def advance(self, fresh, data, out) -> None:
        kernel.steps(*fresh, data, out)

    def memory(self, block_size: int, lanes: int) -> int:
        if self._argument is None:
            return max(self._for_words.memory(block_size, lanes), self._memory(lanes))
        return self._memory(lanes)

    def _memory(self, lanes: int) -> int:
        shape = self.weights.shape
        tables = sum(1 << b for b in shape.bits) * shape.row
        own = (1 << 21) + (SIZE if shape.fed else 0)
        return 2 * tables + shape.width * (shape.layers * 5 * shape.width + 2304) + lanes * own


@takes_model(KIND._replace(name_of=lambda argument: None if argument == WORDS else argument))
def create(argument: str | None, data: bytes | None = None) -> SsmExpert:
    """The registry's factory."""
    return SsmExpert(argument, FILES.given(argument, data))
