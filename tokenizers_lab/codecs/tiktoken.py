"""tiktoken rank files: ``base64(token) rank`` a line. Read into our BPE encoder, and written from a BPE
codec.

The file says nothing of the pattern or of special tokens: they stand in a sidecar ``x.tiktoken.json`` that
:func:`export` writes, or in the spelling: ``x.tiktoken[pattern=gpt4]`` (``gpt2`` if neither says).

Concession: tiktoken merges any neighbours whose bytes are a token, a tokenizer.json only the listed pairs;
for a vocabulary trained here the two agree wherever a token can be spelled in one way, and :func:`export`
counts where not."""

from __future__ import annotations

import base64
import binascii
import json
from pathlib import Path

from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json, write_whole
from tokenizers_lab.pretokenize import PreTokenizer


def read_ranks(path) -> dict[bytes, int]:
    """The ranks of a file; raises :class:`DataError` naming the line that is not one."""
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(Path(path).read_bytes().splitlines(), 1):
        if not line.strip():
            continue
        try:
            text, rank = line.split()
            token, value = base64.b64decode(text, validate=True), int(rank)
        except (ValueError, binascii.Error):
            raise DataError(f"{path}: line {number} is not 'base64 rank'") from None
        if token in ranks or value < 0:
            raise DataError(f"{path}: line {number} repeats a token or has a negative rank")
        ranks[token] = value
    return ranks


def pair_table(ranks: dict[bytes, int]) -> list[tuple[int, int, int]]:
    """All (a, b, a+b) among the tokens, by rank of the result: tiktoken's rule as a table of pairs."""
    out = []
    for token, rank in ranks.items():
        for cut in range(1, len(token)):
            a, b = ranks.get(token[:cut]), ranks.get(token[cut:])
            if a is not None and b is not None:
                out.append((a, b, rank))
    out.sort(key=lambda m: (m[2], m[0]))
    return out


def load_tiktoken(path, pattern: str | None = None) -> BpeCodec:
    """A rank file as a codec; ids are the ranks."""
    ranks = read_ranks(path)
    sidecar = Path(f"{path}.json")
    extra = json.loads(sidecar.read_text("utf-8")) if sidecar.exists() else {}
    special = {str(k): int(v) for k, v in extra.get("special", {}).items()}
    ids = sorted([*ranks.values(), *special.values()])
    if not ranks or ids != list(range(len(ids))):
        raise DataError(f"{path}: ranks and special tokens must number 0..n-1 without gaps")
    tokens = [b""] * len(ids)
    for token, rank in ranks.items():
        tokens[rank] = token
    merges = pair_table(ranks)
    pre = PreTokenizer(pattern or extra.get("pattern", "gpt2"))
    return BpeCodec(tokens, merges, pre, special, True, str(path), ranks=[m[2] for m in merges])


def export(codec: BpeCodec, path, sample: bytes = b"") -> int:
    """Write ``codec`` as a rank file with its sidecar. Ids stay the same. Returns how many tokens of
    ``sample``'s encoding differ under tiktoken's rule (see the concession above)."""
    lines = []
    seen = set()
    for i, token in enumerate(codec.tokens):
        if i in codec.special.values():
            continue
        if token in seen:
            raise LabError(f"token {i} repeats the bytes of another; tiktoken cannot hold it")
        seen.add(token)
        lines.append(base64.b64encode(token) + b" %d\n" % i)
    if not codec.pre.pattern:
        raise LabError(
            "tiktoken needs a pattern; a vocabulary trained without pre-tokenizer cannot be exported"
        )
    write_whole(path, b"".join(lines))
    sidecar = {"pattern": codec.pre.name, "pat_str": codec.pre.pattern, "special": codec.special}
    write_json(f"{path}.json", sidecar, ascii=False)
    if not sample:
        return 0
    ours, theirs = codec.encode(sample), load_tiktoken(path).encode(sample)
    ends_a, ends_b = set(codec.offsets(sample, ours).tolist()), set(codec.offsets(sample, theirs).tolist())
    return len(ends_a ^ ends_b)
