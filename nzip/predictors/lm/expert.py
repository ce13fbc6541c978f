"""``mix+lm:NAME``: the adapted language model as an expert of the mix, one byte at a time.

Immutable; what a run does is :mod:`.expert_state`. Coded alone, ``lm:NAME`` is
:class:`.predictor.LmPredictor`, which goes token by token.

Concession: a side decision a token, or more, is coded beside the bytes.
"""

from __future__ import annotations

import numpy as np

from nzip.predictors.base import Expert, Predictor
from nzip.predictors.content import Content
from nzip.predictors.lm import spans
from nzip.predictors.lm.expert_state import LmExpertState
from nzip.predictors.lm.predictor import LmPredictor
from nzip.predictors.lm.runner import Runner
from nzip.predictors.lm.settings import Settings
from nzip.predictors.lm.source import LanguageModel


class LmExpert(Expert):
    """``lm:NAME|PATH[,window=N][,lanes=N]`` as an expert; coded alone it is
    :class:`.predictor.LmPredictor`."""

    leads = True

    def __init__(self, settings: Settings, model: LanguageModel | None = None, threads: int | None = None):
        self.settings = settings
        self.spelling = settings.spelling()
        self._model = model
        self._threads = threads

    @property
    def model(self) -> LanguageModel:
        """The loaded model."""
        if self._model is None:
            self._model = self.settings.load()
        return self._model

    def config(self) -> dict:
        """Hashes of weights and tokenizer, and the window."""
        return self.settings.config(self.model)

    def helps(self, data: np.ndarray, content: Content) -> bool:
        """Whether the model can help at least half of the block, whatever its content."""
        return 2 * sum(spans.find(bytes(data), self.model)[::2]) >= len(data)

    def lanes_for(self, size: int) -> int:
        """Lanes that suit a block of ``size`` bytes."""
        return self.settings.lanes_for(size)

    def start(self, lanes: int, data=None) -> LmExpertState:
        return LmExpertState(self.model, self.settings, lanes, data, self._threads)

    def memory(self, block_size: int, lanes: int) -> int:
        engine = self.model.engine
        return (
            engine.bytes()
            + Runner.bytes(engine, lanes, self.settings.window_for(lanes))
            + (64 << 20)
            + 32 * block_size
            + lanes * engine.vocabulary * 12
        )

    def alone(self) -> Predictor:
        return LmPredictor(self.settings, self._model, self._threads)
