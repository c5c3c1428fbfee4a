"""Profiles and noise spectra of a verification's exposures, amplifier by amplifier.

Verification keeps them for every exposure, in tables of its own; a part keeps the
median over the newest ones, and how far they are apart.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.models import VerificationReport
from reports.services.evidence import PARTS, evidence_file
from reports.services.figure_kinds import Place
from reports.services.gathering import StageEvidence
from taxicab.errors import MiddlewareError, NotFoundError

__all__ = [
    "EXPOSURES",
    "PROFILES",
    "UNIT",
    "profile_vectors",
    "read_profiles",
    "write_profiles",
]

PROFILES = "profiles.parquet"
DETECTOR, AMPLIFIER, EXPOSURES = "DETECTOR", "AMPLIFIER_NAME", "EXPOSURES"

UNIT = "UNIT"
SPECTRUM = "NOISE_SPECTRUM"
VECTORS = ("SERIAL_PROF", "PARALLEL_PROF", SPECTRUM)
"""As verification names them, after the stage's name."""

WHICH = ("MEDIAN", "LOW", "HIGH")

NEWEST = 5
"""Exposures of each detector: a camera of 205 has gigabytes of them in a night."""


def write_profiles(stage: StageEvidence, folder: Path) -> bool:
    """Write a part's profiles and spectra; False where verification kept none.

    Raises
    ------
    MiddlewareError
        Raised if a table is gone or is none.
    """
    vectors = _vectors(next(iter(stage.diagnostics.values()), ""))
    if not vectors:
        return False
    newest: dict[int, list[int]] = defaultdict(list)
    for detector, exposure in sorted(stage.diagnostics, reverse=True):
        if len(newest[detector]) < NEWEST:
            newest[detector].append(exposure)
    path = folder / PROFILES
    is_flat = stage.plan.calib_type == "flat"
    about = {"unit": "% of the median" if is_flat else "e⁻"}
    writer: pq.ParquetWriter | None = None
    for detector, exposures in sorted(newest.items()):
        exposures.sort()
        tables = [_read(stage.diagnostics[(detector, e)], vectors) for e in exposures]
        if is_flat:
            tables = [_relative(table) for table in tables]
        table = _summarise(detector, exposures, tables, vectors)
        if table is None:
            continue
        table = table.replace_schema_metadata(about)
        # A group of rows for each detector: a figure reads one.
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is None:
        return False
    writer.close()
    return True


def profile_vectors(report: VerificationReport, key: str) -> frozenset[str]:
    """Name the vectors that a part keeps; none where it keeps no such file."""
    try:
        path = evidence_file(report, f"{PARTS}/{key}/{PROFILES}")
    except NotFoundError:
        return frozenset()
    names = set(pq.read_schema(path).names)
    return frozenset(v for v in VECTORS if f"{v}_{WHICH[0]}" in names)


def read_profiles(report: VerificationReport, key: str, place: Place) -> dict[str, Any]:
    """Read what a part keeps of one amplifier; profiles of a flat are in %.

    Returns
    -------
    dict
        For each vector its median over the exposures, the least and the greatest,
        float32; ``EXPOSURES``, a list; ``UNIT``, that of the profiles.

    Raises
    ------
    NotFoundError
        Raised if the part keeps nothing of it.
    """
    path = evidence_file(report, f"{PARTS}/{key}/{PROFILES}")
    wanted = [(DETECTOR, "=", place[0]), (AMPLIFIER, "=", place[1])]
    table = pq.read_table(path, filters=wanted)
    rows = table.to_pylist()
    if not rows:
        raise NotFoundError(
            f"{key} has no profiles of detector {place[0]}, {place[1]}: choose another "
            "amplifier."
        )
    (row,) = rows
    about = table.schema.metadata or {}
    found: dict[str, Any] = {
        EXPOSURES: row[EXPOSURES],
        UNIT: about.get(b"unit", b"").decode(),
    }
    for name in profile_vectors(report, key):
        found[name] = tuple(
            np.array(row[f"{name}_{which}"], np.float32) for which in WHICH
        )
    return found


def _vectors(path: str) -> dict[str, str]:
    """Find the columns of a table that are vectors we keep, by our name of them."""
    if not path:
        return {}
    try:
        names = pq.read_schema(path).names
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    return {v: name for v in VECTORS for name in names if name.endswith(f"_{v}")}


def _read(path: str, columns: Mapping[str, str]) -> dict[str, dict[str, np.ndarray]]:
    """Read an exposure's vectors, by vector and amplifier."""
    try:
        read = pq.read_table(path, columns=["amplifier", *columns.values()])
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error
    names = read["amplifier"].to_pylist()
    return {
        vector: {
            amplifier: values
            for amplifier, values in zip(names, _split(read[name]), strict=True)
            if amplifier and values.size
        }
        for vector, name in columns.items()
    }


def _split(column: pa.ChunkedArray) -> list[np.ndarray]:
    """Give a column's vectors; empty where there is none. A list would take long."""
    lists = column.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    values = lists.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return np.split(values, np.cumsum(lengths)[:-1])


def _relative(
    table: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, dict[str, np.ndarray]]:
    """Give a flat's profiles in % of their median: lamps differ more than pixels do."""
    return {
        vector: dict(known)
        if vector == SPECTRUM
        else {name: _percent_of_median(values) for name, values in known.items()}
        for vector, known in table.items()
    }


def _percent_of_median(values: np.ndarray) -> np.ndarray:
    good = values[np.isfinite(values)]
    median = float(np.median(good)) if good.size else 0.0
    return 100 * (values / median - 1) if median > 0 else values * np.float32(np.nan)


def _unreadable(path: str, error: Exception) -> MiddlewareError:
    return MiddlewareError(f"The table {path} cannot be read: {error}")


def _summarise(
    detector: int,
    exposures: list[int],
    tables: Sequence[Mapping[str, Mapping[str, np.ndarray]]],
    vectors: Iterable[str],
) -> pa.Table | None:
    """Put a detector's exposures together; None where no amplifier has a vector."""
    names = sorted({n for table in tables for known in table.values() for n in known})
    if not names:
        return None
    columns: dict[str, pa.Array] = {
        DETECTOR: pa.array([detector] * len(names), pa.int32()),
        AMPLIFIER: pa.array(names, pa.string()),
        EXPOSURES: pa.array([exposures] * len(names), pa.list_(pa.int64())),
    }
    for vector in vectors:
        rows = [
            _spread([t[vector][name] for t in tables if name in t[vector]])
            for name in names
        ]
        for i, which in enumerate(WHICH):
            values = [row[i] for row in rows]
            columns[f"{vector}_{which}"] = pa.array(values, pa.list_(pa.float32()))
    return pa.table(columns)


def _spread(vectors: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give median, least and greatest, without the NaN that fills up at the end."""
    if not vectors:
        nothing = np.empty(0, np.float32)
        return nothing, nothing, nothing
    stack = np.stack(vectors)
    known = np.flatnonzero(np.isfinite(stack).any(axis=0))
    stack = stack[:, : known[-1] + 1 if known.size else 0]
    middle = np.median(stack, axis=0)
    # Masked on some exposures; seldom, and many times slower.
    some = np.isnan(middle) & np.isfinite(stack).any(axis=0)
    middle[some] = np.nanmedian(stack[:, some], axis=0)
    return middle, np.fmin.reduce(stack, axis=0), np.fmax.reduce(stack, axis=0)
