"""Waivers of named failures: which covers which, and when it lapses.

Plain Python, no Django. A waiver never changes a limit: it says that one failure, as
bad as it was measured and up to how much worse, was accepted, by whom, why and until
when. The allowance is there because a measurement repeats itself within its noise
only: without one a waiver would lapse on the next candidate by chance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import median

from reports.domain.results import show_number
from taxicab.board.domain.failures import MISSING, UNMEASURED, Failure

__all__ = [
    "Cover",
    "CoverState",
    "GivenWaiver",
    "default_allowance",
    "find_covers",
    "show_change",
]

SCATTERS = 3.0
"""An allowance is this many robust standard deviations over the exposures."""

MIN_EXPOSURES = 4
"""Fewer say little of the scatter."""

USUAL_SHARE = 0.05
"""Of the value, where the scatter is not known."""

_ROUNDING = 1e-9
"""Two readings of one file may differ in the last digit."""


class CoverState(StrEnum):
    """Whether a failure is waived."""

    WAIVED = "waived"
    LAPSED = "lapsed"
    OPEN = "open"

    @property
    def is_covered(self) -> bool:
        """Whether the failure stands in nobody's way."""
        return self is CoverState.WAIVED


@dataclass(frozen=True)
class GivenWaiver:
    """A waiver that was written for a failure of an instrument."""

    number: int
    calib_type: str
    physical_filter: str
    level: str
    test: str
    kind: str
    raft: str
    """Empty: any raft."""
    detector: int
    """-1: any detector."""
    amplifier: str
    """Empty: any amplifier of the detector."""
    exposure: int
    """0: any exposure."""
    value: float | None
    """As bad as it was; `None` where nothing was measured."""
    holds_to: float | None
    """As bad as it may get."""
    expires_on: date
    written_by: str
    ticket: str
    tests: tuple[str, ...] = ()
    """Of what had no number: which tests."""
    unit: str = ""
    is_of_this_ticket: bool = True
    is_decided: bool = True
    """Whether the board adopted the ticket that it was written on."""
    is_withdrawn: bool = False
    is_by_author: bool = False
    """Whether who wrote it has a part in the set that it would cover now."""


@dataclass(frozen=True)
class Cover:
    """A failure with the waiver that comes nearest to covering it."""

    failure: Failure
    state: CoverState
    waiver: GivenWaiver | None
    sentence: str


def find_covers(
    failures: Iterable[Failure], waivers: Sequence[GivenWaiver], *, today: date
) -> list[Cover]:
    """Find for each failure the waiver that covers it, or why none does.

    Parameters
    ----------
    waivers
        Of the instrument, newest first. One that holds is preferred to a newer one
        that lapsed; withdrawn ones are not looked at.
    today
        The last day on which a waiver holds is the one it expires on.
    """
    return [_cover(failure, waivers, today) for failure in failures]


def default_allowance(value: float, over_exposures: Sequence[float]) -> float:
    """Say how much worse than waived a value may get by the noise of measuring it.

    Parameters
    ----------
    over_exposures
        The test's value at the same place on each exposure.

    Returns
    -------
    float
        Three robust standard deviations over the exposures (1.4826 times the median
        distance from the median, which one bad exposure does not widen); 5 % of the
        value where there are fewer than four, or where they do not differ.
    """
    if len(over_exposures) >= MIN_EXPOSURES:
        middle = median(over_exposures)
        scatter = 1.4826 * median(abs(one - middle) for one in over_exposures)
        if scatter > 0:
            return SCATTERS * scatter
    return USUAL_SHARE * abs(value)


def show_change(now: float, then: float) -> str:
    """Say how a value changed for the better or worse: ``3 % worse now``.

    All tests have an upper limit: larger is worse.
    """
    if abs(now - then) <= _ROUNDING * max(abs(then), abs(now)):
        return "the same now"
    word = "worse" if now > then else "better"
    if not then:
        return f"{abs(now):.3g} from 0, {word} now"
    share = 100 * abs(now - then) / abs(then)
    size = f"{share:.0f}" if share >= 9.5 else f"{share:.2g}"
    return f"{size} % {word} now"


