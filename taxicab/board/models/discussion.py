"""Discussion: threads on what they are about; what was said is never edited."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models

from calibrations.domain.cameras import detector_name
from taxicab.board.models.tickets import TaxicabTicket


class ThreadKind(StrEnum):
    """What a thread is about."""

    TICKET = "ticket"
    METRIC = "metric"
    PLACE = "place"
    """A detector, or one amplifier of it."""
    IMAGE = "image"
    """A pixel of an image."""

    @property
    def label(self) -> str:
        """The kind as people read it."""
        return self.value


class Thread(models.Model):
    """A conversation about one thing."""

    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, related_name="threads"
    )
    kind = models.CharField(max_length=8, choices={k: k.label for k in ThreadKind})
    part = models.CharField(max_length=64, blank=True)
    level = models.CharField(max_length=8, blank=True)
    test = models.CharField(max_length=64, blank=True)
    detector = models.IntegerField(null=True)
    amplifier = models.CharField(max_length=16, blank=True)
    exposure = models.BigIntegerField(default=0)
    image = models.CharField(max_length=64, blank=True)
    """Which image of the detector: ``combined``, ``residual``, …"""
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    """Pixels of the detector, origin at its lower left."""
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    started_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(kind=ThreadKind.TICKET)
                | (models.Q(kind=ThreadKind.METRIC) & ~models.Q(test=""))
                | models.Q(kind=ThreadKind.PLACE, detector__isnull=False)
                | models.Q(
                    kind=ThreadKind.IMAGE,
                    detector__isnull=False,
                    x__isnull=False,
                    y__isnull=False,
                ),
                name="thread_says_what_it_is_about",
            )
        ]

    def __str__(self) -> str:
        return f"thread {self.pk} on {self.ticket.key}"

    @property
    def title(self) -> str:
        """What it is about, in words."""
        if self.kind == ThreadKind.TICKET:
            return "The whole set"
        place = detector_name(self.ticket.construction.instrument_id, self.detector)
        exposure = f"exposure {self.exposure}" if self.exposure else ""
        at = f"at ({self.x:g}, {self.y:g})" if self.kind == ThreadKind.IMAGE else ""
        words = (self.part, self.level, self.test, place, self.amplifier, self.image)
        return " ".join(filter(None, (*words, exposure, at)))


class Message(models.Model):
    """What somebody said; a correction is another one that supersedes it.

    A trigger in the database refuses any change of what was said.
    """

    thread = models.ForeignKey(
        Thread, on_delete=models.CASCADE, related_name="messages"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    text = models.TextField()
    written_at = models.DateTimeField(auto_now_add=True)
    supersedes = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="superseded_by"
    )

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(text=""), name="message_says_something"
            )
        ]

    def __str__(self) -> str:
        return f"message {self.pk} of thread {self.thread_id}"
