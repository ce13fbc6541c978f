"""``hf:NAME|PATH``: any causal model that transformers can load, measured but never coded with.

Its logits are PyTorch's floats, which change with batch, threads and machine: ``exact = False``, so it serves
for bits per byte by the published protocol (:mod:`.measure`), side by side with the exact engine's, and
refuses to code.

Concession: text must be UTF-8, and the tokenizer lossless on it; one window at a time, in float32 on the CPU.
"""

from __future__ import annotations

import functools

import numpy as np

from nzip.errors import NzipError, Remedy
from nzip.predictors.base import Expert, ExpertState, Predictor
from nzip.predictors.lm.measure import BLOCK, STRIDE, Measured, by_windows

_INSTALL = "pip install transformers, and '.[neural]' in nzip's source"


def create(argument: str | None) -> HuggingFaceExpert:
    """The registry's factory."""
    if not argument:
        raise NzipError("hf needs a model: write hf:OWNER/NAME or hf:PATH")
    return HuggingFaceExpert(argument)


class HuggingFaceExpert(Expert):
    """Only :meth:`alone` is of use: a float model is no input of a file that must decode elsewhere."""

    exact = False

    def __init__(self, name: str):
        self.name = name
        self.spelling = f"hf:{name}"

    def alone(self) -> HuggingFacePredictor:
        return HuggingFacePredictor(self.name)

    def start(self, lanes: int, data=None) -> ExpertState:
        raise _refused(self.spelling)

    def memory(self, block_size: int, lanes: int) -> int:
        raise _refused(self.spelling)


class HuggingFacePredictor(Predictor):
    """Measures (:meth:`measure_text`); every other use is refused with one line."""

    exact = False

    def __init__(self, name: str):
        self.name = name
        self.spelling = f"hf:{name}"

    @functools.cached_property
    def _loaded(self):
        try:
            # optional: neither is needed by what codes
            import torch  # noqa: F401  # transformers names it late, and in more than one line
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ImportError as error:
            raise NzipError(f"{self.spelling} needs the package transformers: {_INSTALL}") from error
        try:
            tokenizer = AutoTokenizer.from_pretrained(self.name)
            model = AutoModelForCausalLM.from_pretrained(self.name).float().eval()
        except (OSError, ValueError, KeyError, ImportError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise NzipError(f"could not load {self.name} with transformers: {reason}") from error
        return tokenizer, model

    def measure_text(self, data: bytes, protocol: str, block: int = BLOCK, stride: int = STRIDE) -> Measured:
        """Bits of ``data`` under ``protocol`` "windows"."""
        if protocol != "windows":
            raise NzipError(
                f"{self.spelling} has no sliding context with sinks", Remedy("use", "protocol", "windows")
            )
        import torch  # optional: see _loaded

        try:
            text = bytes(data).decode()
        except UnicodeDecodeError as error:
            raise NzipError(f"{self.spelling} measures UTF-8 text, and byte {error.start} is none") from error
        tokenizer, model = self._loaded
        tokens = tokenizer.encode(text, add_special_tokens=False)
        if tokenizer.decode(tokens, clean_up_tokenization_spaces=False) != text:
            raise NzipError(
                f"the tokenizer of {self.name} does not give back this text: its bits would count for less"
            )
        start = next((t for t in (tokenizer.bos_token_id, tokenizer.eos_token_id) if t is not None), None)
        if start is None:
            raise NzipError(f"the tokenizer of {self.name} has no token that begins a text")
        sequence = torch.tensor([start, *tokens])

        def costs(first: int, end: int, skip: int) -> float:
            with torch.inference_mode():
                logits = model(sequence[None, first:end]).logits[0, skip:].double()
                seen = sequence[first + skip + 1 : end + 1]
                return float(torch.nn.functional.cross_entropy(logits, seen, reduction="sum")) / np.log(2)

        return Measured(by_windows(len(tokens), block, stride, costs), len(data), len(text), len(tokens))

    def probe(self) -> bytes:
        raise _refused(self.spelling)

    def memory(self, block_size: int) -> int:
        raise _refused(self.spelling)

    def encode(self, data) -> tuple[bytes, bytes]:
        raise _refused(self.spelling)

    def decode(self, params: bytes, payload, size: int) -> bytes:
        raise _refused(self.spelling)


def _refused(spelling: str) -> NzipError:
    return NzipError(
        f"{spelling} computes in floats that differ from machine to machine: it measures, by windows, and "
        "files are made with lm:MODEL"
    )
