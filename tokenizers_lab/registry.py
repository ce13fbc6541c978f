"""Spellings to codecs: one function, :func:`load`, for the command line, the analyses and the datasets.

A spelling is a path (``T.json``, ``m.model``, ``x.tiktoken``) or a name, each with parameters in brackets
where it takes any: ``gzip[level=6]``, ``ac[m1=order-3,train=FILE]``, ``x.tiktoken[pattern=gpt4]``; or the
name of somebody's tokenizer (``tokenizers_lab.names``). Names of codecs win over files of the same name
(write ``./bytes`` for a file), files over names of tokenizers. A second codec of a name is an error."""

from __future__ import annotations

import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs import tokenizer_json
from tokenizers_lab.codecs.bytes import BytesCodec
from tokenizers_lab.codecs.gzip import GzipCodec
from tokenizers_lab.codecs.huggingface import HuggingFaceCodec
from tokenizers_lab.codecs.sentencepiece import UnigramCodec
from tokenizers_lab.errors import DataError, LabError
from tokenizers_lab.files import unpack_arrays
from tokenizers_lab.names import places
from tokenizers_lab.names.known import BY_NAME

_RANK = re.compile(rb"[A-Za-z0-9+/]+=* [0-9]+\r?\n")  # a first line: base64(token) rank
_SUFFIXES = (".json", ".model", ".tiktoken")
_NO_CODECS = ("order-n",)  # files of the lab that a codec is made from
_FACTORIES: dict[str, Callable[[dict[str, str], str], Codec]] = {}


def register(name: str, factory: Callable[[dict[str, str], str], Codec]) -> None:
    """Add a codec name. ``factory(parameters, spelling)``; it should pass what it takes to :func:`only`."""
    if name in _FACTORIES:
        raise LabError(f"a codec named {name!r} is registered already")
    _FACTORIES[name] = factory


def names() -> list[str]:
    """The registered names, sorted."""
    return sorted(_FACTORIES)


def parse(spelling: str) -> tuple[str, dict[str, str]]:
    """``"ac[m1=order-3,v=65k]"`` → ``("ac", {"m1": "order-3", "v": "65k"})``. Values may nest brackets."""
    spelling = spelling.strip()
    if not spelling.endswith("]") or "[" not in spelling:
        return spelling, {}
    name, _, inside = spelling[:-1].partition("[")
    parameters: dict[str, str] = {}
    depth, start, parts = 0, 0, []
    for i, c in enumerate(inside):
        depth += (c == "[") - (c == "]")
        if c == "," and depth == 0:
            parts.append(inside[start:i])
            start = i + 1
    parts.append(inside[start:])
    for part in filter(None, (p.strip() for p in parts)):
        key, equals, value = part.partition("=")
        if not equals or not key or key in parameters:
            raise LabError(f"codec {spelling!r}: {part!r} should be key=value, each key once")
        parameters[key.strip()] = value.strip()
    if depth:
        raise LabError(f"codec {spelling!r}: brackets do not match")
    return name, parameters


def only(parameters: dict[str, str], spelling: str, **readers) -> dict:
    """Read ``parameters`` with the given functions; raises :class:`LabError` for unknown or unreadable
    ones."""
    out = {}
    for key, value in parameters.items():
        if key not in readers:
            known = ", ".join(readers) or "none"
            raise LabError(f"codec {spelling!r}: no parameter {key!r}; it takes: {known}")
        try:
            out[key] = readers[key](value)
        except ValueError:
            raise LabError(f"codec {spelling!r}: {key}={value!r} cannot be read") from None
    return out


def size(text: str) -> int:
    """``"8192"``, ``"65k"`` (65,536), ``"1M"``: a count, in binary thousands."""
    units = {"k": 1 << 10, "m": 1 << 20}
    number = int(text[:-1] if text[-1:].lower() in units else text)
    value = number * units.get(text[-1:].lower(), 1)
    return 65536 if text.lower() == "65k" else value


