"""Calibrations that are tables: their numbers, and the grids drawn of them."""

import csv
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reports.domain.results import show_number, show_unit
from reports.services.gathering import StageEvidence
from taxicab.errors import MiddlewareError

__all__ = ["copy_plots", "write_product"]

NAME = "AMPLIFIER_NAME"
MAX_COLUMNS = 8
"""More do not fit on a page; the file has them all."""

MAX_DETECTORS = 9
"""Grids of more detectors are left in the Butler: those that failed come first."""

Number = float | int | bool


@dataclass(frozen=True)
class ProductTable:
    """The plain columns of one detector's table; vectors are left out."""

    units: dict[str, str]
    """Of every column, in order; empty when dimensionless."""
    columns: dict[str, list[Any]]

    @property
    def numeric(self) -> list[str]:
        """Columns of numbers."""
        return [
            name
            for name, values in self.columns.items()
            if any(isinstance(value, Number) for value in values)
        ]


def write_product(stage: StageEvidence, instrument: str, folder: Path) -> dict | None:
    """Write every plain number of a calibration as CSV, and sum each detector up.

    Returns
    -------
    dict or None
        ``file``, ``columns`` (name and unit) and ``rows``, for each detector its name,
        number of rows and the median of each column, in words. None where the
        calibration is no table.
    """
    tables = {d: read_table(path) for d, path in sorted(stage.tables.items())}
    if not tables:
        return None
    names = stage.detector_names(instrument)
    first = next(iter(tables.values()))
    shown = first.numeric[:MAX_COLUMNS]
    name = "calibration.csv"
    path = folder / name
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["detector", *first.columns])
        for detector, table in tables.items():
            cells = [table.columns.get(column, []) for column in first.columns]
            for row in zip(*cells, strict=True):
                writer.writerow([names[detector], *row])
    return {
        "file": name,
        "is_per_amplifier": NAME in first.columns,
        "columns": [{"name": c, "unit": show_unit(first.units[c])} for c in shown],
        "rows": [_row(names[d], table, shown) for d, table in tables.items()],
    }


def _row(name: str, table: ProductTable, shown: Sequence[str]) -> dict[str, Any]:
    n_rows = len(next(iter(table.columns.values()), []))
    cells = []
    for column in shown:
        values = [
            float(value)
            for value in table.columns.get(column, [])
            if value is not None and value == value  # NaN is not itself
        ]
        cells.append(show_number(median(values) if values else None))
    return {"name": name, "n_rows": n_rows, "cells": cells}


def read_table(path: str | Path) -> ProductTable:
    """Read the columns of a table that hold one plain value each.

    Raises
    ------
    MiddlewareError
        Raised if the file is gone or is no table.
    """
    try:
        schema = pq.read_schema(path)
        plain = [field for field in schema if _is_plain(field.type)]
        table = pq.read_table(path, columns=[field.name for field in plain])
    except (OSError, pa.ArrowException) as error:
        raise MiddlewareError(f"The table {path} cannot be read: {error}") from error
    units = {
        field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in plain
    }
    return ProductTable(units, {n: table[n].to_pylist() for n in units})


def _is_plain(kind: pa.DataType) -> bool:
    return (
        pa.types.is_floating(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )


def copy_plots(
    stage: StageEvidence, instrument: str, folder: Path
) -> list[dict[str, str]]:
    """Copy the grids that verification drew: all detectors', then single ones'.

    Detectors in which something failed come first; of a big camera only some are
    shown.

    Returns
    -------
    list of dict
        ``title``, ``detector`` (its name, or empty) and ``file``.
    """
    names = stage.detector_names(instrument)
    failed = set(stage.columns.failed.detector.tolist())
    drawn = {d for _, d, _ in stage.plots if d is not None}
    wanted = sorted(drawn, key=lambda d: (d not in failed, d))[:MAX_DETECTORS]
    order: list[int | None] = [None, *wanted]
    shown = [plot for plot in stage.plots if plot[1] in order]
    copied = []
    for dataset, detector, path in sorted(shown, key=lambda p: order.index(p[1])):
        name = "" if detector is None else names.get(detector, f"detector {detector}")
        title = dataset.removesuffix("_GridPlot").removeprefix("cp").replace("_", " ")
        tail = f"-{name.lower().replace(' ', '-')}" if name else ""
        target = folder / "plots" / f"{title.replace(' ', '-')}{tail}.png"
        target.parent.mkdir(exist_ok=True)
        try:
            shutil.copyfile(path, target)
        except OSError as error:
            raise MiddlewareError(f"The plot {path} cannot be read: {error}") from error
        file = f"plots/{target.name}"
        copied.append({"title": title, "detector": name, "file": file})
    return copied
