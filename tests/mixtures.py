"""Parts of mixed blocks: what looks like machine code, and archives. Not the same bytes on every Python."""

from __future__ import annotations

import io
import random
import tarfile


def machine_code(size: int, seed: int) -> bytes:
    """``size`` bytes of what x86-64 code looks like: prefixes, opcodes, short calls."""
    chance = random.Random(seed)
    out = bytearray()
    while len(out) < size:
        out += bytes([chance.choice([0x48, 0x4C]), chance.choice([0x89, 0x8B, 0x8D]), chance.randrange(256)])
        out += chance.choice(
            [b"", bytes([chance.randrange(128)]), b"\x0f\x84" + chance.randbytes(2) + b"\0\0"]
        )
        out += chance.choice([b"", b"\xe8" + chance.randbytes(2) + b"\xff\xff"])
    return bytes(out[:size])


def archive(members: list[bytes]) -> bytes:
    """A tar archive of members, one with a long name."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for i, data in enumerate(members):
            info = tarfile.TarInfo(f"folder/member {i}" + "x" * (120 if i == 1 else 0))
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()
