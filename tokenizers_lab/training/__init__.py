"""Learning vocabularies: BPE with a pluggable objective (``bpe.py``), SentencePiece by its own library
(``codecs/unigram.py``)."""

from tokenizers_lab.training.bpe import Training, train, train_full

__all__ = ["Training", "train", "train_full"]
