"""TAXICAB tickets: sets of calibrations before the board."""

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models

from calibrations.models import ConstructionTicket
from reports.models import VerificationReport

if TYPE_CHECKING:  # it refers to tickets
    from taxicab.board.models.meetings import Meeting


class TaxicabStage(StrEnum):
    """Where a TAXICAB ticket stands."""

    HAILED = "hailed"
    FLAGGED = "flagged"
    """A meeting is set for it."""
    ADOPTED = "adopted"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    IMPLEMENTED = "implemented"

    @property
    def label(self) -> str:
        """The stage as people read it."""
        return self.value.capitalize()

    @property
    def is_open(self) -> bool:
        """Whether the ticket is before the board, undecided."""
        return self in OPEN_STAGES

    @property
    def is_adopted(self) -> bool:
        """Whether the board adopted it, whatever came of it since."""
        return self in {TaxicabStage.ADOPTED, TaxicabStage.IMPLEMENTED}


OPEN_STAGES = (TaxicabStage.HAILED, TaxicabStage.FLAGGED)


class TaxicabTicketQuerySet(models.QuerySet["TaxicabTicket"]):
    """Named reads of TAXICAB tickets."""

    def open(self) -> "TaxicabTicketQuerySet":
        """Tickets the board has not decided."""
        return self.filter(stage__in=OPEN_STAGES)

    def detailed(self) -> "TaxicabTicketQuerySet":
        """Fetch with each what a page or an answer shows of it."""
        return self.select_related(
            "construction__instrument",
            "construction__owner",
            "report",
            "hailed_by",
            "decided_by",
            "deployment",
        ).prefetch_related("positions__member", "meetings")


class TaxicabTicket(models.Model):
    """A hailing ticket: a set of calibrations put before the board."""

    number = models.PositiveIntegerField(unique=True)
    construction = models.ForeignKey(
        ConstructionTicket, on_delete=models.PROTECT, related_name="taxicab_tickets"
    )
    report = models.ForeignKey(
        VerificationReport, on_delete=models.PROTECT, related_name="taxicab_tickets"
    )
    stage = models.CharField(
        max_length=16,
        choices={s: s.label for s in TaxicabStage},
        default=TaxicabStage.HAILED,
    )
    summary = models.TextField(blank=True)
    hailed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="hailed"
    )
    hailed_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)

    objects = TaxicabTicketQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["construction"],
                condition=models.Q(stage__in=OPEN_STAGES),
                name="one_open_taxicab_ticket",
            )
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """``TAXICAB-nn``."""
        return f"TAXICAB-{self.number}"

    @property
    def flagged_for(self) -> "Meeting | None":
        """The meeting whose agenda has it; no query where meetings are prefetched."""
        scheduled = [one for one in self.meetings.all() if not one.is_over]
        return min(scheduled, key=lambda one: one.starts_at, default=None)

    @property
    def stage_words(self) -> str:
        """The stage, with the meeting of a flagged one: ``Flagged · Tue 24 Nov …``."""
        if self.stage == TaxicabStage.FLAGGED and (meeting := self.flagged_for):
            return f"{TaxicabStage.FLAGGED.label} · {meeting.when}"
        return str(self.stage)

    @property
    def is_open(self) -> bool:
        """Whether the board has still to decide."""
        return TaxicabStage(self.stage).is_open
