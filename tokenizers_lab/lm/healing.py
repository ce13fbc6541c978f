"""Token healing: a sample begins with its whole prompt, though the tokens at the prompt's end depend on what
follows.

:func:`.partial.begin` encodes a prompt only as far as any continuation would. :func:`allowed` says which ids
may come next so that the text can still begin with the prompt, and the model chooses among them: tokens whose
bytes begin with what is left of it (or are a beginning of that), windows whose cell lies in its interval
under M1, code values between the lowest and the highest that decode to it.

Concession: codecs whose tokens are byte strings may be led to a segmentation that they would not have chosen
themselves, and tokenizers known only to Hugging Face's library are not healed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from nzip.varint import varint
from tokenizers_lab.codec import Codec
from tokenizers_lab.codecs.ac import ArithmeticCodec
from tokenizers_lab.codecs.equal_info import WindowCodec
from tokenizers_lab.codecs.gzip import GzipCodec
from tokenizers_lab.codecs.marked import MarkedCodec
from tokenizers_lab.codecs.raw_bits import pack, unpack
from tokenizers_lab.lm.partial import whole_windows


def _written(codec: MarkedCodec, prompt: bytes) -> Iterator[bytes]:
    """The ways that ``prompt`` is written with marks, by what may follow it."""
    halves = [bytes([c]) for c in range(0x80, 0xC0)] if prompt[-1:] and 0xC2 <= prompt[-1] < 0xE0 else []
    for space in (b"", b" ", b"\n", b"\n ", b"\t"):
        for end in (b"", b"e", b"E", b"EE", b"Ee", b"7", *(halves if not space else ())):
            for more in (b"", b"E", b"e") if end in halves else (b"",):
                marked = codec.marks.mark(prompt + space + end + more)
                places = codec.marks.places(marked)
                yield marked[: int(np.searchsorted(places, len(prompt)))].tobytes()


class Healer:
    """``prompt``'s ids may go on as :meth:`allowed` says. ``size``: the length of the text that stands in
    front of an arithmetic code."""

    def __init__(self, codec: Codec, prompt: bytes, size: int):
        self.codec, self.prompt, self.size = codec, prompt, size
        self._strings: list[bytes] | None = None
        self._alone = codec.encode(prompt).tolist()
        self._ways: set[bytes] = set()
        if codec.token_lengths() is not None:
            self._strings = [codec.token_bytes(i) or b"" for i in range(codec.vocab_size)]
        elif isinstance(codec, MarkedCodec):
            self._strings = codec.of.token_strings()
            self._ways = set(_written(codec, prompt))

    def allowed(self, ids) -> np.ndarray | None:
        """The ids (int64, at least one) that may stand behind ``ids``, None where any may: the prompt is
        there, or nothing is known."""
        ids, codec = np.asarray(ids, np.int64), self.codec
        if not self.prompt or isinstance(codec, GzipCodec):
            return None  # a prompt of DEFLATE ends with a flush
        if isinstance(codec, MarkedCodec):
            return self._of_marked(codec, self._strings, ids) if self._strings is not None else None
        if self._strings is not None:
            return self._of_strings(self._strings, ids)
        if isinstance(codec, WindowCodec):
            return self._of_window(codec, ids)
        return self._of_code(codec, ids) if isinstance(codec, ArithmeticCodec) else None

    def _of_strings(self, strings: list[bytes], ids) -> np.ndarray | None:
        rest = self.prompt[sum(len(strings[i]) for i in ids) :]
        if not rest:
            return None
        found = [i for i, s in enumerate(strings) if s and (s.startswith(rest) or rest.startswith(s))]
        return np.array(found, np.int64) if found else None

    def _of_marked(self, codec: MarkedCodec, strings: list[bytes], ids) -> np.ndarray | None:
        """Marks before a prompt's last word depend on what follows, so there are several ways to write it."""
        marked = b"".join([strings[i] for i in ids])
        if codec.marks.certain(marked).startswith(self.prompt):
            return None
        found = set[int]()
        for rest in {
            way[len(marked) :] for way in self._ways if way.startswith(marked) or marked.startswith(way)
        }:
            for i, s in enumerate(strings):
                if s and rest.startswith(s):
                    found.add(i)
                elif s and s.startswith(rest):
                    text = codec.marks.certain(marked + s)
                    if text.startswith(self.prompt) or self.prompt.startswith(text):
                        found.add(i)
        return np.array(sorted(found), np.int64) if found else None

    def _of_window(self, codec: WindowCodec, ids) -> np.ndarray | None:
        whole = whole_windows(codec, ids)
        cells, literals, _ = codec.parse(ids[:whole])
        text, ends = codec.expand(cells, literals)
        rest = self.prompt[len(text) :]
        if not rest:
            return None
        first, most = codec.origin(len(cells)), (1 << codec.token_bits) - 1
        span = codec.cells_beginning_with(rest, text[int(ends[first - 1]) if first else 0 :])
        begun, found = ids[whole:].tolist(), set[int]()
        if span and codec.literal_id not in begun:
            base = 0
            for token in begun:
                base = (base | token) << codec.token_bits
            left = codec.width - codec.token_bits * (len(begun) + 1)  # bits behind the next token
            found.update(range(max((span[0] >> left) - base, 0), min((span[-1] >> left) - base, most) + 1))
        # A window may also end inside the prompt, where what follows leaves it no cell: it ends then as if
        # nothing followed.
        if ids.tolist() == self._alone[: len(ids)] and len(ids) < len(self._alone):
            found.add(self._alone[len(ids)])
        return np.array(sorted(found), np.int64) if found else None

    def _of_code(self, codec: ArithmeticCodec, ids) -> np.ndarray | None:
        n = len(self.prompt)
        raw, head, step = unpack(ids, codec.bits), varint(self.size), codec.bits // 8

        def decoded(known: bytes, fill: bytes) -> bytes:
            return codec.decode(
                pack(varint(n) + known[len(head) :] + fill * (2 * n + 16), codec.bits)
            )  # 2 bytes a symbol at most

        if len(raw) >= len(head) and decoded(raw, b"\0") == decoded(raw, b"\xff") == self.prompt:
            return None
        low, high = (
            int.from_bytes((head[len(raw) :] + fill * step)[:step], "big") for fill in (b"\0", b"\xff")
        )
        # Texts rise with their codes, so the ids whose range of codes meets the prompt's are neighbours.
        low = bisect_left(
            range(high),
            True,
            low,
            key=lambda t: decoded(raw + t.to_bytes(step, "big"), b"\xff") >= self.prompt,
        )
        high = bisect_left(
            range(high + 1),
            True,
            low + 1,
            key=lambda t: decoded(raw + t.to_bytes(step, "big"), b"\0") > self.prompt,
        )
        return np.arange(low, high)
