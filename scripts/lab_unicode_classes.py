"""Write tokenizers_lab/pretokenize/unicode_classes.txt from the installed `tokenizers` library.

    python scripts/lab_unicode_classes.py

Run it when a new release of the library moves to a new Unicode version; the test of the table says when.
"""

from pathlib import Path

import tokenizers
from tokenizers import Regex, pre_tokenizers

# As GPT-4o's pattern names them: only upper case (U), only lower case (W), both (B: without case, marks).
UPPER_CASE, LOWER_CASE = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def members(pattern: str) -> list[int]:
    """The code points that the library's regular expressions match, ascending."""
    text = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    keep = pre_tokenizers.Split(Regex(f"{pattern}+"), "removed", invert=True)
    return sorted({ord(c) for piece, _ in keep.pre_tokenize_str(text) for c in piece})


def ranges(points: list[int]) -> str:
    runs: list[list[int]] = []
    for point in points:
        if runs and point == runs[-1][1] + 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return " ".join(f"{a:x}" if a == b else f"{a:x}-{b:x}" for a, b in runs)


if __name__ == "__main__":
    target = Path(__file__).parent.parent / "tokenizers_lab" / "pretokenize" / "unicode_classes.txt"
    lines = [
        f"# code point classes of tokenizers {tokenizers.__version__}; made by scripts/lab_unicode_classes.py"
    ]
    lines += [
        f"{name} {ranges(members(pattern))}"
        for name, pattern in (("L", r"\p{L}"), ("N", r"\p{N}"), ("S", r"\s"), ("P", r"[\p{P}\p{S}]"))
    ]
    upper, lower = (set(members(pattern)) for pattern in (UPPER_CASE, LOWER_CASE))
    sets = (("U", upper - lower), ("W", lower - upper), ("B", upper & lower))
    lines += [f"{name} {ranges(sorted(points))}" for name, points in sets]
    target.write_text("\n".join(lines) + "\n", "ascii")
    print(f"{target.name}: {target.stat().st_size} bytes")
