"""Folding a million results into one verdict a test, and what failed by amplifier.

``fold_results`` gives a line for each test that was made and for each test that
should have been made: what is absent is said, never dropped.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from reports.domain.results import Result, TestNote
from reports.domain.verdicts import (
    FailingAmplifier,
    FailingTest,
    TestKey,
    VerdictLine,
    amplifier_order,
    find_worst,
    line_order,
)
from reports.services.columns import Results

__all__ = ["find_failing_amplifiers", "fold_results"]


def fold_results(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> list[VerdictLine]:
    """Fold results into a line a test, worst first, passed last.

    Parameters
    ----------
    notes
        By level and test: the criteria as they are defined now. A test that is
        noted and has no result is said to be missing; one that has results and no
        note (another site's) is described by its own rows.
    """
    everything = Results.of(results)
    grouped = dict.fromkeys(notes, everything[:0]) | everything.by_test
    lines = [_line(key, group, notes.get(key)) for key, group in grouped.items()]
    return sorted(lines, key=line_order)


def find_failing_amplifiers(
    results: Iterable[Result], *, notes: Mapping[TestKey, TestNote]
) -> list[FailingAmplifier]:
    """List the amplifiers that failed a test: deciding tests first, then worst."""
    everything = Results.of(results)
    everything = everything.take(everything.has_amplifier)
    failing = np.unique(everything.failed.places)
    everything = everything.take(np.isin(everything.places, failing))
    grouped: dict[tuple[int, str], list[FailingTest]] = defaultdict(list)
    for group in _by_place_and_test(everything):
        place = (group.first.detector, group.first.amplifier)
        grouped[place].append(_failing_test(group, notes))
    found = [FailingAmplifier(*place, tuple(tests)) for place, tests in grouped.items()]
    return sorted(found, key=amplifier_order)


class _Group(NamedTuple):
    """A test of an amplifier that failed."""

    first: Result
    failed: list[Result]
    n_results: int


def _by_place_and_test(results: Results) -> Iterable[_Group]:
    """Group the failures, in the order in which the results of each group begin."""
    tests = results.tests
    codes = results.places * (int(tests.max(initial=0)) + 1) + tests
    failed: dict[int, list[Result]] = defaultdict(list)
    hit = codes[~results.passed].tolist()
    for code, result in zip(hit, results.failed, strict=True):
        failed[code].append(result)
    known, begins, counts = np.unique(codes, return_index=True, return_counts=True)
    for i in np.argsort(begins).tolist():
        if group := failed.get(int(known[i])):
            yield _Group(group[0], group, int(counts[i]))


def _failing_test(group: _Group, notes: Mapping[TestKey, TestNote]) -> FailingTest:
    note = notes.get((group.first.level, group.first.test))
    worst = find_worst(group.failed)
    assert worst is not None  # a group has a failure
    return FailingTest(
        test=group.first.test,
        is_advisory=bool(note and note.is_advisory),
        n_failed=len(group.failed),
        n_exposures=group.n_results,
        worst=worst,
    )


def _line(key: TestKey, group: Results, note: TestNote | None) -> VerdictLine:
    limits = group.limit[~np.isnan(group.limit)]
    failed = group.failed
    return VerdictLine(
        level=key[0],
        test=key[1],
        note=note or _note_from(group[0]),
        n_results=len(group),
        n_failed=len(failed),
        n_unmeasured=int((~failed.is_measured).sum()),
        limit_low=float(limits.min()) if limits.size else None,
        limit_high=float(limits.max()) if limits.size else None,
        worst=find_worst(_farthest(failed if len(failed) else group)),
        criteria_version=", ".join(sorted(group.words["criteria_version"].used)),
    )


def _farthest(results: Results) -> Results:
    """Leave out what cannot be the worst of results that all failed, or all passed.

    Without a number a failure comes last, and what passed nevertheless first.
    """
    unknown = np.inf if results.passed.any() else -np.inf
    margin = results.margin
    distance = np.where(results.is_measured, results.value, unknown)
    distance = np.where(np.isnan(margin), distance, margin)
    nearest = results.take(distance == distance.max(initial=-np.inf))
    # Numbers that are whole tie in thousands: the first exposure and detector stand.
    for name in ("exposure", "detector"):
        places = getattr(nearest, name)
        nearest = nearest.take(places == places.min(initial=2**62))
    return nearest


def _note_from(result: Result) -> TestNote:
    return TestNote(
        statistic=result.statistic,
        definition="",
        sense=result.sense,
        limit_expression="",
        unit=result.unit,
        dmtn101=result.dmtn101,
    )
