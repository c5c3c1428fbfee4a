"""The board's weekly meetings: agenda, attendance, what was said, minutes."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from taxicab.board.domain.meetings import show_start
from taxicab.board.models.tickets import TaxicabTicket


class MeetingStatus(StrEnum):
    """Where a meeting stands."""

    SCHEDULED = "scheduled"
    HELD = "held"
    SKIPPED = "skipped"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class Meeting(models.Model):
    """One week's meeting; its row is written when the one before it is over."""

    day = models.DateField(unique=True)
    """On the clocks of the zone."""
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    zone = models.CharField(max_length=64)
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in MeetingStatus},
        default=MeetingStatus.SCHEDULED,
    )
    reason = models.TextField(blank=True)
    """Why it was skipped."""
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True)
    minutes = models.JSONField(default=dict, blank=True)
    """Frozen when it is closed."""
    tickets = models.ManyToManyField(
        TaxicabTicket, through="AgendaItem", related_name="meetings"
    )

    class Meta:
        ordering: ClassVar = ["-starts_at"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(ends_at__gt=models.F("starts_at")),
                name="meeting_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=~models.Q(status=MeetingStatus.SKIPPED)
                | ~models.Q(reason=""),
                name="skipped_meeting_says_why",
            ),
        ]

    def __str__(self) -> str:
        return f"meeting of {self.day}"

    @property
    def when(self) -> str:
        """When it begins, as people read it: ``Tue 24 Nov 14:00 PT``."""
        return show_start(self.starts_at, self.zone)

    @property
    def is_over(self) -> bool:
        """Whether it was held or skipped."""
        return self.status != MeetingStatus.SCHEDULED

    @property
    def has_begun(self) -> bool:
        """Whether its hour has come."""
        return self.starts_at <= timezone.now()


class AgendaItem(models.Model):
    """A ticket before a meeting, and what became of it there."""

    meeting = models.ForeignKey(Meeting, on_delete=models.CASCADE, related_name="items")
    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, related_name="agenda_items"
    )
    flagged_at = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=16, blank=True)
    """The ticket's stage when the meeting was closed, or ``deferred``."""

    class Meta:
        ordering: ClassVar = ["ticket__number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["meeting", "ticket"], name="ticket_once_on_an_agenda"
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket.key} at the {self.meeting}"


class Attendance(models.Model):
    """Somebody who was there, by their own word."""

    meeting = models.ForeignKey(
        Meeting, on_delete=models.CASCADE, related_name="attendances"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["at"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["meeting", "user"], name="there_once")
        ]

    def __str__(self) -> str:
        return f"{self.user} at the {self.meeting}"


class Remark(models.Model):
    """What somebody said at a meeting; never edited."""

    meeting = models.ForeignKey(
        Meeting, on_delete=models.CASCADE, related_name="remarks"
    )
    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, null=True, related_name="+"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    text = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering: ClassVar = ["pk"]

    def __str__(self) -> str:
        return f"{self.author}: {self.text}"
