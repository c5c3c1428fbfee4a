"""Objections: raised by members, ended by their authors or by the meeting."""

from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from taxicab.board.models import Meeting, Objection, ObjectionStatus, TaxicabTicket
from taxicab.board.services.authors import check_not_author
from taxicab.board.services.evidence import check_part
from taxicab.board.services.hailing import check_reason, lock_open, subject_of
from taxicab.board.services.telling import tell_objection
from taxicab.core.roles import Action
from taxicab.core.services.audit import move, record
from taxicab.core.services.permissions import check_may
from taxicab.errors import ForbiddenError, InputError, NotFoundError

__all__ = [
    "add_objection",
    "check_own_objection",
    "find_objection",
    "resolve_objection",
    "standing_objections",
    "withdraw_objection",
]

_ANYTHING: dict[str, Any] = {
    "part": "",
    "level": "",
    "test": "",
    "detector": None,
    "amplifier": "",
    "about": "",
}


def standing_objections(ticket: TaxicabTicket) -> list[Objection]:
    """List the objections that stand, the oldest first."""
    rows = ticket.objections.filter(status=ObjectionStatus.STANDING)
    return list(rows.select_related("author"))


def find_objection(ticket: TaxicabTicket, number: int) -> Objection:
    """Find an objection to a ticket by its number."""
    rows = ticket.objections.select_related("author", "ticket__construction")
    if found := rows.filter(pk=number).first():
        return found
    raise NotFoundError(f"There is no objection {number} to {ticket.key}.")


def add_objection(
    ticket: TaxicabTicket, *, by: User, reason: str, **scope: Any
) -> Objection:
    """Write an objection; the caller checked who asks and holds the ticket.

    An objection that is raised again in the same words is the one that stands.
    """
    if not reason.strip():
        raise InputError("Say what you object to: the others cannot answer silence.")
    scope = _ANYTHING | {k: v for k, v in scope.items() if v is not None}
    check_part(ticket, scope["part"])
    same = {"author": by, "reason": reason.strip(), **scope}
    old = ticket.objections.filter(status=ObjectionStatus.STANDING, **same).first()
    if old:
        return old
    objection = Objection.objects.create(ticket=ticket, **same)
    record(
        by=by,
        subject=subject_of(ticket),
        action="objection raised",
        after=objection.status,
        why=objection.reason,
        objection=objection.pk,
        about=objection.scope,
    )
    text = f"{by.get_username()} objects to {objection.scope}: {objection.reason}"
    tell_objection(ticket, text, by=by)
    return objection


def withdraw_objection(objection: Objection, *, by: User, reason: str) -> Objection:
    """Take an objection back, saying why; its author alone may.

    Raises
    ------
    ForbiddenError
        Raised for anybody else: they record how the meeting resolved it.
    """
    check_reason(reason)
    check_own_objection(objection, by)
    return _end(objection, ObjectionStatus.WITHDRAWN, by=by, ending=reason)


def check_own_objection(objection: Objection, by: User) -> None:
    """Refuse the withdrawal of somebody else's objection."""
    if by != objection.author:
        raise ForbiddenError(
            f"This objection is {objection.author.get_username()}'s: who raised it "
            "withdraws it, anybody else on the board records how it was resolved."
        )


def resolve_objection(
    objection: Objection, *, by: User, resolution: str, meeting: Meeting | None = None
) -> Objection:
    """Record how the meeting resolved an objection.

    Parameters
    ----------
    by
        A board member who has no part in the set and did not raise the objection.
    meeting
        Which meeting, if it was one.
    """
    ticket = objection.ticket
    check_may(by, Action.DECIDE, ticket.construction.instrument)
    check_not_author(ticket, by)
    if not resolution.strip():
        raise InputError("Write how it was resolved: the record keeps it for good.")
    if by == objection.author:
        raise ForbiddenError(
            "You raised this objection: withdraw it, or let another member record how "
            "the meeting resolved it."
        )
    ended = ObjectionStatus.RESOLVED
    return _end(objection, ended, by=by, ending=resolution, meeting=meeting)


@transaction.atomic
def _end(
    objection: Objection, to: ObjectionStatus, *, by: User, ending: str, **changes: Any
) -> Objection:
    ticket = objection.ticket
    lock_open(ticket)
    ended = move(
        objection,
        field="status",
        to=to,
        by=by,
        subject=subject_of(ticket),
        why=ending.strip(),
        ended_by=by,
        ended_at=timezone.now(),
        ending=ending.strip(),
        **changes,
    )
    text = f"the objection to {ended.scope} is {ended.status}: {ended.ending}"
    tell_objection(ticket, text, by=by)
    return ended
