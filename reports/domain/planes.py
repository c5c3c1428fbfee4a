"""What a focal plane shows: one number or verdict an amplifier. Plain Python."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from enum import StrEnum
from statistics import median
from typing import TypeVar

from reports.domain.results import Result, TestNote
from reports.domain.verdicts import TestKey

__all__ = [
    "AmplifierVerdict",
    "find_amplifier_verdicts",
    "find_detector_verdicts",
    "median_values",
    "worst_margins",
]

Place = tuple[int, str]
"""Detector id and amplifier name."""

Where = TypeVar("Where", int, Place)


class AmplifierVerdict(StrEnum):
    """What all deciding tests say of one amplifier."""

    PASSED = "passed"
    SOME = "failed on some exposures"
    ALL = "failed on every exposure"


def find_amplifier_verdicts(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> dict[Place, AmplifierVerdict]:
    """Judge every amplifier that was measured by the tests that decide."""
    return _judge(
        ((r.detector, r.amplifier), r) for r in _deciding(results, notes) if r.amplifier
    )


def find_detector_verdicts(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> dict[int, AmplifierVerdict]:
    """Judge every detector by the tests that decide about it as a whole."""
    return _judge(
        (r.detector, r)
        for r in _deciding(results, notes)
        if r.detector >= 0 and not r.amplifier
    )


def _deciding(
    results: Iterable[Result], notes: Mapping[TestKey, TestNote]
) -> Iterable[Result]:
    advisory = {key for key, note in notes.items() if note.is_advisory}
    return (r for r in results if (r.level, r.test) not in advisory)


def _judge(results: Iterable[tuple[Where, Result]]) -> dict[Where, AmplifierVerdict]:
    failed: dict[Where, set[int]] = defaultdict(set)
    seen: dict[Where, set[int]] = defaultdict(set)
    for where, result in results:
        seen[where].add(result.exposure)
        if not result.passed:
            failed[where].add(result.exposure)
    return {
        where: _verdict(len(failed[where]), len(exposures))
        for where, exposures in seen.items()
    }


def _verdict(n_failed: int, n_exposures: int) -> AmplifierVerdict:
    if not n_failed:
        return AmplifierVerdict.PASSED
    return AmplifierVerdict.ALL if n_failed == n_exposures else AmplifierVerdict.SOME


def median_values(results: Iterable[Result]) -> dict[Place, float]:
    """Median over exposures of each amplifier's value; absent where none is one."""
    values: dict[Place, list[float]] = defaultdict(list)
    for result in results:
        if result.amplifier and result.is_measured:
            place = (result.detector, result.amplifier)
            values[place].append(float(result.value or 0.0))
    return {place: median(found) for place, found in values.items()}


def worst_margins(results: Iterable[Result]) -> dict[Place, float]:
    """Largest margin of each amplifier over exposures, in units of the limit.

    A median hides what only the later night shows; absent where nothing was measured
    or the limit is 0.
    """
    margins: dict[Place, float] = {}
    for result in results:
        if result.amplifier and (margin := result.margin) is not None:
            place = (result.detector, result.amplifier)
            margins[place] = max(margin, margins.get(place, margin))
    return margins
