"""``Words``: what a stream of text was transformed with, as params, forth and back, at once or piecemeal.

Encoding takes the CRs first, then folds lines, then codes words; decoding undoes the words into a small
buffer and unfolds from there, so that what is decoded can be handed on with a lag of one word. The params
are one byte (the dictionary's number in six bits, 0 for none; 40: CRLF; 80: a width follows), then the
width."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nzip.errors import CorruptError, ModelMismatchError, Remedy
from nzip.predictors.mix.words import lines, transform
from nzip.predictors.mix.words.dictionary import USER, Dictionary, named

_CRLF, _WIDTH = 0x40, 0x80
_BUFFER = 1 << 15


class Words(NamedTuple):
    """``dictionary``: words are coded by it, None: they stay; ``width``: lines were wrapped at it, 0: they
    stay; ``crlf``: every line ended in CR and LF."""

    dictionary: Dictionary | None
    width: int = 0
    crlf: bool = False

    def params(self) -> bytes:
        """One or two bytes that :meth:`parse` takes."""
        first = self.dictionary.number if self.dictionary else 0
        first |= _CRLF * self.crlf | _WIDTH * (self.width > 0)
        return bytes([first, self.width]) if self.width else bytes([first])

    @staticmethod
    def length(first: int) -> int:
        """How many bytes of params begin with the byte ``first``."""
        return 2 if first & _WIDTH else 1

    @staticmethod
    def parse(params: bytes, own: Dictionary | None = None) -> Words | None:
        """What ``params`` say; None for no transform. ``own``: the user's dictionary. :class:`CorruptError`
        for what :meth:`params` never gives, :class:`ModelMismatchError` for a dictionary that is not here."""
        length = Words.length(params[0]) if params else -1
        if len(params) != length or length == 2 and params[1] < lines.LEAST:
            raise CorruptError("impossible parameters of a transform of words")
        number, crlf = params[0] & USER, bool(params[0] & _CRLF)
        if number == USER and own is None:
            raise ModelMismatchError(
                "this file was made with a dictionary of the user's own",
                Remedy("give it with", "primer", "FILE"),
            )
        dictionary = None if not number else own if number == USER else named(number)
        words = Words(dictionary, params[1] if len(params) > 1 else 0, crlf)
        return words if words != (None, 0, False) else None

    def apply(self, raw: np.ndarray) -> np.ndarray:
        """``raw`` (uint8, any bytes; with ``crlf`` such that every LF follows a CR) transformed, an array of
        its own."""
        if self.crlf:
            raw = lines.remove_cr(raw)
        if self.width:
            raw = lines.fold(raw, self.width)
        return transform.encode(raw, self.dictionary) if self.dictionary else raw.copy()

    def undo(self, coded: np.ndarray, size: int) -> np.ndarray:
        """The ``size`` bytes that :meth:`apply` was given. :class:`CorruptError` where it was not given so
        many."""
        raw = np.empty(size, np.uint8)
        decoder = self.decoder(raw)
        decoder.feed(coded, len(coded))
        decoder.finish(coded)
        return raw

    def decoder(self, out: np.ndarray) -> Decoder:
        """Undoes piecemeal into ``out`` (uint8, as long as what was transformed)."""
        return Decoder(self, out)


class Decoder:
    """``feed`` what has come of a coded stream, as often as you like, then ``finish``. ``done``: bytes of
    ``out`` that are final."""

    def __init__(self, words: Words, out: np.ndarray):
        self._words = words
        self._out = out
        # Lines are unfolded last; without a dictionary that is all there is to do.
        self._folded = words.width > 0 or words.crlf or words.dictionary is None
        self._codes = np.zeros(3, np.int64)
        self._lines = np.zeros(4, np.int64)
        self._buffer = np.empty(_BUFFER if self._folded and words.dictionary else 0, np.uint8)

    @property
    def done(self) -> int:
        return int(self._lines[lines.OUT] if self._folded else self._codes[transform.OUT])

    def feed(self, coded: np.ndarray, upto: int) -> int:
        """Decode on, where ``coded[:upto]`` (uint8) is there by now. Returns ``done``. :class:`CorruptError`
        for what no encoder writes."""
        self._go_on(coded, upto, last=False)
        return self.done

    def finish(self, coded: np.ndarray) -> None:
        """All of ``coded`` is there. :class:`CorruptError` unless that fills ``out`` exactly."""
        self._go_on(coded, len(coded), last=True)
        if self._codes[transform.IN] != len(coded) or self.done != len(self._out):
            raise CorruptError("a stream of words that no encoder wrote")

    def _go_on(self, coded: np.ndarray, upto: int, last: bool) -> None:
        codes, upto = self._codes, min(upto, len(coded))
        if not self._folded:
            answer = self._decode_words(coded, upto, self._out, len(self._out))
        elif self._words.dictionary is None:
            answer = self._unfold(coded, upto, last)
            codes[transform.IN] = self._lines[lines.IN]
        else:
            answer = self._both(coded, upto, last)
        if answer != transform.DONE or (last and transform.is_open(codes)):
            raise CorruptError("a stream of words that no encoder wrote")

    def _both(self, coded: np.ndarray, upto: int, last: bool) -> int:
        """Words into the buffer and lines out of it in turns, until nothing moves."""
        buffer, codes, folded = self._buffer, self._codes, self._lines
        while True:
            answer = self._decode_words(coded, upto, buffer, len(buffer))
            if answer == transform.BAD:
                return answer
            ended = last and answer == transform.DONE
            before = folded[lines.IN]
            found = self._unfold(buffer, int(codes[transform.OUT]), ended)
            if found != lines.DONE:
                return found
            if answer == transform.DONE:
                return answer
            if folded[lines.IN] == before:
                return (
                    transform.BAD
                )  # a word longer than the buffer: none is, as looking ahead ends at a width
            left = int(codes[transform.OUT] - folded[lines.IN])
            buffer[:left] = buffer[folded[lines.IN] : codes[transform.OUT]].copy()
            folded[lines.IN], codes[transform.OUT] = 0, left

    def _decode_words(self, coded: np.ndarray, upto: int, out: np.ndarray, limit: int) -> int:
        assert self._words.dictionary is not None  # for mypy: else all goes through _unfold
        tables = self._words.dictionary.tables
        return transform.decode_part(lines.read_only(coded), upto, out, limit, self._codes, tables)

    def _unfold(self, folded: np.ndarray, upto: int, last: bool) -> int:
        words = self._words
        return lines.unfold_part(
            lines.read_only(folded), upto, last, self._out, self._lines, words.width, words.crlf
        )
