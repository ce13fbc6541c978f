"""What headers tell of a block: where tar archives, pictures and sound lie in it, and how long they
are.

Candidates are found by two bytes each in compiled code, and believed only where more of the header fits.
Concession: a header is no proof; what it claims beyond the block's end is cut off, and what lies is coded by
a plan that does not suit it. Of programs nothing is asked: windows tell their code, tables and texts apart.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

import numpy as np

from nzip.exact.jit import njit
from nzip.predictors.content import by_header
from nzip.predictors.kinds import BINARY, Content

TAR_BLOCK = 512
HEADERS = Content(BINARY, TAR_BLOCK, 1)  # of tar archives, with the zeros that fill members up
_MOST = 1 << 12  # candidates of one block: what a hostile one has more is not looked at
_LEAST = 1 << 10  # a known part shorter than this is not worth a stream's switch


class Known(NamedTuple):
    """``content`` of the bytes from ``start`` to ``end``; None: nothing is known but that they belong
    together (a member of an archive)."""

    start: int
    end: int
    content: Content | None


@njit(cache=True, nogil=True)
def _candidates(data, found):
    """Places where a known header may begin: their count, the first of them in ``found``."""
    n = 0
    for i in range(len(data) - 64):
        first = data[i]
        if first == 0x42:  # BM, two reserved words of zero, one plane
            if data[i + 1] != 0x4D or data[i + 6] | data[i + 7] | data[i + 8] | data[i + 9]:
                continue
            if data[i + 26] != 1 or data[i + 27]:
                continue
        elif first == 0x52:  # RIFF
            if data[i + 1] != 0x49 or data[i + 2] != 0x46 or data[i + 3] != 0x46:
                continue
        elif first == 0x75:  # ustar, 257 bytes behind the beginning of a tar header
            if data[i + 1] != 0x73 or data[i + 2] != 0x74 or data[i + 3] != 0x61 or data[i + 4] != 0x72:
                continue
        else:
            continue
        if n == len(found):
            break
        found[n] = i
        n += 1
    return n


def find(data: np.ndarray) -> list[Known]:
    """Known parts of ``data`` (uint8), in order, none over another."""
    places = np.zeros(_MOST, np.int64)
    count = _candidates(data, places)
    out: list[Known] = []
    at = 0
    for place in places[:count].tolist():
        if data[place] == ord("u"):
            place -= 257
            if place >= at and (members := _tar(data, place)):
                out += members
                at = members[-1].end
        elif place >= at and (part := _single(data, place)):
            out.append(part)
            at = part.end
    return out


def _single(data: np.ndarray, at: int) -> Known | None:
    """A picture or a sound that begins at ``at``."""
    head = data[at : at + 64].tobytes()
    content = by_header(data[at:])
    if content is None:
        return None
    if head[:2] == b"BM":
        (offset,) = struct.unpack_from("<I", head, 10)
        _, height = struct.unpack_from("<ii", head, 18)
        size = min(offset, 1 << 12) + abs(height) * content.stride
    elif head[:4] == b"RIFF":
        size = 8 + struct.unpack_from("<I", head, 4)[0]
    else:
        return None
    end = min(at + size, len(data))
    return Known(at, end, content) if end - at >= _LEAST else None


def _tar(data: np.ndarray, at: int) -> list[Known]:
    """A tar archive from the header at ``at`` on: headers with what fills up before them, and members."""
    out: list[Known] = []
    begin = at
    while at + TAR_BLOCK <= len(data):
        head = data[at : at + TAR_BLOCK].tobytes()
        size = _tar_size(head)
        if size is None:
            break
        start = at + TAR_BLOCK
        at = start + -(-size // TAR_BLOCK) * TAR_BLOCK
        if head[156:157] not in b"0\0" or not size:  # names and attributes lie with the headers
            continue
        end = min(start + size, len(data))
        out += [Known(begin, start, HEADERS), Known(start, end, None)]
        begin = end
    at = min(at, len(data))
    zeros = data[at:] != 0
    rest = int(zeros.argmax()) if zeros.any() else len(zeros)
    if out and at + rest > begin:
        out.append(Known(begin, at + rest, HEADERS))
    return out


def _tar_size(head: bytes) -> int | None:
    """Bytes of a member, or None where this is no header of one: its checksum says."""
    try:
        told = int(head[148:156].rstrip(b" \0") or b"x", 8)
        size = int(head[124:136].rstrip(b" \0") or b"x", 8)
    except ValueError:
        return None
    if head[257:262] != b"ustar" or told != sum(head) - sum(head[148:156]) + 8 * 32:
        return None
    return size if size >= 0 else None
