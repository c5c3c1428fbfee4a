"""Putting a set before the board, and taking it back."""

import difflib

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import IntegrityError, transaction
from django.db.models import Max

from calibrations.domain.names import parse_name
from calibrations.models import Certification, ConstructionTicket, StepStatus
from calibrations.services.construction import mark_hailed, take_back
from reports.models import ReportStatus, VerificationReport
from taxicab.board.models import (
    TaxicabStage,
    TaxicabTicket,
    TaxicabTicketQuerySet,
)
from taxicab.board.services.telling import tell_hailed
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.permissions import check_may, readable_instruments
from taxicab.errors import ConflictError, ForbiddenError, InputError, NotFoundError

__all__ = [
    "check_readable",
    "check_reason",
    "check_seen",
    "find_ticket",
    "hail",
    "lock_open",
    "readable_tickets",
    "subject_of",
    "withdraw",
]

NUMBER_ATTEMPTS = 5
NEAREST = 3


def hail(
    construction: ConstructionTicket,
    *,
    report: VerificationReport,
    by: User,
    summary: str = "",
) -> TaxicabTicket:
    """Open a TAXICAB ticket for a set: report ready, everything certified.

    Raises
    ------
    ConflictError
        Raised while something is missing: it is named, with what to do.
    """
    check_may(by, Action.HAIL, construction.instrument)
    for _ in range(NUMBER_ATTEMPTS):
        try:
            with transaction.atomic():
                construction.refresh_from_db()
                _check_hailable(construction, report)
                return _open(construction, report, by, summary)
        except IntegrityError:
            continue  # somebody took the number; or the set, which the check says
    raise ConflictError("Others took every number that was tried: hail again.")


def withdraw(ticket: TaxicabTicket, *, by: User, reason: str) -> TaxicabTicket:
    """Take a set back before it is decided; only who hailed it may."""
    check_may(by, Action.HAIL, ticket.construction.instrument)
    check_reason(reason)
    if by != ticket.hailed_by:
        raise ForbiddenError(
            f"{ticket.key} was hailed by {ticket.hailed_by}: nobody else withdraws it."
        )
    with transaction.atomic():
        lock_open(ticket)
        why = f"{ticket.key} was withdrawn: {reason}"
        take_back(ticket.construction, by=by, why=why)
        return move(
            ticket,
            field="stage",
            to=TaxicabStage.WITHDRAWN,
            by=by,
            subject=subject_of(ticket),
            why=reason,
        )


def find_ticket(
    key: str, tickets: TaxicabTicketQuerySet | None = None
) -> TaxicabTicket:
    """Find a ticket by its key, ``TAXICAB-nn``.

    Raises
    ------
    NotFoundError
        Raised for an unknown key, naming the nearest ones.
    """
    among = TaxicabTicket.objects.all() if tickets is None else tickets
    prefix, _, number = key.partition("-")
    if prefix == "TAXICAB" and number.isascii() and number.isdigit():
        found = among.filter(number=int(number)).first()
        if found is not None and found.key == key:
            return found
    keys = [f"TAXICAB-{n}" for n in among.values_list("number", flat=True)]
    nearest = difflib.get_close_matches(key, keys, NEAREST, cutoff=0) or keys[:NEAREST]
    raise NotFoundError(
        f"There is no TAXICAB ticket {key!r}; "
        + (f"nearest are {', '.join(nearest)}." if nearest else "nobody hailed yet."),
        nearest=nearest,
    )


def readable_tickets(user: AbstractBaseUser | AnonymousUser) -> TaxicabTicketQuerySet:
    """Find the TAXICAB tickets of instruments that somebody may read about."""
    readable = readable_instruments(user)
    return TaxicabTicket.objects.filter(construction__instrument__in=readable)


def subject_of(ticket: TaxicabTicket) -> tuple[str, str]:
    """Give the ticket's kind and key, for the audit trail."""
    return ("taxicab", ticket.key)


