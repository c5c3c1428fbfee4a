"""What a test says of a set, and what is worst. Plain Python."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from operator import attrgetter

from reports.domain.results import Result, TestNote

__all__ = [
    "Counts",
    "FailingAmplifier",
    "FailingTest",
    "TestKey",
    "Verdict",
    "VerdictLine",
    "amplifier_order",
    "count_results",
    "find_worst",
    "group_by_test",
    "line_order",
]

_LEVELS = {"AMP": 0, "DET": 1, "EXP": 2}

TestKey = tuple[str, str]
"""Level and test: ``("AMP", "NOISE")``."""


class Verdict(StrEnum):
    """What a test says of a set."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    """Results of an advisory test failed: it decides nothing."""
    MISSING = "missing"
    UNTESTED = "no tests"
    """There is no test of the type: it only serves to make others."""

    @property
    def label(self) -> str:
        """The verdict as people read it."""
        return self.value


@dataclass(frozen=True)
class VerdictLine:
    """One test over all exposures, detectors and amplifiers."""

    level: str
    test: str
    note: TestNote
    n_results: int
    n_failed: int
    n_unmeasured: int
    """Of the failed: those that have no number."""
    limit_low: float | None
    limit_high: float | None
    """Limits differ where they depend on the amplifier."""
    worst: Result | None
    criteria_version: str

    @property
    def n_passed(self) -> int:
        """Results within their limit."""
        return self.n_results - self.n_failed

    @property
    def verdict(self) -> Verdict:
        """What the test says."""
        if not self.n_results:
            return Verdict.MISSING
        if not self.n_failed:
            return Verdict.PASSED
        return Verdict.WARNING if self.note.is_advisory else Verdict.FAILED


@dataclass(frozen=True)
class Counts:
    """How many results passed, each counted once; advisory tests apart."""

    results: int
    passed: int
    failed: int
    """Beyond the limit of a test that decides."""
    warnings: int
    """Beyond the limit of an advisory one."""
    unmeasured: int
    """Without a number, whatever the test."""


@dataclass(frozen=True)
class FailingTest:
    """A test that an amplifier failed."""

    test: str
    is_advisory: bool
    n_failed: int
    n_exposures: int
    worst: Result


@dataclass(frozen=True)
class FailingAmplifier:
    """An amplifier that failed something, and on how many exposures."""

    detector: int
    amplifier: str
    tests: tuple[FailingTest, ...]

    @property
    def is_failed(self) -> bool:
        """Whether a test that decides failed."""
        return any(not test.is_advisory for test in self.tests)


def group_by_test(results: Iterable[Result]) -> dict[TestKey, list[Result]]:
    """Group results by level and test, in the order in which tests first appear.

    Tables have one test after the other: whole stretches are taken at once.
    """
    grouped: dict[TestKey, list[Result]] = {}
    for key, stretch in groupby(results, attrgetter("level", "test")):
        grouped.setdefault(key, []).extend(stretch)
    return grouped


def count_results(lines: Sequence[VerdictLine]) -> Counts:
    """Add up verdict lines."""
    deciding = [line for line in lines if not line.note.is_advisory]
    advisory = [line for line in lines if line.note.is_advisory]
    return Counts(
        results=sum(line.n_results for line in lines),
        passed=sum(line.n_passed for line in lines),
        failed=sum(line.n_failed - line.n_unmeasured for line in deciding),
        warnings=sum(line.n_failed - line.n_unmeasured for line in advisory),
        unmeasured=sum(line.n_unmeasured for line in lines),
    )


def find_worst(results: Iterable[Result]) -> Result | None:
    """Find the failure farthest beyond its limit, or what came nearest to it.

    A failure that has no number is given only where none has one.
    """
    found = list(results)
    failed = [result for result in found if not result.passed]
    measured = [result for result in failed if result.is_measured]
    return max(measured or failed or found, key=_badness, default=None)


def _badness(result: Result) -> tuple[bool, float, int, int, str]:
    """Order results from good to bad; ties by place, so that the order is fixed."""
    place = (-result.exposure, -result.detector, result.amplifier)
    return (not result.passed, _distance(result), *place)


def _distance(result: Result) -> float:
    """Give the margin; beyond a limit of 0 the value, and infinity without a number."""
    value, limit = result.value, result.limit
    if value is None or limit is None:
        return math.inf
    if limit:
        margin = (value - limit) / abs(limit)
        if math.isfinite(margin):
            return margin
    return value if result.is_measured else math.inf


_VERDICT_ORDER = {
    Verdict.FAILED: 0,
    Verdict.MISSING: 1,
    Verdict.WARNING: 2,
    Verdict.PASSED: 3,
}


def line_order(line: VerdictLine) -> tuple[int, float, int, str]:
    """Order lines: what failed and what is missing first, passed last."""
    badness = _badness(line.worst)[1] if line.worst else 0.0
    level = _LEVELS.get(line.level, len(_LEVELS))
    order = _VERDICT_ORDER[line.verdict]
    return (order, -badness if order in (0, 2) else 0.0, level, line.test)


def amplifier_order(found: FailingAmplifier) -> tuple[bool, float, int, str]:
    """Order amplifiers: deciding tests first, then the worst."""
    tests = [t for t in found.tests if t.is_advisory is not found.is_failed]
    worst = max(_badness(test.worst)[1] for test in tests)
    return (not found.is_failed, -worst, found.detector, found.amplifier)
