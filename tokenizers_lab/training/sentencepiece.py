"""Learning a SentencePiece vocabulary (Unigram, or its BPE) by SentencePiece's own trainer, with the settings
that make it lossless on any bytes (``codecs/sentencepiece.py`` says which)."""

from __future__ import annotations

import io
import re
from typing import Any

from tokenizers_lab.codecs.sentencepiece import UnigramCodec
from tokenizers_lab.errors import LabError
from tokenizers_lab.training.wishes import special_names

_THREADS = 4  # sums of floats depend on it, so it is one number everywhere
_RESERVED = re.compile("\u2585+")  # the library passes over lines that hold its sign for <unk>
_OWN = ("<unk>", "<s>", "</s>")


def train_unigram(
    documents, vocab_size: int, model_type: str = "unigram", special=(), **options
) -> UnigramCodec:
    """Train a lossless SentencePiece model on ``documents`` (bytes or str, each cut into lines of at most 4
    KB). ``model_type``: ``unigram`` or ``bpe``. ``special``: names (a string is one) that get ids and are
    never made from text, behind SentencePiece's own ``<unk>``, ``<s>``, ``</s>``. ``options`` go to
    ``SentencePieceTrainer``. Raises :class:`LabError` with SentencePiece's own words (a vocabulary too large
    for the text, usually)."""
    import sentencepiece  # start-up, and an optional dependency

    names = special_names(special, bytewise=False)

    def lines():
        for document in documents:
            text = document if isinstance(document, str) else bytes(document).decode("utf-8", "replace")
            for whole in text.replace("\u2581", " ").split("\n"):
                for line in _RESERVED.split(whole):
                    for at in range(0, len(line), 1000):
                        yield line[at : at + 1000]

    out = io.BytesIO()
    settings: dict[str, Any] = {
        "normalization_rule_name": "identity",
        "add_dummy_prefix": False,
        "remove_extra_whitespaces": False,
        "byte_fallback": True,
        "character_coverage": 0.9995,
        "allow_whitespace_only_pieces": True,
        "num_threads": _THREADS,
        "minloglevel": 2,
        "max_sentence_length": 1 << 16,
        "control_symbols": [name for name in names if name not in _OWN],
    }
    settings.update(options)
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=lines(),
            model_writer=out,
            vocab_size=vocab_size,
            model_type=model_type,
            **settings,
        )
    except (RuntimeError, OSError) as error:
        raise LabError(f"sentencepiece: {str(error).strip().splitlines()[-1]}") from None
    return UnigramCodec(out.getvalue())