def _cover(failure: Failure, waivers: Sequence[GivenWaiver], today: date) -> Cover:
    lapsed: Cover | None = None
    for waiver in waivers:
        if waiver.is_withdrawn or not _is_about(waiver, failure):
            continue
        problem = _why_lapsed(waiver, failure, today)
        if not problem:
            sentence = _why_waived(waiver, failure)
            return Cover(failure, CoverState.WAIVED, waiver, sentence)
        lapsed = lapsed or Cover(failure, CoverState.LAPSED, waiver, problem)
    return lapsed or Cover(failure, CoverState.OPEN, None, "no waiver")


def _is_about(waiver: GivenWaiver, failure: Failure) -> bool:
    """Whether the waiver's scope holds the failure; wider ones hold narrower ones."""
    same = (
        waiver.calib_type == failure.calib_type
        and waiver.physical_filter == failure.physical_filter
        and (waiver.kind == MISSING) == (failure.kind == MISSING)
        and (waiver.kind == UNMEASURED) == (failure.kind == UNMEASURED)
    )
    if failure.kind != UNMEASURED:  # which is about several
        same &= waiver.level == failure.level and waiver.test == failure.test
    return (
        same
        and waiver.raft in ("", failure.raft)
        and waiver.detector in (-1, failure.detector)
        and waiver.amplifier in ("", failure.amplifier)
        and waiver.exposure in (0, failure.exposure)
    )


def _why_lapsed(waiver: GivenWaiver, failure: Failure, today: date) -> str:
    """Say why a waiver of that scope does not hold; empty when it does."""
    if not (waiver.is_of_this_ticket or waiver.is_decided):
        return f"waived on {waiver.ticket}, which the board did not adopt"
    if waiver.is_by_author:
        return f"waived by {waiver.written_by}, who has a part in this set"
    if today > waiver.expires_on:
        return f"the waiver of {waiver.ticket} expired on {waiver.expires_on}"
    if failure.kind == MISSING:
        return _why_more_is_missing(waiver, failure)
    if failure.kind == UNMEASURED:
        return _why_more_is_unmeasured(waiver, failure)
    if failure.value is None and waiver.value is not None:
        return "waived before with a number, not measured now"
    if failure.value is not None and waiver.value is None:
        return "waived before as not measured, and it has a number now"
    if _is_worse(failure.value, waiver.holds_to):
        return f"waived before{_up_to(waiver)}, {_change(waiver, failure)}"
    return ""


def _why_more_is_missing(waiver: GivenWaiver, failure: Failure) -> str:
    """Say that more is missing than was waived.

    Where nothing at all is there it is not counted: that is more than any number. A
    waiver without a number is of all.
    """
    if failure.value is None and waiver.holds_to is not None:
        return f"waived before for {waiver.holds_to:.0f}, and not counted now"
    if _is_worse(failure.value, waiver.holds_to):
        return f"waived before for {waiver.holds_to:.0f}, {failure.value:.0f} now"
    return ""


def _why_more_is_unmeasured(waiver: GivenWaiver, failure: Failure) -> str:
    """Name the tests that had a number when the waiver was written."""
    new = sorted(set(failure.tests) - set(waiver.tests))
    if not new:
        return ""
    more = f" and {len(new) - 1} more" if len(new) > 1 else ""
    return f"waived before, and {new[0]}{more} not measured now either"


def _up_to(waiver: GivenWaiver) -> str:
    """Say how bad it may get: `` up to 9.55 e⁻``; empty where there is no number."""
    if waiver.holds_to is None:
        return ""
    return f" up to {show_number(waiver.holds_to, waiver.unit)}"


def _why_waived(waiver: GivenWaiver, failure: Failure) -> str:
    said = f"waived by {waiver.written_by} until {waiver.expires_on}{_up_to(waiver)}"
    if waiver.is_of_this_ticket:
        return said
    change = _change(waiver, failure)
    return f"{said}, on {waiver.ticket}" + (f", {change}" if change else "")


def _change(waiver: GivenWaiver, failure: Failure) -> str:
    if failure.value is None or waiver.value is None:
        return ""
    return show_change(failure.value, waiver.value)


def _is_worse(now: float | None, then: float | None) -> bool:
    if now is None or then is None:
        return False
    return now - then > _ROUNDING * max(abs(then), abs(now))
