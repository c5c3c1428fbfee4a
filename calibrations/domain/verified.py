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

from calibrations.domain.criteria import (
    Criterion,
    criteria_for,
    evaluate,
    stage_of,
)

__all__ = ["UPSTREAM_VERSION", "read_tests", "results_type"]

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
    for row in rows:
        for one in criteria_for(stage):
            passed = _verdict(row, one)
            if passed is not None:
                yield _test(row, one, passed)


def _verdict(row: Mapping[str, Any], one: Criterion) -> bool | None:
    """Find whether a test passed; None where the row is not about it."""
    if one.level == "AMP" and row.get("amplifier") in _NOT_AN_AMPLIFIER:
        return None
    names = [f"{_prefix(one)}VERIFY_{one.test}", f"{one.stage}_VERIFY_{one.test}"]
    for name in names[: 1 if one.stage == "FLAT" else 2]:
        if row.get(name) is not None:
            return bool(row[name])
    # Linearity's verdicts stand under the bare name of the test.
    bare = row.get(f"{one.stage}_{one.test}")
    return bare if isinstance(bare, bool) else None


def _prefix(one: Criterion) -> str:
    """Spell what a level's columns begin with; the exposure's are in lower case."""
    return {
        "AMP": f"{one.stage}_",
        "DET": f"{one.stage}_DET_",
        "EXP": f"{one.stage.lower()}_",
    }[one.level]


def _test(row: Mapping[str, Any], one: Criterion, passed: bool) -> dict[str, Any]:
    prefixes = (f"{one.stage}_", _prefix(one))  # the level's own wins
    measured = {
        name.removeprefix(prefix): float(value)
        for prefix in prefixes
        for name, value in row.items()
        if name.startswith(prefix) and isinstance(value, int | float)
    }
    outcome = evaluate(one, {**measured, "FORCE_FAILURE": float(not passed)})
    is_known = math.isfinite(outcome.value) and math.isfinite(outcome.limit)
    return {
        "exposure": int(row.get("exposure") or NO_EXPOSURE),
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
