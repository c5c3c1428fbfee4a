"""Decision records: what was decided on which evidence, frozen and signed."""

import json
from typing import Any, ClassVar

from django.db import models

from taxicab.board.models.tickets import TaxicabTicket


class DecisionRecord(models.Model):
    """All that a decision rested on, as it was at that moment."""

    ticket = models.OneToOneField(
        TaxicabTicket, on_delete=models.PROTECT, related_name="record"
    )
    content = models.TextField()
    """Canonical JSON; its bytes are what is hashed and signed."""
    sha256 = models.CharField(max_length=64)
    key_id = models.CharField(max_length=16, blank=True)
    signature = models.CharField(max_length=128, blank=True)
    """Base64; empty while the portal had no key."""
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(signature="", key_id="")
                | (~models.Q(signature="") & ~models.Q(key_id="")),
                name="signature_names_its_key",
            )
        ]

    def __str__(self) -> str:
        return f"record of {self.ticket.key}"

    @property
    def record(self) -> dict[str, Any]:
        """The content as data."""
        return json.loads(self.content)
