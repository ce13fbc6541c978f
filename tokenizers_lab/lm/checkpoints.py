"""What a checkpoint of a language model may hold, checked before a model is made or a step is taken by it.

torch reads it as weights only, so nothing in it is run; but tensors may have any shape and type, or claim a
billion elements over the memory of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch

_MOST = 1 << 53


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(what)


def require_state(kept, steps: int) -> None:
    """Step, losses, curve and times. Raises :class:`ValueError`."""
    _require(isinstance(kept, dict), "it holds no state of training")
    step, losses, curve = (kept.get(key) for key in ("step", "losses", "curve"))
    _require(type(step) is int and 0 <= step <= steps, "its step is not of the plan")
    _require(isinstance(losses, list) and len(losses) == step, "its losses are not those of its steps")
    _require(all(type(x) is float and math.isfinite(x) for x in losses), "a loss is no number")
    _require(isinstance(curve, list) and all(isinstance(point, dict) for point in curve), "it has no curve")
    for point in curve:
        fits = all(
            isinstance(k, str) and type(v) in (int, float) and abs(v) < _MOST for k, v in point.items()
        )
        _require(fits and type(point.get("step")) is int, "a point of its curve is none")
    for key in ("seconds", "loader_seconds"):
        value = kept.get(key, 0.0)
        _require(type(value) in (int, float) and 0 <= value < _MOST, f"its {key} are no time")


def _is_weight(tensor, shape) -> bool:
    return (
        isinstance(tensor, torch.Tensor)
        and tensor.layout is torch.strided
        and tensor.device.type == "cpu"
        and tensor.dtype is torch.float32
        and tuple(tensor.shape) == tuple(shape)
        and tensor.is_contiguous()
    )


def require_tensors(found, shapes: Callable[[], dict[str, tuple[int, ...]]], count: int) -> None:
    """Tensors of just these names and shapes, their memory there. ``count``: how many there are to be, looked
    at before ``shapes()`` is asked for all. Raises :class:`ValueError`."""
    _require(isinstance(found, dict) and len(found) == count, "it is of another shape")
    for name, shape in shapes().items():
        _require(_is_weight(found.get(name), shape), f"{name} is of another shape")


def require_adam(kept, fresh: dict, parameters: list[torch.Tensor]) -> dict:
    """The optimiser's state in a checkpoint, for ``load_state_dict``; its settings are ``fresh`` ones (of the
    plan), its averages those of ``parameters``, in its order. Raises :class:`ValueError`."""
    _require(isinstance(kept, dict) and isinstance(kept.get("state"), dict), "it has no optimiser")
    state = kept["state"]
    _require(set(state) <= set(range(len(parameters))), "its optimiser is of another model")
    for i, entry in state.items():
        fits = isinstance(entry, dict) and set(entry) == {"step", "exp_avg", "exp_avg_sq"}
        fits = fits and _is_weight(entry["step"].cpu() if _tensor(entry["step"]) else None, ())
        fits = fits and all(_is_weight(entry[key], parameters[i].shape) for key in ("exp_avg", "exp_avg_sq"))
        _require(fits and 0 <= float(entry["step"]) < _MOST, "its optimiser is of another model")
    return {"state": state, "param_groups": fresh["param_groups"]}


def _tensor(value) -> bool:
    return isinstance(value, torch.Tensor) and value.device.type != "meta" and value.dim() == 0
