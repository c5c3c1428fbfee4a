"""How long a calibration holds, by its tests on exposures that it was not made from.

DMTN-222 §3.2: exposures of other dates show the time over which a calibration stays
good. Pure functions of plain data: the standard library only.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from calibrations.domain.validity import parse_tai

__all__ = ["Outcome", "Span", "common_span", "find_spans"]


@dataclass(frozen=True)
class Outcome:
    """One test at one place (an amplifier, a detector, a whole exposure)."""

    exposure: int
    detector: int
    amplifier: str
    test: str
    passed: bool


@dataclass(frozen=True)
class Span:
    """The dates over which a test stays inside its limit.

    Half-open, TAI; None where nothing that was tested ends or begins it.
    """

    test: str
    begin_tai: str | None
    """Begin of the first exposure after the last one that failed before."""
    end_tai: str | None
    """Begin of the first exposure that fails: not in the span any more."""
    ended_by: int | None
    """That exposure."""
    begun_after: int | None
    """The last exposure that failed before the calibration was made."""
    first_tai: str
    """Of the exposures that lie in the span, the earliest's begin."""
    last_tai: str
    """The latest's begin: beyond it nothing was tested."""
    n_exposures: int
    """Exposures outside the construction set on which it was tested."""
    n_left_out: int
    """Places that fail on the construction exposures already: they cannot tell how
    long it holds."""


def find_spans(
    outcomes: Iterable[Outcome],
    begins: Mapping[int, str],
    construction: Collection[int],
) -> list[Span]:
    """Find for each test the dates over which it stays inside its limit.

    From the construction exposures outwards, the span ends with the first exposure on
    which a place fails that passed before. Tests without an exposure outside the
    construction set, and tests of the calibration itself, tell nothing and are left
    out.

    Parameters
    ----------
    begins
        When each exposure began: ISO-8601, TAI.
    construction
        Exposures that the calibration was made from.
    """
    made_from = {one for one in construction if one in begins}
    if not made_from:
        return []
    by_test: dict[str, list[Outcome]] = {}
    for one in outcomes:
        if one.exposure in begins:
            by_test.setdefault(one.test, []).append(one)
    times = {one: parse_tai(begin) for one, begin in begins.items()}
    found = [
        _span(test, rows, times, made_from) for test, rows in sorted(by_test.items())
    ]
    return [span for span in found if span is not None]


def common_span(spans: Sequence[Span]) -> Span | None:
    """Give the dates over which all tests stay inside their limits.

    Its ``test`` names the one that ends it, or that begins it where none ends it.
    """
    if not spans:
        return None
    ends = [one for one in spans if one.end_tai is not None]
    begins = [one for one in spans if one.begin_tai is not None]
    ending = min(ends, key=lambda one: str(one.end_tai), default=None)
    beginning = max(begins, key=lambda one: str(one.begin_tai), default=None)
    limits = ending or beginning
    return Span(
        test=limits.test if limits else "",
        begin_tai=beginning.begin_tai if beginning else None,
        end_tai=ending.end_tai if ending else None,
        ended_by=ending.ended_by if ending else None,
        begun_after=beginning.begun_after if beginning else None,
        first_tai=max(one.first_tai for one in spans),
        last_tai=min(one.last_tai for one in spans),
        n_exposures=max(one.n_exposures for one in spans),
        n_left_out=sum(one.n_left_out for one in spans),
    )


def _span(
    test: str,
    rows: Sequence[Outcome],
    times: Mapping[int, str],
    construction: Collection[int],
) -> Span | None:
    bad_from_start = {
        (row.detector, row.amplifier)
        for row in rows
        if row.exposure in construction and not row.passed
    }
    failing: dict[int, bool] = {}
    for row in rows:
        if (row.detector, row.amplifier) not in bad_from_start:
            failing[row.exposure] = failing.get(row.exposure, False) or not row.passed
    outside = {one for one in failing if one not in construction}
    if not outside:
        return None
    made = min(times[one] for one in construction)
    in_order = sorted(failing, key=lambda one: (times[one], one))
    after = [one for one in in_order if times[one] >= made]
    before = [one for one in in_order if times[one] < made]
    ended_by = next((one for one in after if failing[one]), None)
    begun_after = next((one for one in reversed(before) if failing[one]), None)
    inside = [
        one
        for one in in_order
        if (begun_after is None or times[one] > times[begun_after])
        and (ended_by is None or times[one] < times[ended_by])
    ]
    if not inside:  # even the exposures of that hour fail
        return None
    return Span(
        test=test,
        begin_tai=times[inside[0]] if begun_after is not None else None,
        end_tai=times[ended_by] if ended_by is not None else None,
        ended_by=ended_by,
        begun_after=begun_after,
        first_tai=times[inside[0]],
        last_tai=times[inside[-1]],
        n_exposures=len(outside),
        n_left_out=len(bad_from_start),
    )
