"""Pretrained language models as predictors and experts: ``lm:NAME`` and ``mix+lm:NAME``."""


def create(argument):
    """The registry's factory: argument → expert."""
    from nzip.predictors.lm.expert import LmExpert
    from nzip.predictors.lm.settings import parse

    return LmExpert(parse(argument))
