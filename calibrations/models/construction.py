"""The construction ticket and the exposures chosen for it."""

from enum import StrEnum
from typing import ClassVar

from django.conf import settings
from django.db import models

from calibrations.domain.graph import DEFAULT_GRAPH
from taxicab.core.models import Instrument, Job, Repository


class ConstructionStage(StrEnum):
    """Where a construction ticket stands."""

    BUILDING = "building"
    HAILED = "hailed"
    REVIEWED = "reviewed"
    WITHDRAWN = "withdrawn"

    @property
    def label(self) -> str:
        """The stage as people read it."""
        return self.value.capitalize()


class ConstructionTicketQuerySet(models.QuerySet["ConstructionTicket"]):
    """Named reads of construction tickets."""

    def open(self) -> "ConstructionTicketQuerySet":
        """Tickets that somebody still builds or the board still reviews."""
        return self.filter(
            stage__in=(ConstructionStage.BUILDING, ConstructionStage.HAILED)
        )


class ConstructionTicket(models.Model):
    """One set of calibrations, from its reason to its record (DMTN-222 §3)."""

    key = models.CharField(max_length=24, unique=True)
    instrument = models.ForeignKey(
        Instrument, on_delete=models.PROTECT, related_name="construction_tickets"
    )
    repository = models.ForeignKey(
        Repository, on_delete=models.PROTECT, related_name="construction_tickets"
    )
    graph = models.CharField(max_length=16, default=DEFAULT_GRAPH)
    """The order of construction that the site worked in when it was opened."""
    tag = models.CharField(max_length=64)
    reason = models.TextField()
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="construction_tickets",
    )
    url = models.URLField(blank=True)
    has_code_changes = models.BooleanField(default=False)
    code_change_reason = models.TextField(blank=True)
    """What was changed, or which versions are not releases."""
    code_review_url = models.URLField(blank=True)
    code_reviewer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
    )
    code_reviewed_at = models.DateTimeField(null=True, blank=True)
    stage = models.CharField(
        max_length=16,
        choices={s: s.label for s in ConstructionStage},
        default=ConstructionStage.BUILDING,
    )
    iteration = models.PositiveIntegerField(
        default=1, help_text="Grows when the board sends the set back."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ConstructionTicketQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(code_reviewer=None)
                | ~models.Q(code_reviewer=models.F("owner")),
                name="code_reviewer_is_not_the_author",
            )
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def is_testable(self) -> bool:
        """Whether it may be verified: while it is built, or the board asked for more.

        What was made stays as it was hailed; what it is judged by may grow.
        """
        # The board's requests belong to a room above; they are reached, never imported.
        asked = self.processing_tasks.filter(status="open")
        return self.stage == ConstructionStage.BUILDING or (
            self.stage == ConstructionStage.HAILED and asked.exists()
        )


class SelectionPurpose(StrEnum):
    """What the chosen exposures are for."""

    GENERATION = "generation"
    VERIFICATION = "verification"

    @property
    def label(self) -> str:
        """The purpose as people read it."""
        return self.value


class SelectionStatus(StrEnum):
    """Where a selection stands."""

    LOOKING = "looking"
    READY = "ready"
    FAILED = "failed"

    @property
    def label(self) -> str:
        """The status as people read it."""
        return self.value


class Selection(models.Model):
    """Exposures chosen with a Butler expression, as the Butler answered."""

    ticket = models.ForeignKey(
        ConstructionTicket, on_delete=models.CASCADE, related_name="selections"
    )
    calib_type = models.CharField(max_length=32)
    physical_filter = models.CharField(max_length=32, blank=True)
    band = models.CharField(max_length=8, blank=True)
    purpose = models.CharField(
        max_length=16, choices={p: p.label for p in SelectionPurpose}
    )
    where = models.TextField()
    status = models.CharField(
        max_length=16,
        choices={s: s.label for s in SelectionStatus},
        default=SelectionStatus.LOOKING,
    )
    exposures = models.JSONField(default=list)
    """One record an exposure, as the gateway gives them."""
    versions = models.JSONField(default=dict)
    """Of the software at the repository, when it looked the exposures up."""
    precursors = models.JSONField(default=dict)
    """Collections of the default chain that cover the exposures, by type needed."""
    problems = models.JSONField(default=list)
    """``{"code", "sentence"}`` for each thing that does not fit the type."""
    override_reason = models.TextField(blank=True)
    override_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    job = models.ForeignKey(
        Job, on_delete=models.SET_NULL, null=True, related_name="selections"
    )

    class Meta:
        ordering: ClassVar = ["-pk"]

    def __str__(self) -> str:
        return f"{self.ticket.key} {self.calib_type} {self.purpose}: {self.where}"

    @property
    def label(self) -> str:
        """Type and band: ``flat-r``."""
        return f"{self.calib_type}-{self.band}" if self.band else self.calib_type

    @property
    def exposure_ids(self) -> list[int]:
        """Ids of the exposures, in order."""
        return sorted(exposure["id"] for exposure in self.exposures)

    @property
    def may_run(self) -> bool:
        """Whether a step may use it: it fits, or somebody answered for it."""
        return self.status == SelectionStatus.READY and (
            not self.problems or bool(self.override_reason)
        )
