"""A new version of the report under a ticket: what it makes stale, and for whom."""

from django.contrib.auth.models import User
from django.db import transaction

from reports.models import VerificationReport
from taxicab.board.models import TaxicabTicket
from taxicab.board.services.consensus import PositionView, deliberation_of
from taxicab.board.services.hailing import check_readable, lock_open, subject_of
from taxicab.board.services.telling import tell_stale
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import check_may
from taxicab.errors import ConflictError, ForbiddenError

__all__ = ["newer_reports", "replace_report"]


def newer_reports(ticket: TaxicabTicket) -> list[VerificationReport]:
    """List the ready reports of the set that came after the ticket's, newest first."""
    rows = VerificationReport.objects.ready().filter(
        ticket=ticket.construction, version__gt=ticket.report.version
    )
    return list(rows.order_by("-version"))


def replace_report(
    ticket: TaxicabTicket, *, report: VerificationReport, by: User
) -> list[PositionView]:
    """Put a newer report of the same set before the board.

    Positions stay; those that rest on a part that changed do not count for it until
    their authors look again, which they are told.

    Returns
    -------
    list of PositionView
        The positions that became stale.

    Raises
    ------
    ConflictError
        Raised if the report is not ready, older, or does not show what would be
        deployed.
    """
    check_may(by, Action.HAIL, ticket.construction.instrument)
    if by != ticket.hailed_by:
        raise ForbiddenError(
            f"{ticket.key} was hailed by {ticket.hailed_by}: nobody else puts another "
            "report before the board."
        )
    with transaction.atomic():
        lock_open(ticket)
        check_readable(ticket.construction, report)
        before = ticket.report
        if report.version <= before.version:
            raise ConflictError(
                f"{ticket.key} is decided on report {before.version}: choose a newer "
                "one."
            )
        known = {p.row.pk: set(p.stale) for p in deliberation_of(ticket).positions}
        TaxicabTicket.objects.filter(pk=ticket.pk).update(report=report)
        ticket.refresh_from_db()
        _record(ticket, before, by)
        views = deliberation_of(ticket).positions
        stale = [p for p in views if set(p.stale) - known[p.row.pk]]
        for view in stale:
            _tell(ticket, view)
    return stale


def _record(ticket: TaxicabTicket, before: VerificationReport, by: User) -> None:
    old = dict(before.parts.values_list("key", "sha256"))
    new = dict(ticket.report.parts.values_list("key", "sha256"))
    changed = sorted(key for key in old | new if old.get(key) != new.get(key))
    record(
        by=by,
        subject=subject_of(ticket),
        action="report replaced",
        before=f"report {before.version}",
        after=f"report {ticket.report.version}",
        why=f"Changed: {', '.join(changed) or 'nothing'}.",
        report_sha256=ticket.report.sha256,
        report_sha256_before=before.sha256,
        changed=changed,
    )


def _tell(ticket: TaxicabTicket, view: PositionView) -> None:
    """Say to a position's author that it rests on what is no more."""
    member = view.row.member
    record(
        by=None,
        subject=subject_of(ticket),
        action="position became stale",
        before=view.row.kind,
        after=member.get_username(),
        why=f"Changed since {member.get_username()} saw it: {', '.join(view.stale)}.",
        member=member.get_username(),
        parts=list(view.stale),
    )
    tell_stale(ticket, [member], parts=", ".join(view.stale))
