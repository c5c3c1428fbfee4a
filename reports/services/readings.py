"""Reading the results of a verification's tests, a million of them if need be.

Our own pipelines write a table with a row for each test. Rubin's ``cp_verify`` writes
one with a row for each amplifier, from which the same criteria are read. Files on
this machine are read column by column; others are asked of the gateway.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from calibrations.butler.client import ButlerGateway
from calibrations.butler.records import DatasetInfo, MetricRow
from calibrations.domain.verified import read_columns, results_type
from reports.domain.results import Result
from reports.domain.stages import StagePlan
from reports.services.columns import TEXTS, Results, Words
from taxicab.errors import MiddlewareError, NotFoundError

__all__ = [
    "Datasets",
    "Metric",
    "is_table",
    "make_result",
    "read_metrics",
    "read_results",
    "result_datasets",
]

SUFFIX = ".parq"


class Metric(NamedTuple):
    """A number about a whole verification run."""

    name: str
    value: float | None
    unit: str


Datasets = Mapping[tuple[str, str], Sequence[DatasetInfo]]
"""What was found, by run and dataset type."""


def result_datasets(plan: StagePlan) -> list[str]:
    """Name every dataset type that may hold results, ours before cp_verify's."""
    return [name for tests in plan.tests_datasets for name in _alternatives(tests)]


def read_results(
    gateway: ButlerGateway, plan: StagePlan, datasets: Datasets
) -> tuple[Results, str]:
    """Read every table of tests; says in a sentence what is absent."""
    read: list[Results] = []
    missing = plan.missing
    if not plan.verification:
        return Results.of(()), missing
    for tests in plan.tests_datasets:
        found = _read_files(plan, tests, datasets)
        if found is None:
            found, problem = _ask(gateway, plan, tests)
            missing = missing or problem
        read.append(found)
    results = Results.join(read)
    if not len(results) and not missing:
        missing = f"{plan.verification} has no result of any test."
    return results, missing


def make_result(row: MetricRow) -> Result:
    """Turn a row of a table of tests into a result; what is no number is None."""
    return Result(
        exposure=int(row["exposure"] or 0),
        detector=int(row["detector"]),
        amplifier=str(row["amplifier"] or ""),
        level=str(row["level"]),
        test=str(row["test"]),
        statistic=str(row["statistic"]),
        value=_number(row["value"]),
        limit=_number(row["limit"]),
        sense=str(row["sense"]),
        unit=str(row["unit"] or ""),
        passed=bool(row["passed"]),
        dmtn101=str(row["dmtn101"] or ""),
        criteria_version=str(row["criteria_version"]),
    )


def read_metrics(path: str) -> list[Metric]:
    """Read a bundle of core metrics, as analysis_tools writes them.

    Raises
    ------
    MiddlewareError
        Raised if the file is gone or is no such bundle.
    """
    try:
        bundle = json.loads(Path(path).read_text(encoding="utf-8"))
        return [
            Metric(str(one["metric"]), _number(one["value"]), str(one["unit"] or ""))
            for measurements in bundle.values()
            if isinstance(measurements, list)
            for one in measurements
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise MiddlewareError(f"The metrics {path} cannot be read: {error}") from error


def is_table(path: str) -> bool:
    """Whether a file is a table that can be read here."""
    return path.endswith(SUFFIX)


def _alternatives(tests: str) -> list[str]:
    """Name a table of tests and what may stand in for it, the best first."""
    detectors = f"{tests.removesuffix('Tests')}DetTests"
    beside = [results_type(name) for name in (tests, detectors)]
    return [tests, detectors, *(found[0] for found in beside if found)]


def _read_files(plan: StagePlan, tests: str, datasets: Datasets) -> Results | None:
    """Read the first kind of table that is there; None where none can be read here."""
    for name in _alternatives(tests):
        infos = datasets.get((plan.verification, name), [])
        paths = [info.path for info in infos]
        if not paths or not all(_is_here(path) for path in paths):
            continue
        stage = (results_type(tests) or ("", ""))[1]
        read = _read_tests if name.endswith("Tests") else _read_upstream(stage)
        found = Results.join([read(path) for path in paths])
        if len(found):
            return found
    return None


def _ask(gateway: ButlerGateway, plan: StagePlan, tests: str) -> tuple[Results, str]:
    try:
        rows = gateway.read_metrics(plan.verification, tests)
    except NotFoundError as error:
        return Results.of(()), f"{plan.verification} has no {tests}: {error}"
    return Results.of(make_result(row) for row in rows), ""


def _read_tests(path: str) -> Results:
    """Read a table with a row for each test, column by column."""
    table = _read_table(path, list(Result._fields))
    columns = {name: table[name] for name in Result._fields}
    return Results(
        exposure=_numbers(columns["exposure"], 0).astype(np.int64),
        detector=_numbers(columns["detector"], -1).astype(np.int64),
        value=_finite(columns["value"]),
        limit=_finite(columns["limit"]),
        passed=_numbers(columns["passed"], False).astype(np.bool_),
        words={name: _words(columns[name]) for name in TEXTS},
    )


def _read_upstream(stage: str) -> Callable[[str], Results]:
    """Read a table with a row for each amplifier by the criteria of a stage."""

    def read(path: str) -> Results:
        names = [field.name for field in pq.read_schema(path) if _is_plain(field.type)]
        table = _read_table(path, names)
        columns = {name: _values(table[name]) for name in names}
        return Results.of(map(Result._make, read_columns(columns, stage)))

    return read


def _numbers(column: pa.ChunkedArray, missing: int) -> np.ndarray:
    return (column.fill_null(missing) if column.null_count else column).to_numpy()


def _finite(column: pa.ChunkedArray) -> np.ndarray:
    """Give a column of numbers; what is none is NaN."""
    numbers = column.cast(pa.float64()).to_numpy()
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _words(column: pa.ChunkedArray) -> Words:
    """Give a column of text; what is null is empty."""
    parts = []
    for chunk in column.chunks:
        encoded = chunk if pa.types.is_dictionary(chunk.type) else _encode(chunk)
        names = (*encoded.dictionary.to_pylist(), "")
        codes = encoded.indices.fill_null(len(names) - 1).to_numpy()
        parts.append(Words(codes, names))
    return Words.join(parts)


def _encode(chunk: pa.Array) -> pa.DictionaryArray:
    return chunk.cast(pa.string()).dictionary_encode()


def _read_table(path: str, columns: list[str]) -> pa.Table:
    try:
        # As the file keeps them: a million words are few different ones.
        return pq.read_table(
            path, columns=columns, read_dictionary=list(TEXTS), use_threads=False
        )
    except (OSError, pa.ArrowException) as error:
        raise MiddlewareError(f"The table {path} cannot be read: {error}") from error


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column's values; what is no number is None, and equal text is shared."""
    if pa.types.is_floating(column.type):
        numbers = column.to_numpy().astype(np.float64)
        values = numbers.astype(object)
        values[~np.isfinite(numbers)] = None
        return list(values)
    if _is_text(column.type):
        return _words(column).tolist()
    return list(column.to_pylist())


def _is_here(path: str) -> bool:
    return is_table(path) and Path(path).is_file()


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_plain(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
