"""``transformer``: a small Llama over bytes that has read before, as an expert of the mix.

``byte_file`` is the format of its weights, ``stream`` runs one lane of the exact engine
(:mod:`nzip.predictors.llama`) from compiled code, ``expert`` is what the mix and the registry see.
:mod:`nzip.training.transformer` trains one. Large language models, which think in tokens, are ``lm``.

Concession: one lane at a time, so decoding moves all weights through the processor for every byte.
"""
