"""The minutes of a meeting, which write themselves."""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils import timezone

from taxicab.board.models import Meeting, TaxicabStage, TaxicabTicket
from taxicab.board.services.hailing import readable_tickets

__all__ = ["readable_minutes", "write_minutes"]

Person = AbstractBaseUser | AnonymousUser


def write_minutes(meeting: Meeting) -> dict[str, Any]:
    """Write what happened at a meeting, from what the portal knows of it.

    A ticket of the agenda was decided there if that happened after the meeting began
    and before it was closed. Everything in it is plain data, for the record.
    """
    until = meeting.closed_at or timezone.now()
    items = [
        _item(item.ticket, meeting, until)
        for item in meeting.items.select_related(
            "ticket__construction", "ticket__decided_by"
        )
    ]
    decided = [item for item in items if item["is_decided_here"]]
    return {
        "day": f"{meeting.day:%Y-%m-%d}",
        "starts_at": meeting.starts_at.isoformat(),
        "when": meeting.when,
        "attendance": [
            {"name": a.user.get_username(), "at": a.at.isoformat(timespec="seconds")}
            for a in meeting.attendances.select_related("user")
        ],
        "agenda": items,
        "decided": [item["ticket"] for item in decided],
        "remarks": [
            {
                "by": said.author.get_username(),
                "at": said.at.isoformat(timespec="seconds"),
                "ticket": said.ticket.key if said.ticket else "",
                "text": said.text,
            }
            for said in meeting.remarks.select_related("author", "ticket")
        ],
        "closed_by": meeting.closed_by.get_username() if meeting.closed_by else "",
        "closed_at": meeting.closed_at.isoformat() if meeting.closed_at else "",
    }


def readable_minutes(meeting: Meeting, user: Person) -> dict[str, Any]:
    """Give the minutes as somebody may read them: of the tickets of their cameras.

    Those of a meeting that is not closed are written anew.
    """
    minutes = meeting.minutes or write_minutes(meeting)
    readable = {"", *(ticket.key for ticket in readable_tickets(user))}
    return minutes | {
        "agenda": [item for item in minutes["agenda"] if item["ticket"] in readable],
        "decided": [key for key in minutes["decided"] if key in readable],
        "remarks": [one for one in minutes["remarks"] if one["ticket"] in readable],
    }


def _item(ticket: TaxicabTicket, meeting: Meeting, until: datetime) -> dict[str, Any]:
    decided_at = ticket.decided_at
    here = decided_at is not None and meeting.starts_at <= decided_at <= until
    before = decided_at is not None and decided_at < meeting.starts_at
    return {
        "ticket": ticket.key,
        "construction": ticket.construction.key,
        "instrument": ticket.construction.instrument_id,
        "outcome": _outcome(ticket, meeting, is_here=here, is_before=before),
        "is_decided_here": here,
        "decided_by": ticket.decided_by.get_username() if ticket.decided_by else "",
        "reason": ticket.decision_reason,
        "objections": [
            {"about": o.scope, "status": o.status, "ending": o.ending}
            for o in ticket.objections.all()
        ],
    }


def _outcome(
    ticket: TaxicabTicket, meeting: Meeting, *, is_here: bool, is_before: bool
) -> str:
    if ticket.is_open:
        then = ": goes to the next meeting" if meeting.closed_at else ""
        return f"undecided{then}"
    word = "adopted" if TaxicabStage(ticket.stage).is_adopted else ticket.stage
    if is_here:
        return f"{word} at this meeting"
    return f"{word} before this meeting" if is_before else word
