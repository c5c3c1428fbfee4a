"""Reading the results of a verification's tests, a million of them if need be.

Our own pipelines write a table with a row for each test. Rubin's ``cp_verify`` writes
one with a row for each amplifier, from which the same criteria are read. Files on
this machine are read column by column; others are asked of the gateway.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
) -> tuple[list[Result], str]:
    """Read every table of tests; says in a sentence what is absent."""
    results: list[Result] = []
    missing = plan.missing
    if not plan.verification:
        return results, missing
    for tests in plan.tests_datasets:
        found = _read_files(plan, tests, datasets)
        if found is None:
            found, problem = _ask(gateway, plan, tests)
            missing = missing or problem
        results += found
    if not results and not missing:
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


def _read_files(plan: StagePlan, tests: str, datasets: Datasets) -> list[Result] | None:
    """Read the first kind of table that is there; None where none can be read here."""
    for name in _alternatives(tests):
        infos = datasets.get((plan.verification, name), [])
        paths = [info.path for info in infos]
        if not paths or not all(_is_here(path) for path in paths):
            continue
        stage = (results_type(tests) or ("", ""))[1]
        read = _read_tests if name.endswith("Tests") else _read_upstream(stage)
        if found := [result for path in paths for result in read(path)]:
            return found
    return None


def _ask(
    gateway: ButlerGateway, plan: StagePlan, tests: str
) -> tuple[list[Result], str]:
    try:
        rows = gateway.read_metrics(plan.verification, tests)
    except NotFoundError as error:
        return [], f"{plan.verification} has no {tests}: {error}"
    return [make_result(row) for row in rows], ""


def _read_tests(path: str) -> Iterator[Result]:
    """Read a table with a row for each test, column by column."""
    table = _read_table(path, list(Result._fields))
    return map(Result._make, zip(*map(_values, table.columns), strict=True))


def _read_upstream(stage: str) -> Callable[[str], Iterable[Result]]:
    """Read a table with a row for each amplifier by the criteria of a stage."""

    def read(path: str) -> Iterator[Result]:
        names = [field.name for field in pq.read_schema(path) if _is_plain(field.type)]
        table = _read_table(path, names)
        columns = {name: _values(table[name]) for name in names}
        return map(Result._make, read_columns(columns, stage))

    return read


def _read_table(path: str, columns: list[str]) -> pa.Table:
    try:
        return pq.read_table(path, columns=columns)
    except (OSError, pa.ArrowException) as error:
        raise MiddlewareError(f"The table {path} cannot be read: {error}") from error


def _values(column: pa.ChunkedArray) -> list[Any]:
    """Give a column's values; what is no number is None, and equal text is shared."""
    if pa.types.is_floating(column.type):
        numbers = column.to_numpy().astype(np.float64)
        values = numbers.astype(object)
        values[~np.isfinite(numbers)] = None
        return list(values)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        encoded = column.combine_chunks().dictionary_encode()
        words = np.array([*encoded.dictionary.to_pylist(), ""], dtype=object)
        indices = encoded.indices.fill_null(len(words) - 1).to_numpy()
        return list(words[indices])
    return list(column.to_pylist())


def _is_here(path: str) -> bool:
    return is_table(path) and Path(path).is_file()


def _is_plain(kind: pa.DataType) -> bool:
    return not pa.types.is_nested(kind)


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None
