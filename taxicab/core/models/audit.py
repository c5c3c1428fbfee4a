"""The audit trail: every change of state, written in its transaction and chained."""

from datetime import UTC
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone


class AuditEvent(models.Model):
    """Who changed what, from what, to what, and why.

    Triggers refuse to change or delete a row (migration ``0004``). On PostgreSQL they
    chain it too, when its transaction commits; on SQLite, where one transaction writes
    at a time, `taxicab.core.services.audit.record` does.
    """

    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    subject_kind = models.CharField(max_length=32)
    subject_key = models.CharField(max_length=160)
    action = models.CharField(max_length=64)
    before = models.CharField(max_length=255, blank=True)
    after = models.CharField(max_length=255, blank=True)
    why = models.TextField(blank=True)
    details = models.JSONField(default=dict, blank=True)
    number = models.PositiveBigIntegerField(null=True, unique=True, editable=False)
    """Its place in the chain, from 1."""
    content_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    """Of its fields, in `taxicab.core.domain.chain`'s spelling."""
    previous_sha256 = models.CharField(max_length=64, blank=True, editable=False)
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    """Of the entry before it, its number and its fields together."""

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(fields=["subject_kind", "subject_key"], name="audit_subject")
        ]

    def __str__(self) -> str:
        return f"{self.subject_key}: {self.action}"

    @property
    def by(self) -> str:
        """Who did it; the portal itself when nobody is named."""
        return self.user.get_username() if self.user else "portal"

    def hashed_fields(self) -> dict[str, Any]:
        """Give what the hash is taken of."""
        return {
            "at": self.at.astimezone(UTC).isoformat(timespec="microseconds"),
            "user": self.user_id,
            "subject_kind": self.subject_kind,
            "subject_key": self.subject_key,
            "action": self.action,
            "before": self.before,
            "after": self.after,
            "why": self.why,
            "details": self.details,
        }


class AuditHead(models.Model):
    """Where the chain ends: one row, which every new entry moves on."""

    number = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(id=1), name="audit_chain_has_one_head"
            )
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.sha256}"
