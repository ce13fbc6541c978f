"""The colour of each group of the mix's inputs: the same in every page, whatever else is in it.

Concession: experts share four colours, in the order in which they are met."""

from __future__ import annotations

from collections.abc import Iterable

from nzip.predictors.mix.input_groups import APMS, BIAS, MATCHES

# Told apart on light and on dark ground alike.
COLOURS = {
    "words": "#2563eb",
    "shape and signs": "#ea580c",
    "bytes 0 to 2 back": "#16a34a",
    "bytes 3 to 5 back": "#9333ea",
    "bytes 6 and more back": "#a16207",
    "bytes apart": "#db2777",
    "what followed before": "#0891b2",
    "line and column": "#84cc16",
    "rows and pixels": "#facc15",
    "samples": "#f9a8d4",
    "nucleotides": "#5eead4",
    MATCHES[0]: "#dc2626",
    MATCHES[1]: "#7f1d1d",
    BIAS: "#64748b",
    APMS: "#93c5fd",
}
EXPERTS = ("#c4b5fd", "#fdba74", "#a8a29e", "#fde68a")


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """A colour for each of ``groups``."""
    found: dict[str, str] = {}
    experts = 0
    for group in groups:
        if group in found:
            continue
        if group not in COLOURS:
            found[group] = EXPERTS[experts % len(EXPERTS)]
            experts += 1
        else:
            found[group] = COLOURS[group]
    return found
