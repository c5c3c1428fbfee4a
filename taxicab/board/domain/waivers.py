"""Waivers of named failures: which covers which, and when it lapses.

Plain Python, no Django. A waiver never changes a limit: it says that one failure, as
bad as it was measured, was accepted, by whom, why and until when.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from taxicab.board.domain.failures import MISSING, Failure

__all__ = ["Cover", "CoverState", "GivenWaiver", "find_covers", "show_change"]

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
    """As bad as it may get; `None` where nothing was measured."""
    expires_on: date
    written_by: str
    ticket: str
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
        and waiver.level == failure.level
        and waiver.test == failure.test
        and (waiver.kind == MISSING) == (failure.kind == MISSING)
    )
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
    if failure.value is None and waiver.value is not None:
        return "waived before with a number, not measured now"
    if failure.value is not None and waiver.value is None and failure.kind != MISSING:
        return "waived before as not measured, and it has a number now"
    if _is_worse(failure.value, waiver.value):
        return f"waived before, {_change(waiver, failure)}"
    return ""


def _why_waived(waiver: GivenWaiver, failure: Failure) -> str:
    said = f"waived by {waiver.written_by} until {waiver.expires_on}"
    if waiver.is_of_this_ticket:
        return said
    change = _change(waiver, failure)
    return f"{said} on {waiver.ticket}" + (f", {change}" if change else "")


def _change(waiver: GivenWaiver, failure: Failure) -> str:
    if failure.value is None or waiver.value is None:
        return ""
    return show_change(failure.value, waiver.value)


def _is_worse(now: float | None, then: float | None) -> bool:
    if now is None or then is None:
        return False
    return now - then > _ROUNDING * max(abs(then), abs(now))
