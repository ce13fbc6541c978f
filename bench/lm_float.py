"""What the exact engine loses against the same model in float32: its rounding of weights, activations, keys
and values.

``python -m bench.lm_float FILE... [--model NAME] [--bytes N] [--context N]`` reads each text in contexts of
so many tokens that begin anew, once with the engine and once with a plain float32 Llama in PyTorch made of
the GGUF file's own weights, and prints the bytes that both give the text, their difference, and the
divergence of the engine's distributions from the floats' (what the difference would be on average over texts
that the model itself wrote; far less noisy).

Concession: the float model attends within a context only, so neither sinks nor the sliding of the window are
in the figures."""

from __future__ import annotations

import os

import click
import numpy as np

from nzip import pretrained
from nzip.predictors.llama import gguf_loader
from nzip.predictors.llama.kv_cache import Cache
from nzip.predictors.lm.source import load


class FloatLlama:
    """A GGUF's Llama in float32, its vocabulary in the order that ``order`` (int64 (V,)) gives."""

    def __init__(self, path: str, order: np.ndarray):
        import torch  # optional: the extra `neural`

        reader = gguf_loader.open_gguf(path)
        self.shape = gguf_loader.shape_of(reader, path)
        found = {t.name.removesuffix(".weight"): t for t in reader.tensors}

        def get(name):
            return torch.from_numpy(np.array(gguf_loader.floats_of(found[name])))

        names = (
            "attn_norm",
            "ffn_norm",
            "attn_q",
            "attn_k",
            "attn_v",
            "attn_output",
            "ffn_gate",
            "ffn_up",
            "ffn_down",
        )
        self.embedding = get("token_embd")[torch.from_numpy(order)]
        self.head = get("output")[torch.from_numpy(order)] if "output" in found else self.embedding
        self.layers = [{n: get(f"blk.{i}.{n}") for n in names} for i in range(self.shape.layers)]
        self.norm = get("output_norm")

    def __call__(self, tokens: np.ndarray):
        """Natural logarithms of the next token's chances, float32 (T, V), after each of ``tokens`` int64
        (T,)."""
        import torch  # optional: the extra `neural`
        from torch.nn.functional import scaled_dot_product_attention, silu  # optional: as above

        s, count = self.shape, len(tokens)
        x = self.embedding[torch.from_numpy(tokens)]
        rate = s.theta ** (-torch.arange(0, s.head_size, 2, dtype=torch.float64) / s.head_size)
        angle = torch.arange(count, dtype=torch.float64)[:, None, None] * rate
        cos, sin = angle.cos().float(), angle.sin().float()

        def norm(x, weight):
            return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + s.eps) * weight

        def heads(x, rotated=True):
            x = x.reshape(count, -1, s.head_size)
            if rotated:
                a, b = x[..., 0::2], x[..., 1::2]
                x = torch.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)
            return x.transpose(0, 1)

        for layer in self.layers:
            y = norm(x, layer["attn_norm"])
            k, v = heads(y @ layer["attn_k"].T), heads(y @ layer["attn_v"].T, False)
            group = s.heads // s.kv_heads
            y = scaled_dot_product_attention(
                heads(y @ layer["attn_q"].T),
                k.repeat_interleave(group, 0),
                v.repeat_interleave(group, 0),
                is_causal=True,
            )
            x = x + y.transpose(0, 1).reshape(count, -1) @ layer["attn_output"].T
            y = norm(x, layer["ffn_norm"])
            x = x + (silu(y @ layer["ffn_gate"].T) * (y @ layer["ffn_up"].T)) @ layer["ffn_down"].T
        return torch.log_softmax(norm(x, self.norm) @ self.head.T, -1)


def compare(path: str, data: bytes, context: int) -> tuple[int, float, float, float]:
    """Tokens, bytes by the float model, bytes by the engine, and the divergence in bytes."""
    import torch  # optional: the extra `neural`

    model = load(path)
    vocabulary, engine = model.vocabulary, model.engine
    floats = FloatLlama(path, np.asarray(vocabulary.order, np.int64))
    tokens = vocabulary.encode(data)
    tokens = tokens[tokens < vocabulary.size]
    sums = np.zeros(3)
    with torch.no_grad():
        for at in range(0, len(tokens), context):
            target = tokens[at : at + context]
            seen = np.concatenate([[vocabulary.start], target[:-1]]).astype(np.int64)
            theirs = floats(seen)
            cache = Cache(engine.shape, 1, max(context, 16), len(seen))
            hidden = engine.forward(cache, np.zeros(len(seen), np.int64), seen)
            own = torch.log_softmax(torch.from_numpy(engine.logits(hidden)[:, : vocabulary.size].copy()), -1)
            rows, index = torch.arange(len(seen)), torch.from_numpy(target.astype(np.int64))
            sums -= [
                theirs[rows, index].sum().item(),
                own[rows, index].sum().item(),
                -(theirs.exp() * (theirs - own)).sum().item(),
            ]
    return len(tokens), *(sums / np.log(2) / 8)


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--model", "name", default="smollm2-135m", show_default=True)
@click.option("--bytes", "limit", default=50_000, show_default=True, help="Of each file, its first bytes.")
@click.option("--context", default=1024, show_default=True, help="Tokens.")
def main(files, name, limit, context):
    """The loss of the exact engine against float32."""
    from rich.console import Console  # start-up: rich
    from rich.table import Table  # start-up: rich

    table = Table("text", "tokens", "float32", "engine", "", "divergence", box=None)
    whole = np.zeros(4)
    for file in files:
        with open(file, "rb") as source:
            found = np.array(compare(str(pretrained.find(name)), source.read(limit), context))
        whole += found
        for label, row in ((os.path.basename(file), found), ("all", whole)):
            if label != "all" or file == files[-1] and len(files) > 1:
                tokens, floats, own, apart = row
                table.add_row(
                    label,
                    f"{tokens:,.0f}",
                    f"{floats:,.0f}",
                    f"{own:,.0f}",
                    f"{own / floats - 1:+.2%}",
                    f"{apart / floats:.2%}",
                )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
