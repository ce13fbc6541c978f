"""Pretrained language models as predictors and experts: ``lm:NAME`` alone and ``mix+lm:NAME``.

A model's exact logits (:mod:`nzip.predictors.llama`) are adapted to the file at hand: a logit bias
(``softmax``), n-gram candidates and a long match (``adapt``), a continuous cache of hidden states
(``continuous_cache``). Alone, a token is coded by one call of the range coder (``predictor``, ``coder``); in
the mix, tokens become distributions over bytes by walking the vocabulary's trie (``expert``,
``expert_state``, ``trie``). ``runner`` holds lanes in lock step, ``spans`` finds what a model cannot help,
``settings`` and ``source`` go from a spelling to a loaded model, ``measure`` and ``hugging_face`` only
measure.
"""

from __future__ import annotations

from pathlib import Path

from nzip.predictors.base import Expert
from nzip.predictors.model_files import ModelKind, takes_model


def _digest(path: Path) -> str:
    from nzip.predictors.lm.source import digest  # start-up: numba

    return digest(path)


def _cost(path: Path) -> int:
    from nzip.predictors.lm.source import cost  # start-up: numba

    return cost(path)


def _looks(head: bytes) -> bool:
    from nzip.predictors.lm.source import looks  # start-up: numba

    return looks(head)


@takes_model(
    ModelKind(
        "language model",
        _digest,
        _cost,
        _looks,
        largest=1 << 36,
        by_path=True,
        name_of=lambda argument: argument.partition(",")[0],
    )
)
def create(argument: str | None, path: Path | None = None) -> Expert:
    """The registry's factory: argument → expert; ``path``: where the model lies, whatever ``argument`` calls
    it. Raises :class:`nzip.errors.NzipError` for what is none."""
    from nzip.predictors.lm.expert import LmExpert  # start-up: numba
    from nzip.predictors.lm.settings import parse  # start-up: numba
    from nzip.predictors.lm.source import load  # start-up: numba

    settings = parse(argument)
    return LmExpert(settings, None if path is None else load(path))
