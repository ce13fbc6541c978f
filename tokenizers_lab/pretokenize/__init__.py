"""Pre-tokenizers: how text is cut before merges are learned or applied; no token crosses a cut.

``gpt2`` (the default; Hugging Face's ``ByteLevel``), ``gpt4`` (cl100k; also Llama 3's idea), ``qwen2``,
``o200k``, ``lines`` (superwords: every cut is one of those four's, too, but for ``o200k``'s before a slash
that begins a line), ``none`` (whole documents: DNA, binaries, or merges across all there is), any regular
expression as ``regex:PATTERN``, and ``steps:[…]``, what a tokenizer.json lists. Those two have no kernel, but
for DeepSeek's steps, and are slower: the `tokenizers` library cuts (``library.py``), by its own syntax and
its own Unicode tables."""

from __future__ import annotations

import json

import numpy as np

from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.pretokenize import deepseek, kernels
from tokenizers_lab.pretokenize.classes import class_table
from tokenizers_lab.pretokenize.library import LibrarySplitter, keeps_all, split_step

GPT2_PATTERN = r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"""
GPT4_PATTERN = (
    r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"""
    r"""|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
_LETTERS = r"""[^\r\n\p{L}\p{N}]?"""
_ENDING = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)?"""
O200K_PATTERN = (
    _LETTERS
    + r"""[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"""
    + _ENDING
    + "|"
    + _LETTERS
    + r"""[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"""
    + _ENDING
    + r"""|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
)
LINES_PATTERN = r"""[^\r\n]*\s*[\r\n](?:\s+(?!\S))?|[^\r\n]+"""
QWEN2_PATTERN = GPT4_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
_KINDS = {
    "none": kernels.NONE,
    "gpt2": kernels.GPT2,
    "gpt4": kernels.GPT4,
    "qwen2": kernels.QWEN2,
    "o200k": kernels.O200K,
    "lines": kernels.LINES,
}
_DEEPSEEK_STEPS = [split_step(pattern) for pattern in deepseek.PATTERNS]
PATTERNS = {
    "gpt2": GPT2_PATTERN,
    "gpt4": GPT4_PATTERN,
    "o200k": O200K_PATTERN,
    "qwen2": QWEN2_PATTERN,
    "lines": LINES_PATTERN,
}
WORDS = ("gpt2", "gpt4", "o200k", "qwen2")
"""Those that cut into words, so that merges within words and across them are two things."""


class PreTokenizer:
    """``name`` spells it; ``kind`` is the compiled splitter's number, or -1 where the library splits;
    ``pattern`` is the expression, or None where it is not one alone. Raises :class:`LabError`."""

    def __init__(self, name: str):
        self.name, self.kind, self.pattern = name, _KINDS.get(name, -1), PATTERNS.get(name)
        self._steps: list[dict] = []
        if self.kind >= 0:
            return
        if name.startswith("regex:") and len(name) > 6:
            self.pattern = name[6:]
        if self.pattern:
            self._steps = [split_step(self.pattern)]
        elif name.startswith("steps:"):
            self._steps = _steps(name)
            self.name = _spelled(self._steps)
            if self._steps == _DEEPSEEK_STEPS:
                self.kind = kernels.DEEPSEEK
                return
        else:
            raise LabError(f"unknown pre-tokenizer {name!r}; known: {', '.join(_KINDS)}, regex:PATTERN")
        try:
            self._splitter = LibrarySplitter(self._steps, name)
        except DataError as error:
            raise LabError(str(error)) from None

    @property
    def once_the_librarys(self) -> bool:
        """Whether the library cuts, or once did, alike: codecs' fingerprints say so."""
        return self.kind < 0 or self.kind in (kernels.O200K, kernels.QWEN2, kernels.DEEPSEEK)

    def ends(self, data: np.ndarray) -> np.ndarray:
        """Ends of the pre-tokens of a uint8 array: int64, ascending, the last one len(data)."""
        if self.kind >= 0:
            return kernels.split_all(data, len(data), self.kind, class_table())
        return self._splitter.ends(data.tobytes())

    def are_whole(self, arena: np.ndarray, starts: np.ndarray, which: np.ndarray) -> np.ndarray:
        """Whether each of the byte strings ``which`` (string i is arena[starts[i]:starts[i + 1]]) is one
        pre-token: bool."""
        if self.kind >= 0:
            return kernels.are_whole(arena, starts, which, self.kind, class_table())
        found = [len(self.ends(arena[starts[i] : starts[i + 1]])) == 1 for i in which.tolist()]
        return np.array(found, dtype=bool)

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
        steps = self._steps or [split_step(str(self.pattern))]
        return {"type": "Sequence", "pretokenizers": [*steps, level]}

    @staticmethod
    def from_hf(entry: dict | None) -> PreTokenizer | None:
        """The reader of :meth:`to_hf`; None where the entry is one that this package cannot follow
        exactly."""
        if not isinstance(entry, dict):
            return None
        steps = entry.get("pretokenizers", []) if entry.get("type") == "Sequence" else [entry]
        if not isinstance(steps, list) or not steps or not all(isinstance(step, dict) for step in steps):
            return None
        *steps, level = steps
        if level.get("type") != "ByteLevel" or level.get("add_prefix_space", True):
            return None
        if level.get("use_regex", True):
            return None if steps else PreTokenizer("gpt2")
        if not steps:
            return PreTokenizer("none")
        if not all(map(keeps_all, steps)):
            return None
        inside = steps[0].get("pattern")
        pattern = inside.get("Regex") if isinstance(inside, dict) else None
        if len(steps) == 1 and isinstance(pattern, str) and steps[0] == split_step(pattern):
            names = {known: name for name, known in PATTERNS.items()}
            return PreTokenizer(names.get(pattern, f"regex:{pattern}"))
        return PreTokenizer(_spelled(steps))


def _spelled(steps: list[dict]) -> str:
    return "steps:" + json.dumps(steps, sort_keys=True, ensure_ascii=False)


def _steps(name: str) -> list[dict]:
    try:
        steps = json.loads(name[6:])
    except ValueError as error:
        raise LabError(f"pre-tokenizer {name!r}: not JSON: {error}") from None
    if not isinstance(steps, list) or not all(isinstance(s, dict) and keeps_all(s) for s in steps):
        raise LabError(f"pre-tokenizer {name!r}: takes a list of steps that keep all of the text")
    return steps


def streamed(pre: PreTokenizer, blocks):
    """Cut a document that comes in ``blocks`` (bytes-like, any sizes) exactly as the whole would be cut.

    Yields uint8 arrays that begin and end at cuts of the whole document. Only the last, still uncertain
    pre-token is carried over. A pre-token longer than ``CARRY_LIMIT`` bytes is cut there (memory is bounded);
    with ``none`` that is the only cut, and ``o200k`` and regular expressions of the caller's own are cut at
    line ends only."""
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
    if pre.kind < 0 or pre.kind in (kernels.O200K, kernels.DEEPSEEK):
        return buffer.rfind(b"\n") + 1
    if pre.kind == kernels.LINES:
        # A line's cut is certain once a character behind its white space is seen, all of its bytes.
        ends = pre.ends(np.frombuffer(buffer, dtype=np.uint8))[:-1]
        ends = ends[ends <= len(buffer) - kernels.LOOKAHEAD]
        return int(ends[-1]) if len(ends) else 0
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
