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

from nzip.predictors.base import Expert


def create(argument: str | None) -> Expert:
    """The registry's factory: argument → expert. Raises :class:`nzip.errors.NzipError` for what is none."""
    from nzip.predictors.lm.expert import LmExpert  # start-up: numba
    from nzip.predictors.lm.settings import parse  # start-up: numba

    return LmExpert(parse(argument))
