"""What a focal plane shows: one number or verdict an amplifier. Plain Python."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from operator import attrgetter
from statistics import median
from typing import TypeVar

from reports.domain.results import Result, TestNote
from reports.domain.verdicts import TestKey, group_by_test

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
        [r for r in _deciding(results, notes) if r.amplifier],
        attrgetter("detector", "amplifier"),
    )


def find_detector_verdicts(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> dict[int, AmplifierVerdict]:
    """Judge every detector by the tests that decide about it as a whole."""
    return _judge(
        [r for r in _deciding(results, notes) if r.detector >= 0 and not r.amplifier],
        attrgetter("detector"),
    )


def _deciding(
    results: Iterable[Result], notes: Mapping[TestKey, TestNote]
) -> Iterable[Result]:
    advisory = {key for key, note in notes.items() if note.is_advisory}
    for key, group in group_by_test(results).items():
        if key not in advisory:
            yield from group


def _judge(
    results: Sequence[Result], where: Callable[[Result], Where]
) -> dict[Where, AmplifierVerdict]:
    """Count exposures by place; a dozen tests of each are one exposure."""
    seen = _count_exposures(results, where)
    failed = _count_exposures([r for r in results if not r.passed], where)
    return {place: _verdict(failed[place], n) for place, n in seen.items()}


def _count_exposures(
    results: Sequence[Result], where: Callable[[Result], Where]
) -> Counter[Where]:
    exposures = (result.exposure for result in results)
    pairs = dict.fromkeys(zip(map(where, results), exposures, strict=True))
    return Counter(place for place, _ in pairs)


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
