"""The vectors of a calibration that figures draw: curves, matrices, kernels, boxes.

A part keeps them in one file, a row an amplifier (for defects: a box), in float32. Each
detector has a group of rows of its own: a figure reads that, and the columns it needs.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from reports.models import VerificationReport
from reports.services.evidence import PARTS, evidence_file
from reports.services.gathering import StageEvidence
from reports.services.images import read_shape
from taxicab.errors import MiddlewareError, NotFoundError

__all__ = ["CURVES", "Curves", "curve_columns", "read_curves", "write_curves"]

CURVES = "curves.parquet"
SHAPES = b"shapes"
"""Key in the file's own metadata."""

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
        "COV_MATRIX_SIDE",
        "COVARIANCES",
        "COVARIANCES_MODEL",
    ),
    "linearizer": ("TYPE", "RAW_MEANS", "FIT_RESIDUALS", "USED", "LINEARITY_TURNOFF"),
    "bfk": ("SIDE", "KERNEL", "VALID"),
    "cti": ("SIGNALS", "SERIAL_EPER", "PARALLEL_EPER", "SERIAL_CTI_TURNOFF"),
    "crosstalk": ("CT_COEFFS", "CT_ERRORS", "CT_VALID"),
    "defects": ("x0", "y0", "width", "height"),
}
"""By calibration type; what a table lacks is left out."""


@dataclass(frozen=True)
class Curves:
    """Some rows of a part's vectors."""

    rows: list[dict[str, Any]]
    units: Mapping[str, str]
    shapes: Mapping[int, tuple[int, int]]
    """Of the detectors' images, where defects are kept: a part may have been read."""


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
    if stage.plan.calib_type == "defects":
        shapes = json.dumps(_shapes(stage)).encode()
        together = together.replace_schema_metadata({SHAPES: shapes})
    begin = 0
    with pq.ParquetWriter(
        folder / CURVES, together.schema, compression="zstd"
    ) as writer:
        for table in tables:
            writer.write_table(together.slice(begin, table.num_rows))
            begin += table.num_rows
    return True


def curve_columns(report: VerificationReport, key: str) -> frozenset[str]:
    """Name the vectors that a part keeps; none where it keeps no such file."""
    try:
        path = evidence_file(report, f"{PARTS}/{key}/{CURVES}")
    except NotFoundError:
        return frozenset()
    return frozenset(pq.read_schema(path).names)


def read_curves(
    report: VerificationReport,
    key: str,
    *,
    detector: int | None = None,
    columns: Sequence[str] | None = None,
) -> Curves:
    """Read a part's vectors: of one detector, or some columns, where they are named.

    Raises
    ------
    NotFoundError
        Raised if the part keeps none.
    """
    path = evidence_file(report, f"{PARTS}/{key}/{CURVES}")
    chosen = [(DETECTOR, "=", detector)] if detector is not None else None
    names = None if columns is None else [DETECTOR, *columns]
    table = pq.read_table(path, filters=chosen, columns=names)
    units = {
        f.name: (f.metadata or {}).get(b"unit", b"").decode() for f in table.schema
    }
    shapes = json.loads((table.schema.metadata or {}).get(SHAPES, b"{}"))
    return Curves(
        table.to_pylist(), units, {int(d): (ny, nx) for d, (ny, nx) in shapes.items()}
    )


def _shapes(stage: StageEvidence) -> dict[int, tuple[int, int]]:
    """Find the shape of the images that the defects are of, by what is left of one."""
    found: dict[int, tuple[int, int]] = {}
    for (detector, _), path in sorted(stage.residuals.items()):
        if detector not in found:
            found[detector] = read_shape(path)
    return found


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
