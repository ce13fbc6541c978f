"""``ssm``: a pretrained recurrent network (gated linear recurrence with hashed n-gram tables), exact in
integers.

``ssm`` alone is the network that ships; ``ssm:PATH`` one of the user's own, made by ``nzip train``.
``create`` is the registry's factory."""

from __future__ import annotations

import functools
import os

import numpy as np

from nzip.predictors.content import TEXT, Content
from nzip.predictors.ssm import kernel, weights
from nzip.predictors.stepping import STATIC, SmallExpert

SHIPPED = "english.expert"


@functools.lru_cache(maxsize=4)
def _load(path: str, mtime: int, size: int) -> weights.Weights:
    return weights.load(path)


def path_of(argument: str | None) -> str:
    """The file that an argument names: None the shipped one, else a path (or the name of a file in the model
    directory)."""
    from nzip import pretrained

    return (
        os.path.join(os.path.dirname(__file__), SHIPPED)
        if argument is None
        else str(pretrained.find(argument))
    )


def load(argument: str | None) -> weights.Weights:
    """The weights that an argument names."""
    path = path_of(argument)
    stat = os.stat(path)
    return _load(path, stat.st_mtime_ns, stat.st_size)


def model_file(argument: str) -> tuple[str, bytes]:
    """The name without folders and the bytes of the file that an argument names."""
    path = path_of(argument)
    with open(path, "rb") as file:
        return os.path.basename(path), file.read()


class SsmExpert(SmallExpert):
    """``ssm[:PATH]``: see :mod:`nzip.predictors.ssm.kernel`."""

    slot = STATIC

    def __init__(self, argument: str | None = None, given: weights.Weights | None = None):
        from nzip.predictors.registry import Part

        self.spelling = str(Part("ssm", argument))
        self._argument = argument
        self.weights = given if given is not None else load(argument)
        self._net = kernel.make_net(self.weights)

    def config(self) -> dict:
        """The weights' hash."""
        return {"weights": self.weights.digest}

    def embedded(self) -> tuple[SsmExpert, str, bytes] | None:
        """The weights' file, unless it is the one that ships."""
        if self._argument is None:
            return None
        name, data = model_file(self._argument)
        return SsmExpert(name, weights.read(data, self._argument)), name, data

    def helps(self, data: np.ndarray, content: Content) -> bool:
        """Text only: what an ``ssm`` has learnt is text."""
        return content.kind == TEXT

    def fresh(self):
        return self._net, kernel.new_stream(self._net)

    def advance(self, fresh, data, out) -> None:
        kernel.steps(*fresh, data, out)

    def memory(self, block_size: int, lanes: int) -> int:
        shape = self.weights.shape
        tables = sum(1 << b for b in shape.bits) * shape.row
        return 2 * tables + shape.width * (shape.layers * 5 * shape.width + 2048) + lanes * (1 << 21)


def create(argument: str | None, data: bytes | None = None) -> SsmExpert:
    """The registry's factory."""
    return SsmExpert(argument, None if data is None else weights.read(data, argument))