def load(spelling) -> Codec:
    """The codec of a spelling (a codec is returned as it is). Raises :class:`LabError` with the known
    names."""
    if isinstance(spelling, Codec):
        return spelling
    spelling = str(spelling)
    name, parameters = parse(spelling)
    if name in _FACTORIES:
        return _FACTORIES[name](parameters, spelling)
    if Path(spelling).is_file():
        name, parameters = spelling, {}
    if Path(name).is_file():
        return _from_file(Path(name), parameters, spelling)
    found = places.find(name)
    if found is not None:
        only(parameters, spelling)
        return _named(found, spelling)
    if name.lower() in BY_NAME or places.is_name(name) and Path(name).suffix.lower() not in _SUFFIXES:
        raise LabError(places.advice(name))
    if any(c in name for c in "./\\"):
        raise LabError(f"{name}: no such codec file")
    raise LabError(
        f"unknown codec {name!r}{places.near(name)}; known: {', '.join(names())}, a path (T.json, m.model, "
        "x.tiktoken), or a tokenizer by name: tokenizers-lab fetch --list"
    )


def _named(found: places.Found, spelling: str) -> Codec:
    """The codec of a tokenizer that was found by its name."""
    known = found.known
    if known is not None and known.runs == "ours" and not known.name.endswith(".json"):
        from tokenizers_lab.codecs.tiktoken import load_tiktoken  # start-up: numba

        # By the name that the file is given out under, wherever it lies here.
        codec: Codec = load_tiktoken(found.path, known.pattern, known.name)
    else:
        codec = _from_file(found.path, {}, spelling)
    codec.spelling = spelling
    return codec


def _from_file(path: Path, parameters: dict[str, str], spelling: str) -> Codec:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise LabError(f"{path}: {error.strerror}") from None
    return _from_bytes(data, path, parameters, spelling)


def _from_bytes(data: bytes, path: Path, parameters: dict[str, str], spelling: str, inside=False) -> Codec:
    """The codec of a file's content. ``inside``: of a file that is held by another."""
    if not inside and (
        path.suffix == ".tiktoken" or _RANK.match(data)
    ):  # Llama 3's are named tokenizer.model
        from tokenizers_lab.codecs.tiktoken import load_tiktoken  # start-up: numba

        return load_tiktoken(path, only(parameters, spelling, pattern=str).get("pattern"))
    only(parameters, spelling)
    if data[:2] == b"PK":
        return _from_arrays(data, path, spelling, inside)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") or path.suffix.lower() == ".json":
        return _from_json(data, spelling)
    return UnigramCodec(data, spelling)


def _from_json(data: bytes, spelling: str) -> Codec:
    entry = tokenizer_json.read_json(data, spelling)
    if isinstance(entry, dict) and "tokenizers_lab" in entry:
        named = entry.get("codec")
        # Names only: a file that names a file would lead anywhere, itself included.
        if not isinstance(named, str) or parse(named)[0] not in _FACTORIES or "of" in parse(named)[1]:
            raise DataError(f"{spelling}: names {str(named)[:60]!r}, which is no codec's name")
        codec = load(named)
        if codec.fingerprint() != entry.get("fingerprint"):
            raise DataError(f"{spelling}: names {named!r}, whose ids have changed since it was saved")
        return codec
    tokenizer_json.check(entry, spelling)
    from tokenizers_lab.codecs.bpe import BpeCodec  # start-up: numba

    return BpeCodec.from_json(entry, spelling) or HuggingFaceCodec(data.decode("utf-8"), spelling)


def _from_arrays(data: bytes, path: Path, spelling: str, inside: bool) -> Codec:
    head, arrays = unpack_arrays(io.BytesIO(data), str(path))
    if inside and head.get("kind") == "marked":  # else files could lie in files without end
        raise DataError(f"{path}: damaged: marks inside marks")
    if not isinstance(head, dict):
        raise DataError(f"{path}: not a file of this lab, or damaged: its head is no object")
    try:
        codec = _of_kind(head.get("kind"), head, arrays, path, spelling)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(f"{path}: damaged: {type(error).__name__}: {error}") from None
    except DataError:
        raise
    except LabError as error:  # what a user's own parameters would be told
        raise DataError(f"{path}: damaged: {error}") from None
    if codec is None:
        if head.get("kind") not in _NO_CODECS:
            raise DataError(f"{path}: holds a {str(head.get('kind'))[:40]!r}, no codec of this lab")
        raise LabError(f"{path}: holds a {head.get('kind')}, not a codec; use it as ac[m1={path}]")
    return codec


