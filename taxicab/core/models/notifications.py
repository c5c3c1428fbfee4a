"""Notices: what people are told, how they want to be told, and whether it arrived."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from taxicab.core.domain.notices import Channel, NoticeEvent, WebhookForm


class NoticeChoice(models.Model):
    """How one person wants to be told of one event; without a row as the default."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="choices"
    )
    event = models.CharField(max_length=16, choices={e: e.label for e in NoticeEvent})
    portal = models.BooleanField(default=True)
    email = models.BooleanField(default=True)
    webhook = models.BooleanField(default=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "event"], name="one_choice_an_event"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.event}"


class NoticeWebhook(models.Model):
    """Where one person's notices are sent to, beside the portal and e-mail."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notice_webhook",
    )
    url = models.URLField(max_length=500)
    form = models.CharField(
        max_length=8,
        choices={f: f.label for f in WebhookForm},
        default=WebhookForm.JSON,
    )

    def __str__(self) -> str:
        return f"{self.user}: {self.form}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    """Named reads of notices."""

    def shown(self) -> "NoticeQuerySet":
        """Notices that their person wants to see in the portal."""
        return self.filter(is_shown=True)

    def unread(self) -> "NoticeQuerySet":
        """Shown notices that were not read."""
        return self.shown().filter(read_at=None)


class Notice(models.Model):
    """One thing that one person is told."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="notices"
    )
    event = models.CharField(max_length=16, choices={e: e.label for e in NoticeEvent})
    subject_kind = models.CharField(max_length=32)
    subject_key = models.CharField(max_length=160)
    text = models.TextField()
    url = models.CharField(max_length=500, blank=True)
    """Address of the page it is about, without the host."""
    at = models.DateTimeField(default=timezone.now)
    is_shown = models.BooleanField(default=True)
    """Whether the portal shows it: somebody may want e-mail alone."""
    read_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["user", "read_at"], name="notice_unread")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.text}"


class DeliveryStatus(models.TextChoices):
    """Where a delivery stands."""

    WAITING = "waiting", "waiting"
    SENT = "sent", "sent"
    FAILED = "failed", "failed"


class NoticeDelivery(models.Model):
    """A notice on its way by e-mail or webhook: attempts, and how it ended."""

    notice = models.ForeignKey(
        Notice, on_delete=models.CASCADE, related_name="deliveries"
    )
    channel = models.CharField(max_length=8, choices={c: c.label for c in Channel})
    status = models.CharField(
        max_length=8, choices=DeliveryStatus.choices, default=DeliveryStatus.WAITING
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now)
    """When it is tried again."""
    ended_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)
    """Why the last attempt failed."""

    class Meta:
        ordering: ClassVar = ["-pk"]
        verbose_name_plural = "notice deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["notice", "channel"], name="one_delivery_a_channel"
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["status", "next_at"], name="delivery_due")
        ]

    def __str__(self) -> str:
        return f"{self.notice}, {self.channel}: {self.status}"
