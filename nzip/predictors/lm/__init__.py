"""Pretrained language models as predictors and experts: ``lm:NAME`` and ``mix+lm:NAME``."""
