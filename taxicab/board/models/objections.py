"""What stands against adoption: objections, and processing that was asked for."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models

from calibrations.domain.cameras import detector_name
from calibrations.models import ConstructionTicket
from taxicab.board.models.meetings import Meeting
from taxicab.board.models.tickets import TaxicabTicket


class ObjectionStatus(StrEnum):
    """Where an objection stands."""

    STANDING = "standing"
    WITHDRAWN = "withdrawn"
    RESOLVED = "resolved"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class Objection(models.Model):
    """What a member objects to; it ends by its author, or by the meeting.

    A trigger in the database refuses the adoption of a ticket on which one stands,
    whatever the code does.
    """

    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, related_name="objections"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    part = models.CharField(max_length=64, blank=True)
    """Key of the report's part; empty: the whole set, or something else."""
    level = models.CharField(max_length=8, blank=True)
    test = models.CharField(max_length=64, blank=True)
    detector = models.IntegerField(null=True)
    amplifier = models.CharField(max_length=16, blank=True)
    about = models.CharField(max_length=200, blank=True)
    """In the author's words, where the scope says too little."""
    reason = models.TextField()
    raised_at = models.DateTimeField(auto_now_add=True)
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in ObjectionStatus},
        default=ObjectionStatus.STANDING,
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    ending = models.TextField(blank=True)
    """Why it was withdrawn, or how the meeting resolved it."""
    meeting = models.ForeignKey(
        Meeting, on_delete=models.PROTECT, null=True, related_name="resolved_objections"
    )
    """The one that resolved it, if one did."""

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status=ObjectionStatus.STANDING, ended_by=None)
                | models.Q(
                    status=ObjectionStatus.WITHDRAWN, ended_by=models.F("author")
                )
                | (
                    models.Q(status=ObjectionStatus.RESOLVED, ended_by__isnull=False)
                    & ~models.Q(ended_by=models.F("author"))
                    & ~models.Q(ending="")
                ),
                name="objection_ends_by_author_or_resolution",
            ),
            models.CheckConstraint(
                condition=~models.Q(reason=""), name="objection_has_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"objection {self.pk} on {self.ticket.key}"

    @property
    def scope(self) -> str:
        """What it is about, in words."""
        place = detector_name(self.ticket.construction.instrument_id, self.detector)
        words = (self.part, self.level, self.test, place, self.amplifier, self.about)
        return " ".join(filter(None, words)) or "the whole set"


class TaskStatus(StrEnum):
    """Where a request for processing stands."""

    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class ProcessingTask(models.Model):
    """More processing that a member asked for, to be done before the decision.

    It belongs to the construction ticket: one that the board withdrew from is still
    to be done when the set is hailed again.
    """

    construction = models.ForeignKey(
        ConstructionTicket, on_delete=models.CASCADE, related_name="processing_tasks"
    )
    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, related_name="tasks"
    )
    """Where it was asked for."""
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    asked_at = models.DateTimeField(auto_now_add=True)
    text = models.TextField()
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in TaskStatus},
        default=TaskStatus.OPEN,
    )
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    ended_at = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    """What was done, or why it need not be."""

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(status=TaskStatus.OPEN, ended_by=None)
                | (
                    ~models.Q(status=TaskStatus.OPEN)
                    & models.Q(ended_by__isnull=False)
                    & ~models.Q(note="")
                ),
                name="task_ends_with_a_note",
            )
        ]

    def __str__(self) -> str:
        return f"task {self.pk} of {self.construction.key}"
