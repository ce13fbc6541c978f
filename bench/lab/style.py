"""How the experiments' pictures look: no ground of their own and an ink that is seen on white and on black
alike, so that one file serves light and dark pages; a colour for each thing, the same in every picture.

    from style import COLOUR, begin        # the scripts beside this file are run by their paths

Concession: the ink is a grey, fainter than black on white."""

from __future__ import annotations

INK = "#808995"
# Between light and dark enough for either ground.
TEAL, ORANGE, VIOLET, GREEN, PINK = "#0c97a6", "#e8590c", "#7c6fd6", "#37963f", "#d6447f"
OLIVE, SKY, GREY, BLUE = "#a67c00", "#5fb3bf", "#868e96", "#4c7fd9"
COLOUR = {
    "BPE": ORANGE, "GZip[256]": OLIVE, "AC[256]": PINK, "EI[16,256]": TEAL, "EI[24,256]": SKY,
    "EI[32,256]": VIOLET, "EI[64,256]": GREEN, "EI[128,256]": GREY, "EI[16,65k]": BLUE,
    "model dictionary": TEAL, "equal-info": VIOLET,
}  # fmt: skip


def begin():
    """``matplotlib.pyplot``, in this style."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update(
        {
            "figure.facecolor": "none", "axes.facecolor": "none", "savefig.facecolor": "none",
            "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK, "axes.titlecolor": INK,
            "xtick.color": INK, "ytick.color": INK, "grid.color": INK, "grid.alpha": 0.25,
            "axes.grid": True, "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False,
            "legend.frameon": False, "legend.labelcolor": INK, "axes.titlelocation": "left",
            "axes.titlesize": 11, "figure.constrained_layout.use": True,
        }
    )  # fmt: skip
    return plt
