"""The positions of board members, and what they amount to."""

from collections.abc import Iterable

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from calibrations.models import Certification, ConstructionTicket
from taxicab.board.domain import Consensus, HeldPosition, PositionKind, find_consensus
from taxicab.board.models import Position, TaxicabTicket
from taxicab.board.services.hailing import lock_open, subject_of
from taxicab.core.roles import Action
from taxicab.core.services.audit import record
from taxicab.core.services.permissions import board_members, check_may, may
from taxicab.errors import ConflictError, ForbiddenError, InputError

__all__ = [
    "authors_of",
    "awaiting_position",
    "check_not_author",
    "consensus_of",
    "position_problem",
    "take_position",
]

Person = AbstractBaseUser | AnonymousUser


def take_position(
    ticket: TaxicabTicket,
    *,
    kind: PositionKind | str,
    comment: str = "",
    by: User,
) -> Position:
    """Take a position on a ticket, or change the one that was taken.

    Raises
    ------
    ForbiddenError
        Raised for an author of the set, and for who is not on the board.
    ConflictError
        Raised if the ticket was decided meanwhile.
    """
    check_may(by, Action.TAKE_POSITION, ticket.construction.instrument)
    check_not_author(ticket, by)
    kind = _read_kind(kind)
    if kind is PositionKind.OBJECT and not comment.strip():
        raise InputError("Say what you object to: the others cannot answer silence.")
    try:
        with transaction.atomic():
            return _write(ticket, kind, comment.strip(), by)
    except IntegrityError as error:  # the trigger: decided in this very moment
        raise ConflictError(
            f"{ticket.key} was decided a moment ago: it takes no objection any more."
        ) from error


def consensus_of(ticket: TaxicabTicket) -> Consensus:
    """Find whether the board agrees to adopt, and what is missing."""
    members = {
        (grant.user_id, grant.user.get_username(), grant.must_be_heard)
        for grant in board_members(ticket.construction.instrument)
    }
    on_board = {user_id for user_id, _, _ in members}
    positions = ticket.positions.select_related("member")
    return find_consensus(
        [
            HeldPosition(
                position.member.get_username(),
                PositionKind(position.kind),
                is_current=position.member_id in on_board
                and position.report_sha256 == ticket.report.sha256,
            )
            for position in positions
        ],
        authors=[author.get_username() for author in authors_of(ticket)],
        must_be_heard=sorted({name for _, name, heard in members if heard}),
        required=ticket.construction.instrument.required_adoptions
        or settings.REQUIRED_ADOPTIONS,
    )


def authors_of(ticket: TaxicabTicket) -> list[User]:
    """List who has a part in the set: owner, who hailed, chose, built, certified."""
    construction = ticket.construction
    ids = {construction.owner_id, ticket.hailed_by_id, ticket.report.created_by_id}
    ids |= set(_builders(construction))
    people = User.objects.filter(pk__in=ids)
    return list(people.order_by("username"))


def check_not_author(ticket: TaxicabTicket, by: User) -> None:
    """Refuse who has a part in the set: nobody decides on a ticket of their own."""
    if by in authors_of(ticket):
        raise ForbiddenError(
            f"{by.get_username()} has a part in {ticket.construction.key}, which "
            f"{ticket.key} is about: nobody decides on a ticket of their own."
        )


def position_problem(ticket: TaxicabTicket, user: Person) -> str:
    """Say why somebody cannot take a position; empty if they can."""
    if not may(user, Action.TAKE_POSITION, ticket.construction.instrument):
        return "Positions are taken by the board."
    if user in authors_of(ticket):
        return "You have a part in this set: others take positions on it."
    if ticket.stage != "hailed":
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


def _write(
    ticket: TaxicabTicket, kind: PositionKind, comment: str, by: User
) -> Position:
    lock_open(ticket)
    before = ticket.positions.filter(member=by).first()
    position, _ = Position.objects.update_or_create(
        ticket=ticket,
        member=by,
        defaults={
            "kind": kind,
            "comment": comment,
            "report_sha256": ticket.report.sha256,
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
    )
    return position


def _read_kind(kind: PositionKind | str) -> PositionKind:
    try:
        return PositionKind(kind)
    except ValueError:
        known = ", ".join(PositionKind)
        raise InputError(f"{kind!r} is no position; there are {known}.") from None


def _builders(construction: ConstructionTicket) -> Iterable[int]:
    generations = construction.generations.all()
    # Who answered for exposures that do not fit is judged by the board as well.
    for name in ("created_by_id", "selection__created_by_id", "selection__override_by"):
        yield from generations.values_list(name, flat=True)
    yield from generations.exclude(verifications=None).values_list(
        "verifications__created_by_id", flat=True
    )
    yield from Certification.objects.filter(ticket=construction).values_list(
        "created_by_id", flat=True
    )
