"""Random weights of a small shape, as experts' tests want them."""

from __future__ import annotations

import numpy as np

from nzip.predictors.ssm.weights import Shape, layout, read, write

SHAPE = Shape(64, 2, 4, (5, 6, 6, 7, 5, 6, 8))
FED = SHAPE._replace(fed=True)
SPARSE = Shape(64, 1, 2, (4, 4, 4, 4, 4, 4, 8))
TEXT = (
    b"The mill stood by the stream, and the stream ran under the mill.\r\nIt ran all day; it ran all night. "
    b'<a href="x">\xd0\xbc\xd0\xb5\xd0\xbb\xd1\x8c</a>\n'
) * 3


def random_file(seed: int = 1, shape: Shape = SHAPE, made: dict | None = None, words: bytes = b"") -> bytes:
    """A weights file whose numbers are large enough to saturate here and there."""
    chance = np.random.default_rng(seed)
    tensors = {}
    for name, dtype, dims in layout(shape):
        if dtype == "i1":
            tensors[name] = chance.integers(-127, 128, dims)
        elif dtype == "<i2":
            tensors[name] = chance.integers(-20000, 20000, dims)
        else:
            size = {"bytes_scale": 5e-5, "project_scale": 2e-4, "feed_scale": 2e-5, "gain": 4e-3}.get(
                name, 3e-7 if name.endswith("scale") else 1.0
            )
            tensors[name] = (chance.random(dims) + 0.5) * size
    return write(shape, made or {}, tensors, words)


def sparse_file(seed: int = 1) -> bytes:
    """The smallest weights there can be, mostly zero, so that a packed copy takes a few kilobytes."""
    chance = np.random.default_rng(seed)
    tensors = {}
    for name, dtype, dims in layout(SPARSE):
        if dtype in ("i1", "<i2"):
            tensors[name] = (
                chance.integers(-6, 7, dims) * (chance.random(dims) < 0.06) * (20 if dtype == "i1" else 900)
            )
        else:
            size = {"bytes_scale": 5e-4, "project_scale": 2e-3}.get(
                name, 3e-6 if name.endswith("scale") else 0.5
            )
            tensors[name] = np.full(dims, size)
    return write(SPARSE, {}, tensors)


def random_weights(seed: int = 1, shape: Shape = SHAPE, words: bytes = b""):
    """The same, read."""
    return read(random_file(seed, shape, words=words))