def check_reason(reason: str) -> None:
    """Refuse to decide without saying why."""
    if not reason.strip():
        raise InputError("Say why: the reason stays on the ticket.")


def check_seen(ticket: TaxicabTicket, seen: str) -> None:
    """Refuse to bind somebody to evidence that came while they were reading.

    Parameters
    ----------
    seen
        SHA-256 of the report that they saw; empty where they did not say.
    """
    if seen and seen != ticket.report.sha256:
        raise ConflictError(
            f"{ticket.key} got another report while you were reading "
            f"({ticket.report}): look at what changed, then say it again.",
            report_sha256=ticket.report.sha256,
        )


def lock_open(ticket: TaxicabTicket) -> None:
    """Hold the ticket for this transaction, and refuse if it is decided.

    Positions and decisions hold it alike, so that a decision rests on the positions
    as they are. SQLite needs no lock: its transactions that write wait for each other.
    """
    held = TaxicabTicket.objects.select_for_update().get(pk=ticket.pk)
    if not held.is_open:
        raise ConflictError(
            f"{ticket.key} is {held.stage}: only a hailed ticket is before the board.",
            stage=held.stage,
        )
    ticket.refresh_from_db()


def _open(
    construction: ConstructionTicket,
    report: VerificationReport,
    by: User,
    summary: str,
) -> TaxicabTicket:
    last = TaxicabTicket.objects.aggregate(last=Max("number"))["last"] or 0
    ticket = TaxicabTicket.objects.create(
        number=last + 1,
        construction=construction,
        report=report,
        summary=summary.strip(),
        hailed_by=by,
    )
    record(
        by=by,
        subject=subject_of(ticket),
        action="hailed",
        after=ticket.stage,
        why=ticket.summary,
        construction=construction.key,
        report_sha256=report.sha256,
    )
    mark_hailed(construction, by=by, why=f"Hailed as {ticket.key}.")
    tell_hailed(ticket, by=by)
    return ticket


def _check_hailable(
    construction: ConstructionTicket, report: VerificationReport
) -> None:
    """Refuse what the board could not judge. Code review and stage: `mark_hailed`."""
    other = construction.taxicab_tickets.open().first()
    if other:
        raise ConflictError(
            f"{construction.key} is before the board already, as {other.key}."
        )
    check_readable(construction, report)


def check_readable(
    construction: ConstructionTicket, report: VerificationReport
) -> None:
    """Refuse a report unless it shows what would be deployed, and is ready."""
    if report.ticket_id != construction.pk:
        raise ConflictError(
            f"{report} is of another ticket: choose a report of {construction.key}."
        )
    report.refresh_from_db()
    if report.status != ReportStatus.READY:
        raise ConflictError(
            f"{report} is {report.status}: hail once it is ready, or choose another."
        )
    shown = set(report.generation_collections)
    certified = dict(_certified(construction))
    if missing := sorted(shown - certified.keys()):
        raise ConflictError(
            f"Not certified yet: {', '.join(missing)}. Certify what {report} shows, or "
            "build a report of what is certified."
        )
    newest = {_label(name): name for name in certified}
    if unseen := sorted(set(newest.values()) - shown):
        raise ConflictError(
            f"{report} does not show {', '.join(unseen)}, which is certified and would "
            "be deployed: build a new report."
        )
    if not shown:
        raise ConflictError(f"{report} shows no generation: there is nothing to adopt.")


def _certified(construction: ConstructionTicket) -> list[tuple[str, int]]:
    """Certified generations of a ticket, the newest certification last."""
    rows = Certification.objects.filter(
        ticket=construction, status=StepStatus.SUCCEEDED
    ).order_by("pk")
    return list(rows.values_list("generation__collection", "pk"))


def _label(collection: str) -> tuple[str, str]:
    name = parse_name(collection)
    return str(name.type), name.band or ""