def _of_kind(kind, head: dict, arrays: dict, path: Path, spelling: str) -> Codec | None:
    from tokenizers_lab.codecs import equal_info  # start-up: numba
    from tokenizers_lab.codecs.ac import ArithmeticCodec  # start-up: numba
    from tokenizers_lab.codecs.strings import StringsCodec  # start-up: numba
    from tokenizers_lab.m1.order_n import OrderN  # start-up: numba
    from tokenizers_lab.windows.table_cache import table_from_arrays  # start-up: numba

    if kind == "ac":
        if head["bits"] not in (8, 16):
            raise DataError(f"{path}: damaged: tokens of {head['bits']} bits")
        return ArithmeticCodec(OrderN.from_arrays(arrays, head.get("m1")), int(head["bits"]), spelling)
    if kind == "strings":
        return StringsCodec.from_arrays(head, arrays, spelling)
    if kind == "segment":
        from tokenizers_lab.codecs.segment import SegmentCodec  # start-up: numba

        return SegmentCodec.from_arrays(head, arrays, spelling)
    if kind == "marked":
        from tokenizers_lab.codecs.marked import MarkedCodec  # start-up: numba

        of = _from_bytes(arrays["of"].astype(np.uint8).tobytes(), path, {}, f"{spelling}, inside", True)
        return MarkedCodec(of, head["marks"], spelling)
    if kind == "equal-info":
        return equal_info.WindowCodec.from_arrays(head, arrays, spelling)
    if kind == "equal-info-pairs" and isinstance(head.get("facts"), dict):
        return equal_info.PairCodec(table_from_arrays(arrays, spelling), head["facts"], spelling)
    return None


def _gzip(parameters, spelling):
    read = only(parameters, spelling, level=int, v=size)
    return GzipCodec(read.get("level", 9), _token_bits(read.get("v", 256), spelling))


def _ac(parameters, spelling):
    from tokenizers_lab.codecs.ac import ArithmeticCodec  # start-up: numba

    read = only(parameters, spelling, m1=str, train=str, v=size)
    model = _model(read)
    return ArithmeticCodec(model, _token_bits(read.get("v", 256), spelling), spelling)


def _model(read: dict):
    """The M1 that a codec's parameters name."""
    from tokenizers_lab.m1.spelling import load_model  # start-up: numba

    return load_model(read.get("m1", "order-3"), read.get("train"))


def _static_ac(parameters, spelling):
    only(parameters, spelling, train=str, v=size)
    codec = _ac({"m1": "order-0", **parameters}, spelling)
    return codec


_SAMPLE = 64 << 10


def window_parameters(codec: Codec) -> dict[str, str] | None:
    """The parameters of Equal-Info Windows, as a spelling has them, of a codec that was read from its file,
    too; None for other codecs."""
    kind, parameters = parse(codec.spelling)
    if kind == "equal-info":
        return parameters
    made = codec.description()
    if made.get("codec") != "equal-info":
        return None
    found = {"b": made["width"], "v": "256" if made.get("token_bits") == 8 else "65k"}
    found |= {"rule": made["rule"]} if made["rule"] != "stop" else {}
    found |= {"reset": made["reset"] or "never"} if made.get("reset", 1) != 1 else {}
    found |= {"keep": made["keep"]} if "keep" in made else {}
    return {key: str(value) for key, value in found.items()}


