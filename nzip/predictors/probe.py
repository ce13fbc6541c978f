"""The fixed kilobyte on which predictors are probed, and the probe of an expert.

A probe is eight bytes: a hash of every integer that a predictor gave on that kilobyte. It tells two models
apart in well under a second; it is part of the format, so the kilobyte never changes within a draft.
"""

from __future__ import annotations

import numpy as np
import xxhash

_PROSE = (
    b"It was not the size of the library that impressed her, but that every book in it could be had from any "
    b"other; 1,024 shelves, 26 letters, one index.\n\n"
    b'<row id="7"><name>Zo\xc3\xab</name><price>12.50</price></row>\r\n'
    b"def step(state, byte):\n    return (state * 33 + byte) & 0xFFFF\n\n"
    b"\xd0\x9d\xd0\xb5 \xd0\xb2\xd1\x81\xd1\x91 \xd1\x82\xd0\xbe "
    b"\xd0\xb7\xd0\xbe\xd0\xbb\xd0\xbe\xd1\x82\xd0\xbe. "
    b"\xe6\xb0\xb4\xe6\xbb\xb4\xe7\x9f\xb3\xe7\xa9\xbf\n"
)


def kilobyte() -> bytes:
    """The fixed 1,024 bytes: prose, markup, code, two other scripts, the prose again, then binary."""
    noise, state = bytearray(), 1
    while len(noise) < 1024:
        state = state * 1103515245 + 12345 & 0x7FFFFFFF
        # Low and high bytes in turn, and runs of zeros: a bit of structure, as in executables.
        noise += bytes([state >> 16 & 0xFF, 0, 0, state >> 24 & 0x0F])
    return (_PROSE + _PROSE[:200] + bytes(noise))[:1024]


def expert_probe(expert) -> bytes:
    """The probe of an :class:`nzip.predictors.base.Expert`: what one lane gives on the kilobyte, side
    decisions included."""
    data = np.frombuffer(kilobyte(), np.uint8)
    state = expert.start(1, [data])
    digest = xxhash.xxh3_64()
    active = np.ones(1, bool)
    for i in range(len(data)):
        while (p1 := state.side(0)) is not None:
            bit = state.choose(0)
            digest.update(b"s" + int(p1).to_bytes(4, "little") + bytes([bit]))
            state.decided(0, bit)
        digest.update(np.ascontiguousarray(state.distributions(), dtype="<u4").tobytes())
        state.update(data[i : i + 1], active)
    return digest.digest()
