"""``measure --costs`` and ``measure --curve``: what each byte costs, to files.

Concession: one file at a time, since one output is named."""

from __future__ import annotations

import os
import tempfile
from types import TracebackType
from typing import Any, Self

import click
import numpy as np

from nzip import cost_files, curves, pricing
from nzip.bits_per_byte import from_bits
from nzip.cli.inputs import (
    STDIN,
    block_size_of,
    each,
    named_predictor,
    open_input,
    own_primer,
    predictor_of,
    size_of,
)  # fmt: skip
from nzip.cli.options import Coding, Files, Talking
from nzip.cli.tables import print_json, print_text
from nzip.cli.terminal import ShownMeter, one_line
from nzip.errors import NzipError
from nzip.exact.compiler import need_compiler
from nzip.io.safe_output import FileError, Output
from nzip.predictors.base import Predictor


def costs(
    files: Files,
    coding: Coding,
    talking: Talking,
    target: str | None,
    view: Any,
    distributions: str | None,
    raw: bool,
    force: bool,
    *,
    as_json: bool,
) -> int:
    """What each byte of the one file costs."""
    if target is None:
        raise click.UsageError("--distributions goes with --costs FILE")
    _one_of(files, "--costs")
    cost_files.check(target)
    if distributions is not None and not distributions.lower().endswith(".npy"):
        raise click.UsageError(f"{distributions}: distributions are written as .npy")
    need_compiler()
    predictor = predictor_of(coding, own_primer(coding.primer))

    def one(path: str) -> None:
        with (
            open_input(path) as source,
            ShownMeter(path, size_of(source), talking) as meter,
            cost_files.Writer(target, view, force=force) as out,
            _Distributions(distributions, force) as rows,
        ):
            meter.preparing(predictor)
            whole: dict[str, Any] = {}
            size = payload = 0
            bits = 0.0
            take = rows.take if distributions is not None else False
            for part in pricing.priced(source, predictor, block_size_of(coding), view, take, raw, meter):
                out.take(part)
                size, payload, bits = size + part.size, payload + part.payload, bits + part.total
                whole = part.header()
            whole |= {
                "schema": pricing.SCHEMA, "predictor": predictor.spelling, "view": view, "size": size,
                "payload": payload, "bits": bits, "bits_per_byte": from_bits(bits, size) if size else None,
            }  # fmt: skip
            meter.stop()
            rows.commit(size)
            out.commit(whole)
        if as_json:
            print_json({"file": path, "costs": target, **whole})
        elif not talking.quiet:
            each_byte = f"{whole['bits_per_byte']:.4f} bits per byte" if size else "no bytes"
            print_text(
                f"{one_line(path)} under {predictor.spelling}: {each_byte}, costs in {one_line(target)}\n"
            )

    return each(files, one)


def _one_of(files: Files, option: str) -> None:
    if len(files) > 1:
        raise click.UsageError(f"{option} names one output, and there are {len(files)} files")


class _Distributions:
    """Rows on their way to a .npy file, in whatever order they come."""

    def __init__(self, path: str | None, force: bool):
        self._path, self._force = path, force

    def __enter__(self) -> Self:
        self._spool: Any = tempfile.TemporaryFile() if self._path is not None else None
        self._out = Output(self._path, force=self._force) if self._path is not None else None
        if self._out is not None:
            self._out.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._out is not None:
            self._spool.close()
            self._out.__exit__(kind, value, traceback)

    def take(self, places: np.ndarray, rows: np.ndarray) -> None:
        """Rows for some places."""
        jumps = np.flatnonzero(np.diff(places) != 1) + 1
        for run in np.split(np.arange(len(places)), jumps):
            self._spool.seek(int(places[run[0]]) * 1024)
            self._spool.write(np.ascontiguousarray(rows[run], "<u4").tobytes())

    def commit(self, size: int) -> None:
        """All ``size`` rows are there."""
        if self._out is None:
            return
        shape = {"descr": "<u4", "fortran_order": False, "shape": (size, 256)}
        np.lib.format.write_array_header_1_0(self._out, shape)  # type: ignore[arg-type]
        self._spool.seek(0)
        while part := self._spool.read(1 << 20):
            self._out.write(part)
        self._out.commit()


def curve(
    files: Files,
    coding: Coding,
    talking: Talking,
    target: str,
    also: tuple[str, ...],
    force: bool,
    *,
    as_json: bool,
) -> int:
    """Bits per byte against the place, under one or several predictors."""
    _one_of(files, "--curve")
    curves.check(target)
    need_compiler()
    predictors = [predictor_of(coding, own_primer(coding.primer)), *map(_named, also)]

    def one(path: str) -> None:
        with open_input(path) as source:
            data = source.read()
        name = "standard input" if path == STDIN else os.path.basename(path)
        found = curves.bits_over_position(
            data, predictors, name=one_line(name), block_size=block_size_of(coding)
        )
        found.save(target, force=force)
        if as_json:
            print_json(found.as_json())
        elif not talking.quiet:
            for line in found.lines:
                last = (
                    f"{line.bits_per_byte[-1]:.4f} bits per byte" if len(line.bits_per_byte) else "no bytes"
                )
                print_text(f"{name} under {line.predictor}: {last}\n")

    return each(files, one)


def _named(spelling: str) -> Predictor:
    try:
        return named_predictor(spelling)
    except NzipError as error:
        raise FileError(f"--also {spelling}: {error.message}") from error
