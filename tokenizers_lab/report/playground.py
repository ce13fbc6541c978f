"""The part of a page that tokenises what a person types: vocabularies of byte-level BPE, packed, and the
encoder in plain JavaScript (``playground.js``), inside the page.

Splitters are ``none``, ``gpt2``, ``gpt4``, ``qwen2``, ``o200k`` and ``lines``, by the lab's tables and not
the browser's, so that the ids are the codec's whatever the browser. Concession: vocabularies with another
pattern, or with added tokens that are cut out of the text, and codecs that are no byte-level BPE are not
live; the page says which, and why. Browsers must know ``DecompressionStream`` (since 2023 all do)."""

from __future__ import annotations

import base64
import json
import zlib
from importlib import resources

import numpy as np

from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs.bpe import BpeCodec
from tokenizers_lab.errors import LabError
from tokenizers_lab.files import write_whole
from tokenizers_lab.report.verdict_html import style, template

SPLITTERS = ("none", "gpt2", "gpt4", "qwen2", "o200k", "lines")
SAMPLE = "The quick brown fox can't jump 12,345 times.\n    return x_1  # ığüşöç 日本語 🙂"


def section(codecs: dict[str, Codec], sample: str = SAMPLE) -> str:
    """The HTML of the playground for those of ``codecs`` (by name) that can be live. Raises :class:`LabError`
    where none can."""
    live: dict[str, BpeCodec] = {}
    left = []
    for name, codec in codecs.items():
        why = why_not(codec)
        if why is None and isinstance(codec, BpeCodec):
            live[name] = codec
        else:
            left.append(f"{name} ({why})")
    if not live:
        raise LabError(f"nothing here can be live: {', '.join(left)}")
    return template("playground.html.j2").render(
        names=list(live),
        left=", ".join(left),
        sample=sample,
        program=resources.files(__package__).joinpath("playground.js").read_text("utf-8"),
        packed=_script([packed(name, codec) for name, codec in live.items()]),
        classes=_script(
            resources.files("tokenizers_lab.pretokenize").joinpath("unicode_classes.txt").read_text()
        ),
    )


def page(codecs: dict[str, Codec], output=None, title: str | None = None) -> str:
    """One HTML page that is the playground alone, for ``tokenizers-lab playground``; written to ``output`` if
    given. Raises :class:`LabError` where none of ``codecs`` can be live."""
    names = list(codecs)
    text = template("page.html.j2").render(
        title=title or f"Try it: {', '.join(names[:4])}{' …' if len(names) > 4 else ''}",
        summary="",
        live=section(codecs),
        sections=[],
        files=[],
        style=style(),
        source=f"{len(names)} vocabular{'y' if len(names) == 1 else 'ies'}",
    )
    if output is not None:
        write_whole(output, text.encode("utf-8"))
    return text


def why_not(codec: Codec) -> str | None:
    """None if the page can run this codec, else why not."""
    if not isinstance(codec, BpeCodec):
        return "no byte-level BPE of the lab's"
    if any(not token.special for token in codec.added):
        return "its added tokens are cut out of the text"
    return None if codec.pre.name in SPLITTERS else "its pattern is one of its own"


def packed(name: str, codec: BpeCodec) -> dict:
    """A vocabulary as ``playground.js`` reads it: arrays deflated and in base 64."""
    hidden = sorted(codec._outside)
    merges = np.column_stack([codec.merges, codec._ranks]).astype("<i4")
    return {
        "name": name,
        "pre": codec.pre.name,
        "whole": codec.whole_words,
        "vocab": codec.vocab_size,
        "arena": _deflated(b"".join(codec.tokens)),
        "lengths": _deflated(np.array([len(t) for t in codec.tokens], "<u2").tobytes()),
        "merges": _deflated(merges.tobytes()),
        "hidden": hidden,
    }


def _deflated(data: bytes) -> str:
    return base64.b64encode(zlib.compress(data, 9)).decode("ascii")


def _script(value) -> str:
    """JSON that may stand in a ``<script>``."""
    return json.dumps(value, ensure_ascii=True).replace("<", "\\u003c")
