"""tiktoken rank files: ``base64(token) rank`` a line. Read into our BPE encoder, and written from a BPE
codec.

The file says nothing of the pattern or of special tokens: they stand in a sidecar ``x.tiktoken.json`` that
:func:`export` writes, or in the spelling: ``x.tiktoken[pattern=gpt4]``; the files that OpenAI and Qwen give
out are known by their names (:data:`KNOWN`); ``gpt2`` and none if nothing says. Ranks may leave gaps (the
real p50k_base does, where its special token stands): those ids stand for nothing.

Concession: tiktoken merges any neighbours whose bytes are a token, a tokenizer.json only the listed pairs;
for a vocabulary trained here the two agree wherever a token can be spelled in one way, and :func:`export`
counts where not."""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from tokenizers_lab.codecs import tokenizer_json
from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import write_json, write_whole
from tokenizers_lab.pretokenize import PreTokenizer

_LONGEST = 1024  # bytes of a token: the table of pairs grows with its square
_END = "<|endoftext|>"
_FIM = {"<|fim_prefix|>": 100258, "<|fim_middle|>": 100259, "<|fim_suffix|>": 100260}
KNOWN: dict[str, tuple[str, dict[str, int]]] = {
    "r50k_base": ("gpt2", {_END: 50256}),
    "p50k_base": ("gpt2", {_END: 50256}),
    "cl100k_base": ("gpt4", {_END: 100257, **_FIM, "<|endofprompt|>": 100276}),
    "o200k_base": ("o200k", {_END: 199999, "<|endofprompt|>": 200018}),
    "qwen": ("qwen2", {_END: 151643, "<|im_start|>": 151644, "<|im_end|>": 151645}),
}
"""Rank files by the name they are given out under: pattern and special tokens."""


def read_ranks(path) -> dict[bytes, int]:
    """The ranks of a file; raises :class:`DataError` naming the line that is not one."""
    ranks: dict[bytes, int] = {}
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    most = tokenizer_json.largest_id(len(lines))
    taken: set[int] = set()
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            text, rank = line.split()
            if not re.fullmatch(rb"-?[0-9]{1,18}", rank):
                raise ValueError
            # Whisper's own file ends with an empty token: an id that stands for nothing.
            token, value = b"" if text == b"=" else base64.b64decode(text, validate=True), int(rank)
        except (ValueError, binascii.Error):
            raise DataError(f"{path}: line {number} is not 'base64 rank'") from None
        if len(token) > _LONGEST:
            raise DataError(f"{path}: line {number} holds a token of {len(token)} bytes; {_LONGEST} can be")
        if token in ranks or value in taken or value < 0:
            raise DataError(f"{path}: line {number} repeats a token or a rank, or has a negative one")
        if value > most:
            raise DataError(f"{path}: line {number} has rank {value}, too far above the {len(lines)} lines")
        ranks[token] = value
        taken.add(value)
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


def load_tiktoken(path, pattern: str | None = None, name: str | None = None) -> BpeCodec:
    """A rank file as a codec; ids are the ranks. ``name``: the file's, where it lies under another."""
    ranks = read_ranks(path)
    if not ranks:
        raise DataError(f"{path}: holds no ranks")
    named, special = KNOWN.get((name or Path(path).name).removesuffix(".tiktoken"), ("gpt2", {}))
    sidecar = Path(f"{path}.json")
    if sidecar.exists():
        named, special = _sidecar(sidecar, named)
    taken = set(ranks.values())
    most = tokenizer_json.largest_id(len(ranks) + len(special))
    for token_name, i in special.items():
        if i in taken or not 0 <= i <= most:
            raise DataError(
                f"{path}: the special token {token_name!r} has id {i}, which is taken or out of range"
            )
        taken.add(i)
    tokens = [b""] * (max(taken) + 1)
    for token, rank in ranks.items():
        tokens[rank] = token
    merges = pair_table(ranks)
    pre = PreTokenizer(pattern or named)
    return BpeCodec(tokens, merges, pre, special, True, str(path), ranks=[m[2] for m in merges])


def _sidecar(path: Path, pattern: str) -> tuple[str, dict[str, int]]:
    """What a sidecar says: pattern, special tokens."""
    extra = tokenizer_json.read_json(path.read_bytes(), str(path))
    special = extra.get("special", {}) if isinstance(extra, dict) else None
    if not isinstance(special, dict) or not all(type(i) is int for i in special.values()):
        raise DataError(f"{path}: not a sidecar of ranks: 'special' must be an object of ids")
    pattern = extra.get("pattern", pattern)
    if not isinstance(pattern, str):
        raise DataError(f"{path}: not a sidecar of ranks: 'pattern' must be text")
    try:
        PreTokenizer(pattern)
    except LabError as error:
        raise DataError(f"{path}: {error}") from None
    return pattern, special


def export(codec: BpeCodec, path, sample: bytes = b"") -> int:
    """Write ``codec`` as a rank file with its sidecar. Ids stay the same. Returns how many tokens of
    ``sample``'s encoding differ under tiktoken's rule (see the concession above)."""
    if any(not t.special for t in codec.added):
        raise LabError("tiktoken has no added tokens but special ones; this vocabulary cannot be exported")
    lines = []
    seen = set()
    for i, token in enumerate(codec.tokens):
        if not token:  # special, or a gap
            continue
        if token in seen:
            raise LabError(f"token {i} repeats the bytes of another; tiktoken cannot hold it")
        seen.add(token)
        lines.append(base64.b64encode(token) + b" %d\n" % i)
    if not codec.pre.pattern:
        raise LabError(
            "tiktoken needs one pattern; a vocabulary trained without pre-tokenizer, or with several steps, "
            "cannot be exported"
        )
    write_whole(path, b"".join(lines))
    sidecar = {"pattern": codec.pre.name, "pat_str": codec.pre.pattern, "special": codec.special}
    write_json(f"{path}.json", sidecar, ascii=False)
    if not sample:
        return 0
    ours, theirs = codec.encode(sample), load_tiktoken(path).encode(sample)
    ends_a, ends_b = set(codec.offsets(sample, ours).tolist()), set(codec.offsets(sample, theirs).tolist())
    return len(ends_a ^ ends_b)
