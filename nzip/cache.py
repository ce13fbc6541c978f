"""Where nzip keeps on disk what it can always make again: ``$NZIP_CACHE``, else ``$XDG_CACHE_HOME/nzip``,
else ``~/.cache/nzip``. ``NZIP_CACHE=off`` keeps nothing.

One folder below it for each kind (``primed``: snapshots of primers; ``lab``: the lab's tables); all of it may
be deleted at any time. Machine code is not here: numba keeps it beside the package, or where
``NUMBA_CACHE_DIR`` says. Models are not, either, though their folder is named from :func:`home`: what was
downloaded cannot be made again.
"""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """nzip's folder in the user's cache, whatever ``NZIP_CACHE`` says; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "nzip"


def folder(*parts: str) -> Path | None:
    """The cache's folder of that name (``folder("primed")``), which need not exist; None where ``NZIP_CACHE``
    is ``off``."""
    named = os.environ.get("NZIP_CACHE")
    if named == "off":
        return None
    return (Path(named) if named else home()).joinpath(*parts)
