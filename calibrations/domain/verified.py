"""Tests read from the Results tables that Rubin's ``cp_verify`` writes.

Our own pipelines write one row a test beside these tables; upstream's do not. Whether
a test passed is taken from the table as it stands: it was decided there, by limits of
its own. Value and limit are given where the table holds all they are computed from.
Pure functions: the standard library only.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from calibrations.domain.criteria import Criterion, criteria_for, evaluate

__all__ = ["UPSTREAM_VERSION", "read_tests", "results_type"]

UPSTREAM_VERSION = "cp_verify"
"""In place of the version of our criteria."""

_TESTS_TYPE = re.compile(r"verify(?P<stage>[A-Z][a-z]+?)(?P<level>Det|Exp)?Tests")

NO_DETECTOR = -1


def results_type(tests_type: str) -> tuple[str, str] | None:
    """Name the Results dataset beside one of tests, and its stage."""
    match = _TESTS_TYPE.fullmatch(tests_type)
    if match is None:
        return None
    return f"{tests_type.removesuffix('Tests')}Results", match["stage"].upper()


def read_tests(
    rows: Iterable[Mapping[str, Any]], stage: str
) -> Iterator[dict[str, Any]]:
    """Give a row for each test that a Results row says passed or failed."""
    for row in rows:
        for one in criteria_for(stage):
            prefix = _prefix(one)
            passed = row.get(f"{prefix}VERIFY_{one.test}")
            if passed is not None:
                yield _test(row, one, prefix, bool(passed))


def _prefix(one: Criterion) -> str:
    """Spell what a level's columns begin with; the exposure's are in lower case."""
    return {
        "AMP": f"{one.stage}_",
        "DET": f"{one.stage}_DET_",
        "EXP": f"{one.stage.lower()}_",
    }[one.level]


def _test(
    row: Mapping[str, Any], one: Criterion, prefix: str, passed: bool
) -> dict[str, Any]:
    measured = {
        name.removeprefix(prefix): float(value)
        for name, value in row.items()
        if name.startswith(prefix) and isinstance(value, int | float)
    }
    outcome = evaluate(one, {**measured, "FORCE_FAILURE": float(not passed)})
    is_known = math.isfinite(outcome.value) and math.isfinite(outcome.limit)
    return {
        "exposure": int(row["exposure"]),
        "detector": NO_DETECTOR if one.level == "EXP" else int(row["detector"]),
        "amplifier": str(row["amplifier"]) if one.level == "AMP" else "",
        "level": one.level,
        "test": one.test,
        "statistic": one.statistic,
        "value": outcome.value if is_known else None,
        "limit": outcome.limit if is_known else None,
        "sense": one.sense,
        "unit": one.unit,
        "passed": passed,
        "dmtn101": one.dmtn101,
        "criteria_version": UPSTREAM_VERSION,
        "advisory": one.advisory,
    }
