"""Rows to tables: what the Butler keeps as ``ArrowAstropy``."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from astropy.table import MaskedColumn, Table, vstack

from calibrations.domain.criteria import CRITERIA_VERSION, Outcome

__all__ = [
    "NO_DETECTOR",
    "NO_EXPOSURE",
    "TEST_COLUMNS",
    "outcome_row",
    "outcomes_table",
    "stack_tables",
    "table_from_rows",
]

TEST_COLUMNS: Mapping[str, type] = {
    "exposure": np.int64,
    "detector": np.int64,
    "amplifier": str,
    "level": str,
    "test": str,
    "statistic": str,
    "value": np.float64,
    "limit": np.float64,
    "sense": str,
    "unit": str,
    "passed": np.bool_,
    "dmtn101": str,
    "criteria_version": str,
    "advisory": np.bool_,
}
"""Of the long table: one row per exposure, detector, amplifier and test. The detector
is −1 on the exposure's own rows, the amplifier empty on them and on the detector's;
the exposure is 0 where a calibration itself was judged, without any exposure."""

NO_DETECTOR = -1
NO_EXPOSURE = 0


def table_from_rows(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Make a table of rows that need not have the same columns; gaps are masked.

    Text that is missing becomes empty and numbers NaN; only what has no such value
    (booleans) is masked.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return Table({name: _column([row.get(name) for row in rows]) for name in columns})


def _column(values: list[Any]) -> Any:
    """Fill the gaps of one column."""
    present = next((value for value in values if value is not None), None)
    missing = [value is None for value in values]
    if not any(missing):
        return np.stack(values) if isinstance(present, np.ndarray) else values
    if isinstance(present, bool | np.bool_):
        filled = [bool(value) for value in values]
        return MaskedColumn(filled, mask=missing)
    if isinstance(present, np.ndarray):
        empty = np.full_like(present, np.nan)
        return np.stack([empty if v is None else v for v in values])
    blank = "" if isinstance(present, str) else np.nan
    return [blank if value is None else value for value in values]


def stack_tables(tables: Iterable[Table]) -> Table:
    """Put tables on top of each other; columns that some lack are masked there.

    Vectors of different lengths are padded with NaN at the end.
    """
    tables = list(tables)
    for name in {name for table in tables for name in table.colnames}:
        widths = {
            t[name].shape[1] for t in tables if name in t.colnames and t[name].ndim == 2
        }
        if len(widths) > 1:
            for table in tables:
                if name in table.colnames:
                    gap = max(widths) - table[name].shape[1]
                    table[name] = np.pad(
                        table[name], ((0, 0), (0, gap)), constant_values=np.nan
                    )
    for table in tables:
        # Each input carries the provenance of its own file.
        table.meta.clear()
    return vstack(tables, metadata_conflicts="silent")


def outcome_row(
    outcome: Outcome,
    exposure: int = NO_EXPOSURE,
    detector: int = NO_DETECTOR,
    amplifier: str = "",
) -> dict[str, Any]:
    """Give the row of one applied criterion."""
    one = outcome.criterion
    return {
        "exposure": exposure,
        "detector": detector,
        "amplifier": amplifier,
        "level": one.level,
        "test": one.test,
        "statistic": one.statistic,
        "value": outcome.value,
        "limit": outcome.limit,
        "sense": one.sense,
        "unit": one.unit,
        "passed": outcome.passed,
        "dmtn101": one.dmtn101,
        "criteria_version": CRITERIA_VERSION,
        "advisory": one.advisory,
    }


def outcomes_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Make the long table, with its column types even when it is empty."""
    return Table(
        {
            name: np.array([row[name] for row in rows], dtype=kind)
            for name, kind in TEST_COLUMNS.items()
        }
    )