def m1_advice(codec: Codec, data: bytes, name: str = "FILE") -> str | None:
    """One line where the M1 of Equal-Info Windows does not fit ``data``: on its first 64 KiB a token holds
    less than 0.6 of the bytes that it would hold under an order-3 M1 of that very text. With the command that
    makes one. None where it fits, for other codecs, and for less than 4 KiB, which teach no M1."""
    parameters = window_parameters(codec)
    sample = bytes(data[:_SAMPLE])
    if parameters is None or len(sample) < 4096:
        return None
    from tokenizers_lab.m1.order_n import OrderN  # start-up: numba

    others = {key: value for key, value in parameters.items() if key not in ("m1", "train")}
    kind = "equal-info"
    own = _equal_info(others, codec.spelling, OrderN.train(sample, 3))
    now, then = (len(sample) / max(1, len(c.encode(sample))) for c in (codec, own))
    if now >= 0.6 * then:
        return None
    inside = ",".join(f"{key}={value}" for key, value in {**others, "m1": "order-3", "train": name}.items())
    return (
        f"{name}: {now:.2f} bytes a token, where an M1 of this text's own gives {then:.2f}; make one: "
        f"tokenizers-lab save {shlex.quote(f'{kind}[{inside}]')} -o own.codec"
    )


def _equal_info(parameters, spelling, model=None):
    from tokenizers_lab.codecs import equal_info  # start-up: numba

    read = only(
        parameters,
        spelling,
        b=int,
        v=size,
        m1=str,
        train=str,
        rule=str,
        reset=lambda text: 0 if text == "never" else int(text),
        keep=size,
    )
    arguments = equal_info.check(
        read.get("b", 16),
        _token_bits(read.get("v", 65536), spelling),
        read.get("rule", "stop"),
        read.get("reset", 1),
        spelling,
    )
    return equal_info.create(model or _model(read), *arguments, spelling, read.get("keep"))


def _model_dictionary(parameters, spelling):
    from tokenizers_lab.codecs import model_dictionary  # start-up: numba

    read = only(parameters, spelling, n=size, m1=str, train=str)
    return model_dictionary.create(_model(read), read.get("n", 65536), spelling)


def _segment(parameters, spelling):
    from tokenizers_lab.codecs import segment  # start-up: numba
    from tokenizers_lab.codecs.marked import MarkedCodec  # start-up: numba
    from tokenizers_lab.m1.order_n import default_text  # start-up: numba
    from tokenizers_lab.sources.reading import read_text  # start-up: numpy

    read = only(parameters, spelling, of=str, by=str, train=str)
    if "of" not in read:
        raise LabError(f"codec {spelling!r}: needs the vocabulary to cut with: segment[of=T.json]")
    by = read.get("by", "fewest")
    if "train" in read and by == "fewest":
        raise LabError(f"codec {spelling!r}: by=fewest counts nothing; train= is for by=likeliest")
    text = read_text([read["train"]]) if "train" in read else default_text()
    of = load(read["of"])
    if isinstance(of, MarkedCodec):  # what is cut is marked text
        made = segment.create(of.of, by, of.marks.mark(text).tobytes(), spelling)
        return MarkedCodec(made, of.marks.name, spelling)
    return segment.create(of, by, text, spelling)


def _marked(parameters, spelling):
    from tokenizers_lab.codecs.marked import DEFAULT, MarkedCodec  # start-up: numba

    read = only(parameters, spelling, of=str, marks=str)
    if "of" not in read:
        raise LabError(f"codec {spelling!r}: needs the codec that cuts the marked text: marked[of=T.json]")
    try:
        return MarkedCodec(load(read["of"]), read.get("marks", DEFAULT), spelling)
    except LabError as error:
        if str(error).startswith("marks are"):
            raise LabError(f"codec {spelling!r}: {error}") from None
        raise


def _bytes(parameters, spelling):
    only(parameters, spelling)
    return BytesCodec()


def _token_bits(vocab: int, spelling: str) -> int:
    bits = {256: 8, 65536: 16}.get(vocab)
    if bits is None:
        raise LabError(f"codec {spelling!r}: v must be 256 or 65k")
    return bits


for _name, _factory in (
    ("bytes", _bytes),
    ("gzip", _gzip),
    ("ac", _ac),
    ("static-ac", _static_ac),
    ("equal-info", _equal_info),
    ("model-dictionary", _model_dictionary),
    ("segment", _segment),
    ("marked", _marked),
):
    register(_name, _factory)
