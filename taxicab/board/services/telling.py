"""Telling people what happens to a TAXICAB ticket; called inside each move."""

from collections.abc import Iterable

from django.contrib.auth.models import User

from taxicab.board.models import TaxicabTicket
from taxicab.core.domain.notices import NoticeEvent
from taxicab.core.services.notify import notify

__all__ = [
    "tell_decided",
    "tell_flagged",
    "tell_hailed",
    "tell_objection",
    "tell_stale",
]


def tell_hailed(ticket: TaxicabTicket, *, by: User) -> None:
    """Tell everyone with a role for the camera that a set is before the board."""
    construction = ticket.construction
    text = (
        f"{ticket.key}: {by.get_username()} hails the TAXICAB for {construction.key} "
        f"({construction.instrument_id} {construction.tag}). {ticket.summary}"
    )
    _tell(NoticeEvent.HAILED, ticket, text, by=by)


def tell_flagged(ticket: TaxicabTicket, *, when: str) -> None:
    """Tell everyone with a role for the camera which meeting has the ticket."""
    text = f"{ticket.key} is flagged for the meeting on {when}."
    _tell(NoticeEvent.FLAGGED, ticket, text)


def tell_stale(ticket: TaxicabTicket, members: Iterable[User], *, parts: str) -> None:
    """Tell members that the evidence of their positions changed.

    Parameters
    ----------
    parts
        Which parts of the report changed, in words.
    """
    text = (
        f"{ticket.key}: your position is stale, because {parts} changed since you took "
        "it. Look again and take it anew."
    )
    _tell(NoticeEvent.STALE, ticket, text, to=members)


def tell_objection(ticket: TaxicabTicket, text: str, *, by: User) -> None:
    """Tell everyone with a role for the camera that an objection was raised or ended.

    Parameters
    ----------
    text
        What happened, without the ticket's key.
    """
    _tell(NoticeEvent.OBJECTION, ticket, f"{ticket.key}: {text}", by=by)


def tell_decided(ticket: TaxicabTicket, *, by: User) -> None:
    """Tell everyone with a role for the camera what was decided."""
    text = f"{ticket.key} is {ticket.stage}. {ticket.decision_reason}".strip()
    _tell(NoticeEvent.DECIDED, ticket, text, by=by)


def _tell(
    event: NoticeEvent,
    ticket: TaxicabTicket,
    text: str,
    *,
    by: User | None = None,
    to: Iterable[User] | None = None,
) -> None:
    notify(event, subject=("taxicab", ticket.key), text=text.strip(), by=by, to=to)
