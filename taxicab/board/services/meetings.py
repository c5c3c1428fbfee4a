"""The board's weekly meetings: scheduling, agenda, attendance, minutes."""

import contextlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db import transaction
from django.utils import timezone

from taxicab.board.domain.meetings import Slot, next_start, show_start
from taxicab.board.models import (
    AgendaItem,
    Meeting,
    MeetingStatus,
    Remark,
    TaxicabStage,
    TaxicabTicket,
)
from taxicab.board.services.hailing import lock_open, readable_tickets, subject_of
from taxicab.board.services.minutes import write_minutes
from taxicab.board.services.records import add_minutes
from taxicab.board.services.telling import tell_flagged
from taxicab.core.roles import Action
from taxicab.core.services.audit import StaleMoveError, move, record
from taxicab.core.services.permissions import check_may, may
from taxicab.errors import ConflictError, InputError, NotFoundError

__all__ = [
    "Upcoming",
    "attend",
    "close_meeting",
    "find_meeting",
    "leave",
    "remark",
    "schedule_by_hand",
    "schedule_meetings",
    "slot",
    "upcoming",
]

Person = AbstractBaseUser | AnonymousUser

CLOSE_AFTER = timedelta(hours=12)
"""After its end a meeting that nobody closed is closed by the portal."""

NO_TICKET = "No hailing ticket was open."
NOBODY = "Nobody attended, and nothing was decided."


@dataclass(frozen=True)
class Upcoming:
    """The next meeting as it stands: its row comes with the schedule."""

    starts_at: datetime
    meeting: Meeting | None
    tickets: list[TaxicabTicket]
    """Open tickets that are on its agenda, or will be."""

    @property
    def when(self) -> str:
        """When it begins, as people read it."""
        if self.meeting:
            return self.meeting.when
        return show_start(self.starts_at, settings.MEETING_ZONE)

    @property
    def weekday(self) -> str:
        """The day of the week, as the zone has it."""
        zone = self.meeting.zone if self.meeting else settings.MEETING_ZONE
        return f"{self.starts_at.astimezone(ZoneInfo(zone)):%A}"

    @property
    def is_skipped(self) -> bool:
        """Whether, as things stand, there is nothing to meet for."""
        return not self.tickets


def slot() -> Slot:
    """Give the hour of the week in which the board meets."""
    return Slot(
        settings.MEETING_WEEKDAY,
        settings.MEETING_TIME,
        settings.MEETING_ZONE,
        timedelta(minutes=settings.MEETING_MINUTES),
    )


def upcoming(user: Person) -> Upcoming:
    """Say what somebody may know of the next meeting."""
    now = timezone.now()
    meeting = (
        Meeting.objects.filter(status=MeetingStatus.SCHEDULED, ends_at__gt=now)
        .order_by("starts_at")
        .first()
    )
    starts_at = meeting.starts_at if meeting else next_start(slot(), now)
    tickets = readable_tickets(user).open().select_related("construction")
    return Upcoming(starts_at, meeting, list(tickets.order_by("number")))


def find_meeting(day: str) -> Meeting:
    """Find a meeting by its day, ``2026-11-24``.

    Raises
    ------
    NotFoundError
        Raised if there is none, naming the next and the last.
    """
    try:
        found = Meeting.objects.filter(day=date.fromisoformat(day)).first()
    except ValueError:
        found = None
    if found is not None:
        return found
    latest = [f"{one.day:%Y-%m-%d}" for one in Meeting.objects.all()[:3]]
    known = f"the latest are {', '.join(latest)}" if latest else "none is scheduled"
    raise NotFoundError(f"There is no meeting on {day!r}; {known}.")


def schedule_by_hand(*, by: User) -> Meeting:
    """Schedule the next meeting now, instead of waiting for the portal's next round."""
    if not may(by, Action.DECIDE):
        check_may(by, Action.HAIL)
    return schedule_meetings()


def schedule_meetings() -> Meeting:
    """End what is over, write the next meeting's row and flag the open tickets."""
    now = timezone.now()
    for meeting in Meeting.objects.filter(
        status=MeetingStatus.SCHEDULED, starts_at__lte=now
    ):
        with contextlib.suppress(StaleMoveError):  # somebody closed it just now
            _settle(meeting, now)
    meeting = _next_row(now)
    waiting = TaxicabTicket.objects.open().exclude(
        agenda_items__meeting__status=MeetingStatus.SCHEDULED
    )
    for ticket in waiting.select_related("construction__instrument"):
        _flag(ticket, meeting)
    return meeting


def attend(meeting: Meeting, *, by: User) -> None:
    """Note that somebody is there; anyone who is logged in may join."""
    _check_open(meeting)
    with transaction.atomic():
        _, is_new = meeting.attendances.get_or_create(user=by)
        if is_new:
            record(by=by, subject=_subject(meeting), action="attends")


def leave(meeting: Meeting, *, by: User) -> None:
    """Take back that somebody is there."""
    _check_open(meeting)
    with transaction.atomic():
        if meeting.attendances.filter(user=by).delete()[0]:
            record(by=by, subject=_subject(meeting), action="does not attend")


