"""Write tokenizers_lab/m1/m1_text.xz: the 256 KiB on which an M1 is trained where its spelling names no
text.

    python scripts/lab_m1_text.py TRAIN_FOLDER

From the shared training corpora web_bible, austen and sotu (all public domain): a third each, from their
middles."""

import lzma
import sys
from pathlib import Path

SIZE = 256 << 10

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    parts = []
    for name in ("web_bible.txt", "austen.txt", "sotu.txt"):
        text = lzma.decompress((folder / f"{name}.xz").read_bytes())
        start = text.index(b"\n", len(text) // 2) + 1
        parts.append(text[start : start + SIZE // 3 + 1])
    joined = b"".join(parts)[:SIZE]
    target = Path(__file__).parent.parent / "tokenizers_lab" / "m1" / "m1_text.xz"
    target.write_bytes(lzma.compress(joined, preset=9 | lzma.PRESET_EXTREME))
    print(f"{target.name}: {len(joined)} bytes in {target.stat().st_size}")
