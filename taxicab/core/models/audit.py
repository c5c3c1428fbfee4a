"""The audit trail: every change of state, written in its transaction."""

from typing import ClassVar

from django.conf import settings
from django.db import models


class AuditEvent(models.Model):
    """Who changed what, from what, to what, and why."""

    at = models.DateTimeField(auto_now_add=True)
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
