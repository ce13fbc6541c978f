"""Texts that trip tokenizers, for the tests of codecs and training."""

import random

NASTY = [
    b"",
    b"a",
    b" ",
    b"\n\n",
    b"\xff",
    b"\xc3",
    b"a\x00b",
    "▁ ▁▁a".encode(),
    "e\u0301 ﬁ Ａ".encode(),
    "İstanbul'da ığüşöç 日本語 한국어 हिन्दी 🙂👩‍👩‍👧".encode(),
    b"don't WON'T we'll  \t x\r\n\r\n y",
    b"<|endoftext|> <s> <0x41>",
    bytes(range(256)),
    "\ufeff\u2028\u3000\xa0".encode(),
    b"\xed\xa0\x80\xf4\x90\x80\x80\xc0\x80",
]


def random_bytes(rng: random.Random, longest: int = 60) -> bytes:
    """Random bytes, half of them drawn from text and its neighbourhood."""
    size = rng.randrange(longest)
    kind = rng.randrange(4)
    if kind == 0:
        return rng.randbytes(size)
    if kind == 1:
        return bytes(rng.choice(b"abc the ing 12'\n") for _ in range(size))
    if kind == 2:
        return "".join(
            chr(
                rng.choice(
                    [rng.randrange(32, 127), rng.randrange(0x80, 0xD800), rng.randrange(0xE000, 0x11000)]
                )
            )
            for _ in range(size // 2)
        ).encode()
    return b"".join(rng.choice(NASTY) for _ in range(rng.randrange(4)))
