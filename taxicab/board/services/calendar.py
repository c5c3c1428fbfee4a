"""The meetings as a calendar that programs subscribe to (RFC 5545)."""

from collections.abc import Iterator
from datetime import UTC, datetime

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.signing import BadSignature, Signer
from django.urls import reverse
from django.utils import timezone
from icalendar import Calendar, Event

from taxicab.board.domain.meetings import next_start
from taxicab.board.models import Meeting, MeetingStatus
from taxicab.board.services.hailing import readable_tickets
from taxicab.board.services.meetings import slot
from taxicab.errors import NotFoundError

__all__ = ["calendar_token", "find_subscriber", "write_calendar"]

PAST = 26
"""Meetings kept in the feed: half a year."""
AHEAD = 8
"""Weeks shown after the scheduled meeting, tentatively."""

_SIGNER = Signer(salt="taxicab.board.calendar")


def calendar_token(user: User) -> str:
    """Give the secret part of somebody's calendar address.

    Calendar programs cannot log in. The address opens the calendar and nothing else,
    and changes with the person's password.
    """
    return _SIGNER.sign(str(user.pk)).replace(":", ".") + _mark(user)


def find_subscriber(token: str) -> User:
    """Find whose calendar address it is.

    Raises
    ------
    NotFoundError
        Raised for an address that is nobody's, or not any more.
    """
    unknown = NotFoundError(
        "This calendar address is not valid any more: copy yours anew from the page of "
        "the meetings."
    )
    signed, mark = token[:-MARK], token[-MARK:]
    try:
        pk = _SIGNER.unsign(signed.replace(".", ":", 1))
    except BadSignature:
        raise unknown from None
    user = get_user_model().objects.filter(pk=pk, is_active=True).first()
    if user is None or _mark(user) != mark:
        raise unknown
    return user


def write_calendar(user: User) -> bytes:
    """Write the calendar as one person may see it."""
    calendar = Calendar()
    calendar.add("prodid", "-//TAXICAB portal//meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", "TAXICAB meetings")
    calendar.add("method", "PUBLISH")
    for event in _events(user):
        calendar.add_component(event)
    return calendar.to_ical()


MARK = 16


def _mark(user: User) -> str:
    return user.get_session_auth_hash()[:MARK]


def _events(user: User) -> Iterator[Event]:
    last = timezone.now()
    readable = set(readable_tickets(user).values_list("pk", flat=True))
    rows = Meeting.objects.prefetch_related("tickets__construction")
    for meeting in reversed(list(rows[:PAST])):
        yield _event_of(meeting, readable)
        last = max(last, meeting.starts_at)
    hour = slot()
    for _ in range(AHEAD):
        last = next_start(hour, last)
        yield _event(
            last,
            last + hour.length,
            status="TENTATIVE",
            summary="TAXICAB meeting",
            text="Takes place if a hailing ticket is open.",
            stamp=last,
        )


def _event_of(meeting: Meeting, readable: set[int]) -> Event:
    tickets = [t for t in meeting.tickets.all() if t.pk in readable]
    lines = [f"{t.key}: {t.construction.key}, {t.construction.reason}" for t in tickets]
    skipped = meeting.status == MeetingStatus.SKIPPED
    count = "1 ticket" if len(tickets) == 1 else f"{len(tickets)} tickets"
    word = "skipped" if skipped else count
    return _event(
        meeting.starts_at,
        meeting.ends_at,
        status="CANCELLED" if skipped else "CONFIRMED",
        summary=f"TAXICAB meeting ({word})",
        text="\n".join([meeting.reason] if skipped else lines),
        stamp=meeting.closed_at or meeting.starts_at,
        url=settings.SITE_URL + reverse("meeting", args=[f"{meeting.day:%Y-%m-%d}"]),
    )


def _event(
    start: datetime,
    end: datetime,
    *,
    status: str,
    summary: str,
    text: str,
    stamp: datetime,
    url: str = "",
) -> Event:
    """Write one event; its times are in UTC, so no client guesses a zone's rules."""
    event = Event()
    event.add("uid", f"{start:%Y%m%dT%H%M%SZ}@taxicab-meetings")
    event.add("dtstamp", stamp.astimezone(UTC))
    event.add("dtstart", start.astimezone(UTC))
    event.add("dtend", end.astimezone(UTC))
    event.add("summary", summary)
    event.add("status", status)
    if text:
        event.add("description", text)
    if settings.MEETING_PLACE:
        event.add("location", settings.MEETING_PLACE)
    if url:
        event.add("url", url)
    return event
