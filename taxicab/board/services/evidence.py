"""The evidence a ticket is decided on: its report's parts, failures and waivers."""

from collections.abc import Iterable, Sequence

from django.contrib.auth.models import User
from django.utils import timezone

from reports.models import VerificationReport
from reports.services.history import values_at_worst
from taxicab.board.domain import (
    Cover,
    Failure,
    GivenWaiver,
    Part,
    default_allowance,
    find_covers,
    find_failures,
)
from taxicab.board.models import TaxicabStage, TaxicabTicket, Waiver
from taxicab.board.services.authors import authors_of
from taxicab.errors import InputError

__all__ = [
    "check_part",
    "covers_of",
    "failures_of",
    "find_failure",
    "parts_of",
    "usual_reach",
]

WHOLE = "report"
"""Key of the one part of a report that was made before reports had parts."""


def parts_of(report: VerificationReport) -> list[Part]:
    """List the parts of a report with the hashes that positions are bound to."""
    rows = [Part(p.key, p.calib_type, p.sha256) for p in report.parts.all()]
    return rows or [Part(WHOLE, "", report.sha256)]


def check_part(ticket: TaxicabTicket, key: str) -> None:
    """Refuse a part that the ticket's report has not; none is the whole set."""
    known = [part.key for part in parts_of(ticket.report)]
    if key and key not in known:
        raise InputError(
            f"{ticket.report} has no part {key!r}; there are {', '.join(known)}.",
            parts=known,
        )


def failures_of(report: VerificationReport) -> list[Failure]:
    """List what failed in a report, and what was not verified."""
    filters = {part.key: part.physical_filter for part in report.parts.all()}
    return find_failures(report.summary, filters=filters)


def find_failure(ticket: TaxicabTicket, key: str) -> Failure:
    """Find one failure of the ticket's report by its key.

    Raises
    ------
    InputError
        Raised if the report has it not: it may be of an earlier version.
    """
    for failure in failures_of(ticket.report):
        if failure.key == key:
            return failure
    raise InputError(
        f"{ticket.report} has no failure {key!r}: choose one from the list of "
        f"{ticket.key}."
    )


def usual_reach(report: VerificationReport, failure: Failure) -> float | None:
    """Say up to which value a waiver of a failure holds, unless somebody says another.

    What is counted as missing is no measurement: it is waived as it is.
    """
    if failure.value is None or not failure.is_measured:
        return failure.value
    cluster = {
        "level": failure.level,
        "test": failure.test,
        "exposure": failure.exposure,
        "raft": failure.raft,
        "detector": failure.detector,
        "amplifier": failure.amplifier,
    }
    seen = values_at_worst(cluster, failure.part, report)
    return failure.value + default_allowance(failure.value, seen)


def covers_of(
    ticket: TaxicabTicket, *, authors: Sequence[User] | None = None
) -> list[Cover]:
    """Find for each failure of the ticket's report whether it is waived."""
    failures = failures_of(ticket.report)
    if not failures:
        return []
    rows = Waiver.objects.filter(
        instrument=ticket.construction.instrument,
        calib_type__in={failure.calib_type for failure in failures},
        withdrawn_by=None,
    ).select_related("ticket", "written_by")
    known = authors_of(ticket) if authors is None else authors
    return find_covers(
        failures, list(_given(rows, ticket, known)), today=timezone.now().date()
    )


def _given(
    rows: Iterable[Waiver], ticket: TaxicabTicket, authors: Sequence[User]
) -> Iterable[GivenWaiver]:
    for row in rows:
        yield GivenWaiver(
            number=row.pk,
            calib_type=row.calib_type,
            physical_filter=row.physical_filter,
            level=row.level,
            test=row.test,
            kind=row.kind,
            raft=row.raft,
            detector=row.detector,
            amplifier=row.amplifier,
            exposure=row.exposure,
            tests=tuple(row.tests),
            unit=row.unit,
            value=row.value,
            holds_to=row.holds_to,
            expires_on=row.expires_on,
            written_by=row.written_by.get_username(),
            ticket=row.ticket.key,
            is_of_this_ticket=row.ticket_id == ticket.pk,
            is_decided=TaxicabStage(row.ticket.stage).is_adopted,
            is_by_author=row.written_by in authors,
        )
