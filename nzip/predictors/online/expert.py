"""``online``: a small network that learns from the file while it codes it, exact in float32 of a written
order.

``online`` starts from nothing (as StateSMix does) and reads text raw or coded as words; ``online:ssm`` starts
from the weights of the experts that ship, for raw text and for English coded as words (these alone:
``online:words``), ``online:PATH`` from those of a file that ``nzip train`` made: dynamic evaluation (Krause
et al. 2018).
``create`` is the registry's factory."""

from __future__ import annotations

import functools

import numpy as np

from nzip.predictors.base import Expert
from nzip.predictors.content import TEXT, Content
from nzip.predictors.model_files import takes_model
from nzip.predictors.online import kernel, network
from nzip.predictors.spelling import Part
from nzip.predictors.ssm.counts import SIZE
from nzip.predictors.ssm.weights import FILES, KIND, WORDS, Weights
from nzip.predictors.stepping import ADAPTED, ONLINE, SmallExpert

# Blocks longer than this go without (bytes; 40 minutes of one core at 3.6 KB/s, or at 15).
LIMITS = {True: 8 << 20, False: 1 << 24}
# Adam's rate for the matrices, Adagrad's for the embeddings.
FROM_NOTHING = (2.5e-3, 5e-2)
FROM_WEIGHTS = (2e-4, 2e-2)
FROM_WORDS = (1e-4, 2e-2)  # of weights that read text coded as words


class OnlineExpert(SmallExpert):
    """``online[:ssm|:PATH]``: see :mod:`nzip.predictors.online.kernel`."""

    def __init__(self, argument: str | None = None, given: Weights | None = None):
        self.spelling = str(Part("online", argument))
        self._argument = argument
        self.weights = given
        if given is None and argument is not None:
            self.weights = FILES.load(None if argument == "ssm" else argument)
        self.reads = None if self.weights is None else self.weights.words
        self.slot = ONLINE if self.weights is None else ADAPTED
        self.rates = FROM_NOTHING
        if self.weights is not None:
            self.rates = FROM_WORDS if self.weights.words else FROM_WEIGHTS

    def config(self) -> dict:
        """The hash of weights of the user's own that it starts from; what ships is told by the probe."""
        shipped = self._argument in (*FILES.shipped, "ssm")
        return {} if self.weights is None or shipped else {"weights": self.weights.digest}

    @functools.cached_property
    def _for_words(self) -> OnlineExpert:
        return OnlineExpert(WORDS)

    def reading(self, form: bytes) -> Expert | None:
        if form and self._argument == "ssm":
            return self._for_words.reading(form)
        return super().reading(form)

    def embedded(self) -> tuple[Expert, str, bytes] | None:
        """The file of the weights that it starts from, unless it is the one that ships, or none."""
        return FILES.embedded(None if self._argument == "ssm" else self._argument, OnlineExpert)

    def helps(self, data: np.ndarray, content: Content) -> bool:
        """Text only, because the contexts of its tables are those of text; and only where it ends within the
        hour."""
        return content.kind == TEXT and len(data) <= LIMITS[self.weights is not None]

    def fresh(self) -> network.Online:
        return network.new_run(self.weights, self.rates)

    def advance(self, fresh, data, out) -> None:
        kernel.steps(fresh, data, out)

    def memory(self, block_size: int, lanes: int) -> int:
        own = self._memory(lanes)
        return max(own, self._for_words._memory(lanes)) if self._argument == "ssm" else own

    def _memory(self, lanes: int) -> int:
        shape = network.SCRATCH if self.weights is None else self.weights.shape
        matrices = shape.width * (shape.layers * 4 * shape.width + 1024 + 7 * shape.row)
        tables = sum(1 << b for b in shape.bits) * shape.row
        return lanes * (
            (SIZE if shape.fed else 0)
            + 14 * matrices
            + 8 * tables
            + 4 * network.SPAN * shape.width * (9 * shape.layers + 20)
            + (4 << 20)
        )


@takes_model(KIND)
def create(argument: str | None, data: bytes | None = None) -> OnlineExpert:
    """The registry's factory."""
    return OnlineExpert(argument, FILES.given(argument, data))
