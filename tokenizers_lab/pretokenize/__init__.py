"""Pre-tokenizers: how text is cut before merges are learned or applied; no token crosses a cut.

``gpt2`` (the default; Hugging Face's ``ByteLevel``), ``gpt4`` (cl100k; also Llama 3's idea), ``none`` (whole
documents: DNA, binaries, or merges across words), or any regular expression as ``regex:PATTERN`` (slow: it
runs in Python; its Unicode tables are the `regex` package's, which may be newer than Hugging Face's)."""

from __future__ import annotations

import numpy as np

from tokenizers_lab.errors import LabError
from tokenizers_lab.pretokenize import kernels
from tokenizers_lab.pretokenize.classes import class_table
from tokenizers_lab.pretokenize.twin import compile_pattern, split_ends

GPT2_PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
GPT4_PATTERN = (
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"""
    r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
_KINDS = {"none": kernels.NONE, "gpt2": kernels.GPT2, "gpt4": kernels.GPT4}
PATTERNS = {"gpt2": GPT2_PATTERN, "gpt4": GPT4_PATTERN}


class PreTokenizer:
    """``name`` spells it; ``kind`` is the compiled splitter's number, or -1 for a regular expression;
    ``pattern`` is the expression, or None for ``none``."""

    def __init__(self, name: str):
        self.name = name
        if name in _KINDS:
            self.kind, self.pattern = _KINDS[name], PATTERNS.get(name)
        elif name.startswith("regex:") and len(name) > 6:
            self.kind, self.pattern = -1, name[6:]
            self._compiled = compile_pattern(self.pattern)
        else:
            raise LabError(f"unknown pre-tokenizer {name!r}; known: {', '.join(_KINDS)}, regex:PATTERN")

    def ends(self, data: np.ndarray) -> np.ndarray:
        """Ends of the pre-tokens of a uint8 array: int64, ascending, the last one len(data)."""
        if self.kind >= 0:
            return kernels.split_all(data, len(data), self.kind, class_table())
        return split_ends(self._compiled, data.tobytes())

    def to_hf(self) -> dict:
        """The ``pre_tokenizer`` entry of a Hugging Face tokenizer.json."""
        level = {
            "type": "ByteLevel",
            "add_prefix_space": False,
            "trim_offsets": True,
            "use_regex": self.name == "gpt2",
        }
        if self.name in ("gpt2", "none"):
            return level
        split = {"type": "Split", "pattern": {"Regex": self.pattern}, "behavior": "Isolated", "invert": False}
        return {"type": "Sequence", "pretokenizers": [split, level]}

    @staticmethod
    def from_hf(entry: dict | None) -> PreTokenizer | None:
        """The reader of :meth:`to_hf`; None where the entry is one that this package cannot follow
        natively."""
        level = dict(entry or {})
        split = None
        if level.get("type") == "Sequence":
            steps = level.get("pretokenizers", [])
            if len(steps) == 2 and steps[0].get("type") == "Split":
                split, level = steps
        if level.get("type") != "ByteLevel" or level.get("add_prefix_space", True):
            return None
        if level.get("use_regex", True):
            return PreTokenizer("gpt2") if split is None else None
        if split is None:
            return PreTokenizer("none")
        if split.get("behavior") != "Isolated" or split.get("invert"):
            return None
        pattern = split.get("pattern", {}).get("Regex")
        for name, known in PATTERNS.items():
            if pattern == known:
                return PreTokenizer(name)
        return None


def streamed(pre: PreTokenizer, blocks):
    """Cut a document that comes in ``blocks`` (bytes-like, any sizes) exactly as the whole would be cut.

    Yields uint8 arrays that begin and end at cuts of the whole document. Only the last, still uncertain
    pre-token is carried over. A pre-token longer than ``CARRY_LIMIT`` bytes is cut there (memory is bounded);
    with ``none`` that is the only cut, and regular expressions of the caller's own are cut at line ends
    only."""
    carry = b""
    for block in blocks:
        buffer = carry + bytes(block) if carry else bytes(block)
        keep = _stable(pre, buffer)
        if keep:
            yield np.frombuffer(buffer, dtype=np.uint8)[:keep]
            buffer = buffer[keep:]
        while len(buffer) > CARRY_LIMIT:
            yield np.frombuffer(buffer, dtype=np.uint8)[:CARRY_LIMIT]
            buffer = buffer[CARRY_LIMIT:]
        carry = buffer
    if carry:
        yield np.frombuffer(carry, dtype=np.uint8)


CARRY_LIMIT = 64 << 20


def _stable(pre: PreTokenizer, buffer: bytes) -> int:
    """The last cut that more text cannot move."""
    if pre.kind == kernels.NONE:
        return 0
    if pre.kind < 0:
        return buffer.rfind(b"\n") + 1
    # What stands left of the cut will be split on its own, and white space at the end of a text is split in
    # another way than before a word; so the cut must follow a character that is certainly not white space.
    data = np.frombuffer(buffer, dtype=np.uint8)
    ends = pre.ends(data)
    ends = ends[: np.searchsorted(ends, len(buffer) - kernels.LOOKAHEAD, side="right")]
    for start in range(len(ends), 0, -1024):
        some = ends[max(0, start - 1024) : start]
        good = np.flatnonzero(_NEVER_ENDS_SPACE[data[some - 1]])
        if len(good):
            return int(some[good[-1]])
    return 0


# Bytes that end no white-space character, in UTF-8.
_NEVER_ENDS_SPACE = np.array(
    [
        c > 32 and c != 127 and c not in (0x85, 0x9F, 0xA0, 0xA8, 0xA9, 0xAF) and not 0x80 <= c <= 0x8A
        for c in range(256)
    ]
)
