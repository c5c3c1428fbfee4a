"""The positions of board members, and who of them must be heard."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from calibrations.domain.graph import CalibrationType
from reports.models import VerificationReport
from taxicab.board.domain import PositionKind
from taxicab.board.models.tickets import TaxicabTicket
from taxicab.core.models import Instrument


class Position(models.Model):
    """What a board member holds; one a member, changed by its author alone."""

    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.CASCADE, related_name="positions"
    )
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="positions"
    )
    kind = models.CharField(max_length=16, choices={k: k.label for k in PositionKind})
    comment = models.TextField(blank=True)
    report = models.ForeignKey(
        VerificationReport, on_delete=models.PROTECT, null=True, related_name="+"
    )
    report_sha256 = models.CharField(max_length=64)
    """The evidence the member saw."""
    parts = models.JSONField(default=dict, blank=True)
    """SHA-256 by key of the parts that the position is about."""
    is_about_all = models.BooleanField(default=True)
    """Whether it is about the whole set, parts that come later included."""
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


class RequiredVoice(models.Model):
    """A board member who must be heard on one calibration type of one instrument.

    Who must be heard on everything is marked so on their role.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="required_voices",
    )
    instrument = models.ForeignKey(
        Instrument, on_delete=models.CASCADE, related_name="required_voices"
    )
    calib_type = models.CharField(
        "calibration type",
        max_length=32,
        choices={t.value: t.value for t in CalibrationType},
    )

    class Meta:
        ordering: ClassVar = ["instrument", "calib_type", "user"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "instrument", "calib_type"], name="voice_once_a_type"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.calib_type}, {self.instrument_id}"
