"""What of a ``tokenizer.json`` is handed to the package ``tokenizers``: what is known to be understood
there.

That package is Rust, and panics where a file surprises it (a ``continuing_subword_prefix`` longer than a
token, an empty match, a chunk of length zero): at best an exception that no ``except Exception`` catches, at
worst the end of the process. So a config is taken apart and put together anew from a short list of kinds,
with every name, type and length in it checked before.

Concession: a tokenizer that needs more than this list (other normalizers, dropout, affixes) is refused,
though a vocabulary alone would do to decode.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nzip.errors import NzipError

MAX_STEPS = 32
MAX_NESTED = 4
MAX_PATTERN = 2048
MAX_MERGES = 1 << 21
_BEHAVIORS = ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous")
_NORMALIZERS = ("NFC", "NFD", "NFKC", "NFKD", "Lowercase")
# By kind: each key, and whether a value is one of its own.
_TRUTH: Callable[[Any], bool] = lambda value: type(value) is bool
_STEPS: dict[str, dict[str, Callable[[Any], bool]]] = {
    "ByteLevel": {"add_prefix_space": _TRUTH, "trim_offsets": _TRUTH, "use_regex": _TRUTH},
    "Digits": {"individual_digits": _TRUTH},
    "Punctuation": {"behavior": lambda value: value in _BEHAVIORS},
    "Whitespace": {},
    "WhitespaceSplit": {},
    "Split": {
        "pattern": lambda value: _is_pattern(value),
        "behavior": lambda value: value in _BEHAVIORS,
        "invert": _TRUTH,
    },
}


def _is_pattern(value: Any) -> bool:
    if not isinstance(value, dict) or len(value) != 1:
        return False
    ((kind, text),) = value.items()
    # \\g calls a group, also itself: a pattern that never ends.
    return (
        kind in ("Regex", "String")
        and isinstance(text, str)
        and 0 < len(text) <= MAX_PATTERN
        and not (kind == "Regex" and "\\g" in text)
    )


def pre_tokenizer(entry: Any, where: str) -> dict[str, Any]:
    """The ``pre_tokenizer`` of a file, made anew; one of its steps must be ``ByteLevel``. Raises
    :class:`NzipError` for any other."""
    found: list[dict[str, Any]] = []
    _steps(entry, found, 0, where)
    if not any(step["type"] == "ByteLevel" for step in found):
        raise NzipError(f"{where}: a tokenizer without byte-level pieces is not supported; byte-level BPE is")
    return found[0] if len(found) == 1 else {"type": "Sequence", "pretokenizers": found}


def _steps(entry: Any, found: list[dict[str, Any]], depth: int, where: str) -> None:
    kind = entry.get("type") if isinstance(entry, dict) else None
    inner = entry.get("pretokenizers") if kind == "Sequence" else None
    if isinstance(inner, list) and depth < MAX_NESTED:
        for step in inner:
            _steps(step, found, depth + 1, where)
        return
    known = _STEPS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise NzipError(f"{where}: the pre-tokenizer {str(kind)[:40]!r} is not supported")
    own = {key: value for key, value in entry.items() if key != "type"}
    wrong = next((key for key, value in own.items() if key not in known or not known[key](value)), None)
    if wrong is not None:
        raise NzipError(f"{where}: the pre-tokenizer {kind} with this {wrong[:40]!r} is not supported")
    if len(found) == MAX_STEPS:
        raise NzipError(f"{where}: more than {MAX_STEPS} pre-tokenizers are not supported")
    found.append({"type": kind, **own})


def normalizer(entry: Any, where: str) -> dict[str, Any] | None:
    """The ``normalizer`` of a file, made anew. Raises :class:`NzipError` for one that is not known."""
    if entry is None:
        return None
    steps = [entry]
    if isinstance(entry, dict) and entry.get("type") == "Sequence":
        steps = entry.get("normalizers") or []
    kinds = [step.get("type") if isinstance(step, dict) else None for step in steps][: MAX_STEPS + 1]
    if len(kinds) > MAX_STEPS or not all(kind in _NORMALIZERS for kind in kinds):
        raise NzipError(
            f"{where}: the tokenizer's normalizer is not supported; these are: {', '.join(_NORMALIZERS)}"
        )
    return {"type": "Sequence", "normalizers": [{"type": kind} for kind in kinds]}


def vocabulary(entry: Any, size: int, where: str) -> dict[str, int]:
    """A map of tokens to ids below ``size``, as a file has it. Raises :class:`NzipError` where it is none."""
    if not isinstance(entry, dict) or not entry:
        raise NzipError(f"{where}: the tokenizer has no vocabulary")
    for token, number in entry.items():
        if type(number) is not int or not 0 <= number < size:
            raise NzipError(
                f"{where}: token {token[:40]!r} has id {str(number)[:40]}, but the model has {size} tokens"
            )
    if len(set(entry.values())) != len(entry):
        raise NzipError(f"{where}: two tokens have one id")
    return entry


def merges(entry: Any, known: dict[str, int], where: str) -> list[tuple[str, str]]:
    """The merges of a file, each of two tokens into a third, all three ``known``. Raises :class:`NzipError`
    for others."""
    if not isinstance(entry, list) or len(entry) > MAX_MERGES:
        raise NzipError(f"{where}: the tokenizer's merges are no list of at most {MAX_MERGES:,}")
    made = []
    for number, merge in enumerate(entry):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if (
            not isinstance(pair, list)
            or len(pair) != 2
            or not all(isinstance(part, str) and part in known for part in pair)
            or pair[0] + pair[1] not in known
        ):
            raise NzipError(f"{where}: merge {number} of the tokenizer is not of two tokens into a third")
        made.append((pair[0], pair[1]))
    return made


def bpe(entry: dict[str, Any], size: int, where: str) -> dict[str, Any]:
    """The ``model`` of a file, a plain BPE, made anew. Raises :class:`NzipError` for any other."""
    for key in ("continuing_subword_prefix", "end_of_word_suffix", "dropout", "byte_fallback"):
        if entry.get(key):
            raise NzipError(f"{where}: a BPE with {key} is not supported")
    known = vocabulary(entry.get("vocab"), size, where)
    return {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": entry.get("ignore_merges") is True,
        "vocab": known,
        "merges": merges(entry.get("merges"), known, where),
    }


def guarded(call: Callable[[], Any], where: str) -> Any:
    """What ``call`` into the package gives. Raises :class:`NzipError` for whatever it raises, panics
    included."""
    try:
        return call()
    except BaseException as error:
        # A panic is a BaseException of a class that no module exports.
        if isinstance(error, Exception) or type(error).__name__ == "PanicException":
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise NzipError(
                f"{where}: the package tokenizers does not take this model: {reason[:100]}"
            ) from error
        raise
