"""The vectors of a calibration that figures draw: curves, matrices, kernels, boxes.

A part keeps them in one file, a row an amplifier (for defects: a box), as small as the
figures need: float32, and of the covariances the nearest neighbours alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reports.models import VerificationReport
from reports.services.evidence import PARTS, evidence_file
from reports.services.gathering import StageEvidence
from taxicab.errors import MiddlewareError, NotFoundError

__all__ = ["CURVES", "Curves", "has_curves", "read_curves", "write_curves"]

CURVES = "curves.parquet"
DETECTOR, AMPLIFIER = "DETECTOR", "AMPLIFIER_NAME"

_VECTORS: Mapping[str, tuple[str, ...]] = {
    "ptc": (
        "GAIN",
        "NOISE",
        "A00",
        "PTC_TURNOFF",
        "RAW_MEANS",
        "RAW_VARS",
        "MODEL_VARS",
        "EXP_ID_MASK",
        "A_MATRIX",
    ),
    "linearizer": ("TYPE", "RAW_MEANS", "FIT_RESIDUALS", "USED", "LINEARITY_TURNOFF"),
    "bfk": ("SIDE", "KERNEL", "VALID"),
    "cti": ("SIGNALS", "SERIAL_EPER", "PARALLEL_EPER", "SERIAL_CTI_TURNOFF"),
    "defects": ("x0", "y0", "width", "height"),
}
"""By calibration type; what a table lacks is left out."""

_NEIGHBOURS = {"COV_01": (0, 1), "COV_10": (1, 0), "COV_11": (1, 1)}
"""Lags whose covariances are kept: along the flattened matrix's two axes."""


@dataclass(frozen=True)
class Curves:
    """Some rows of a part's vectors."""

    rows: list[dict[str, Any]]
    units: Mapping[str, str]


def write_curves(stage: StageEvidence, folder: Path) -> bool:
    """Write a calibration's vectors; False where its type has none or it is no table.

    Raises
    ------
    MiddlewareError
        Raised if a table is gone or is none.
    """
    wanted = _VECTORS.get(stage.plan.calib_type)
    if not wanted or not stage.tables:
        return False
    tables = [_read(d, path, wanted) for d, path in sorted(stage.tables.items())]
    together = pa.concat_tables(tables, promote_options="default")
    pq.write_table(together, folder / CURVES, compression="zstd")
    return True


def has_curves(report: VerificationReport, key: str) -> bool:
    """Whether a part keeps vectors."""
    try:
        return evidence_file(report, f"{PARTS}/{key}/{CURVES}").is_file()
    except NotFoundError:
        return False


def read_curves(
    report: VerificationReport, key: str, *, detector: int | None = None
) -> Curves:
    """Read a part's vectors, those of one detector where one is named.

    Raises
    ------
    NotFoundError
        Raised if the part keeps none.
    """
    path = evidence_file(report, f"{PARTS}/{key}/{CURVES}")
    chosen = [(DETECTOR, "=", detector)] if detector is not None else None
    table = pq.read_table(path, filters=chosen)
    units = {
        f.name: (f.metadata or {}).get(b"unit", b"").decode() for f in table.schema
    }
    return Curves(table.to_pylist(), units)


def _read(detector: int, path: str, wanted: tuple[str, ...]) -> pa.Table:
    try:
        names = set(pq.read_schema(path).names)
        read = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise MiddlewareError(f"The table {path} cannot be read: {error}") from error
    columns: dict[str, pa.Array] = {
        DETECTOR: pa.array([detector] * read.num_rows, pa.int32())
    }
    units: dict[str, bytes] = {}
    for name in (AMPLIFIER, *wanted):
        if name in names:
            columns[name] = _small(read[name].combine_chunks())
            units[name] = (read.schema.field(name).metadata or {}).get(b"unit", b"")
    if {"COVARIANCES", "COV_MATRIX_SIDE"} <= names:
        for name, lag in _NEIGHBOURS.items():
            for tail in ("", "_MODEL"):
                cube = f"COVARIANCES{tail}"
                if cube in names:
                    columns[name + tail] = _pick(read, cube, lag)
                    units[name + tail] = b"adu2"
    fields = [
        pa.field(name, array.type, metadata={"unit": units.get(name, b"")})
        for name, array in columns.items()
    ]
    return pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))


def _small(array: pa.Array) -> pa.Array:
    """Make vectors of any length, and numbers of half the size."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        kind = pa.list_(kind.value_type)
        array = array.cast(kind)
    if pa.types.is_list(kind) and pa.types.is_floating(kind.value_type):
        return array.cast(pa.list_(pa.float32()))
    if pa.types.is_floating(kind):
        return array.cast(pa.float32())
    return array


def _pick(read: pa.Table, name: str, lag: tuple[int, int]) -> pa.Array:
    """Take one lag of the flattened covariances of every pair."""
    vectors = []
    for values, side in zip(
        read[name].to_pylist(), read["COV_MATRIX_SIDE"].to_pylist(), strict=True
    ):
        cube = np.asarray(values, np.float32).reshape(-1, side, side)
        fits = max(lag) < side
        vectors.append(cube[:, lag[0], lag[1]].tolist() if fits else [])
    return pa.array(vectors, pa.list_(pa.float32()))
