"""The call filter undone, in plain Python: twin of call_filter.py."""

from __future__ import annotations


def undo_call_filter(data: bytearray) -> None:
    """x86 calls and jumps back from absolute to relative targets."""
    i = 0
    while i < len(data) - 4:
        if data[i] not in (0xE8, 0xE9):
            i += 1
        elif data[i + 4] in (0, 255):
            distance = int.from_bytes(data[i + 1 : i + 4], "little") | (data[i + 4] & 1) << 24
            distance = distance - i & 0x1FFFFFF
            data[i + 1 : i + 5] = (distance & 0xFFFFFF).to_bytes(3, "little") + (
                b"\xff" if distance >> 24 else b"\0"
            )
            i += 5
        else:
            i += 4
