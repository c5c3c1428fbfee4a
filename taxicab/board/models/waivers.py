"""Waivers: failures that the board accepts, up to a value and until a day."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from reports.models import VerificationReport
from taxicab.board.models.tickets import TaxicabTicket
from taxicab.core.models import Instrument


class Waiver(models.Model):
    """One failure that was accepted; never edited, only withdrawn or outlived.

    Its scope is copied, not linked: it is looked for when another candidate of the
    same instrument fails in the same place.
    """

    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="waivers"
    )
    ticket = models.ForeignKey(
        TaxicabTicket, on_delete=models.PROTECT, related_name="waivers"
    )
    report = models.ForeignKey(
        VerificationReport, on_delete=models.PROTECT, related_name="+"
    )
    part = models.CharField(max_length=64)
    part_sha256 = models.CharField(max_length=64)
    """The evidence that the value was read from."""
    calib_type = models.CharField(max_length=32)
    physical_filter = models.CharField(max_length=32, blank=True)
    level = models.CharField(max_length=8, blank=True)
    test = models.CharField(max_length=64, blank=True)
    kind = models.CharField(max_length=16)
    raft = models.CharField(max_length=16, blank=True)
    detector = models.IntegerField(default=-1)
    amplifier = models.CharField(max_length=16, blank=True)
    exposure = models.BigIntegerField(default=0)
    place = models.CharField(max_length=200, blank=True)
    tests = models.JSONField(default=list)
    """Of what had no number: level and test of each, ``AMP NOISE``."""
    value = models.FloatField(null=True)
    holds_to = models.FloatField(null=True)
    """As bad as the value may get on another candidate: a measurement repeats itself
    within its noise only. `None` where nothing was measured."""
    limit = models.FloatField(null=True)
    unit = models.CharField(max_length=32, blank=True)
    margin = models.FloatField(null=True)
    text = models.CharField(max_length=200, blank=True)
    """Value and limit as the report shows them."""
    reason = models.TextField()
    effect = models.TextField()
    """What it does to the images, as far as anybody knows."""
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    """Who sees to it that the cause is mended, or the waiver renewed."""
    expires_on = models.DateField()
    written_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    written_at = models.DateTimeField(auto_now_add=True)
    withdrawn_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_why = models.TextField(blank=True)

    class Meta:
        ordering: ClassVar = ["-pk"]
        indexes: ClassVar = [
            models.Index(
                fields=["instrument", "calib_type", "test"], name="waiver_scope"
            )
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~models.Q(reason="") & ~models.Q(effect=""),
                name="waiver_says_why",
            ),
            models.CheckConstraint(
                condition=models.Q(value=None, holds_to=None)
                | models.Q(value__isnull=False, holds_to__gte=models.F("value")),
                name="waiver_holds_for_its_value",
            ),
            models.CheckConstraint(
                condition=models.Q(withdrawn_by=None, withdrawn_at=None)
                | models.Q(withdrawn_by__isnull=False, withdrawn_at__isnull=False),
                name="waiver_withdrawn_by_somebody",
            ),
        ]

    def __str__(self) -> str:
        return f"waiver {self.pk} on {self.ticket.key}"

    @property
    def scope(self) -> str:
        """What it covers, in words."""
        words = (self.part, self.level, self.test)
        name = " ".join(filter(None, words))
        if self.tests:
            name = f"{self.part} {', '.join(self.tests)} not measured"
        return f"{name}, {self.place}" if self.place else name
