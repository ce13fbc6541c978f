"""Adaptive probability maps in plain Python: twin of apm.py."""

from __future__ import annotations

from nzip.predictors.mix.twin.numbers import APM_ROW, clamp


class Apm:
    """An adaptive probability map (SSE): what a prediction has really meant in a context, on 15 steps of a
    nat between which it interpolates; the nearer of the two buckets learns."""

    def __init__(self, rate: int):
        self.rate = rate
        self.rows: dict[int, list[int]] = {}

    def refine(self, x: int, row: int) -> int:
        place = clamp(x, 1919) + 1920
        self.row = self.rows.setdefault(row, APM_ROW.copy())
        bucket, part = place >> 8, place & 255
        self.nearer = bucket + (part >> 7)
        return (self.row[bucket] * (256 - part) + self.row[bucket + 1] * part) >> 8

    def update(self, bit: int) -> None:
        self.row[self.nearer] += ((bit << 22) - self.row[self.nearer]) >> self.rate
