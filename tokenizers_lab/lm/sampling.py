"""Generation: tokens drawn from a trained model, and decoded to text.

Concession: no cache of keys and values; the whole context is read again for each token, which small models
can bear."""

from __future__ import annotations

import numpy as np
import torch

from tokenizers_lab.errors import LabError
from tokenizers_lab.lm.healing import Healer
from tokenizers_lab.lm.partial import begin, length, text_of
from tokenizers_lab.lm.runs import Run


def generate(
    model,
    ids,
    count: int,
    *,
    start: int,
    temperature: float = 1.0,
    top_k: int | None = None,
    seed: int = 0,
    stop: int | None = None,
    allowed=None,
):
    """Up to ``count`` ids behind ``ids`` (int array, may be empty), drawn at ``temperature`` (0: always the
    likeliest) among the ``top_k`` likeliest; ends behind ``stop``. ``start`` is the id that stands before a
    text. ``allowed``, given the ids so far, says which may come next; until it says None, ids are drawn among
    those and not counted."""
    if temperature < 0 or (top_k is not None and top_k < 1) or count < 0:
        raise LabError("temperature and tokens must not be negative, and top-k be 1 or more")
    chance = torch.Generator().manual_seed(seed)
    device = next(model.parameters()).device
    out = [start, *np.asarray(ids).tolist()]
    first = len(out)
    model.eval()
    with torch.no_grad():
        while count > 0 or allowed:
            among = allowed(out[1:]) if allowed else None
            if among is None:
                allowed = None
                if not count:
                    break
                count -= 1
            x = torch.tensor([out[-model.shape.context :]], device=device)
            logits = model.head(model.hidden(x)[0, -1]).double().cpu()
            if among is not None:
                hidden = torch.ones(len(logits), dtype=torch.bool)
                hidden[torch.from_numpy(among)] = False
                logits[hidden] = -torch.inf
            if temperature == 0:
                token = int(logits.argmax())
            else:
                logits /= temperature
                if top_k is not None and top_k < len(logits):
                    logits[logits < logits.topk(top_k).values[-1]] = -torch.inf
                token = int(torch.multinomial(logits.softmax(-1), 1, generator=chance))
            if token == stop:
                break
            out.append(token)
    return np.array(out[first:], np.int64)


def sample(run: Run, prompt: bytes, tokens: int, device="cpu", **options) -> tuple[bytes, str | None]:
    """(text, remark): the prompt, and what the model of ``run`` makes of it, to the end of a document or
    ``tokens`` tokens on. The remark says what could not be decoded, or None."""
    codec, eos = run.codec, run.data["eos"]
    ids = begin(codec, prompt, 8 * tokens)
    model = run.model(device)
    healer = Healer(codec, prompt, length(prompt, 8 * tokens))
    made = generate(
        model, ids, tokens, start=0 if eos is None else eos, stop=eos, allowed=healer.allowed, **options
    )
    together = np.concatenate([ids.astype(np.int64), made])
    outside = np.flatnonzero(together >= codec.vocab_size)
    if len(outside):
        together = together[: outside[0]]
    return text_of(codec, together)
