"""Where in a block the content changes: pieces of one content each, found in one cheap pass by the encoder
alone.

* ``known``    what headers tell: members of tar archives, pictures, sound and programs anywhere in a block
* ``windows``  what the bytes look like, 64 at a time, smoothed: text, binary, x86 code, DNA

:func:`cut` puts both together. A wrong cut costs size, never bytes. Concessions: pictures and sound without a
header are found only where they begin a member of an archive or the block; what is too short to be worth a
switch stays with what is around it.
"""

from __future__ import annotations

from nzip.predictors.segmentation.pieces import Pieces, cut

__all__ = ["Pieces", "cut"]
