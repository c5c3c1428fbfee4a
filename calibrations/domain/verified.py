"""Tests read from the Results tables that Rubin's ``cp_verify`` writes.

Our own pipelines write one row a test beside these tables; upstream's do not. Whether
a test passed is taken from the table as it stands: it was decided there, by limits of
its own. Value and limit are given where the table holds all they are computed from.
Pure functions: the standard library only.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from calibrations.domain.criteria import (
    Criterion,
    criteria_for,
    evaluate,
    stage_of,
)

__all__ = [
    "UPSTREAM_VERSION",
    "VerdictRow",
    "read_columns",
    "read_tests",
    "results_type",
]

UPSTREAM_VERSION = "cp_verify"
"""In place of the version of our criteria."""

_TESTS_TYPE = re.compile(r"verify(?P<stage>[A-Z][a-z]+?)(?P<level>Det|Exp)?Tests")

NO_DETECTOR = -1
NO_EXPOSURE = 0

_NOT_AN_AMPLIFIER = ("", "detector", None)
"""What the rows of a whole detector have for an amplifier."""


def results_type(tests_type: str) -> tuple[str, str] | None:
    """Name the Results dataset beside one of tests, and its stage."""
    match = _TESTS_TYPE.fullmatch(tests_type)
    if match is None:
        return None
    return f"{tests_type.removesuffix('Tests')}Results", stage_of(match["stage"])


def read_tests(
    rows: Iterable[Mapping[str, Any]], stage: str
) -> Iterator[dict[str, Any]]:
    """Give a row for each test that a Results row says passed or failed.

    What is verified without an exposure has no such column upstream: the exposure is
    then 0, as in our own tables. Its defects tables hold statistics but no verdict.
    """
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    advisory = {(str(x.level), x.test): x.advisory for x in criteria_for(stage)}
    for verdict in read_columns(columns, stage):
        key = (verdict.level, verdict.test)
        yield {**verdict._asdict(), "advisory": advisory[key]}


class VerdictRow(NamedTuple):
    """A test as a Results table tells it."""

    exposure: int
    detector: int
    amplifier: str
    level: str
    test: str
    statistic: str
    value: float | None
    limit: float | None
    sense: str
    unit: str
    passed: bool
    dmtn101: str
    criteria_version: str


def read_columns(
    columns: Mapping[str, Sequence[Any]], stage: str
) -> Iterator[VerdictRow]:
    """Read a whole table: criterion by criterion, each from the columns it needs."""
    n_rows = len(next(iter(columns.values()), ()))
    amplifiers = columns.get("amplifier", [None] * n_rows)
    exposures = columns.get("exposure", [NO_EXPOSURE] * n_rows)
    detectors = columns.get("detector", [NO_DETECTOR] * n_rows)
    for one in criteria_for(stage):
        numbers = _Numbers(one, columns)
        is_amplifier, is_exposure = one.level == "AMP", one.level == "EXP"
        about = (one.sense, one.unit)
        for row, passed in enumerate(_verdicts(one, columns, n_rows)):
            if passed is None or (
                is_amplifier and amplifiers[row] in _NOT_AN_AMPLIFIER
            ):
                continue
            value, limit = numbers.measure(row, passed)
            yield VerdictRow(
                int(exposures[row] or NO_EXPOSURE),
                NO_DETECTOR if is_exposure else int(detectors[row]),
                str(amplifiers[row]) if is_amplifier else "",
                one.level,
                one.test,
                one.statistic,
                value,
                limit,
                *about,
                passed,
                one.dmtn101,
                UPSTREAM_VERSION,
            )


def _verdicts(
    one: Criterion, columns: Mapping[str, Sequence[Any]], n_rows: int
) -> Iterator[bool | None]:
    """Find whether the test passed, row by row; None where the row is not about it."""
    names = (f"{_prefix(one)}VERIFY_{one.test}", f"{one.stage}_VERIFY_{one.test}")
    found = [
        columns[name]
        for name in dict.fromkeys(names[: 1 if one.stage == "FLAT" else 2])
        if name in columns
    ]
    # Linearity's verdicts stand under the bare name of the test.
    bare = columns.get(f"{one.stage}_{one.test}", ())
    for row in range(n_rows):
        told = next((c[row] for c in found if c[row] is not None), None)
        if told is not None:
            yield bool(told)
        else:
            yield bare[row] if bare and isinstance(bare[row], bool) else None


class _Numbers(Mapping[str, float]):
    """The statistics of one row at a time, by their bare names."""

    def __init__(self, one: Criterion, columns: Mapping[str, Sequence[Any]]) -> None:
        self.criterion = one
        self.row, self.passed = 0, True
        self.columns: dict[str, list[Sequence[Any]]] = {}
        # The level's own wins.
        for prefix in dict.fromkeys((_prefix(one), f"{one.stage}_")):
            for name, column in columns.items():
                if name.startswith(prefix):
                    bare = name.removeprefix(prefix)
                    self.columns.setdefault(bare, []).append(column)

    def measure(self, row: int, passed: bool) -> tuple[float | None, float | None]:
        """Compute value and limit; neither where the table lacks what they are of."""
        self.row, self.passed = row, passed
        outcome = evaluate(self.criterion, self)
        if math.isfinite(outcome.value) and math.isfinite(outcome.limit):
            return outcome.value, outcome.limit
        return None, None

    def __getitem__(self, name: str) -> float:
        if name == "FORCE_FAILURE":
            return float(not self.passed)
        for column in self.columns[name]:
            if isinstance(column[self.row], int | float):
                return float(column[self.row])
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


def _prefix(one: Criterion) -> str:
    """Spell what a level's columns begin with; the exposure's are in lower case."""
    return {
        "AMP": f"{one.stage}_",
        "DET": f"{one.stage}_DET_",
        "EXP": f"{one.stage.lower()}_",
    }[one.level]
