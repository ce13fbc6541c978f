"""Training, in one loop: AdamW, warm-up and cosine, clipped gradients; float32 on the CPU, bfloat16 products
on a GPU or by choice.

A step's batch depends on the seed and the step alone and nothing else is random, so a run that was stopped
goes on to the same losses, digit for digit on the same machine and threads. Under ``torchrun`` the batch is
shared out over the ranks. Ctrl-C (or SIGTERM) ends after the step at hand and keeps a checkpoint; a loss that
is no number stops with its step named, and the last good checkpoint stays.

Concession: the optimiser is not sharded: a model must fit one device.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from nzip.training.processor import quick
from nzip.training.stopping import Clock, Interrupt
from tokenizers_lab.bits_per_byte import from_nats
from tokenizers_lab.datasets.manifest import HELD_OUT
from tokenizers_lab.datasets.reader import TokenReader
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.lm import checkpoints
from tokenizers_lab.lm.batches import Batches
from tokenizers_lab.lm.evaluation import ROWS, autocast, evaluate
from tokenizers_lab.lm.model import Llama, Shape
from tokenizers_lab.lm.runs import CHECKPOINT, Plan, Run

SAVE_EVERY = 120.0  # seconds between checkpoints


def rate_at(step: int, plan: Plan) -> float:
    """The learning rate of a step (from 0)."""
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    done = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.rate * (0.55 + 0.45 * math.cos(math.pi * min(1.0, done)))


def optimiser(model, plan: Plan) -> torch.optim.AdamW:
    """AdamW that decays matrices and leaves norms alone. Its second moment forgets half in ``plan.half_life``
    tokens, whatever the batch (arXiv 2507.07101): with a beta2 of batches of 16, small ones know too little
    of rare tokens. Large batches keep the usual
    0.95, since an average of two or three steps is none."""
    beta2 = max(0.95, 0.5 ** (plan.batch * model.shape.context / plan.half_life))
    groups = [
        {"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": plan.decay},
        {"params": [p for p in model.parameters() if p.dim() != 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, beta2), eps=1e-8, fused=True)


def trainable(model: Llama, compiled: bool):
    """The model as training calls it; ``compiled`` by torch.compile, over the same parameters. Raises
    :class:`LabError` without a compiler, before the first step."""
    if not compiled:
        return model
    if next(model.parameters()).device.type == "cpu":
        from torch._inductor.cpp_builder import get_cpp_compiler  # a private place of torch, which may move

        try:
            get_cpp_compiler()
        except Exception as error:  # noqa: BLE001 - torch's kind of error changes between versions
            raise LabError(
                f"torch.compile needs a C++ compiler on a CPU ({str(error).strip().splitlines()[0]}); "
                "install g++, "
                "or train without compiling"
            ) from None
    # else a process of many runs comes to the limit of variants of one function, and goes on without
    torch._dynamo.reset()
    return torch.compile(model, dynamic=False)


def gradients(model, x, y, vocabulary: int, on: torch.device, precision: str = "auto") -> torch.Tensor:
    """Mean loss in nats over the batch, its gradients added up over equal parts, small enough for the logits
    to stay in bounds."""
    part = max(
        n for n in range(1, len(x) + 1) if len(x) % n == 0 and (n == 1 or n * x.shape[1] * vocabulary <= ROWS)
    )
    total = torch.zeros((), device=on)
    for at in range(0, len(x), part):
        last = at + part >= len(x)
        quiet = (
            contextlib.nullcontext()
            if last or not isinstance(model, DistributedDataParallel)
            else model.no_sync()
        )
        with quiet:
            with autocast(on, precision):
                loss = model(x[at : at + part], y[at : at + part]) / y.numel()
            loss.backward()
            total += loss.detach()
    return total


def best_device() -> torch.device:
    """A GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@contextlib.contextmanager
