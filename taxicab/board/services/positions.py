"""The positions of board members, each bound to the evidence that they saw."""

from collections.abc import Collection, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from taxicab.board.domain import HeldPosition, PositionKind, count_in_words
from taxicab.board.models import (
    Objection,
    ObjectionStatus,
    Position,
    TaxicabTicket,
)
from taxicab.board.services.authors import authors_of, check_not_author
from taxicab.board.services.evidence import check_part, failures_of, parts_of
from taxicab.board.services.hailing import check_seen, lock_open, subject_of
from taxicab.board.services.objections import add_objection
from taxicab.board.services.processing import add_task
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import ConflictError, InputError

__all__ = [
    "awaiting_position",
    "held_position",
    "position_problem",
    "raise_objection",
    "take_position",
]

Person = AbstractBaseUser | AnonymousUser


def take_position(
    ticket: TaxicabTicket,
    *,
    kind: PositionKind | str,
    comment: str = "",
    parts: Sequence[str] = (),
    seen: str = "",
    by: User,
) -> Position:
    """Take a position on a ticket, or change the one that was taken.

    Parameters
    ----------
    comment
        Of an objection its reason; of a wish for more processing what should be run,
        which becomes a task on the construction ticket.
    parts
        Keys of the report's parts that it is about; by default the whole set.
    seen
        SHA-256 of the report that the member saw, if they say which.

    Raises
    ------
    ForbiddenError
        Raised for an author of the set, and for who is not on the board.
    ConflictError
        Raised if the ticket was decided meanwhile, if an objection of theirs stands,
        or if something failed that the position says nothing of.
    """
    kind = _read_kind(kind)
    if kind is PositionKind.OBJECT:
        part = parts[0] if len(parts) == 1 else ""
        raise_objection(
            ticket, reason=comment, part=part, parts=parts, seen=seen, by=by
        )
        return ticket.positions.get(member=by)
    _check_member(ticket, by)
    with transaction.atomic():
        lock_open(ticket)
        check_seen(ticket, seen)
        _check_free(ticket, kind, by)
        _check_failures(ticket, kind, parts)
        if kind is PositionKind.NEEDS_PROCESSING:
            add_task(ticket, by=by, text=comment)
        return _write(ticket, kind, comment.strip(), parts, by)


def raise_objection(
    ticket: TaxicabTicket,
    *,
    reason: str,
    by: User,
    parts: Sequence[str] = (),
    seen: str = "",
    **scope: Any,
) -> Objection:
    """Object to something: the set is not adopted while the objection stands.

    Parameters
    ----------
    scope
        What it is about: ``part``, ``level``, ``test``, ``detector``, ``amplifier``,
        or ``about`` in one's own words.
    """
    _check_member(ticket, by)
    try:
        with transaction.atomic():
            lock_open(ticket)
            check_seen(ticket, seen)
            objection = add_objection(ticket, by=by, reason=reason, **scope)
            _write(ticket, PositionKind.OBJECT, reason.strip(), parts, by)
            return objection
    except IntegrityError as error:  # the trigger: decided in this very moment
        raise ConflictError(
            f"{ticket.key} was decided a moment ago: it takes no objection any more."
        ) from error


def held_position(position: Position, on_board: Collection[int]) -> HeldPosition:
    """Give a row as the domain reads it."""
    return HeldPosition(
        position.member.get_username(),
        PositionKind(position.kind),
        parts=position.parts,
        is_about_all=position.is_about_all,
        is_on_board=position.member_id in on_board,
    )


def position_problem(ticket: TaxicabTicket, user: Person) -> str:
    """Say why somebody cannot take a position; empty if they can."""
    if not may(user, Action.TAKE_POSITION, ticket.construction.instrument):
        return "Positions are taken by the board."
    if user in authors_of(ticket):
        return "You have a part in this set: others take positions on it."
    if not ticket.is_open:
        return f"{ticket.key} is {ticket.stage}."
    return ""


def awaiting_position(user: Person) -> "list[TaxicabTicket]":
    """List the open tickets on which somebody could take a position and has not."""
    open_tickets: QuerySet[TaxicabTicket] = (
        TaxicabTicket.objects.open()
        .select_related("construction__instrument", "construction__owner", "report")
        .exclude(positions__member=user.pk)
        if user.is_authenticated
        else TaxicabTicket.objects.none()
    )
    return [ticket for ticket in open_tickets if not position_problem(ticket, user)]


def _check_member(ticket: TaxicabTicket, by: User) -> None:
    check_may(by, Action.TAKE_POSITION, ticket.construction.instrument)
    check_not_author(ticket, by)


def _check_free(ticket: TaxicabTicket, kind: PositionKind, by: User) -> None:
    """Refuse to hold two things at once: an objection and what contradicts it."""
    if kind is PositionKind.NEEDS_PROCESSING:
        return
    stands = ticket.objections.filter(author=by, status=ObjectionStatus.STANDING)
    if objection := stands.first():
        raise ConflictError(
            f"Your objection {objection.pk} to {ticket.key} stands "
            f"({objection.scope}): withdraw it and say why, then take this position.",
            objection=objection.pk,
        )


def _check_failures(
    ticket: TaxicabTicket, kind: PositionKind, parts: Sequence[str]
) -> None:
    """Refuse to adopt in silence over what failed."""
    if kind is not PositionKind.ADOPT:
        return
    failed = [f for f in failures_of(ticket.report) if not parts or f.part in parts]
    if failed:
        what = count_in_words(failed)
        raise ConflictError(
            f"{ticket.report} has {what}, first {failed[0].sentence}: adopt despite "
            "failures, each of which needs a waiver, and so does what is missing; or "
            "take another position.",
            failures=len(failed),
        )


def _write(
    ticket: TaxicabTicket,
    kind: PositionKind,
    comment: str,
    keys: Sequence[str],
    by: User,
) -> Position:
    for key in keys:
        check_part(ticket, key)
    seen = {
        part.key: part.sha256
        for part in parts_of(ticket.report)
        if not keys or part.key in keys
    }
    before = ticket.positions.filter(member=by).first()
    position, _ = Position.objects.update_or_create(
        ticket=ticket,
        member=by,
        defaults={
            "kind": kind,
            "comment": comment,
            "report": ticket.report,
            "report_sha256": ticket.report.sha256,
            "parts": seen,
            "is_about_all": not keys,
        },
    )
    record(
        by=by,
        subject=subject_of(ticket),
        action="position taken" if before is None else "position changed",
        before=before.kind if before else "",
        after=kind,
        why=comment,
        comment_before=before.comment if before else "",
        report_sha256=ticket.report.sha256,
        parts=seen,
    )
    return position


def _read_kind(kind: PositionKind | str) -> PositionKind:
    try:
        return PositionKind(kind)
    except ValueError:
        known = ", ".join(PositionKind)
        raise InputError(f"{kind!r} is no position; there are {known}.") from None
