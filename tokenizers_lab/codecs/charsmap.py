"""The compiled table of a SentencePiece normalizer (``precompiled_charsmap``), checked before a library walks
it: `tokenizers` ends in a panic where it points outside itself, SentencePiece reads what lies there.

Little-endian: the size of a trie in bytes (u32), the trie (u32 a unit: Darts-clone's double array), and the
replacements, UTF-8 and each ended by a NUL. A path's value is where its replacement begins.

Concession: what the rules do is nobody's business here, only that every path stays inside.
"""

from __future__ import annotations

import numpy as np

_BYTES = np.arange(1, 256, dtype=np.int64)  # no path holds a NUL


def what_is_wrong(table: bytes) -> str | None:
    """Why no library should walk it, or None."""
    size = int.from_bytes(table[:4], "little")
    if len(table) < 8 or size < 4 or size % 4 or 4 + size > len(table):
        return "its size contradicts it"
    units = np.frombuffer(table, "<u4", size // 4, 4).astype(np.int64)
    texts = np.frombuffer(table, np.uint8, offset=4 + size)
    try:
        texts.tobytes().decode("utf-8")
    except UnicodeDecodeError:
        return "its replacements are not UTF-8"
    offsets = units >> 10 << ((units & 1 << 9) >> 6)
    labels, leads = units & (1 << 31 | 255), (units >> 8 & 1).astype(bool)
    seen = np.zeros(len(units), dtype=bool)
    values = [np.zeros(0, np.int64)]
    bases = offsets[:1]
    while len(bases):
        # Every byte may stand next in a text, so each of the 255 units must be there.
        if (bases | 255).max() >= len(units):
            return "its trie points outside itself"
        seen[bases] = True
        places = bases[:, None] ^ _BYTES
        places = places[labels[places] == _BYTES]
        bases = np.unique(places ^ offsets[places])
        ends = places[leads[places]]
        ends = ends ^ offsets[ends]
        if len(bases) and bases.max() >= len(units):
            return "its trie points outside itself"
        values.append(units[ends] & (1 << 31) - 1)
        bases = bases[~seen[bases]]
    found = np.concatenate(values)
    # The end of all is a place, too: of an empty replacement.
    inside = found[found < len(texts)]
    if len(found) and found.max() > len(texts) or (texts[inside] & 0xC0 == 0x80).any():
        return "a replacement begins outside the text of all"
    return None
