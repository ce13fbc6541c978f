"""Muon (Jordan et al. 2024): momentum whose steps are made orthogonal, for the matrices of the layers.

A matrix of gates one above the other counts as several square ones. The step's size is that of Adam's
(Liu et al. 2025, "Muon is scalable": 0.2 times the root of the longer side), so that one rate serves both.
Concession: the products of the orthogonalisation are bfloat16, five rounds of the usual quintic, which brings
singular values near one, not to it.
"""

from __future__ import annotations

import torch

_A, _B, _C = 3.4445, -4.775, 2.0315  # of Jordan's quintic


def orthogonal(matrices: torch.Tensor, rounds: int = 5) -> torch.Tensor:
    """Of each of ``matrices`` (n, d, d) the nearest orthogonal one, about: float32."""
    x = (matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)).bfloat16()
    for _ in range(rounds):
        square = x @ x.transpose(1, 2)
        x = _A * x + (_B * square + _C * square @ square) @ x
    return x.float()


class Muon:
    """``step(factor)`` moves ``parameters`` (each (k d, d)) by their gradients at ``rate`` times the
    factor. ``buffers``: what a checkpoint keeps."""

    def __init__(self, parameters: list[torch.nn.Parameter], rate: float, momentum: float = 0.95):
        self.parameters, self.rate, self.momentum = parameters, rate, momentum
        self.buffers = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """One step, with Nesterov's momentum."""
        for parameter, buffer in zip(self.parameters, self.buffers, strict=True):
            gradient = parameter.grad
            if gradient is None:
                continue
            buffer.lerp_(gradient, 1 - self.momentum)
            ahead = torch.lerp(gradient, buffer, self.momentum)
            width = ahead.shape[1]
            step = orthogonal(ahead.view(-1, width, width)).view_as(ahead)
            parameter.add_(step, alpha=-self.rate * factor * 0.2 * width**0.5)

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for parameter in self.parameters:
            parameter.grad = None
