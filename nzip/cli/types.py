"""What the command line's options take: sizes and ranges of bytes."""

from __future__ import annotations

import click


class Size(click.ParamType):
    """Bytes, with K, M, G or T (powers of 1024, as in xz) behind the number."""

    name = "size"
    _UNITS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}

    def convert(self, value, param, ctx):
        """As click asks; refuses with the accepted forms named."""
        if isinstance(value, int):
            return value
        text = value.strip().lower()
        digits = text.rstrip("kmgtib")
        unit = text[len(digits) :].removesuffix("b").removesuffix("i")
        if (
            not digits.isascii()
            or not digits.isdigit()
            or unit not in self._UNITS
            or text[len(digits) :] == "i"
        ):
            self.fail(f"{value!r} is no size: write a number of bytes, or 64KiB, 16M, 4GiB", param, ctx)
        return int(digits) << self._UNITS[unit]


class ByteRange(click.ParamType):
    """``START:END``, either missing; sizes as for :class:`Size`."""

    name = "start:end"

    def convert(self, value, param, ctx):
        """As click asks; a pair (start, end or None)."""
        if isinstance(value, tuple):
            return value
        start, colon, end = value.partition(":")
        if not colon:
            self.fail(f"{value!r} is no range: write START:END, START: or :END, as in 1M:1088K", param, ctx)
        first = Size().convert(start, param, ctx) if start.strip() else 0
        last = Size().convert(end, param, ctx) if end.strip() else None
        if last is not None and last < first:
            self.fail(f"the range {value} ends before it starts", param, ctx)
        return first, last
