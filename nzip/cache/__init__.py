"""What nzip can always make again, kept on disk: bytes in, verified bytes out.

>>> from nzip import cache
>>> [found.kind for found in cache.info()]
['code', 'primed', 'lab', 'models']

It lies in ``$NZIP_CACHE``, else ``$XDG_CACHE_HOME/nzip``, else ``~/.cache/nzip``; ``NZIP_CACHE=off`` keeps
nothing. One folder for each kind: ``code`` (machine code), ``primed`` (snapshots of primers), ``lab`` (the
lab's tables). All of it may be deleted at any time. Models have their folder beside them (:func:`models`).

``folders`` decides which folders are trusted, ``store`` reads and writes entries, ``upkeep`` is what
``nzip cache`` shows, checks, limits and clears.
"""

from __future__ import annotations

from nzip.cache.folders import CacheWarning, folder, home, models
from nzip.cache.store import CODE, LAB, PRIMED, Store
from nzip.cache.upkeep import Checked, Info, check, clear, info, limit

__all__ = [
    "CODE",
    "LAB",
    "PRIMED",
    "CacheWarning",
    "Checked",
    "Info",
    "Store",
    "check",
    "clear",
    "folder",
    "home",
    "info",
    "limit",
    "models",
]
