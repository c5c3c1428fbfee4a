"""Decision records: what was decided on which evidence, frozen and signed."""

import json
from typing import Any, ClassVar

from django.db import models

from taxicab.board.models.meetings import Meeting
from taxicab.board.models.tickets import TaxicabTicket

_SIGNED_OR_NOT = models.Q(signature="", key_id="") | (
    ~models.Q(signature="") & ~models.Q(key_id="")
)


class Signed(models.Model):
    """A frozen document: its bytes are what is hashed and signed."""

    content = models.TextField()
    """Canonical JSON."""
    sha256 = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16, blank=True)
    signature = models.CharField(max_length=128, blank=True)
    """Base64; empty while the portal had no key."""
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        abstract = True

    @property
    def record(self) -> dict[str, Any]:
        """The content as data."""
        return json.loads(self.content)


class DecisionRecord(Signed):
    """All that a decision rested on, as it was at that moment."""

    ticket = models.OneToOneField(
        TaxicabTicket, on_delete=models.PROTECT, related_name="record"
    )

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=_SIGNED_OR_NOT, name="signature_names_its_key"
            )
        ]

    def __str__(self) -> str:
        return f"record of {self.ticket.key}"


class DecisionAddendum(Signed):
    """The minutes of the meeting that a decision was taken at, closed after it.

    The record stays as it was frozen; the addendum names its SHA-256.
    """

    decision = models.ForeignKey(
        DecisionRecord, on_delete=models.PROTECT, related_name="addenda"
    )
    meeting = models.ForeignKey(
        Meeting, on_delete=models.PROTECT, related_name="addenda"
    )

    class Meta:
        ordering: ClassVar = ["pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=_SIGNED_OR_NOT, name="addendum_signature_names_its_key"
            ),
            models.UniqueConstraint(
                fields=["decision", "meeting"], name="minutes_once_a_record"
            ),
        ]

    def __str__(self) -> str:
        return f"minutes of {self.meeting.day} for the {self.decision}"