def ranks():
    """(rank, world, device): one process, or what ``torchrun`` says (gloo on CPUs, nccl on GPUs)."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    gpu = torch.cuda.is_available()
    if world == 1:
        yield 0, 1, best_device()
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if gpu else "gloo")
    try:
        yield dist.get_rank(), world, device
    finally:
        dist.destroy_process_group()


@quick()
def train(data, folder, shape: Shape, plan: Plan, progress: Callable[[dict], None] | None = None) -> dict:
    """Train on the dataset in ``data``; ``folder`` keeps the run. Returns {"losses": nats by step, "curve":
    held-out bits per byte, "seconds", "loader_seconds"} of the whole run. ``progress`` is called after each
    step with its figures (rank 0 alone; pace and ETA from the second on).

    Raises :class:`LabError` for a plan that does not fit, and for a loss that is no number; KeyboardInterrupt
    after Ctrl-C."""
    with ranks() as (rank, world, device):
        reader = TokenReader(data)
        if shape.vocabulary != reader.vocab_size:
            raise LabError(
                f"{data}: has {reader.vocab_size} ids, the model a vocabulary of {shape.vocabulary}"
            )
        if plan.batch % world:
            raise LabError(f"a batch of {plan.batch} cannot be shared by {world} processes")
        held = (
            TokenReader(data, HELD_OUT) if HELD_OUT in reader.manifest.splits and plan.evaluations else None
        )
        if rank == 0:
            run = Run.create(folder, shape, plan, reader)
        if world > 1:
            dist.barrier()
            run = run if rank == 0 else Run.create(folder, shape, plan, reader)
        torch.manual_seed(plan.seed)
        model = Llama(shape).to(device)
        adam = optimiser(model, plan)
        state = {"step": 0, "losses": [], "curve": [], "seconds": 0.0, "loader_seconds": 0.0}
        kept = run.checkpoint(device)
        if kept is not None:
            model.load_state_dict(kept.pop("model"))
            adam.load_state_dict(_averages(run, kept.pop("adam", None), adam))
            state = kept
        wrapped = trainable(model, plan.compiled)
        wrapped = (
            DistributedDataParallel(wrapped, device_ids=[device.index] if device.type == "cuda" else None)
            if world > 1
            else wrapped
        )
        loop = _Loop(
            run,
            model,
            wrapped,
            adam,
            Batches(reader, shape.context, plan.batch, plan.seed),
            held,
            state,
            rank,
            world,
            device,
        )
        return loop.go(progress)


def _averages(run: Run, kept, adam) -> dict:
    parameters = [p for group in adam.param_groups for p in group["params"]]
    try:
        return checkpoints.require_adam(kept, adam.state_dict(), parameters)
    except ValueError as error:
        raise DataError(
            f"{run.folder / CHECKPOINT}: damaged, or of another run: {error}; remove it to begin anew"
        ) from None


class _Loop:
    def __init__(self, run, model, wrapped, adam, batches, held, state, rank, world, device):
        self.run, self.model, self.wrapped, self.adam, self.batches, self.held = (
            run,
            model,
            wrapped,
            adam,
            batches,
            held,
        )
        self.state, self.rank, self.world, self.device = state, rank, world, device
        plan = run.plan
        points = {
            max(1, round(plan.steps * 2.0 ** (i - plan.evaluations + 1))) for i in range(plan.evaluations)
        }
        self.points = points if held is not None else set()
        self.bytes_per_token = batches.reader.bytes / batches.reader.tokens

    def go(self, progress) -> dict:
        plan, state = self.run.plan, self.state
        began, loader, before = time.perf_counter(), state["loader_seconds"], state["seconds"]
        clock = Clock(SAVE_EVERY)
        first, since = state["step"], None
        with Interrupt() as interrupt:
            while state["step"] < plan.steps:
                at = time.perf_counter()
                x, y = self.batches(state["step"], self.rank, self.world)
                loader += time.perf_counter() - at
                loss, stop = self._step(x.to(self.device), y.to(self.device), interrupt.asked)
                state["losses"].append(loss)
                state["step"] += 1
                now = time.perf_counter()
                state["seconds"], state["loader_seconds"] = before + now - began, loader
                if self.rank == 0:
                    self._evaluate()
                    if progress:
                        progress(
                            self._figures(
                                loss, (now - since) / (state["step"] - first - 1) if since else None
                            )
                        )
                since = since or now  # the first step compiles, and says nothing of the others' pace
                if stop or clock.due or state["step"] == plan.steps:
                    with clock.keeping():
                        self._save()
                if stop:
                    raise KeyboardInterrupt
        return {k: state[k] for k in ("losses", "curve", "seconds", "loader_seconds")}

    def _step(self, x, y, asked: bool) -> tuple[float, bool]:
        plan, step = self.run.plan, self.state["step"]
        for group in self.adam.param_groups:
            group["lr"] = rate_at(step, plan)
        loss = gradients(self.wrapped, x, y, self.run.shape.vocabulary, self.device, plan.precision)
        told = torch.stack(
            [loss.double(), torch.tensor(float(asked), dtype=torch.double, device=self.device)]
        )
        if self.world > 1:
            dist.all_reduce(told)
            told[0] /= self.world
        value, stop = told.tolist()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip)
        if not math.isfinite(value) or not math.isfinite(float(norm)):
            what = (
                f"the loss is {value}"
                if not math.isfinite(value)
                else f"the gradient's norm is {float(norm)}"
            )
            kept = self.run.checkpoint() if self.rank == 0 else None
            raise LabError(
                f"{self.run.folder}: step {step + 1}: {what}; "
                + (f"the checkpoint of step {kept['step']} is kept; " if kept else "")
                + f"train anew with a lower rate than {plan.rate:g}"
            )
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)
        return value, stop > 0

    def _evaluate(self) -> None:
        step = self.state["step"]
        if step in self.points:
            score = evaluate(self.model, self.held, at_most=self.run.plan.eval_bytes)
            tokens = step * self.run.plan.batch * self.run.shape.context
            judged = {
                k: v for k, v in score.json().items() if k in ("bits_per_byte", "bits_per_token", "accuracy")
            }
            self.state["curve"].append(
                {"step": step, "tokens": tokens, "bytes": round(tokens * self.bytes_per_token), **judged}
            )

    def _figures(self, loss: float, seconds: float | None) -> dict:
        plan, step = self.run.plan, self.state["step"]
        pace = (
            {}
            if seconds is None
            else {
                "tokens_per_second": plan.batch * self.run.shape.context / seconds,
                "eta": (plan.steps - step) * seconds,
            }
        )
        return {
            "step": step,
            "steps": plan.steps,
            "loss": loss,
            "bits_per_byte": from_nats(loss, self.bytes_per_token),
            **pace,
        }

    def _save(self) -> None:
        if self.rank == 0:
            self.run.save({**self.state, "model": self.model.state_dict(), "adam": self.adam.state_dict()})
