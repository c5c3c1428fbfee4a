"""The positions the board takes on a ticket."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from taxicab.board.domain import PositionKind
from taxicab.board.models.tickets import TaxicabTicket


class Position(models.Model):
    """What a board member holds; one a member, changed by its author alone.

    A trigger in the database refuses the adoption of a ticket on which an
    objection stands, whatever the code does (migration ``0002``).
    """

    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, related_name="positions"
    )
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions"
    )
    kind = models.CharField(max_length=16, choices={k: k.label for k in PositionKind})
    comment = models.TextField(blank=True)
    report_sha256 = models.CharField(max_length=64)
    """The evidence the member saw."""
    taken_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering: ClassVar = ["taken_at"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["ticket", "member"], name="one_position_a_member"
            )
        ]

    def __str__(self) -> str:
        return f"{self.ticket.key}: {self.member} {self.kind}"
