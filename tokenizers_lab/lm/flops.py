"""What a raw byte costs in floating-point operations (FLOPs): of a language model over tokens, and of the M1
that made them.

Two for each weight and token, forward; training costs three times that. A tokenizer that packs more bytes
into a token saves the model's work and pays with its output layer, which a larger vocabulary makes wider.
"""

from __future__ import annotations


def flops_per_byte(
    nonembedding: int,
    width: int,
    vocab: int,
    tokens: int,
    raw_bytes: int,
    m1_parameters: int = 0,
    output_layer: bool = True,
) -> float:
    """FLOPs/byte = 2·(N_nonemb + d·V) / (B/T) + 2·N_M1, as the papers count (no attention). The output layer
    d·V counts unless ``output_layer`` is false (the papers' habit); M1 runs once a byte where it cannot be
    compiled away."""
    per_token = 2 * (nonembedding + (width * vocab if output_layer else 0))
    return per_token * tokens / raw_bytes + 2 * m1_parameters


def m1_flops(codec) -> float:
    """Forward FLOPs a byte that tokenising with ``codec`` spends in its M1: two for each weight of a network;
    none for n-gram counts, which are looked up, nor where M1 was compiled away."""
    model = getattr(codec, "model", None)
    engine = getattr(getattr(getattr(model, "expert", None), "model", None), "engine", None)
    if engine is None:
        return 0.0
    s = engine.shape
    rows = s.heads * s.head_size
    return 2.0 * (
        s.layers * s.width * (2 * rows + 2 * s.kv_heads * s.head_size + 3 * s.hidden) + s.vocabulary * s.width
    )


def cost(shape, reader, m1: float | None = None) -> dict[str, float]:
    """FLOPs a raw byte, forward: of the language model (``model.Shape``) with and without its output layer,
    and with M1, on the dataset of ``reader``. ``m1``: the FLOPs of M1 where they are known."""
    per_byte = reader.tokens / max(reader.bytes, 1)
    first = m1_flops(reader.codec) if m1 is None else m1
    return {
        "tokens_per_byte": per_byte,
        "body": shape.flops(False) * per_byte,
        "model": shape.flops() * per_byte,
        "with_m1": shape.flops() * per_byte + first,
        "m1": first,
    }
