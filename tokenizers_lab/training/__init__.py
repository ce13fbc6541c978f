"""Learning vocabularies: BPE with a pluggable objective (``bpe``), SentencePiece by its own library
(``sentencepiece``).

Below them: ``counts`` (distinct pre-tokens of a corpus), ``engine`` over ``merger`` and ``state`` (merges,
compiled), ``objectives``, ``compression_aware`` and ``stream`` (what a merge should make small;
``nzip_bridge`` asks nzip), ``sampler`` and ``checkpoint``."""

from tokenizers_lab.training.bpe import Training, train, train_full

__all__ = ["Training", "train", "train_full"]