def remark(
    meeting: Meeting, *, by: User, text: str, ticket: TaxicabTicket | None = None
) -> Remark:
    """Keep what somebody said, for the minutes."""
    _check_open(meeting)
    if not text.strip():
        raise InputError("Write what was said.")
    if ticket is not None and not meeting.items.filter(ticket=ticket).exists():
        raise InputError(f"{ticket.key} is not on the agenda of the {meeting}.")
    with transaction.atomic():
        attend(meeting, by=by)
        said = Remark.objects.create(
            meeting=meeting, author=by, ticket=ticket, text=text.strip()
        )
        record(
            by=by,
            subject=_subject(meeting),
            action="said",
            after=ticket.key if ticket else "",
            why=said.text,
        )
    return said


def close_meeting(meeting: Meeting, *, by: User) -> Meeting:
    """Close a meeting: the minutes are frozen, what is undecided goes to the next.

    Raises
    ------
    ConflictError
        Raised before it began, and once it is over.
    """
    check_may(by, Action.DECIDE)
    _check_open(meeting)
    if not meeting.has_begun:
        raise ConflictError(
            f"The {meeting} begins {meeting.when}: close it when it was held."
        )
    _end(meeting, MeetingStatus.HELD, by=by)
    schedule_meetings()
    meeting.refresh_from_db()
    return meeting


def _settle(meeting: Meeting, now: datetime) -> None:
    """End a meeting whose hour has come and that will end by itself in no other way."""
    # Who meets without a ticket may have something to say: the meeting is held.
    if not meeting.items.exists() and not meeting.attendances.exists():
        _end(meeting, MeetingStatus.SKIPPED, by=None, reason=NO_TICKET)
        return
    if now < meeting.ends_at + CLOSE_AFTER:
        return
    minutes = write_minutes(meeting)
    if minutes["attendance"] or minutes["decided"]:
        _end(meeting, MeetingStatus.HELD, by=None)
    else:
        _end(meeting, MeetingStatus.SKIPPED, by=None, reason=NOBODY)


@transaction.atomic
def _end(
    meeting: Meeting, to: MeetingStatus, *, by: User | None, reason: str = ""
) -> None:
    # Who decides in this moment is waited for: the minutes say so, and the record that
    # was frozen while they were open is given them.
    agenda = TaxicabTicket.objects.filter(agenda_items__meeting=meeting).order_by("pk")
    list(agenda.select_for_update(of=("self",)).values_list("pk"))
    meeting.closed_at = timezone.now()
    meeting.closed_by = by
    minutes = write_minutes(meeting)
    move(
        meeting,
        field="status",
        to=to,
        by=by,
        subject=_subject(meeting),
        why=reason,
        closed_by=by,
        closed_at=meeting.closed_at,
        minutes=minutes,
        reason=reason,
    )
    for item in meeting.items.select_related("ticket"):
        item.outcome = "deferred" if item.ticket.is_open else item.ticket.stage
        item.save(update_fields=["outcome"])
    add_minutes(meeting, minutes)


def _next_row(now: datetime) -> Meeting:
    found = (
        Meeting.objects.filter(status=MeetingStatus.SCHEDULED, starts_at__gt=now)
        .order_by("starts_at")
        .first()
    )
    if found is not None:
        return found
    hour = slot()
    starts_at, day = now, None
    # Settings that changed on the day of a meeting do not make it meet twice.
    over = Meeting.objects.exclude(status=MeetingStatus.SCHEDULED)
    while day is None or over.filter(day=day).exists():
        starts_at = next_start(hour, starts_at)
        day = starts_at.astimezone(ZoneInfo(hour.zone)).date()
    meeting, _ = Meeting.objects.get_or_create(
        day=day,
        defaults={
            "starts_at": starts_at,
            "ends_at": starts_at + hour.length,
            "zone": hour.zone,
        },
    )
    return meeting


def _flag(ticket: TaxicabTicket, meeting: Meeting) -> None:
    """Put a ticket on an agenda, unless it is decided in this moment."""
    try:
        with transaction.atomic():
            lock_open(ticket)
            _, is_new = AgendaItem.objects.get_or_create(meeting=meeting, ticket=ticket)
            if not is_new:
                return
            why = f"For the meeting on {meeting.when}."
            if ticket.stage == TaxicabStage.HAILED:
                move(
                    ticket,
                    field="stage",
                    to=TaxicabStage.FLAGGED,
                    by=None,
                    subject=subject_of(ticket),
                    why=why,
                )
            else:
                record(
                    by=None, subject=subject_of(ticket), action="flagged again", why=why
                )
            tell_flagged(ticket, when=meeting.when)
    except ConflictError:
        return


def _check_open(meeting: Meeting) -> None:
    meeting.refresh_from_db()
    if meeting.is_over:
        raise ConflictError(
            f"The {meeting} was {meeting.status}: its minutes are frozen."
        )


def _subject(meeting: Meeting) -> tuple[str, str]:
    return ("meeting", f"{meeting.day:%Y-%m-%d}")
