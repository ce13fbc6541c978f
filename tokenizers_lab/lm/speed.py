"""How fast this machine trains, against the fastest float32 matrix product that torch reaches on it, in the
same run.

The two are timed in turn, best of several, so that a busy machine slows both alike; with one thread of a CPU
in CPU seconds, which other programs hardly touch. FLOPs are counted as ``Shape.flops`` counts them: two for
each weight and token, three times for training."""

from __future__ import annotations

import time

import torch

from nzip.training.processor import quick
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.lm.runs import Plan
from tokenizers_lab.lm.training import best_device, gradients, optimiser, trainable


def _clock():
    return (
        time.process_time
        if torch.get_num_threads() == 1 and not torch.cuda.is_available()
        else time.perf_counter
    )


def matrix_peak(size: int = 1024, repeats: int = 4, device="cpu") -> float:
    """FLOP/s of one square float32 product of this size."""
    a, b = torch.randn(size, size, device=device), torch.randn(size, size, device=device)
    a @ b
    clock = _clock()
    start = clock()
    for _ in range(repeats):
        a @ b
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
    return 2 * size**3 * repeats / (clock() - start)


@quick()
def training_speed(
    size: str = "4M",
    vocabulary: int = 257,
    context: int = 512,
    batch: int = 4,
    rounds: int = 4,
    precision: str = "auto",
    compiled: bool = False,
) -> dict:
    """Training steps (forward, backward, AdamW) of a model on random ids: ``training_flops_per_second``,
    ``tokens_per_second``, ``matrix_peak``, ``share`` of it; the best of ``rounds`` of each."""
    device = best_device()
    shape = Shape.named(size, vocabulary, context)
    torch.manual_seed(0)
    model = Llama(shape).to(device)
    called, adam = trainable(model, compiled), optimiser(model, Plan(1))
    x = torch.randint(vocabulary, (batch, context), device=device)
    times, peaks, clock = [], [], _clock()
    for i in range(rounds + 1):
        start = clock()
        gradients(called, x, x, vocabulary, device, precision).item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        adam.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()
        if i:
            times.append(clock() - start)
        peaks.append(matrix_peak(device=device))
    tokens = batch * context / min(times)
    speed = 3 * shape.flops() * tokens
    return {
        "size": size,
        "parameters": shape.parameters,
        "tokens_per_step": batch * context,
        "threads": torch.get_num_threads(),
        "clock": "CPU seconds" if clock is time.process_time else "wall",
        "tokens_per_second": tokens,
        "training_flops_per_second": speed,
        "matrix_peak": max(peaks),
        "share": speed / max(peaks),
    }
